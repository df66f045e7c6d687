//! The runs of one execution: which of them are active, and the reports in the order of the request.
//!
//! [`run_all`] alone starts and ends runs. A run is a future with a sandbox, events and a cleanup of its own. When its
//! program has ended, the next run starts while it is being cleaned up, in a sandbox that was prepared meanwhile. One
//! run after the other has the permit of the execution. Each run at the same time has a permit of its own, which it
//! gets when nobody else waits for the slot.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use protocol::{Limits, StageName, StageReport, Status, Verdict};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::execution::build_source::BuildSource;
use crate::execution::cleanups::Cleanups;
use crate::execution::next_sandbox::{NextSandbox, PreparedSandbox};
use crate::execution::pending_cleanup::PendingCleanup;
use crate::execution::program_permit::ProgramPermit;
use crate::execution::run_judge::RunJudge;
use crate::execution::stage::StageResult;
use crate::execution::stages::{Run, Stages};
use crate::execution::wall_time_budget::{WallTime, WallTimeBudget};
use crate::failure::Failure;
use crate::queue::another::AnotherTicket;
use crate::queue::{Demand, Permit};

/// Does the runs of the execution. Returns their reports in the order of the request: fewer than requested if the
/// execution was cancelled. After an error in one run the others are cancelled. No run is active any more when this
/// returns, and what is not cleaned up yet is in `cleanups`.
pub(super) async fn run_all(
    stages: &Stages<'_>,
    permit: &Permit,
    build: &BuildSource<'_>,
    judge: &RunJudge<'_>,
    wall_time: WallTimeBudget,
    cleanups: &mut Cleanups<'_>,
) -> Result<Vec<StageReport>, Failure> {
    let mut runs = RunSet::new(stages, permit, build, judge, wall_time);
    loop {
        runs.start_next(cleanups.len()).await;
        runs.request_permit(cleanups.len());
        runs.prepare_next_sandbox();
        if runs.is_over() {
            break;
        }
        let granted = async {
            match &mut runs.ticket {
                Some(ticket) => ticket.granted().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(ended) = runs.active.next() => runs.ended(ended, cleanups),
            Some(cleaned) = cleanups.next() => runs.note_cleanup(cleaned),
            permit = granted => runs.granted(permit),
            () = runs.next_sandbox.requested() => {}
        }
    }
    if let Some(unused) = std::mem::take(&mut runs.next_sandbox).take().await {
        cleanups.discard(unused.sandbox);
    }
    runs.skip_after_failure().await;
    runs.into_reports()
}

/// The runs of an execution.
struct RunSet<'a> {
    stages: &'a Stages<'a>,
    /// The permit of the execution.
    permit: &'a Permit,
    /// Whether a run has it.
    is_permit_used: bool,
    /// The request for the permit of another run at the same time.
    ticket: Option<AnotherTicket>,
    build: &'a BuildSource<'a>,
    judge: &'a RunJudge<'a>,
    wall_time: WallTimeBudget,
    /// The tokens that cancel the runs, by number.
    cancel_run: Vec<CancellationToken>,
    /// The first run that failed, if the runs after it are to be skipped.
    first_failed: Option<u32>,
    /// Cancels all runs: the client asked for it, or one of them failed.
    cancel: CancellationToken,
    /// The number of the next run.
    next: u32,
    next_sandbox: NextSandbox<'a>,
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
    /// Its own permit, if it had not that of the execution.
    permit: Option<Permit>,
    /// `None` if the execution was cancelled before the run began.
    result: Option<Result<StageResult, Failure>>,
    /// The sandbox that was prepared for it, if it was not used.
    unused: Option<Box<PreparedSandbox>>,
}

impl<'a> RunSet<'a> {
    fn new(
        stages: &'a Stages<'a>,
        permit: &'a Permit,
        build: &'a BuildSource<'a>,
        judge: &'a RunJudge<'a>,
        wall_time: WallTimeBudget,
    ) -> Self {
        Self {
            stages,
            permit,
            is_permit_used: false,
            ticket: None,
            build,
            judge,
            wall_time,
            cancel_run: Vec::new(),
            first_failed: None,
            cancel: stages.cancel().child_token(),
            next: 0,
            next_sandbox: NextSandbox::None,
            active: FuturesUnordered::new(),
            reports: BTreeMap::new(),
            failure: None,
        }
    }

    fn has_next(&self) -> bool {
        let is_wanted = self.first_failed.is_none() && !self.cancel.is_cancelled();
        is_wanted && (self.next as usize) < self.stages.job.runs.len()
    }

    fn is_over(&self) -> bool {
        self.active.is_empty() && !self.has_next()
    }

    /// Returns whether the next run may start while `cleanups` runs are being cleaned up: as many as are active, and
    /// one more.
    fn may_start(&self, cleanups: usize) -> bool {
        self.has_next() && self.active.len() < self.stages.job.parallel && cleanups <= self.active.len() + 1
    }

    /// Starts the next run with the permit of the execution, if no other run has it.
    async fn start_next(&mut self, cleanups: usize) {
        while !self.is_permit_used && self.may_start(cleanups) {
            match self.wall_time.reserve(self.stages.job.limits.wall_time) {
                WallTime::Reserved(wall_time) => self.start(wall_time, None),
                WallTime::Wait => return,
                WallTime::Exhausted => {
                    let report = self.stages.report_without_run(self.next).await;
                    self.cancel_run.push(CancellationToken::new());
                    self.next += 1;
                    self.take_report(self.next - 1, report);
                }
            }
        }
    }

