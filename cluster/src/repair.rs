//! Repair of consumers that will never deliver some message of their stream.
//!
//! A nats-server that is killed while it removes the last message of a work-queue stream may have deleted the file of that message,
//! and not yet written its sequence number into the next file. The stream then uses this number again, or all numbers from 1
//! (<https://github.com/nats-io/nats-server/pull/6778>). Its consumers never deliver a new message with a number that they have
//! delivered before. A consumer that is created again delivers all messages of the stream. Some of them may run at that time: they
//! run twice, and their first results stand. Submissions that the new consumer does not deliver either are stored again: see
//! [`crate::undelivered`].

use std::collections::HashMap;

use crate::connection::Connection;
use crate::jetstream::{ClusterError, JetStream};
use crate::layout::{self, StreamState};
use crate::queue::{ConsumerState, Queue};
use crate::subjects::{self, BUCKETS, Name};
use crate::undelivered::Search;

/// Checks in a row that must find a consumer stuck before it is repaired: the answers of several servers, or of one that is busy,
/// may be from different times.
const CONFIRMATIONS: u32 = 3;

/// The checks of the consumers of a pool, and of those of callbacks.
#[derive(Debug)]
pub struct ConsumerRepair {
    jetstream: JetStream,
    pool: Name,
    queues: [Queue; 2],
    /// Consumers that a check found stuck, until their stream is empty.
    suspects: HashMap<(String, u8), Suspicion>,
}

/// What is known of a consumer that does not deliver all messages.
#[derive(Clone, Copy, Debug, Default)]
struct Suspicion {
    /// Checks in a row that found it stuck, since it was last created.
    checks: u32,
    /// Whether it was created again.
    was_created: bool,
    /// Sequence number up to which messages were searched that it does not deliver.
    searched: u64,
}

impl ConsumerRepair {
    /// Creates the checks.
    #[must_use]
    pub fn new(connection: &Connection, pool: Name) -> Self {
        let queues = [Queue::Submissions(pool.clone()), Queue::Callbacks];
        Self { jetstream: connection.0.clone(), pool, queues, suspects: HashMap::new() }
    }

    /// Checks all consumers, and repairs those that were stuck in several checks: creates them again, or, if that did not help,
    /// stores the submissions again that they do not deliver. Returns how many consumers were created and how many submissions were
    /// stored. It is meant to be called every few seconds.
    ///
    /// # Errors
    /// [`ClusterError`]: some consumers were not checked.
    pub async fn check(&mut self) -> Result<u32, ClusterError> {
        let mut repaired = 0;
        for queue in self.queues.clone() {
            repaired += self.check_queue(&queue).await?;
        }
        Ok(repaired)
    }

    async fn check_queue(&mut self, queue: &Queue) -> Result<u32, ClusterError> {
        let stream = queue.stream();
        let before = layout::state(&self.jetstream, &stream).await?;
        if before.messages == 0 {
            self.suspects.retain(|(suspect, _), _| *suspect != stream);
            return Ok(0);
        }
        let mut repaired = 0;
        let mut consumers = Vec::new();
        for bucket in 0..BUCKETS {
            match queue.consumer_state(&self.jetstream, bucket).await? {
                Some(consumer) => consumers.push((bucket, consumer)),
                // A process that was about to create it again ended before it did.
                None => {
                    self.create(queue, bucket).await?;
                    repaired += 1;
                }
            }
        }
        let after = layout::state(&self.jetstream, &stream).await?;
        let has_unknown = repaired == 0 && has_unknown(&consumers, before, after);
        for (bucket, consumer) in consumers {
            let suspect = (stream.clone(), bucket);
            let is_stuck = consumer.last_delivered > after.last_seq
                || has_unknown && self.bucket_has_unknown(queue, bucket).await?;
            if !is_stuck {
                // One that was created again may only seem to work: before a node asks for it, a message that the server does not
                // find counts as waiting.
                if let Some(suspicion) = self.suspects.get_mut(&suspect) {
                    suspicion.checks = 0;
                }
                continue;
            }
            let suspicion = self.suspects.entry(suspect.clone()).or_default();
            suspicion.checks += 1;
            if suspicion.checks >= CONFIRMATIONS {
                tracing::warn!(stream, bucket, ?consumer, stream_state = ?after, "consumer does not deliver all stored messages");
                repaired += self.repair(queue, bucket, suspect).await?;
            }
        }
        Ok(repaired)
    }

