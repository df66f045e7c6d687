//! What noded does: take work, and store states and results.

use std::time::Duration;

use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use protocol::codec::{self, VERSION};
use protocol::{Event, ExecuteRequest};

use crate::buckets::BucketOrder;
use crate::callbacks;
use crate::connection::Connection;
use crate::delivery::{Delivery, Reply};
use crate::jetstream::{ClusterError, JetStream, PublishError};
use crate::nodes::NodeStatus;
use crate::record::{Failure, KEY_HEADER, MAX_DELIVERIES, RECORD_HEADER, Record, State, VERSION_HEADER, now};
use crate::states::{announce_change, state_message};
use crate::subjects::{self, BUCKETS, Name, SubmissionKey, WAKE_GROUP};

/// Interval at which a node tells the server that it still works on a submission. Three fit into the time after which
/// the server delivers it again.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(3);
/// Time for which work that was announced is waited for: a fetch that does not wait can miss a message that was stored
/// a moment ago.
const ANNOUNCED_WAIT: Duration = Duration::from_millis(50);
/// Announcements that a node forwards to others concurrently.
const MAX_PASSED_ON: usize = 64;

/// A node of a pool.
#[derive(Debug)]
pub struct Worker {
    jetstream: JetStream,
    connection: Connection,
    pool: Name,
    node: Name,
    order: BucketOrder,
}

/// A submission that this node has taken.
#[derive(Debug)]
pub struct WorkItem {
    /// Its key.
    pub key: SubmissionKey,
    /// Its record as it was stored.
    pub record: Record,
    /// How often it was delivered, this time included.
    pub delivered: u64,
    body: Result<Bytes, Failure>,
    jetstream: JetStream,
    reply: Acknowledgement,
    node: Name,
}

/// The way to acknowledge a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement(Reply);

/// Announcements of new work and of cancelled submissions.
#[derive(Debug)]
pub struct Announcements {
    wake: Subscriber,
}

impl Worker {
    /// Creates a worker.
    #[must_use]
    pub fn new(connection: Connection, pool: Name, node: Name) -> Self {
        let start = subjects::Digest::of(node.as_str()).bucket();
        let jetstream = connection.0.clone();
        Self { jetstream, connection, pool, node, order: BucketOrder::starting_with(start) }
    }

    /// Returns the connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Takes the next work: of the first bucket that has some, in turns.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn take(&mut self) -> Result<Option<WorkItem>, ClusterError> {
        for bucket in self.order.buckets() {
            if let Some(work) = self.fetch(bucket, Duration::ZERO).await? {
                return Ok(Some(work));
            }
        }
        Ok(None)
    }

    /// Takes work that was announced.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn take_announced(&mut self, bucket: u8) -> Result<Option<WorkItem>, ClusterError> {
        self.fetch(bucket, ANNOUNCED_WAIT).await
    }

    async fn fetch(&mut self, bucket: u8, wait: Duration) -> Result<Option<WorkItem>, ClusterError> {
        let (stream, consumer) = (subjects::work_stream(&self.pool), subjects::consumer(bucket));
        let Some(delivery) = self.jetstream.next(&stream, &consumer, wait).await? else { return Ok(None) };
        self.order.took(bucket);
        self.work(delivery).await
    }

    /// Returns a delivery as work. Another message is removed.
    async fn work(&self, delivery: Delivery) -> Result<Option<WorkItem>, ClusterError> {
        let header =
            |name: &str| delivery.message.headers.as_ref()?.get(name).map(async_nats::HeaderValue::as_str);
        let key = header(KEY_HEADER).and_then(SubmissionKey::parse);
        let record = header(RECORD_HEADER).and_then(Record::parse);
        let Some((key, record)) = key.zip(record) else {
            tracing::error!(sequence = delivery.info.sequence, "removed an invalid submission message");
            self.jetstream.ack(&delivery.reply).await?;
            return Ok(None);
        };
        let is_readable = header(VERSION_HEADER) == Some(&VERSION.to_string());
        let record = Record { work: Some(delivery.info.sequence), ..record };
        Ok(Some(WorkItem {
            key,
            record,
            delivered: delivery.info.delivered,
            body: if is_readable { Ok(delivery.message.payload) } else { Err(Failure::Unreadable) },
            jetstream: self.jetstream.clone(),
            reply: Acknowledgement(delivery.reply),
            node: self.node.clone(),
        }))
    }

    /// Announces work that was announced to this node, which has no slot for it.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn pass_on(&self, bucket: u8) -> Result<(), ClusterError> {
        self.jetstream.publish_core(subjects::wake(&self.pool), bucket.to_string()).await
    }

    /// Joins the nodes that wait for work. Each announcement reaches one of them.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn announcements(&self) -> Result<Announcements, ClusterError> {
        let subject = subjects::wake(&self.pool);
        let wake = self.jetstream.client().queue_subscribe(subject, WAKE_GROUP.to_owned()).await;
        let wake = wake.map_err(|error| ClusterError::Unavailable(error.to_string()))?;
        Ok(Announcements { wake })
    }

    /// Returns the submissions that are cancelled from now on. The subscription survives a broken connection.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn cancellations(
        &self,
    ) -> Result<impl futures_util::Stream<Item = SubmissionKey> + Send + use<>, ClusterError> {
        let subscriber = self.jetstream.client().subscribe(subjects::cancel(&self.pool)).await;
        let messages = subscriber.map_err(|error| ClusterError::Unavailable(error.to_string()))?;
        Ok(messages.filter_map(|message| {
            std::future::ready(std::str::from_utf8(&message.payload).ok().and_then(SubmissionKey::parse))
        }))
    }

    /// Writes the status of this node.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn report(&self, status: &NodeStatus) -> Result<(), ClusterError> {
        crate::nodes::report(&self.jetstream, &self.node, status).await
    }
}

