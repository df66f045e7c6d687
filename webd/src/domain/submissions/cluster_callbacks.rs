//! The callbacks of submissions that other servers ran. Each webd delivers a part of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cluster::callbacks::{DueCallback, DueCallbacks};
use cluster::subjects::Digest;
use cluster::submitter::Submitter;
use futures_util::StreamExt;
use tokio::sync::broadcast;
use tokio::time::sleep;
use uuid::Uuid;

use crate::domain::submissions::callback_queue::{CallbackQueue, ClaimedCallback, NextCallback};
use crate::domain::submissions::callback_runner::{Delivery, retry_delay};
use crate::domain::submissions::cluster::submission;
use crate::domain::submissions::store::{Change, StoreFuture};
use crate::domain::submissions::submission::{Owner, SubmissionState};

/// Announcements that the runner may not have read yet. After one it looks for all callbacks.
const MAX_ANNOUNCEMENTS: usize = 16;
/// Interval at which callbacks are looked for even if none was announced: another webd may have returned one.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Time until the next attempt to subscribe to announcements.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The queue.
#[derive(Debug)]
pub(crate) struct ClusterCallbacks {
    front: Submitter,
    due: tokio::sync::Mutex<DueCallbacks>,
    /// Callbacks that are being delivered, by their sequence numbers.
    taken: Mutex<HashMap<i64, DueCallback>>,
    /// Times at which those that this webd returned are due again.
    retries: Mutex<BTreeSet<Instant>>,
    announcements: broadcast::Sender<Change>,
}

impl ClusterCallbacks {
    /// Creates the queue, and hears of callbacks until it is dropped.
    pub(crate) fn new(front: Submitter) -> Arc<Self> {
        let due = tokio::sync::Mutex::new(DueCallbacks::new(front.connection()));
        let announcements = broadcast::Sender::new(MAX_ANNOUNCEMENTS);
        tokio::spawn(listen(front.clone(), announcements.downgrade()));
        Arc::new(Self { front, due, taken: Mutex::default(), retries: Mutex::default(), announcements })
    }

    /// Takes a callback whose submission has ended.
    async fn claim(&self, busy: &[Owner]) -> StoreResult<NextCallback> {
        let busy: Vec<u8> = busy.iter().map(|Owner(name)| Digest::of(name.as_str()).bucket()).collect();
        loop {
            let taken = self.due.lock().await.take(|bucket| busy.contains(&bucket)).await?;
            let Some(callback) = taken else { return Ok(self.next_retry()) };
            if let Some(claimed) = self.claimed(&callback).await? {
                lock(&self.taken).insert(claimed.number, callback);
                return Ok(NextCallback::Due(Box::new(claimed)));
            }
        }
    }

    /// Returns a callback with its submission. One that cannot be delivered now is returned or removed.
    async fn claimed(&self, callback: &DueCallback) -> StoreResult<Option<ClaimedCallback>> {
        let attempts = u32::try_from(callback.taken).unwrap_or(u32::MAX);
        let Some(found) = self.front.get(callback.key).await? else {
            callback.done().await?;
            return Ok(None);
        };
        if !found.record.state.is_final() {
            // It was added by a front that was about to end the submission, and that may have ended itself. Whoever ends it
            // adds its callback again.
            match retry_delay(Delivery::Failed, attempts) {
                Some(delay) => self.put_back(callback, delay).await?,
                None => callback.done().await?,
            }
            return Ok(None);
        }
        let (Some(url), Ok(owner)) = (callback.url().await?, found.record.key.parse()) else {
            callback.done().await?;
            return Ok(None);
        };
        let submission = submission(callback.key.id, &found.record, found.events);
        let number = i64::try_from(callback.sequence).unwrap_or(i64::MAX);
        Ok(Some(ClaimedCallback { number, owner: Owner(owner), url, attempts, submission }))
    }

    async fn put_back(&self, callback: &DueCallback, after: Duration) -> StoreResult<()> {
        callback.retry(after).await?;
        lock(&self.retries).insert(Instant::now() + after);
        Ok(())
    }

    /// Returns the time until a callback that this webd returned is due again, or until it looks for others.
    fn next_retry(&self) -> NextCallback {
        let now = Instant::now();
        let mut retries = lock(&self.retries);
        retries.retain(|due| *due > now);
        let wait = retries.first().map_or(LOOK_INTERVAL, |due| due.duration_since(now));
        NextCallback::In(wait.min(LOOK_INTERVAL))
    }
}

type StoreResult<T> = Result<T, crate::domain::submissions::store::StoreError>;

impl CallbackQueue for ClusterCallbacks {
    fn claim_callback(&self, busy: Vec<Owner>) -> StoreFuture<'_, NextCallback> {
        Box::pin(async move { self.claim(&busy).await })
    }

    /// Each time it is taken counts as an attempt, whatever `counts` says.
    fn retry_callback(&self, number: i64, after: Duration, _counts: bool) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let taken = lock(&self.taken).remove(&number);
            match taken {
                Some(callback) => self.put_back(&callback, after).await,
                None => Ok(()),
            }
        })
    }

    fn end_callback(&self, number: i64) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let taken = lock(&self.taken).remove(&number);
            match taken {
                Some(callback) => Ok(callback.done().await?),
                None => Ok(()),
            }
        })
    }

    fn submission_changes(&self) -> broadcast::Receiver<Change> {
        self.announcements.subscribe()
    }
}

/// Passes announcements on until the queue is dropped.
async fn listen(front: Submitter, announcements: broadcast::WeakSender<Change>) {
    while announcements.upgrade().is_some() {
        match DueCallbacks::announcements(front.connection()).await {
            Ok(messages) => {
                let mut messages = std::pin::pin!(messages);
                while messages.next().await.is_some()
                    && let Some(announcements) = announcements.upgrade()
                {
                    // Which submission it is does not matter to the runner.
                    let change = Change { id: Uuid::nil(), number: None, state: SubmissionState::Finished };
                    // Fails only if nobody waits.
                    let _ = announcements.send(change);
                }
            }
            Err(error) => tracing::debug!(%error, "cannot subscribe to callbacks, will retry"),
        }
        sleep(RETRY_DELAY).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
