//! What webd does: store submissions, read and cancel them, and receive their changes.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use protocol::codec::VERSION;
use serde_json::json;
use uuid::Uuid;

use crate::callbacks;
use crate::connection::Connection;
use crate::jetstream::{ClusterError, JetStream, NewMessage, PublishError, StoredMessage};
use crate::layout::{self, MAX_REQUEST};
use crate::nodes::NodeStatus;
use crate::queue::Queue;
use crate::record::{Check, KEY_HEADER, RECORD_HEADER, Record, State, VERSION_HEADER, now};
use crate::repair::ConsumerRepair;
use crate::states::{announce_change, record, state_message};
use crate::subjects::{self, BUCKETS, CALLBACKS, Digest, Name, SUBMISSIONS, SubmissionKey};

/// Attempts to cancel a submission that changes at the same time.
const CANCEL_ATTEMPTS: u32 = 3;

/// The front of one pool.
#[derive(Clone, Debug)]
pub struct Submitter {
    connection: Connection,
    jetstream: JetStream,
    pool: Name,
}

/// A submission to be stored.
#[derive(Clone, Debug)]
pub struct NewSubmission {
    /// Its key.
    pub key: SubmissionKey,
    /// Its record, queued.
    pub record: Record,
    /// Digest of the client for which executord runs it: tenants take turns.
    pub tenant: Digest,
    /// The request to executord, encoded.
    pub request: Bytes,
    /// URL to which its result is sent. [`Record::callback`] says whether there is one.
    pub callback: Option<String>,
}

/// What happened to submissions that were to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// They are stored.
    New,
    /// The single submission was stored before, with the same request.
    Existing(State),
    /// A submission with the same key and another request exists.
    Conflict,
    /// The tenant, or all together, have as many as they may have.
    Full,
}

/// A submission as it is.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its record.
    pub record: Record,
    /// Its events, encoded by `protocol::codec`; `None` if it has none, or if they are of another version.
    pub events: Option<Bytes>,
    /// Sequence number of the message with the record.
    sequence: u64,
}

/// What the streams hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Submissions of the pool that wait or run.
    pub work: u64,
    /// Bytes of requests, states and results.
    pub bytes: u64,
    /// Callbacks that are due.
    pub callbacks: u64,
}

/// The work of a pool that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Submissions that no node has taken.
    pub submissions: u64,
    /// For how long the oldest of them has waited.
    pub oldest: Duration,
}

impl Submitter {
    /// Creates the front of a pool.
    #[must_use]
    pub fn new(connection: Connection, pool: Name) -> Self {
        let jetstream = connection.0.clone();
        Self { connection, jetstream, pool }
    }

    /// Returns the connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the checks of the consumers of the pool.
    #[must_use]
    pub fn repair(&self) -> ConsumerRepair {
        ConsumerRepair::new(&self.connection, self.pool.clone())
    }

    /// Stores submissions: all of them or none. If one of several cannot be stored, those before it are cancelled.
    ///
    /// # Errors
    /// [`ClusterError`]. The submission may nevertheless be stored if no answer came in time.
    pub async fn store(&self, new: &[NewSubmission]) -> Result<Stored, ClusterError> {
        if new.iter().any(|submission| submission.request.len() > MAX_REQUEST) {
            return Err(ClusterError::TooLarge);
        }
        for (index, submission) in new.iter().enumerate() {
            let stored = self.store_one(submission).await;
            if stored != Ok(Stored::New) {
                for before in &new[..index] {
                    self.forget(before.key).await;
                }
                return stored;
            }
        }
        Ok(Stored::New)
    }

