//! The store of many servers: NATS JetStream. Other processes run the submissions.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cluster::ClusterError;
use cluster::record::{self, Record, State};
use cluster::subjects::{Digest, SubmissionKey};
use cluster::submitter::{Found, NewSubmission as NewWork, Stored, Submitter};
use cluster::worker::decode_events;
use futures_util::StreamExt;
use keys::sha256;
use protocol::ExecuteRequest;
use protocol::codec::{self, CodecError};
use tokio::sync::broadcast;
use tokio::time::sleep;
use uuid::Uuid;

use crate::domain::encoding::Encoding;
use crate::domain::submissions::store::{
    Change, Inserted, StoreError, StoreFuture, StoreStatistics, SubmissionStore,
};
use crate::domain::submissions::submission::{NewSubmission, Owner, Recording, Submission, SubmissionState};

/// Changes that a reader may not have read yet. One that missed some reads the store.
const MAX_CHANGES: usize = 1024;
/// Time until the next attempt to subscribe to changes.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Word in [`Record::format`] of an answer that has each output once.
const COMPACT: &str = "compact";

/// The body of a submission.
pub(crate) struct ParsedSubmission {
    /// The request for executord.
    pub(crate) request: ExecuteRequest,
    /// The encoding of the output in the answer.
    pub(crate) encoding: Encoding,
    /// Whether the answer has each output once.
    pub(crate) is_compact: bool,
}

/// Parses the body of a submission that was checked before.
pub(crate) type Parse = fn(&[u8]) -> Option<ParsedSubmission>;

/// The store.
#[derive(Debug)]
pub(crate) struct ClusterStore {
    front: Submitter,
    parse: Parse,
    changes: broadcast::Sender<Change>,
    /// Submissions that were cancelled here.
    cancelled: AtomicU64,
}

impl ClusterStore {
    /// Creates the store, and hears of changes until it is dropped.
    pub(crate) fn new(front: Submitter, parse: Parse) -> Arc<Self> {
        let changes = broadcast::Sender::new(MAX_CHANGES);
        let store = Arc::new(Self { front, parse, changes, cancelled: AtomicU64::new(0) });
        tokio::spawn(listen(store.front.clone(), store.changes.downgrade()));
        store
    }

    /// Returns a submission as it is stored. `index` keeps the order of a batch.
    fn work(&self, new: NewSubmission, index: usize) -> Result<NewWork, StoreError> {
        let invalid = || StoreError::Failed("a submission that was checked is not valid".to_owned());
        let mut parsed = (self.parse)(&new.body).ok_or_else(invalid)?;
        if parsed.request.build.is_some() || parsed.request.keep.is_some() {
            return Err(StoreError::Invalid(
                "`build` and `keep` cannot be used in submissions that several servers run: a program is kept on one server. \
                 Use `POST /api/execute` for both, or submit the sources",
            ));
        }
        let caller = new.owner.caller(new.address);
        caller.sign(&mut parsed.request);
        let request = codec::encode(&parsed.request).map_err(|error| match error {
            CodecError::TooLong(_) => StoreError::TooLarge,
            error => StoreError::Failed(error.to_string()),
        })?;
        let Owner(name) = &new.owner;
        let record = Record {
            state: State::Queued,
            key: name.to_string(),
            digest: hex(&sha256(&new.body)),
            format: format(parsed.encoding, parsed.is_compact),
            created: record::now() + index as u64,
            started: None,
            finished: None,
            work: None,
            node: None,
            callback: new.callback.is_some(),
            failure: None,
        };
        let tenant = Digest::of(&caller.tag());
        let (key, callback) = (key(&new.owner, new.id), new.callback);
        Ok(NewWork { key, record, tenant, request: request.into(), callback })
    }
}