    /// Repairs a consumer that is stuck. Returns how many consumers and messages were created.
    async fn repair(
        &mut self,
        queue: &Queue,
        bucket: u8,
        suspect: (String, u8),
    ) -> Result<u32, ClusterError> {
        let suspicion = self.suspects.entry(suspect.clone()).or_default();
        // A subject of callbacks has one message, so the server always finds it.
        if let Queue::Submissions(pool) = queue
            && suspicion.was_created
            && let Some(consumer) = queue.consumer_state(&self.jetstream, bucket).await?
        {
            let search = Search { jetstream: &self.jetstream, pool, bucket, end: consumer.done() };
            let found = search.store_again(&mut suspicion.searched).await?;
            if found.is_complete && found.moved > 0 {
                self.suspects.remove(&suspect);
            }
            if found.moved > 0 {
                self.wake(queue, bucket).await;
            }
            if found.moved > 0 || !found.is_complete {
                return Ok(found.moved);
            }
        }
        queue.delete_consumer(&self.jetstream, bucket).await?;
        self.create(queue, bucket).await?;
        self.suspects.insert(suspect, Suspicion { was_created: true, ..Suspicion::default() });
        Ok(1)
    }

    /// Returns whether a bucket has messages that its consumer neither has delivered nor will deliver.
    async fn bucket_has_unknown(&self, queue: &Queue, bucket: u8) -> Result<bool, ClusterError> {
        // In this order: a message that is stored in between is only missing in the first number.
        let stored = queue.stored(&self.jetstream, bucket).await?;
        let consumer = queue.consumer_state(&self.jetstream, bucket).await?.unwrap_or_default();
        Ok(stored > consumer.waiting + consumer.unacknowledged)
    }

    async fn create(&self, queue: &Queue, bucket: u8) -> Result<(), ClusterError> {
        queue.create_consumer(&self.jetstream, bucket).await?;
        tracing::warn!(
            stream = queue.stream(),
            bucket,
            "created a consumer again, which delivers all stored messages"
        );
        self.wake(queue, bucket).await;
        Ok(())
    }

    /// Wakes the processes that take the messages of a bucket.
    async fn wake(&self, queue: &Queue, bucket: u8) {
        let woken = match queue {
            Queue::Submissions(_) => {
                self.jetstream.publish_core(subjects::wake(&self.pool), bucket.to_string()).await
            }
            Queue::Callbacks => self.jetstream.publish_core(subjects::callback_due(), "").await,
        };
        if let Err(error) = woken {
            tracing::debug!(%error, "cannot announce stored messages, they are found later");
        }
    }
}

/// Returns whether a stream certainly had messages that no consumer has delivered or will deliver, given its states before and
/// after those of its consumers were read. Messages that were stored in between may not be among those of the consumers.
fn has_unknown(consumers: &[(u8, ConsumerState)], before: StreamState, after: StreamState) -> bool {
    let known: u64 = consumers.iter().map(|(_, consumer)| consumer.waiting + consumer.unacknowledged).sum();
    let new = after.last_seq.saturating_sub(before.last_seq);
    after.messages > known + new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_was_just_stored_or_acknowledged_is_not_unknown() {
        let stream = |messages, last_seq| StreamState { messages, bytes: 0, last_seq };
        let consumers = |waiting, unacknowledged| {
            let state = ConsumerState { waiting, unacknowledged, ..ConsumerState::default() };
            [(0, state), (1, ConsumerState::default())]
        };
        let check = |known: (u64, u64), before, after, expected| {
            assert_eq!(has_unknown(&consumers(known.0, known.1), before, after), expected);
        };
        check((2, 1), stream(3, 9), stream(3, 9), false);
        check((2, 0), stream(3, 9), stream(3, 9), true);
        // One was stored in between, before or after the state of its consumer was read.
        check((2, 0), stream(2, 9), stream(3, 10), false);
        check((3, 0), stream(2, 9), stream(3, 10), false);
        // One was acknowledged in between.
        check((2, 1), stream(3, 9), stream(2, 9), false);
        check((2, 0), stream(3, 9), stream(2, 9), false);
        check((0, 0), stream(3, 9), stream(2, 9), true);
        // The stream was reset in between.
        check((0, 0), stream(1, 9), stream(0, 0), false);
    }
}