    async fn store_one(&self, new: &NewSubmission) -> Result<Stored, ClusterError> {
        let state = state_message(&new.record).expect_last(0);
        match self.jetstream.publish(new.key.state(), state).await {
            Ok(sequence) => self.store_work(new, &new.record, sequence).await,
            Err(PublishError::WrongSequence) => self.store_again(new).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Stores the work of a submission whose state is stored with a sequence number.
    async fn store_work(
        &self,
        new: &NewSubmission,
        record: &Record,
        sequence: u64,
    ) -> Result<Stored, ClusterError> {
        // After the state, which says whose submission it is, and before a node can end it.
        if let Some(url) = &new.callback {
            self.jetstream.publish(new.key.callback_url(), NewMessage::new(url.clone())).await?;
        }
        // The time tells it from one with the same key that was forgotten a moment ago.
        let work = NewMessage::new(new.request.clone())
            .id(format!("{}.{}", new.key, record.created))
            .header(RECORD_HEADER, record.header())
            .header(VERSION_HEADER, VERSION.to_string())
            .header(KEY_HEADER, new.key.to_string());
        let number = match self.jetstream.publish(subjects::work(&self.pool, new.tenant), work).await {
            Ok(number) => number,
            Err(PublishError::Full) => {
                self.jetstream.purge(SUBMISSIONS, &new.key.all()).await?;
                return Ok(Stored::Full);
            }
            Err(PublishError::Other(ClusterError::TooLarge)) => {
                self.jetstream.purge(SUBMISSIONS, &new.key.all()).await?;
                return Err(ClusterError::TooLarge);
            }
            Err(error) => return Err(error.into()),
        };
        let with_work = state_message(&Record { work: Some(number), ..record.clone() }).expect_last(sequence);
        match self.jetstream.publish(new.key.state(), with_work).await {
            // A node has already started it.
            Ok(_) | Err(PublishError::WrongSequence) => {}
            Err(error) => {
                tracing::warn!(?error, submission = %new.key, "cannot store the location of the request")
            }
        }
        let bucket = new.tenant.bucket().to_string();
        if let Err(error) = self.jetstream.publish_core(subjects::wake(&self.pool), bucket).await {
            tracing::debug!(%error, "cannot announce a new submission, nodes find it later");
        }
        Ok(Stored::New)
    }

    /// Compares a submission with the one that is stored under the same key. If the front that stored it ended before
    /// it stored the work, stores the work.
    async fn store_again(&self, new: &NewSubmission) -> Result<Stored, ClusterError> {
        let Some(found) = self.get(new.key).await? else {
            return Err(ClusterError::Unavailable("the submission was just forgotten".to_owned()));
        };
        if found.record.digest != new.record.digest {
            return Ok(Stored::Conflict);
        }
        if found.record.state == State::Queued && found.record.work.is_none() {
            return match self.store_work(new, &found.record, found.sequence).await? {
                Stored::New => Ok(Stored::Existing(State::Queued)),
                other => Ok(other),
            };
        }
        Ok(Stored::Existing(found.record.state))
    }

    async fn forget(&self, key: SubmissionKey) {
        for _ in 0..2 {
            if let Err(error) = self.cancel(key).await {
                tracing::warn!(%error, submission = %key, "cannot remove a part of a batch");
            }
        }
    }

    /// Returns a submission, with its events if it has some. One whose work is gone without a result becomes failed.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn get(&self, key: SubmissionKey) -> Result<Option<Found>, ClusterError> {
        if let Some(found) = self.read(&key.result()).await? {
            return Ok(Some(found));
        }
        let Some(found) = self.read(&key.state()).await? else { return Ok(None) };
        let now = now();
        let end = match found.record.check(now) {
            Check::Current => return Ok(Some(found)),
            Check::Expired => found.record.after_loss(now),
            Check::WorkMessage(sequence) => {
                if self.has_work(key, sequence).await? {
                    return Ok(Some(found));
                }
                found.record.after_loss(now)
            }
        };
        // A node that stored a result before it acknowledged the work was faster: then that result stands.
        self.finish(key, &end).await?;
        self.read(&key.result()).await
    }

    /// Returns at most `limit` submissions of an owner, the newest first; those before `before` if it is given.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn list(
        &self,
        owner: Digest,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<(Uuid, Record)>, ClusterError> {
        let messages = self.jetstream.snapshot(SUBMISSIONS, &subjects::of_owner(owner), true).await?;
        Ok(newest(messages.iter().filter_map(listed).collect(), before, limit))
    }

    /// Cancels a submission that is not in a final state, and forgets one that is. Returns its state before; `None` if
    /// there is no such submission.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn cancel(&self, key: SubmissionKey) -> Result<Option<State>, ClusterError> {
        for _ in 0..CANCEL_ATTEMPTS {
            let Some(found) = self.get(key).await? else { return Ok(None) };
            let is_final = found.record.state.is_final();
            let end = found.record.with_state(State::Cancelled, now());
            if !is_final && !self.finish(key, &end).await? {
                continue;
            }
            // Also of one that has a result: its node may have ended before it acknowledged the work, which then would run again.
            self.remove_work(key, &found.record).await?;
            if is_final {
                self.jetstream.purge(SUBMISSIONS, &key.all()).await?;
            }
            return Ok(Some(found.record.state));
        }
        Err(ClusterError::Unavailable("the submission changed at the same time".to_owned()))
    }

