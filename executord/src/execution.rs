//! One execution: identity, stages, cleanup. There is one way out, and it leads through cleanup.

use std::os::fd::OwnedFd;
use std::time::Instant;

use protocol::{Event, ExecutionId, Limits, Outcome, RunRequest, StageName, StageReport};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::input::InputReceiver;
use crate::job::Job;
use crate::languages::StageKind;
use crate::metrics::{Metrics, TimedStep};
use crate::plan::{Ahead, Planner, StageSpec};
use crate::prepared::Prepared;
use crate::slot::Slot;
use crate::stage::{self, EventSender, StageRun, Surroundings};
use crate::stock::Stock;

/// What executions have in common.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) stock: std::sync::Arc<Stock>,
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
pub(crate) struct Ended {
    /// What it was called, if it came so far.
    pub(crate) id: Option<ExecutionId>,
    /// The users of its stages.
    pub(crate) uids: Vec<u32>,
    pub(crate) result: Result<Outcome, Failure>,
}

/// An execution on its way.
struct Execution<'a> {
    executor: &'a Executor,
    job: &'a Job,
    contents: Vec<&'a [u8]>,
    connections: Connections,
    id: Option<ExecutionId>,
    uids: Vec<u32>,
}

impl Executor {
    /// Execute a job.
    pub(crate) async fn execute(&self, job: &Job, connections: Connections) -> Ended {
        let begun = Instant::now();
        let contents = job.sources.iter().map(|source| &source.content[..]).collect();
        let mut execution =
            Execution { executor: self, job, contents, connections, id: None, uids: Vec::new() };
        let result = execution.stages().await;
        self.metrics.time(TimedStep::Total, begun.elapsed());
        Ended { id: execution.id, uids: execution.uids, result }
    }
}

impl Execution<'_> {
    /// Compile where the language needs it, then run. What is built stays in the slot that it was built in until all
    /// runs are over.
    async fn stages(&mut self) -> Result<Outcome, Failure> {
        if !self.job.toolchain.is_compiled() {
            return self.runs(None, None).await;
        }
        let job = self.job;
        let none = RunRequest::default();
        let (report, slot) = self.stage(StageName::Compile, &none, None).await?;
        if !report.status.is_success() {
            let id = self.id.ok_or(Failure::NoSlot)?;
            self.give_back(slot)?;
            return Ok(Outcome { id, compile: Some(report), runs: Vec::with_capacity(job.runs.len()) });
        }
        let outcome = self.runs(Some(report), Some(&slot)).await;
        self.give_back(slot)?;
        outcome
    }

    async fn runs(
        &mut self,
        compile: Option<StageReport>,
        built_in: Option<&Slot>,
    ) -> Result<Outcome, Failure> {
        let mut reports = Vec::with_capacity(self.job.runs.len());
        for (number, run) in (0_u32..).zip(&self.job.runs) {
            let (report, slot) = self.stage(StageName::Run(number), run, built_in).await?;
            self.executor.stock.give_back(slot);
            reports.push(report);
            if self.connections.cancel.is_cancelled() {
                break;
            }
        }
        Ok(Outcome { id: self.id.ok_or(Failure::NoSlot)?, compile, runs: reports })
    }

    /// Give a slot back without what was built in it.
    fn give_back(&self, slot: Slot) -> Result<(), Failure> {
        slot.drop_build()?;
        self.executor.stock.give_back(slot);
        Ok(())
    }

    async fn stage(
        &mut self,
        name: StageName,
        run: &RunRequest,
        built_in: Option<&Slot>,
    ) -> Result<(StageReport, Slot), Failure> {
        let Job { toolchain, sources, limits, .. } = self.job;
        let kind = if name == StageName::Compile { StageKind::Compile } else { StageKind::Run };
        let command = toolchain.stage(kind).ok_or(Failure::NoSlot)?;
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
        let mut build = share_build(built_in).await?;
        let asked = Instant::now();
        let mut ahead = Ahead::Yes;
        let end = loop {
            let sandbox = self.executor.stock.take(&spec, ahead).await?;
            self.begin(&sandbox).await?;
            let start = self.executor.planner.start(&spec, &sandbox.plan.user);
            let stage = StageRun {
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
            let around = Surroundings { planner, grace: *grace, events, cancel };
            if let Some(end) = stage::run(sandbox, &stage, &around, input).await? {
                break end;
            }
            // Whoever ends what waits cannot end what is not there yet.
            ahead = Ahead::No;
            build = share_build(built_in).await?;
        };
        let (Executor { metrics, .. }, Connections { events, .. }) = (self.executor, &self.connections);
        // What watched a failure is not trusted again: its slot ends here.
        let report = end.report.map_err(Failure::Setup)?;
        metrics.time(TimedStep::Launch, end.launch_time);
        metrics.time(TimedStep::of(kind), report.usage.wall_time);
        metrics.time(TimedStep::Cleanup, end.cleanup_time);
        let _ = events.send(Event::StageFinished(report.clone())).await;
        Ok((report, end.slot))
    }

    /// Another sandbox is ours. The execution is called after the first.
    async fn begin(&mut self, sandbox: &Prepared) -> Result<(), Failure> {
        self.uids.push(sandbox.plan.user.uid);
        if self.id.is_none() {
            let id = sandbox.identity()?.id();
            self.id = Some(id);
            let limits: Box<Limits> = Box::new(self.job.limits.clone());
            // Who is gone already is found out by the stage.
            let _ = self.connections.events.send(Event::Started { id, limits }).await;
        }
        Ok(())
    }
}

/// What was built, for one sandbox.
async fn share_build(built_in: Option<&Slot>) -> Result<Option<OwnedFd>, Failure> {
    match built_in {
        Some(slot) => slot.share_build().await.map(Some),
        None => Ok(None),
    }
}
