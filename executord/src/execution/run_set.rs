//! The runs of one execution: which of them are active, and the reports in the order of the request.
//!
//! [`run_all`] alone starts and ends runs. A run is a future with a sandbox, events and a cleanup of its own. When its
//! program has ended, the next run starts while it is being cleaned up.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use protocol::{Limits, StageReport};
use tokio_util::sync::CancellationToken;

use crate::execution::build_source::BuildSource;
use crate::execution::cleanups::Cleanups;
use crate::execution::pending_cleanup::PendingCleanup;
use crate::execution::stage::StageResult;
use crate::execution::stages::{Run, Stages};
use crate::execution::wall_time_budget::{WallTime, WallTimeBudget};
use crate::failure::Failure;
use crate::queue::Permit;

/// Does the runs of the execution. Returns their reports in the order of the request: fewer than requested if the execution
/// was cancelled. After an error in one run the others are cancelled. No run is active any more when this returns, and
/// what is not cleaned up yet is in `cleanups`.
pub(super) async fn run_all(
    stages: &Stages<'_>,
    permit: &Permit,
    build: &BuildSource<'_>,
    wall_time: WallTimeBudget,
    cleanups: &mut Cleanups<'_>,
) -> Result<Vec<StageReport>, Failure> {
    let mut runs = RunSet::new(stages, permit, build, wall_time);
    loop {
        runs.start_next(cleanups.len()).await;
        if runs.is_over() {
            break;
        }
        tokio::select! {
            Some(ended) = runs.active.next() => {
                if let Some(cleanup) = runs.ended(ended) {
                    cleanups.push(cleanup);
                }
            }
            Some(cleaned) = cleanups.next() => runs.note(cleaned),
        }
    }
    runs.into_reports()
}

/// The runs of an execution.
struct RunSet<'a> {
    stages: &'a Stages<'a>,
    permit: &'a Permit,
    build: &'a BuildSource<'a>,
    wall_time: WallTimeBudget,
    /// Cancels all runs: the client asked for it, or one of them failed.
    cancel: CancellationToken,
    /// The number of the next run.
    next: u32,
    active: FuturesUnordered<BoxFuture<'a, EndedRun>>,
    reports: BTreeMap<u32, StageReport>,
    /// The first failure.
    failure: Option<Failure>,
}

/// A run that is not active any more.
struct EndedRun {
    number: u32,
    /// The wall-clock time that it had reserved.
    reserved: Duration,
    /// `None` if the execution was cancelled before the run began.
    result: Option<Result<StageResult, Failure>>,
}

impl<'a> RunSet<'a> {
    fn new(
        stages: &'a Stages<'a>,
        permit: &'a Permit,
        build: &'a BuildSource<'a>,
        wall_time: WallTimeBudget,
    ) -> Self {
        Self {
            stages,
            permit,
            build,
            wall_time,
            cancel: stages.cancel().child_token(),
            next: 0,
            active: FuturesUnordered::new(),
            reports: BTreeMap::new(),
            failure: None,
        }
    }

    fn has_next(&self) -> bool {
        (self.next as usize) < self.stages.job.runs.len() && !self.cancel.is_cancelled()
    }

    fn is_over(&self) -> bool {
        self.active.is_empty() && !self.has_next()
    }

    /// Starts the next run, if it may start while `cleanups` runs are being cleaned up: as many as are active, and one more.
    async fn start_next(&mut self, cleanups: usize) {
        while self.has_next() && self.active.is_empty() && cleanups <= 1 {
            match self.wall_time.reserve(self.stages.job.limits.wall_time) {
                WallTime::Reserved(wall_time) => self.start(wall_time),
                WallTime::Wait => return,
                WallTime::Exhausted => {
                    self.reports.insert(self.next, self.stages.report_without_run(self.next).await);
                    self.next += 1;
                }
            }
        }
    }

    /// Starts the next run with this limit of its wall-clock time.
    fn start(&mut self, reserved: Duration) {
        let number = self.next;
        self.next += 1;
        let (stages, permit, build) = (self.stages, self.permit, self.build);
        let limits = Limits { wall_time: reserved, ..stages.job.limits.clone() };
        let cancel = self.cancel.clone();
        self.active.push(Box::pin(async move {
            if number > 0 {
                permit.yield_to_waiting(&cancel).await;
            }
            let result = if number > 0 && cancel.is_cancelled() {
                None
            } else {
                Some(stages.run(&Run { number, limits, cancel }, permit, build).await)
            };
            EndedRun { number, reserved, result }
        }));
    }

    /// Takes the report of a run. Returns its cleanup.
    fn ended(&mut self, ended: EndedRun) -> Option<PendingCleanup> {
        let EndedRun { number, reserved, result } = ended;
        let used = match &result {
            Some(Ok(result)) => result.report.usage.wall_time,
            Some(Err(_)) | None => Duration::ZERO,
        };
        self.wall_time.settle(reserved, used);
        match result? {
            Ok(StageResult { report, cleanup, .. }) => {
                self.reports.insert(number, report);
                Some(cleanup)
            }
            Err(failure) => {
                self.note(Err(failure));
                None
            }
        }
    }

    /// Notes the result of a run or of a cleanup. The first failure ends all runs.
    fn note(&mut self, result: Result<(), Failure>) {
        if let Err(failure) = result {
            self.cancel.cancel();
            self.failure.get_or_insert(failure);
        }
    }

    fn into_reports(self) -> Result<Vec<StageReport>, Failure> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.reports.into_values().collect()),
        }
    }
}