impl SubmissionStore for ClusterStore {
    fn insert(&self, new: Vec<NewSubmission>) -> StoreFuture<'_, Inserted> {
        Box::pin(async move {
            let work = new.into_iter().enumerate().map(|(index, new)| self.work(new, index));
            let work = work.collect::<Result<Vec<_>, _>>()?;
            Ok(match self.front.store(&work).await? {
                Stored::New => Inserted::New,
                Stored::Existing(state) => Inserted::Existing(state.into()),
                Stored::Conflict => Inserted::Conflict,
                Stored::Full => Inserted::Full,
            })
        })
    }

    fn find(&self, owner: Owner, id: Uuid, body: Bytes) -> StoreFuture<'_, Option<Inserted>> {
        Box::pin(async move {
            let Some(Found { record, .. }) = self.front.get(key(&owner, id)).await? else { return Ok(None) };
            Ok(match record.state {
                _ if record.digest != hex(&sha256(&body)) => Some(Inserted::Conflict),
                // To store it again stores its work if the front that stored it ended before it did.
                State::Queued if record.work.is_none() => None,
                state => Some(Inserted::Existing(state.into())),
            })
        })
    }

    fn get(&self, owner: Owner, id: Uuid) -> StoreFuture<'_, Option<Submission>> {
        Box::pin(async move {
            let found = self.front.get(key(&owner, id)).await?;
            Ok(found.map(|found| submission(id, &found.record, found.events)))
        })
    }

    fn list(&self, owner: Owner, before: Option<Uuid>, limit: u32) -> StoreFuture<'_, Vec<Submission>> {
        Box::pin(async move {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let listed = self.front.list(Digest::of(owner.0.as_str()), before, limit).await?;
            Ok(listed.into_iter().map(|(id, record)| listed_submission(id, &record)).collect())
        })
    }

    fn cancel(&self, owner: Owner, id: Uuid) -> StoreFuture<'_, Option<SubmissionState>> {
        Box::pin(async move {
            let before: Option<SubmissionState> = self.front.cancel(key(&owner, id)).await?.map(Into::into);
            if before.is_some_and(|state| !state.is_final()) {
                self.cancelled.fetch_add(1, Ordering::Relaxed);
            }
            Ok(before)
        })
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    fn keeps_callbacks(&self) -> bool {
        true
    }

    /// Numbers of the whole pool. How many submissions are in each final state is not known without reading all of them,
    /// and nodes count how they ended.
    fn statistics(&self) -> StoreFuture<'_, Option<StoreStatistics>> {
        Box::pin(async move {
            let (waiting, holdings) = (self.front.waiting().await?, self.front.holdings().await?);
            let mut statistics = StoreStatistics {
                bytes: holdings.bytes,
                oldest_queued: waiting.oldest,
                callbacks: holdings.callbacks,
                ..StoreStatistics::default()
            };
            statistics.set_stored(SubmissionState::Queued, waiting.submissions);
            let running = holdings.work.saturating_sub(waiting.submissions);
            statistics.set_stored(SubmissionState::Running, running);
            statistics.set_reached(SubmissionState::Cancelled, self.cancelled.load(Ordering::Relaxed));
            Ok(Some(statistics))
        })
    }
}

/// Passes changes on until the store is dropped.
async fn listen(front: Submitter, changes: broadcast::WeakSender<Change>) {
    while let Some(sender) = changes.upgrade() {
        drop(sender);
        let mut messages = match front.changes().await {
            Ok(messages) => messages,
            Err(error) => {
                tracing::debug!(%error, "cannot subscribe to changes of submissions, will retry");
                sleep(RETRY_DELAY).await;
                continue;
            }
        };
        while let Some((key, state)) = messages.next().await
            && let Some(changes) = changes.upgrade()
        {
            // Fails only if nobody waits.
            let _ = changes.send(Change { id: key.id, number: None, state: state.into() });
        }
    }
}

fn key(Owner(name): &Owner, id: Uuid) -> SubmissionKey {
    SubmissionKey::new(name.as_str(), id)
}

/// Returns a submission with its result.
pub(super) fn submission(id: Uuid, record: &Record, events: Option<Bytes>) -> Submission {
    let mut submission = listed_submission(id, record);
    if let Some(events) = events.as_ref().and_then(|events| decode_events(events)) {
        let (encoding, is_compact) = parse_format(&record.format);
        submission.recording = Some(Recording { events, encoding, is_compact });
    } else if matches!(record.state, State::Finished | State::Failed) {
        // A result without events that can be read was stored by another version.
        let failure = record.failure.unwrap_or(record::Failure::Unreadable);
        submission.state = SubmissionState::Failed;
        let error = serde_json::json!({"error": failure.message(), "code": "failed"});
        submission.result = Some(error.to_string().into());
    }
    submission
}

/// Returns a submission without its result.
fn listed_submission(id: Uuid, record: &Record) -> Submission {
    const MICROSECONDS: u64 = 1000;
    Submission {
        id,
        state: record.state.into(),
        created: record.created / MICROSECONDS,
        started: record.started.map(|time| time / MICROSECONDS),
        finished: record.finished.map(|time| time / MICROSECONDS),
        result: None,
        recording: None,
    }
}

fn format(encoding: Encoding, is_compact: bool) -> String {
    let encoding = match encoding {
        Encoding::Utf8 => "utf8",
        Encoding::Base64 => "base64",
    };
    if is_compact { format!("{encoding} {COMPACT}") } else { encoding.to_owned() }
}

fn parse_format(format: &str) -> (Encoding, bool) {
    let encoding = if format.starts_with("base64") { Encoding::Base64 } else { Encoding::Utf8 };
    (encoding, format.ends_with(COMPACT))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing into a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl From<State> for SubmissionState {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Running => Self::Running,
            State::Finished => Self::Finished,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
            State::Expired => Self::Expired,
        }
    }
}

impl From<ClusterError> for StoreError {
    fn from(error: ClusterError) -> Self {
        match error {
            ClusterError::TooLarge => Self::TooLarge,
            error => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_read_as_it_is_written() {
        for (encoding, is_compact) in [
            (Encoding::Utf8, false),
            (Encoding::Utf8, true),
            (Encoding::Base64, false),
            (Encoding::Base64, true),
        ] {
            assert_eq!(parse_format(&format(encoding, is_compact)), (encoding, is_compact));
        }
    }
}