    /// Removes the work of a submission, and ends the attempt of the node that has it.
    async fn remove_work(&self, key: SubmissionKey, record: &Record) -> Result<(), ClusterError> {
        // Read after the end was stored: its work may have been stored again, see [`crate::undelivered`].
        let state = self.read(&key.state()).await?;
        if let Some(sequence) = state.map_or(record.work, |state| state.record.work)
            && self.has_work(key, sequence).await?
        {
            self.jetstream.delete(&subjects::work_stream(&self.pool), sequence).await?;
        }
        self.jetstream.publish_core(subjects::cancel(&self.pool), key.to_string()).await
    }

    /// Returns whether the work of a submission is stored under a sequence number. After a failure of the server, that of
    /// another one may be: see [`crate::repair`].
    async fn has_work(&self, key: SubmissionKey, sequence: u64) -> Result<bool, ClusterError> {
        let stream = subjects::work_stream(&self.pool);
        let message = self.jetstream.with_sequence(&stream, sequence).await?;
        Ok(message.is_some_and(|message| message.header(KEY_HEADER) == Some(&key.to_string())))
    }

    /// Stores a final state without events. Returns whether it is the first one.
    async fn finish(&self, key: SubmissionKey, end: &Record) -> Result<bool, ClusterError> {
        // Before the end: if this front ends in between, another one finds the callback, and waits for the end.
        if end.callback {
            callbacks::add(&self.jetstream, key).await?;
        }
        match self.jetstream.publish(key.result(), state_message(end).expect_last(0)).await {
            Ok(_) => {
                announce_change(&self.jetstream, key, end.state).await;
                Ok(true)
            }
            Err(PublishError::WrongSequence) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn read(&self, subject: &str) -> Result<Option<Found>, ClusterError> {
        let Some(message) = self.jetstream.last(SUBMISSIONS, subject).await? else { return Ok(None) };
        let record = record(&message)
            .ok_or_else(|| ClusterError::Unexpected(format!("{subject} has no valid record")))?;
        let is_readable = message.header(VERSION_HEADER) == Some(&VERSION.to_string());
        let sequence = message.sequence;
        let events = (is_readable && !message.payload.is_empty()).then_some(message.payload);
        Ok(Some(Found { record, events, sequence }))
    }

    /// Returns the changes of submissions from now on, those that this front made among them. Some may be missed while
    /// there is no connection.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn changes(
        &self,
    ) -> Result<impl Stream<Item = (SubmissionKey, State)> + Send + use<>, ClusterError> {
        let messages = self.jetstream.subscribe("x.hint.>".to_owned()).await?;
        Ok(messages.filter_map(|message| {
            let key = SubmissionKey::of_subject(message.subject.as_str());
            let state = serde_json::from_slice(&message.payload).ok();
            std::future::ready(key.zip(state))
        }))
    }

    /// Returns the status of all nodes that reported it lately.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn nodes(&self) -> Result<Vec<NodeStatus>, ClusterError> {
        crate::nodes::all(&self.jetstream).await
    }

