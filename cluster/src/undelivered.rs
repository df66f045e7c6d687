//! Submissions that a stream holds, and that its server does not find under their subjects, so that no consumer delivers them.
//!
//! For each subject of a file, nats-server 2.9.10 stores how many messages there are, and the sequence numbers of the first and of
//! the last one. The last number does not change when the last message is removed. When one message is left, the server takes the
//! last number for its number (`removeSeqPerSubject` in `server/filestore.go`). If three messages of a tenant are acknowledged in the
//! order 3, 1, then a consumer that is created afterwards searches from 3 on, and does not deliver message 2. Such a message can be
//! read by its sequence number, and is stored again under a new one.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::callbacks;
use crate::jetstream::{ClusterError, JetStream, NewMessage, PublishError, StoredMessage};
use crate::record::{KEY_HEADER, Record};
use crate::states::{record, state_message};
use crate::subjects::{self, Name, SUBMISSIONS, SubmissionKey};

/// Time after which a search stops, to be continued in the next check. A stream may hold gigabytes.
const SEARCH_TIME: Duration = Duration::from_secs(2);
/// Attempts to write the new sequence number into a record that changes at the same time.
const ATTEMPTS: u32 = 3;

/// A search in the stream of a pool for the messages of a bucket that its consumer does not deliver.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    pub(crate) jetstream: &'a JetStream,
    pub(crate) pool: &'a Name,
    pub(crate) bucket: u8,
    /// Sequence number up to which the consumer delivers nothing any more.
    pub(crate) end: u64,
}

/// What a search did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Messages that were stored again, or removed because nobody needs them.
    pub(crate) moved: u32,
    /// Whether all messages were looked at.
    pub(crate) is_complete: bool,
}

/// Whether the work of a submission is needed.
enum Need {
    /// It has no result. With its record, and the sequence number of the message with the record.
    Wanted(Record, u64),
    /// It has a result.
    HasResult,
    /// It was deleted.
    Forgotten,
}

impl Search<'_> {
    /// Stores messages again, beginning after the one with the sequence number `searched`, which moves on.
    ///
    /// Two processes that do this at the same time store each message once. If one ends in between, another one continues.
    ///
    /// # Errors
    /// [`ClusterError`]: continue later.
    pub(crate) async fn store_again(&self, searched: &mut u64) -> Result<Found, ClusterError> {
        let started = Instant::now();
        let mut found = Found { moved: 0, is_complete: false };
        while started.elapsed() < SEARCH_TIME {
            // The server looks for messages of all subjects at the messages themselves.
            let query = json!({"seq": *searched + 1, "next_by_subj": ">"});
            let message = self.jetstream.find(&subjects::work_stream(self.pool), query).await?;
            let Some(message) = message.filter(|message| message.sequence <= self.end) else {
                found.is_complete = true;
                break;
            };
            let sequence = message.sequence;
            if subjects::bucket_of_work(self.pool, &message.subject) == Some(self.bucket) {
                found.moved += u32::from(self.move_message(message).await?);
            }
            *searched = sequence;
        }
        Ok(found)
    }

    /// Stores a message again if it is needed, and deletes it. Returns `false` if there is no room for it at this time.
    async fn move_message(&self, message: StoredMessage) -> Result<bool, ClusterError> {
        let old = message.sequence;
        let Some(key) = message.header(KEY_HEADER).and_then(SubmissionKey::parse) else {
            tracing::error!(sequence = old, "removed an invalid submission message");
            self.delete(old).await?;
            return Ok(true);
        };
        if let Need::Wanted(record, _) = self.need(key).await? {
            let again = NewMessage { headers: message.headers, payload: message.payload }
                .id(format!("{key}.{}.{old}", record.created));
            let new = match self.jetstream.publish(message.subject, again).await {
                Ok(new) => new,
                Err(PublishError::Full) => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            self.note(key, new).await?;
            // A front that ends or deletes the submission reads the number of its work afterwards. If that was the old number, the
            // end is found here.
            if !matches!(self.need(key).await?, Need::Wanted(..)) {
                self.delete(new).await?;
            }
            tracing::warn!(submission = %key, old, new, "stored a submission again that no consumer delivered");
        }
        self.delete(old).await?;
        Ok(true)
    }

    /// Writes the sequence number of the work into the record: without work under that number, a submission counts as lost.
    async fn note(&self, key: SubmissionKey, work: u64) -> Result<(), ClusterError> {
        for _ in 0..ATTEMPTS {
            // A node that has started the new message has noted its number.
            let Need::Wanted(record, sequence) = self.need(key).await? else { return Ok(()) };
            if record.work == Some(work) {
                return Ok(());
            }
            let noted = state_message(&Record { work: Some(work), ..record }).expect_last(sequence);
            match self.jetstream.publish(key.state(), noted).await {
                Ok(_) => return Ok(()),
                Err(PublishError::WrongSequence) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ClusterError::Unavailable("the submission changed at the same time".to_owned()))
    }

    async fn need(&self, key: SubmissionKey) -> Result<Need, ClusterError> {
        if let Some(result) = self.jetstream.last(SUBMISSIONS, &key.result()).await? {
            // The node that stored the result may have ended before it added the callback.
            if record(&result).is_some_and(|record| record.callback) {
                callbacks::add(self.jetstream, key).await?;
            }
            return Ok(Need::HasResult);
        }
        let Some(state) = self.jetstream.last(SUBMISSIONS, &key.state()).await? else {
            return Ok(Need::Forgotten);
        };
        let record = record(&state)
            .ok_or_else(|| ClusterError::Unexpected(format!("{} has no valid record", state.subject)))?;
        Ok(Need::Wanted(record, state.sequence))
    }

    async fn delete(&self, sequence: u64) -> Result<(), ClusterError> {
        self.jetstream.delete(&subjects::work_stream(self.pool), sequence).await
    }
}