impl Announcements {
    /// Deregisters from the nodes that wait for submissions, and returns the announcements that were not read yet.
    pub async fn leave(mut self) -> Vec<u8> {
        if let Err(error) = self.wake.unsubscribe().await {
            tracing::debug!(%error, "cannot deregister from the nodes that wait for submissions");
        }
        let mut buckets = Vec::new();
        // Ends when all messages that had arrived are read.
        while let Some(Some(bucket)) = self.next().now_or_never()
            && buckets.len() < MAX_PASSED_ON
        {
            buckets.push(bucket);
        }
        buckets
    }

    /// Returns the bucket of the next announced work; `None` if the connection is closed.
    pub async fn next(&mut self) -> Option<u8> {
        loop {
            let message = self.wake.next().await?;
            let bucket = std::str::from_utf8(&message.payload).ok().and_then(|text| text.parse().ok());
            if let Some(bucket) = bucket.filter(|bucket| *bucket < BUCKETS) {
                return Some(bucket);
            }
        }
    }
}

impl WorkItem {
    /// Returns the request.
    ///
    /// # Errors
    /// Why no node of this version should run it.
    pub fn request(&self) -> Result<ExecuteRequest, Failure> {
        // Before the body is read: reading it may be what ended the nodes before.
        if self.delivered > MAX_DELIVERIES {
            return Err(Failure::GivenUp);
        }
        let body = self.body.as_ref().map_err(|failure| *failure)?;
        codec::decode(body).map_err(|_| Failure::Unreadable)
    }

    /// Returns the way to acknowledge this delivery.
    #[must_use]
    pub fn acknowledgement(&self) -> Acknowledgement {
        self.reply.clone()
    }

    /// Stores that the submission runs on this node.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn start(&mut self) -> Result<(), ClusterError> {
        let running = self.record.with_state(State::Running, now());
        self.record = Record { node: Some(self.node.to_string()), ..running };
        self.jetstream.publish(self.key.state(), state_message(&self.record)).await?;
        announce_change(&self.jetstream, self.key, State::Running).await;
        Ok(())
    }

    /// Stores the result, for at most `limit`, and then adds its callback if it has one. Returns whether the result is the
    /// first one: another one stands.
    ///
    /// # Errors
    /// [`ClusterError`]: store it again.
    pub async fn finish(&self, result: &WorkResult, limit: Duration) -> Result<bool, ClusterError> {
        let (state, failure, events) = match result {
            WorkResult::Finished(events) => (State::Finished, None, Some(events)),
            WorkResult::Failed(events) => (State::Failed, None, Some(events)),
            WorkResult::NotRun(failure) => (State::Failed, Some(*failure), None),
        };
        let record = Record { failure, ..self.record.with_state(state, now()) };
        let mut message = state_message(&record).header(VERSION_HEADER, VERSION.to_string()).expect_last(0);
        message.payload = events.cloned().unwrap_or_default();
        let is_first = match self.jetstream.publish_within(limit, self.key.result(), message).await {
            Ok(_) => true,
            Err(PublishError::WrongSequence) => false,
            Err(error) => return Err(error.into()),
        };
        if is_first {
            announce_change(&self.jetstream, self.key, state).await;
        }
        // Also after the result of another attempt, which may have ended before it added the callback.
        if record.callback {
            callbacks::add(&self.jetstream, self.key).await?;
        }
        Ok(is_first)
    }

    /// Tells the server that this node still works on it.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn progress(&self, reply: &Acknowledgement) -> Result<(), ClusterError> {
        self.jetstream.progress(&reply.0).await
    }

    /// Removes the work: its result is stored.
    ///
    /// # Errors
    /// [`ClusterError`], for example if NATS was started again since the delivery: the work is delivered again, if it is still there.
    pub async fn done(&self, reply: &Acknowledgement) -> Result<(), ClusterError> {
        self.jetstream.ack(&reply.0).await
    }

    /// Returns the work, so that a node takes it again after `delay`.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn give_back(&self, reply: &Acknowledgement, delay: Duration) -> Result<(), ClusterError> {
        self.jetstream.nak(&reply.0, delay).await
    }
}

/// How work ended on this node. Events are encoded by [`encode_events`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkResult {
    /// With an outcome, which is the last event.
    Finished(Bytes),
    /// With an error, which is the last event.
    Failed(Bytes),
    /// Without an execution.
    NotRun(Failure),
}

/// Encodes the events of an execution.
///
/// # Errors
/// If they do not fit in a message.
pub fn encode_events(events: &[Event]) -> Result<Bytes, String> {
    let encoded = codec::encode(&events).map_err(|error| error.to_string())?;
    if encoded.len() > crate::layout::MAX_RESULT {
        return Err(format!("the result has {} bytes", encoded.len()));
    }
    Ok(encoded.into())
}

/// Decodes the events of an execution.
#[must_use]
pub fn decode_events(encoded: &[u8]) -> Option<Vec<Event>> {
    codec::decode(encoded).ok()
}