    /// Requests the permit of another run at the same time, if there is one that may start.
    fn request_permit(&mut self, cleanups: usize) {
        let job = self.stages.job;
        if self.ticket.is_none()
            && self.is_permit_used
            && self.may_start(cleanups)
            && self.wall_time.has_room_for(job.limits.wall_time)
        {
            let memory_limit = job.run_memory();
            self.ticket = Some(self.permit.request_another(Demand { is_interactive: false, memory_limit }));
        }
        if !self.has_next() {
            self.ticket = None;
        }
    }

    /// Begins to prepare the sandbox of the next run, if others are active.
    fn prepare_next_sandbox(&mut self) {
        if !self.active.is_empty() && self.next_sandbox.is_none() && self.has_next() {
            let (stages, build, number) = (self.stages, self.build, self.next);
            let request = async move { stages.prepare_run(number, &stages.job.limits, build).await };
            self.next_sandbox = NextSandbox::Requested(Box::pin(request));
        }
    }

    /// Starts the next run with its own permit.
    fn granted(&mut self, permit: Option<Permit>) {
        self.ticket = None;
        if permit.is_some()
            && self.has_next()
            && let WallTime::Reserved(wall_time) = self.wall_time.reserve(self.stages.job.limits.wall_time)
        {
            self.start(wall_time, permit);
        }
    }

    /// Starts the next run with this limit of its wall-clock time, and with its own permit or that of the execution.
    fn start(&mut self, reserved: Duration, own_permit: Option<Permit>) {
        let number = self.next;
        self.next += 1;
        self.is_permit_used |= own_permit.is_none();
        let (stages, permit, build, judge) = (self.stages, self.permit, self.build, self.judge);
        let limits = Limits { wall_time: reserved, ..stages.job.limits.clone() };
        let cancel = self.cancel.child_token();
        self.cancel_run.push(cancel.clone());
        let sandbox = std::mem::take(&mut self.next_sandbox);
        self.active.push(Box::pin(async move {
            let is_next = number > 0 && own_permit.is_none();
            if is_next {
                permit.yield_to_waiting(&cancel).await;
            }
            let prepared = Mutex::new(sandbox.take().await);
            let run = Run { number, limits, cancel, prepared };
            let result = if is_next && run.cancel.is_cancelled() {
                None
            } else {
                let permit = ProgramPermit::Single(own_permit.as_ref().unwrap_or(permit));
                let judge = judge.of_run(&stages.job.runs[number as usize]);
                Some(stages.run(&run, permit, build, judge, None).await)
            };
            EndedRun { number, reserved, permit: own_permit, result, unused: run.take_prepared() }
        }));
    }

    /// Takes the report of a run, and begins its cleanup.
    fn ended(&mut self, ended: EndedRun, cleanups: &mut Cleanups<'_>) {
        let EndedRun { number, reserved, permit, result, unused } = ended;
        if let Some(unused) = unused {
            cleanups.discard(unused.sandbox);
        }
        match &permit {
            Some(own) => own.start_cleanup(),
            None => {
                self.is_permit_used = false;
                if !self.has_next() && !self.active.is_empty() {
                    // The others have permits of their own.
                    self.permit.start_cleanup();
                }
            }
        }
        let used = match &result {
            Some(Ok(result)) => result.report.usage.wall_time + result.judge_time,
            Some(Err(_)) | None => Duration::ZERO,
        };
        self.wall_time.settle(reserved, used);
        match result {
            Some(Ok(StageResult { report, cleanup, .. })) => {
                self.take_report(number, report);
                cleanups.push(PendingCleanup { permit, ..cleanup });
            }
            Some(Err(failure)) => self.note(Err(failure)),
            None => {}
        }
    }

    /// Takes the report of a run. If it failed, and the others are to be skipped then, those after it are cancelled.
    /// Those before it go on, so the first run that fails is the same as if there was only one at a time.
    fn take_report(&mut self, number: u32, report: StageReport) {
        if self.stages.job.stop_on_first_failure && report.is_failure() {
            let first = self.first_failed.map_or(number, |first| first.min(number));
            self.first_failed = Some(first);
            for later in self.cancel_run.iter().skip(first as usize + 1) {
                later.cancel();
            }
        }
        self.reports.insert(number, report);
    }

    /// Reports all runs after the first failure as skipped, even those that have ended.
    async fn skip_after_failure(&mut self) {
        let Some(first_failed) = self.first_failed else { return };
        if self.cancel.is_cancelled() {
            return;
        }
        let judgement = || self.stages.job.is_judged().then(|| Verdict::Skipped.into());
        for number in (first_failed + 1..).take(self.stages.job.runs.len() - first_failed as usize - 1) {
            let has_begun = (number as usize) < self.cancel_run.len();
            let skipped = if has_begun {
                let report = StageReport::new(StageName::Run(number), Status::Skipped);
                StageReport { judgement: judgement(), ..report }
            } else {
                self.stages.report_skipped(number, judgement()).await
            };
            self.reports.insert(number, skipped);
        }
    }

    /// Notes the result of a cleanup. Killed processes that take long to end cost their slot, not the result of their run.
    fn note_cleanup(&mut self, result: Result<(), Failure>) {
        match result {
            Err(Failure::NotEmptied) => warn!("cleanup of a run could not be confirmed"),
            result => self.note(result),
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
