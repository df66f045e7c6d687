//! Streams whose messages are delivered by one consumer for each bucket.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::jetstream::{ClusterError, JetStream};
use crate::subjects::{self, CALLBACKS, Name};

const SECOND: u64 = 1_000_000_000;
/// Time after which work without a sign of life is delivered again.
const ACK_WAIT: u64 = 10 * SECOND;
/// Time after which a callback whose front is gone is delivered by another one. An attempt takes 15 s at most.
const CALLBACK_WAIT: u64 = 60 * SECOND;
/// Error code of a consumer that does not exist.
const CONSUMER_NOT_FOUND: u32 = 10014;

/// A stream whose messages are delivered by the consumers of [`subjects::BUCKETS`] buckets, and removed when they are acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// The work of a pool.
    Submissions(Name),
    /// The callbacks of all pools.
    Callbacks,
}

/// What a consumer has delivered, and what it has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConsumerState {
    /// Messages that were never delivered.
    pub(crate) waiting: u64,
    /// Messages that were delivered, and that are not acknowledged.
    pub(crate) unacknowledged: u64,
    /// Sequence number in the stream of the last message that was delivered for the first time.
    pub(crate) last_delivered: u64,
    /// Sequence number in the stream up to which all messages that were delivered are acknowledged.
    pub(crate) acknowledged: u64,
}

impl ConsumerState {
    /// Returns the sequence number in the stream up to which the consumer will not deliver any message.
    pub(crate) const fn done(&self) -> u64 {
        if self.unacknowledged == 0 { self.last_delivered } else { self.acknowledged }
    }
}

impl Queue {
    /// Returns the name of the stream.
    pub(crate) fn stream(&self) -> String {
        match self {
            Self::Submissions(pool) => subjects::work_stream(pool),
            Self::Callbacks => CALLBACKS.to_owned(),
        }
    }

    /// Returns the filter for the messages of a bucket.
    fn filter(&self, bucket: u8) -> String {
        match self {
            Self::Submissions(pool) => subjects::work_of_bucket(pool, bucket),
            Self::Callbacks => subjects::callbacks_of_bucket(bucket),
        }
    }

    /// Returns an operation of the API on the consumer of a bucket.
    fn operation(&self, name: &str, bucket: u8) -> String {
        format!("CONSUMER.{name}.{}.{}", self.stream(), subjects::consumer(bucket))
    }

    /// Creates the consumer of a bucket.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub(crate) async fn create_consumer(
        &self,
        jetstream: &JetStream,
        bucket: u8,
    ) -> Result<(), ClusterError> {
        let ack_wait = match self {
            Self::Submissions(_) => ACK_WAIT,
            Self::Callbacks => CALLBACK_WAIT,
        };
        let consumer = json!({"stream_name": self.stream(), "config": {
            "durable_name": subjects::consumer(bucket),
            "filter_subject": self.filter(bucket),
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "replay_policy": "instant",
            "ack_wait": ack_wait,
            "max_deliver": -1,
            "max_ack_pending": 4096,
            "max_waiting": 4096,
        }});
        jetstream.api::<Value>(&self.operation("DURABLE.CREATE", bucket), &consumer).await.map(|_| ())
    }

    /// Deletes the consumer of a bucket, if there is one. Its messages stay in the stream.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub(crate) async fn delete_consumer(
        &self,
        jetstream: &JetStream,
        bucket: u8,
    ) -> Result<(), ClusterError> {
        match jetstream.api::<Value>(&self.operation("DELETE", bucket), &json!({})).await {
            Ok(_) | Err(ClusterError::Refused { code: CONSUMER_NOT_FOUND, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns the state of the consumer of a bucket; `None` if it does not exist.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub(crate) async fn consumer_state(
        &self,
        jetstream: &JetStream,
        bucket: u8,
    ) -> Result<Option<ConsumerState>, ClusterError> {
        #[derive(Deserialize)]
        struct Info {
            num_pending: u64,
            num_ack_pending: u64,
            delivered: Position,
            ack_floor: Position,
        }
        #[derive(Deserialize)]
        struct Position {
            stream_seq: u64,
        }
        match jetstream.api::<Info>(&self.operation("INFO", bucket), &json!({})).await {
            Ok(info) => Ok(Some(ConsumerState {
                waiting: info.num_pending,
                unacknowledged: info.num_ack_pending,
                last_delivered: info.delivered.stream_seq,
                acknowledged: info.ack_floor.stream_seq,
            })),
            Err(ClusterError::Refused { code: CONSUMER_NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the number of messages of a bucket that the stream holds.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub(crate) async fn stored(&self, jetstream: &JetStream, bucket: u8) -> Result<u64, ClusterError> {
        #[derive(Deserialize)]
        struct Info {
            state: Subjects,
        }
        #[derive(Deserialize)]
        struct Subjects {
            #[serde(default)]
            subjects: HashMap<String, u64>,
        }
        let query = json!({"subjects_filter": self.filter(bucket)});
        let info: Info = jetstream.api(&format!("STREAM.INFO.{}", self.stream()), &query).await?;
        Ok(info.state.subjects.values().sum())
    }
}
