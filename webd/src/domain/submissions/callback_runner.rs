//! Delivers the callbacks of submissions, a bounded number at a time.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{self, JoinSet};
use tokio::time::sleep;

use crate::domain::submissions::callback_queue::{CallbackQueue, ClaimedCallback, NextCallback};
use crate::domain::submissions::store::StoreError;
use crate::domain::submissions::submission::Owner;

/// Callbacks that are delivered concurrently.
const MAX_DELIVERIES: usize = 16;
/// Those of one owner: a receiver that does not answer delays no callbacks of others.
const MAX_DELIVERIES_PER_OWNER: usize = 4;
/// Time between an attempt that failed and the next one. After the last of these, a callback is given up.
pub(crate) const RETRY_DELAYS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
];
/// Interval at which the queue is read even if nothing was announced.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// Time after which the queue is read again if it failed.
const QUEUE_RETRY_DELAY: Duration = Duration::from_secs(5);

/// How an attempt to deliver a callback ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The receiver accepted it.
    Delivered,
    /// Another attempt may succeed.
    Failed,
    /// No attempt will succeed.
    Refused,
}

/// Delivers one callback. Dropping the future ends the attempt.
pub(crate) type Deliver = Arc<dyn Fn(ClaimedCallback) -> BoxFuture<'static, Delivery> + Send + Sync>;

/// A delivery in progress: the number of its submission, and whose it is.
type Running = (i64, Owner);

/// Delivers callbacks until `stop` is ready; those that are being delivered then are delivered by the next webd.
pub(crate) async fn run(queue: Arc<dyn CallbackQueue>, deliver: Deliver, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut changes = queue.submission_changes();
    let mut tasks: JoinSet<()> = JoinSet::new();
    let mut running: HashMap<task::Id, Running> = HashMap::new();
    loop {
        let wait = start_due(&queue, &deliver, &mut tasks, &mut running).await;
        let mut timer = pin!(sleep(wait));
        // Until something happened that may have made a callback due.
        loop {
            tokio::select! {
                () = &mut stop => {
                    tasks.shutdown().await;
                    return release(&*queue, running).await;
                }
                change = changes.recv() => match change {
                    Ok(change) if !change.state.is_final() => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
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
                        stored(queue.retry_callback(number, QUEUE_RETRY_DELAY, true).await);
                    }
                    break;
                }
                () = &mut timer => break,
            }
        }
    }
}

/// Begins to deliver what is due, as far as there is room. Returns the time until more is due.
async fn start_due(
    queue: &Arc<dyn CallbackQueue>,
    deliver: &Deliver,
    tasks: &mut JoinSet<()>,
    running: &mut HashMap<task::Id, Running>,
) -> Duration {
    while tasks.len() < MAX_DELIVERIES {
        match queue.claim_callback(busy(running)).await {
            Ok(NextCallback::Due(claimed)) => {
                let started = (claimed.number, claimed.owner.clone());
                let handle = tasks.spawn(deliver_one(Arc::clone(queue), *claimed, Arc::clone(deliver)));
                running.insert(handle.id(), started);
            }
            Ok(NextCallback::In(wait)) => return wait.min(CHECK_INTERVAL),
            Ok(NextCallback::None) => return CHECK_INTERVAL,
            Err(error) => {
                tracing::warn!(%error, "cannot read the queue of callbacks, will retry");
                return QUEUE_RETRY_DELAY;
            }
        }
    }
    CHECK_INTERVAL
}

/// Returns the owners that have as many deliveries in progress as they may have.
fn busy(running: &HashMap<task::Id, Running>) -> Vec<Owner> {
    let mut counts: HashMap<&Owner, usize> = HashMap::new();
    running.values().for_each(|(_, owner)| *counts.entry(owner).or_default() += 1);
    let full = counts.into_iter().filter(|(_, count)| *count >= MAX_DELIVERIES_PER_OWNER);
    full.map(|(owner, _)| owner.clone()).collect()
}

async fn deliver_one(queue: Arc<dyn CallbackQueue>, claimed: ClaimedCallback, deliver: Deliver) {
    let (number, attempts) = (claimed.number, claimed.attempts);
    let delivery = deliver(claimed).await;
    match retry_delay(delivery, attempts) {
        Some(delay) => stored(queue.retry_callback(number, delay, true).await),
        None => stored(queue.end_callback(number).await),
    }
}

/// Returns the time until the next attempt; `None` if there is none. `attempts` is the number of those before it.
pub(crate) fn retry_delay(delivery: Delivery, attempts: u32) -> Option<Duration> {
    let index = usize::try_from(attempts).unwrap_or(usize::MAX).saturating_sub(1);
    RETRY_DELAYS.get(index).copied().filter(|_| delivery == Delivery::Failed)
}

async fn release(queue: &dyn CallbackQueue, running: HashMap<task::Id, Running>) {
    for (number, _) in running.into_values() {
        stored(queue.retry_callback(number, Duration::ZERO, false).await);
    }
}

/// Logs what the queue could not store. The callback is delivered again when webd starts again.
fn stored(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "cannot store the end of a callback, it is delivered again when webd starts again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_that_fails_is_tried_again_and_given_up_in_the_end() {
        let seconds = |delivery, attempts| retry_delay(delivery, attempts).map(|delay| delay.as_secs());
        let failed: Vec<_> = (1..=7).map(|attempts| seconds(Delivery::Failed, attempts)).collect();
        assert_eq!(failed, [Some(1), Some(5), Some(30), Some(120), Some(600), None, None]);
        assert_eq!(seconds(Delivery::Delivered, 1), None);
        assert_eq!(seconds(Delivery::Refused, 1), None);
    }
}
