//! Callbacks that are due. A node adds that of a submission after it has stored the result, and a front takes it and sends
//! it. It is removed when it was delivered or given up.

use std::time::Duration;

use futures_util::{Stream, StreamExt};

use crate::buckets::BucketOrder;
use crate::connection::Connection;
use crate::delivery::Reply;
use crate::jetstream::{ClusterError, JetStream, NewMessage, PublishError};
use crate::record::KEY_HEADER;
use crate::subjects::{self, CALLBACK_GROUP, CALLBACKS, SUBMISSIONS, SubmissionKey};

/// The callbacks of all pools. Each is taken by one front at a time.
#[derive(Debug)]
pub struct DueCallbacks {
    jetstream: JetStream,
    order: BucketOrder,
}

/// A callback that was taken.
#[derive(Debug)]
pub struct DueCallback {
    /// Its submission.
    pub key: SubmissionKey,
    /// Sequence number, which no other callback has.
    pub sequence: u64,
    /// How often it was taken, this time included.
    pub taken: u64,
    jetstream: JetStream,
    reply: Reply,
}

/// Adds the callback of a submission, unless it was added before.
///
/// # Errors
/// [`ClusterError`]: add it again.
pub(crate) async fn add(jetstream: &JetStream, key: SubmissionKey) -> Result<(), ClusterError> {
    let message = NewMessage::default().id(key.to_string()).header(KEY_HEADER, key.to_string());
    match jetstream.publish(key.callback(), message).await {
        Ok(_) => {}
        // It is there already, or there is no room for any: a result must not wait for a callback.
        Err(PublishError::Full) => {
            tracing::debug!(submission = %key, "callback already queued, or queue full")
        }
        Err(error) => return Err(error.into()),
    }
    if let Err(error) = jetstream.publish_core(subjects::callback_due(), "").await {
        tracing::debug!(%error, "cannot announce a callback, a webd finds it later");
    }
    Ok(())
}

impl DueCallbacks {
    /// Creates the callbacks as a front sees them.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { jetstream: connection.0.clone(), order: BucketOrder::default() }
    }

    /// Takes the next callback: of the first bucket that has one and that is not busy, in turns.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn take(&mut self, is_busy: impl Fn(u8) -> bool) -> Result<Option<DueCallback>, ClusterError> {
        for bucket in self.order.buckets().filter(|bucket| !is_busy(*bucket)) {
            let next = self.jetstream.next(CALLBACKS, &subjects::consumer(bucket), Duration::ZERO).await?;
            let Some(delivery) = next else { continue };
            self.order.took(bucket);
            let headers = delivery.message.headers.as_ref();
            let key = headers.and_then(|headers| SubmissionKey::parse(headers.get(KEY_HEADER)?.as_str()));
            let Some(key) = key else {
                tracing::error!(sequence = delivery.info.sequence, "removed an invalid callback message");
                self.jetstream.ack(&delivery.reply).await?;
                continue;
            };
            return Ok(Some(DueCallback {
                key,
                sequence: delivery.info.sequence,
                taken: delivery.info.delivered,
                jetstream: self.jetstream.clone(),
                reply: delivery.reply,
            }));
        }
        Ok(None)
    }

    /// Returns an item for each callback that becomes due from now on. Each item reaches one front.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn announcements(
        connection: &Connection,
    ) -> Result<impl Stream<Item = ()> + Send + use<>, ClusterError> {
        let client = connection.0.client();
        let subscriber = client.queue_subscribe(subjects::callback_due(), CALLBACK_GROUP.to_owned()).await;
        let messages = subscriber.map_err(|error| ClusterError::Unavailable(error.to_string()))?;
        Ok(messages.map(|_| ()))
    }
}

impl DueCallback {
    /// Returns the URL that the client named; `None` if its submission was deleted.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn url(&self) -> Result<Option<String>, ClusterError> {
        let message = self.jetstream.last(SUBMISSIONS, &self.key.callback_url()).await?;
        Ok(message.and_then(|message| String::from_utf8(message.payload.to_vec()).ok()))
    }

    /// Returns the callback, to be taken again after a time.
    ///
    /// # Errors
    /// [`ClusterError`]: it is taken again after a minute.
    pub async fn retry(&self, after: Duration) -> Result<(), ClusterError> {
        self.jetstream.nak(&self.reply, after).await
    }

    /// Removes the callback.
    ///
    /// # Errors
    /// [`ClusterError`]: it is taken again after a minute.
    pub async fn done(&self) -> Result<(), ClusterError> {
        self.jetstream.ack(&self.reply).await
    }
}
