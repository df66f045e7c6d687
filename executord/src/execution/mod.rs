//! One execution: identity, stages, cleanup. There is one way out, and it leads through cleanup: of a stage before the
//! next one begins, of the last one when the result was told.

pub(crate) mod build_cache;
pub(crate) mod input;
pub(crate) mod internal_jobs;
pub(crate) mod output;
pub(crate) mod plan;
pub(crate) mod stage;
pub(crate) mod terminal;
pub(crate) mod verdict;

use std::os::fd::OwnedFd;
use std::time::Instant;

use protocol::{Event, Outcome, RunRequest, StageName, StageReport, Usage};
use tokio_util::sync::CancellationToken;

use crate::admission::job::Job;
use crate::execution::build_cache::{BuildCache, CachedBuild};
use crate::execution::input::InputReceiver;
use crate::execution::plan::{Planner, SandboxSource, StageSpec};
use crate::execution::stage::{EventSender, PendingCleanup, StageContext, StageInput};
use crate::failure::Failure;
use crate::languages::toolchain::StageKind;
use crate::metrics::{Metrics, TimedStep};
use crate::pool::SandboxPool;
use crate::pool::sandbox::Sandbox;
use crate::pool::slot::Slot;

/// What executions have in common.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) pool: std::sync::Arc<SandboxPool>,
    pub(crate) build_cache: BuildCache,
    pub(crate) planner: Planner,
    pub(crate) grace: std::time::Duration,
    pub(crate) metrics: Metrics,
}

/// What connects an execution to its client.
pub(crate) struct Connections {
    pub(crate) events: EventSender,
    pub(crate) input: InputReceiver,
    pub(crate) cancel: CancellationToken,
}

/// How an execution ended.
pub(crate) struct ExecutionResult {
    /// The users of its stages.
    pub(crate) uids: Vec<u32>,
    pub(crate) result: Result<Outcome, Failure>,
    /// To be cleared away by [`Executor::clear`], after the result is told.
    pub(crate) rest: Option<Rest>,
}

/// What is left of an execution's last stage.
#[must_use]
pub(crate) struct Rest {
    remains: PendingCleanup,
    kind: StageKind,
}

/// An execution on its way.
struct Execution<'a> {
    executor: &'a Executor,
    job: &'a Job,
    contents: Vec<&'a [u8]>,
    connections: Connections,
    uids: Vec<u32>,
    /// To be told when the execution has begun.
    compiled_before: Option<StageReport>,
    /// Of the stage before.
    rest: Option<Rest>,
}

impl Executor {
    /// Execute a job.
    pub(crate) async fn execute(&self, job: &Job, connections: Connections) -> ExecutionResult {
        let begun = Instant::now();
        let contents = job.sources.iter().map(|source| &source.content[..]).collect();
        let mut execution = Execution {
            executor: self,
            job,
            contents,
            connections,
            uids: Vec::new(),
            compiled_before: None,
            rest: None,
        };
        let result = execution.stages().await;
        self.metrics.time(TimedStep::Total, begun.elapsed());
        let Execution { uids, rest, .. } = execution;
        ExecutionResult { uids, result, rest }
    }

    /// Clear away what is left of a stage, and of what was built in it. An error means that there is no proof that
    /// nothing is left; then its user is withheld and its slot made anew.
    pub(crate) async fn clear(&self, rest: Option<Rest>) -> Result<(), Failure> {
        let Some(Rest { remains, kind }) = rest else { return Ok(()) };
        let slot = self.slot_of(remains).await?;
        self.give_back(slot, kind)
    }

    async fn slot_of(&self, remains: PendingCleanup) -> Result<Slot, Failure> {
        let (slot, took) = remains.clear().await?;
        self.metrics.time(TimedStep::Cleanup, took);
        Ok(slot)
    }

    /// Give the slot of a stage back, without what was built in it.
    fn give_back(&self, slot: Slot, kind: StageKind) -> Result<(), Failure> {
        if kind == StageKind::Compile {
            slot.drop_build()?;
        }
        self.pool.release(slot);
        Ok(())
    }
}

