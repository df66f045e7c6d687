//! Runs stored submissions, a bounded number at a time.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{self, AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::domain::submissions::attempts::MAX_ATTEMPTS;
use crate::domain::submissions::store::{Change, SubmissionQueue};
use crate::domain::submissions::submission::{ClaimedSubmission, SubmissionState};

/// Interval at which the store is asked for work even if nothing was announced, and at which old submissions expire.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Time between two attempts to store a result that the store did not take.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Attempts to store a result.
const MAX_STORE_ATTEMPTS: u32 = 5;
/// The result of a submission whose result could not be stored.
const NOT_STORED: &[u8] = br#"{"error":"the server could not store the result","code":"failed"}"#;
/// The result of a submission that was given up.
const GIVEN_UP: &[u8] =
    br#"{"error":"the server ended several times while this submission was running","code":"failed"}"#;

/// The result of a submission at which this process failed.
const PANICKED: &[u8] = br#"{"error":"the server failed to run this submission","code":"failed"}"#;

/// How an attempt to run a submission ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AttemptEnd {
    /// With this answer.
    Finished(Bytes),
    /// With this error, which another attempt would have as well.
    Failed(Bytes),
    /// It has no end yet.
    Retry {
        /// Time until the next attempt.
        after: Duration,
        /// Whether this attempt counts.
        counts: bool,
    },
}

/// Runs one submission. Dropping the future cancels it.
pub(crate) type Attempt = Arc<dyn Fn(&ClaimedSubmission) -> BoxFuture<'static, AttemptEnd> + Send + Sync>;

/// A running submission: its number in the store, and its task.
type Running = (i64, AbortHandle);

/// Takes submissions from the store and runs them, until `stop` is ready; those that are running then are queued again.
///
/// `concurrent` is the number of concurrent submissions; those older than `keep` expire.
pub(crate) async fn run(
    store: Arc<dyn SubmissionQueue>,
    concurrent: usize,
    keep: Duration,
    attempt: Attempt,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let mut changes = store.changes();
    let mut ticks = interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tasks: JoinSet<()> = JoinSet::new();
    let mut running: HashMap<task::Id, Running> = HashMap::new();
    loop {
        while tasks.len() < concurrent
            && let Some(claimed) = claim(&*store).await
        {
            let number = claimed.number;
            let handle = tasks.spawn(run_one(Arc::clone(&store), claimed, Arc::clone(&attempt)));
            running.insert(handle.id(), (number, handle));
        }
        tokio::select! {
            () = &mut stop => break,
            change = changes.recv() => match change {
                Ok(Change { number: Some(cancelled), state: SubmissionState::Cancelled, .. }) => {
                    running.values().filter(|(number, _)| *number == cancelled).for_each(|(_, task)| task.abort());
                }
                // Cancelled ones may be among those that were missed: their results are not stored.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            Some(ended) = tasks.join_next_with_id(), if !tasks.is_empty() => {
                let (id, has_panicked) = match ended {
                    Ok((id, ())) => (id, false),
                    Err(error) => (error.id(), error.is_panic()),
                };
                if let Some((number, _)) = running.remove(&id)
                    && has_panicked
                {
                    finish(&*store, number, SubmissionState::Failed, Bytes::from_static(PANICKED)).await;
                }
            }
            _ = ticks.tick() => {
                if let Err(error) = store.expire(keep).await {
                    tracing::warn!(%error, "cannot remove old submissions, will retry");
                }
            }
        }
    }
    tasks.shutdown().await;
    for (number, _) in running.into_values() {
        if let Err(error) = store.requeue(number, false).await {
            tracing::warn!(%error, "cannot return a submission to the queue, it is queued when webd starts again");
        }
    }
}

async fn claim(store: &dyn SubmissionQueue) -> Option<ClaimedSubmission> {
    store.claim().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot take a submission, will retry");
        None
    })
}

async fn run_one(store: Arc<dyn SubmissionQueue>, claimed: ClaimedSubmission, attempt: Attempt) {
    let end = if claimed.attempts > MAX_ATTEMPTS {
        AttemptEnd::Failed(Bytes::from_static(GIVEN_UP))
    } else {
        attempt(&claimed).await
    };
    let (state, result) = match end {
        AttemptEnd::Finished(answer) => (SubmissionState::Finished, answer),
        AttemptEnd::Failed(error) => (SubmissionState::Failed, error),
        AttemptEnd::Retry { after, counts } => {
            // Its place stays taken for the time: whatever prevents this one probably prevents the next.
            sleep(after).await;
            if let Err(error) = store.requeue(claimed.number, counts).await {
                tracing::warn!(%error, id = %claimed.id, "cannot return a submission to the queue");
            }
            return;
        }
    };
    finish(&*store, claimed.number, state, result).await;
}

/// Stores a result. If the store does not take it, which may be for want of room, stores an error instead.
async fn finish(store: &dyn SubmissionQueue, number: i64, mut state: SubmissionState, mut result: Bytes) {
    let mut attempts = 0;
    while let Err(error) = store.finish(number, state, result.clone()).await {
        tracing::warn!(%error, number, "cannot store the result of a submission, will retry");
        attempts += 1;
        if attempts >= MAX_STORE_ATTEMPTS {
            (state, result) = (SubmissionState::Failed, Bytes::from_static(NOT_STORED));
        }
        sleep(STORE_RETRY_DELAY).await;
    }
}
