//! One submission, from its work to its result.

use std::sync::Arc;
use std::time::Duration;

use cluster::ClusterError;
use cluster::record::{Failure, MAX_RETURNS};
use cluster::worker::{Acknowledgement, PROGRESS_INTERVAL, WorkItem, WorkResult, encode_events};
use protocol::{Client, Event, ExecuteRequest, ExecutionId, Rejection};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::event_log::EventLog;
use crate::shared::{Interruption, Registration, Running, Shared, Starting};

/// Time until the next attempt if executord is busy.
const BUSY_DELAY: Duration = Duration::from_secs(1);
/// Time until work is delivered again that this node could not run.
const RETURN_DELAY: Duration = Duration::from_secs(1);
/// Time until work is delivered again that another version stored: a node of that version may have a free slot by then.
const OTHER_VERSION_DELAY: Duration = Duration::from_secs(15);
/// Longest time between two attempts to store a result.
const MAX_STORE_DELAY: Duration = Duration::from_secs(2);
/// Time for the first attempt to store a result, and the longest for an attempt.
const STORE_TIME: Duration = Duration::from_secs(2);
const MAX_STORE_TIME: Duration = Duration::from_secs(60);

/// How an attempt on this node ended.
#[derive(Debug)]
enum End {
    /// With a result, which is to be stored.
    Result(WorkResult),
    /// Without one: this node or another tries again.
    Return(Duration),
    /// The client cancelled it. There is a result already.
    Cancelled,
}

/// Runs a submission that was registered, and stores its result. The work is kept until the result is stored.
pub(crate) async fn run(
    shared: Arc<Shared>,
    registration: Registration,
    mut work: WorkItem,
    starting: Starting,
) {
    let running = Arc::clone(&registration.running);
    shared.count_delivery(work.delivered);
    let end = tokio::select! {
        end = attempt(&shared, &mut work, starting, &running) => end,
        interruption = running.interrupted() => match interruption {
            Interruption::Cancelled => End::Cancelled,
            Interruption::Stopping => End::Return(Duration::ZERO),
        },
    };
    match end {
        End::Result(result) => store(&shared, &work, &running, &result).await,
        End::Return(delay) => {
            shared.count(|ends| &mut ends.returned);
            if let Err(error) = work.give_back(&running.acknowledgement(), delay).await {
                tracing::warn!(%error, submission = %work.key, "cannot return a submission, it is delivered again later");
            }
        }
        End::Cancelled => {
            shared.count(|ends| &mut ends.cancelled);
            acknowledge(&shared, &work, &running.acknowledgement()).await;
        }
    }
    drop(registration);
}

/// Runs the program and reports progress to the server meanwhile.
async fn attempt(shared: &Shared, work: &mut WorkItem, starting: Starting, running: &Running) -> End {
    let request = match work.request() {
        Ok(request) => request,
        Err(Failure::Unreadable) if work.delivered < MAX_RETURNS => {
            tracing::info!(submission = %work.key, "another version stored this submission, returned it for other nodes");
            return End::Return(OTHER_VERSION_DELAY);
        }
        Err(failure) => {
            tracing::warn!(?failure, delivered = work.delivered, submission = %work.key, "cannot run a submission");
            return End::Result(WorkResult::NotRun(failure));
        }
    };
    if let Err(error) = work.start().await {
        tracing::warn!(%error, submission = %work.key, "cannot store that a submission runs");
    }
    tokio::select! {
        end = execute(shared, work, request, starting) => end,
        never = keep_work(work, running) => never,
    }
}

/// Tells the server in time that this node still works on a submission.
async fn keep_work(work: &WorkItem, running: &Running) -> ! {
    let mut ticks = interval(PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = work.progress(&running.acknowledgement()).await {
            tracing::debug!(%error, submission = %work.key, "cannot report progress, the submission may be delivered again");
        }
    }
}

/// Runs the program, as soon as executord takes it.
async fn execute(shared: &Shared, work: &WorkItem, request: ExecuteRequest, starting: Starting) -> End {
    let mut starting = Some(starting);
    loop {
        match execute_once(shared, work, request.clone(), &mut starting).await {
            Ok(Some(end)) => return end,
            Ok(None) => sleep(BUSY_DELAY).await,
            Err(error) => {
                tracing::warn!(%error, submission = %work.key, "executord did not run a submission to its end");
                return End::Return(RETURN_DELAY);
            }
        }
    }
}

