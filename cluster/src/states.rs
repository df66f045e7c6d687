//! Records of submissions as messages, and the announcements of their changes.

use crate::jetstream::{JetStream, NewMessage, StoredMessage};
use crate::record::{RECORD_HEADER, Record, State};
use crate::subjects::SubmissionKey;

/// Announces a change. Whoever misses it reads the stream a few seconds later.
pub(crate) async fn announce_change(jetstream: &JetStream, key: SubmissionKey, state: State) {
    let payload = serde_json::to_vec(&state).unwrap_or_default();
    if let Err(error) = jetstream.publish_core(key.hint(), payload).await {
        tracing::debug!(%error, submission = %key, "cannot announce a change");
    }
}

/// Returns a message with a record and no body.
pub(crate) fn state_message(record: &Record) -> NewMessage {
    NewMessage::default().header(RECORD_HEADER, record.header())
}

/// Returns the record of a message.
pub(crate) fn record(message: &StoredMessage) -> Option<Record> {
    Record::parse(message.header(RECORD_HEADER)?)
}