    /// Returns the content of the streams.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn holdings(&self) -> Result<Holdings, ClusterError> {
        let work = layout::state(&self.jetstream, &subjects::work_stream(&self.pool)).await?;
        let submissions = layout::state(&self.jetstream, SUBMISSIONS).await?;
        let callbacks = layout::state(&self.jetstream, CALLBACKS).await?.messages;
        Ok(Holdings { work: work.messages, bytes: work.bytes + submissions.bytes, callbacks })
    }

    /// Returns the work of the pool that waits.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn waiting(&self) -> Result<Waiting, ClusterError> {
        let stream = subjects::work_stream(&self.pool);
        let mut waiting = Waiting::default();
        let now = now();
        let queue = Queue::Submissions(self.pool.clone());
        for bucket in 0..BUCKETS {
            let consumer = queue.consumer_state(&self.jetstream, bucket).await?.unwrap_or_default();
            waiting.submissions += consumer.waiting;
            if consumer.waiting == 0 {
                continue;
            }
            let next = consumer.last_delivered + 1;
            let query = json!({"seq": next, "next_by_subj": subjects::work_of_bucket(&self.pool, bucket)});
            if let Some(next) = self.jetstream.find(&stream, query).await?
                && let Some(record) = record(&next)
            {
                let age = Duration::from_micros(now.saturating_sub(record.created));
                waiting.oldest = waiting.oldest.max(age);
            }
        }
        Ok(waiting)
    }
}

fn listed(message: &StoredMessage) -> Option<(Uuid, Record)> {
    Some((SubmissionKey::of_subject(&message.subject)?.id, record(message)?))
}

/// Merges states and results, and returns the newest submissions first.
fn newest(listed: Vec<(Uuid, Record)>, before: Option<Uuid>, limit: usize) -> Vec<(Uuid, Record)> {
    let mut records: HashMap<Uuid, Record> = HashMap::new();
    for (id, record) in listed {
        match records.get(&id) {
            // The result is final, in whatever order the two arrive.
            Some(known) if known.state.is_final() => {}
            _ => {
                records.insert(id, record);
            }
        }
    }
    let mut records: Vec<_> = records.into_iter().collect();
    records.sort_by_key(|(id, record)| Reverse((record.created, *id)));
    let first = match before {
        None => 0,
        Some(before) => match records.iter().position(|(id, _)| *id == before) {
            Some(index) => index + 1,
            None => return Vec::new(),
        },
    };
    records.into_iter().skip(first).take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: State, created: u64) -> Record {
        Record {
            state,
            key: "alice".to_owned(),
            digest: String::new(),
            format: String::new(),
            created,
            started: None,
            finished: None,
            work: None,
            callback: false,
            node: None,
            failure: None,
        }
    }

    #[test]
    fn a_list_has_each_submission_once_with_its_final_state() {
        let id = Uuid::from_u128;
        let listed = vec![
            (id(1), record(State::Finished, 10)),
            (id(2), record(State::Running, 20)),
            (id(1), record(State::Running, 10)),
            (id(3), record(State::Queued, 30)),
            (id(2), record(State::Failed, 20)),
        ];
        let states = |before, limit| {
            let list = newest(listed.clone(), before, limit);
            list.into_iter().map(|(id, record)| (id.as_u128(), record.state)).collect::<Vec<_>>()
        };
        assert_eq!(states(None, 10), [(3, State::Queued), (2, State::Failed), (1, State::Finished)]);
        assert_eq!(states(Some(id(3)), 1), [(2, State::Failed)]);
        assert_eq!(states(Some(id(1)), 1), []);
        assert_eq!(states(Some(id(9)), 10), []);
    }
}