/// Runs the program. `None` if executord is busy.
async fn execute_once(
    shared: &Shared,
    work: &WorkItem,
    request: ExecuteRequest,
    starting: &mut Option<Starting>,
) -> Result<Option<End>, protocol::ClientError> {
    let mut client = Client::connect(&shared.socket).await?;
    client.execute(request).await?;
    let mut log = EventLog::default();
    let mut id = ExecutionId::default();
    loop {
        let event = client.event().await?;
        // From now on executord counts it.
        drop(starting.take());
        match &event {
            Event::Started { id: started, .. } => {
                id = *started;
                shared.charge(&work.record.key, 1, Duration::ZERO);
            }
            Event::StageFinished(report) => shared.charge(&work.record.key, 0, report.usage.cpu_time),
            Event::Rejected(Rejection::Busy { .. }) => return Ok(None),
            Event::Rejected(Rejection::UnknownLanguage | Rejection::LanguageUnavailable { .. })
                if work.delivered < MAX_RETURNS =>
            {
                // Another node may have the language.
                return Ok(Some(End::Return(RETURN_DELAY)));
            }
            _ => {}
        }
        let has_outcome = matches!(event, Event::Finished(_));
        let is_last = has_outcome || matches!(event, Event::Rejected(_) | Event::Failed { .. });
        log.push(event);
        if is_last {
            return Ok(Some(End::Result(result(log, has_outcome, id))));
        }
    }
}

fn result(log: EventLog, has_outcome: bool, id: ExecutionId) -> WorkResult {
    match encode_events(&log.into_events()) {
        Ok(events) if has_outcome => WorkResult::Finished(events),
        Ok(events) => WorkResult::Failed(events),
        Err(message) => {
            tracing::error!(%id, %message, "cannot encode the events of an execution");
            let failed = Event::Failed { id, message: "the result is too large to be stored".to_owned() };
            encode_events(&[failed]).map_or(WorkResult::NotRun(Failure::Unreadable), WorkResult::Failed)
        }
    }
}

/// Stores a result, as often as it takes, and removes the work.
async fn store(shared: &Shared, work: &WorkItem, running: &Running, result: &WorkResult) {
    let is_first = tokio::select! {
        is_first = store_until_confirmed(work, result) => is_first,
        never = keep_work(work, running) => never,
        interruption = stopping(running) => {
            tracing::warn!(?interruption, submission = %work.key, "stopped before the result was stored, it runs again");
            shared.count(|ends| &mut ends.returned);
            return;
        }
    };
    match (is_first, result) {
        (false, _) => shared.count(|ends| &mut ends.superseded),
        (true, WorkResult::Finished(_)) => shared.count(|ends| &mut ends.finished),
        (true, _) => shared.count(|ends| &mut ends.failed),
    }
    acknowledge(shared, work, &running.acknowledgement()).await;
}

/// Waits until this node stops. One that is cancelled has a result: storing another one is refused.
async fn stopping(running: &Running) -> Interruption {
    match running.interrupted().await {
        Interruption::Stopping => Interruption::Stopping,
        Interruption::Cancelled => std::future::pending().await,
    }
}

async fn store_until_confirmed(work: &WorkItem, result: &WorkResult) -> bool {
    let (mut delay, mut limit) = (Duration::from_millis(100), STORE_TIME);
    loop {
        let sent = Instant::now();
        match work.finish(result, limit).await {
            Ok(is_first) => return is_first,
            Err(ClusterError::TooLarge) => {
                tracing::error!(submission = %work.key, "the servers do not accept a result of this size");
                return false;
            }
            Err(error) => tracing::warn!(%error, submission = %work.key, "cannot store a result, will retry"),
        }
        // A slow network has not transferred the result yet. Sent again and again in the same time, it never would.
        if sent.elapsed() >= limit {
            limit = (limit * 2).min(MAX_STORE_TIME);
        }
        sleep(delay).await;
        delay = (delay * 2).min(MAX_STORE_DELAY);
    }
}

/// Acknowledges work that was delivered again, and whose result this node has stored.
pub(crate) async fn acknowledge_again(shared: Arc<Shared>, work: WorkItem) {
    shared.count_delivery(work.delivered);
    acknowledge(&shared, &work, &work.acknowledgement()).await;
}

/// Acknowledges work whose result is stored.
///
/// Never twice with the same delivery: the first one may have arrived without an answer, because the server was killed. After
/// that, other work may have its sequence number (see `cluster::repair`), and would be removed.
async fn acknowledge(shared: &Shared, work: &WorkItem, delivery: &Acknowledgement) {
    match work.done(delivery).await {
        Ok(()) => shared.unacknowledged.remove(work.key),
        Err(error) => {
            tracing::warn!(%error, submission = %work.key, "submission with a result was not acknowledged, it may be delivered again");
            shared.unacknowledged.insert(work.key, work.record.created);
        }
    }
}