impl Execution<'_> {
    /// Compile where the language needs it, then run. What is built stays in the slot that it was built in until all
    /// runs are over, or for longer.
    async fn stages(&mut self) -> Result<Outcome, Failure> {
        if !self.job.toolchain.is_compiled() {
            let runs = self.runs(&BuildSource::Nothing).await?;
            return Ok(self.outcome(None, runs));
        }
        let build_cache = &self.executor.build_cache;
        let key = build_cache.key(self.job);
        if let Some(kept) = key.as_ref().and_then(|key| build_cache.find(key)) {
            let report = StageReport { usage: Usage::default(), ..kept.report.clone() };
            self.compiled_before = Some(report.clone());
            let runs = self.runs(&BuildSource::Cache(kept)).await?;
            return Ok(self.outcome(Some(report), runs));
        }
        let StageResult { report, remains, was_silent } =
            self.stage(StageName::Compile, &RunRequest::default(), &BuildSource::Nothing).await?;
        if !report.status.is_success() {
            self.rest = Some(Rest { remains, kind: StageKind::Compile });
            return Ok(self.outcome(Some(report), Vec::new()));
        }
        let slot = self.executor.slot_of(remains).await?;
        let runs = self.runs(&BuildSource::Slot(&slot)).await;
        // What a compiler said beside would have to be said again.
        let key = key.filter(|_| was_silent && runs.is_ok());
        let slot = match key {
            Some(key) => {
                let (_, bytes) = slot.share_build().await?;
                build_cache.put(key, report.clone(), slot, bytes)
            }
            None => Some(slot),
        };
        slot.map_or(Ok(()), |slot| self.executor.give_back(slot, StageKind::Compile))?;
        Ok(self.outcome(Some(report), runs?))
    }

    async fn runs(&mut self, build: &BuildSource<'_>) -> Result<Vec<StageReport>, Failure> {
        let mut reports = Vec::with_capacity(self.job.runs.len());
        for (number, run) in (0_u32..).zip(&self.job.runs) {
            self.executor.clear(self.rest.take()).await?;
            let StageResult { report, remains, .. } = self.stage(StageName::Run(number), run, build).await?;
            self.rest = Some(Rest { remains, kind: StageKind::Run });
            reports.push(report);
            if self.connections.cancel.is_cancelled() {
                break;
            }
        }
        Ok(reports)
    }

    fn outcome(&self, compile: Option<StageReport>, runs: Vec<StageReport>) -> Outcome {
        Outcome { id: self.job.id, compile, runs }
    }

    async fn stage(
        &mut self,
        name: StageName,
        run: &RunRequest,
        build: &BuildSource<'_>,
    ) -> Result<StageResult, Failure> {
        let Job { toolchain, sources, limits, .. } = self.job;
        let kind = if name == StageName::Compile { StageKind::Compile } else { StageKind::Run };
        let command = toolchain.stage(kind).ok_or(Failure::NoSuchStage)?;
        let limits = if kind == StageKind::Compile { &command.limits } else { limits };
        let spec = StageSpec {
            toolchain,
            kind,
            command,
            limits,
            sources,
            arguments: &run.args,
            terminal: run.terminal,
        };
        let asked = Instant::now();
        let mut source = SandboxSource::Pool;
        let end = loop {
            let build = build.share().await?;
            // The first user is named after the execution, unless its sandbox is older than that.
            let name_of_user = self.uids.is_empty().then_some(self.job.id);
            let sandbox = self.executor.pool.take(&spec, source, name_of_user).await?;
            self.begin(&sandbox).await;
            let start = self.executor.planner.start(&spec, &sandbox.plan.user);
            let stage = StageInput {
                name,
                start: &start,
                sources: &self.contents,
                build: build.as_ref(),
                limits,
                stdin: &run.stdin,
                asked,
            };
            let Executor { planner, grace, .. } = self.executor;
            let Connections { events, input, cancel } = &mut self.connections;
            let around = StageContext { planner, grace: *grace, events, cancel };
            if let Some(end) = stage::run(sandbox, &stage, &around, input).await? {
                break end;
            }
            // Whoever ends what waits cannot end what is not there yet.
            source = SandboxSource::Cold;
        };
        let (Executor { metrics, .. }, Connections { events, .. }) = (self.executor, &self.connections);
        // What watched a failure is not trusted again: its slot ends here.
        let report = end.report.map_err(Failure::Setup)?;
        metrics.time(TimedStep::Launch, end.launch_time);
        metrics.time(TimedStep::of(kind), report.usage.wall_time);
        let _ = events.send(Event::StageFinished(report.clone())).await;
        Ok(StageResult { report, remains: end.remains, was_silent: end.was_silent })
    }

    /// Records the user of another sandbox, and reports the start with the first.
    async fn begin(&mut self, sandbox: &Sandbox) {
        self.uids.push(sandbox.plan.user.uid);
        if self.uids.len() == 1 {
            let (id, limits) = (self.job.id, Box::new(self.job.limits.clone()));
            // Who is gone already is found out by the stage.
            let _ = self.connections.events.send(Event::Started { id, limits }).await;
            if let Some(report) = self.compiled_before.take() {
                let _ = self.connections.events.send(Event::StageStarted(StageName::Compile)).await;
                let _ = self.connections.events.send(Event::StageFinished(report)).await;
            }
        }
    }
}

/// What the runs see of a compilation.
enum BuildSource<'a> {
    /// There is none.
    Nothing,
    /// What it wrote in this slot.
    Slot(&'a Slot),
    /// What an earlier one wrote.
    Cache(CachedBuild),
}

impl BuildSource<'_> {
    /// It, for one sandbox.
    async fn share(&self) -> Result<Option<OwnedFd>, Failure> {
        match self {
            Self::Nothing => Ok(None),
            Self::Slot(slot) => Ok(Some(slot.share_build().await?.0)),
            Self::Cache(kept) => kept.share().await.map(Some),
        }
    }
}

/// A stage that was run to its end.
struct StageResult {
    report: StageReport,
    remains: PendingCleanup,
    was_silent: bool,
}
