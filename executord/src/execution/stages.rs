//! The stages of one execution, each in a sandbox of its own.

use std::time::{Duration, Instant};

use protocol::{Clock, Event, Limits, RunRequest, StageName, StageReport, Status, Usage};
use uuid::Uuid;

use crate::admission::job::Job;
use crate::execution::build_source::BuildSource;
use crate::execution::executor::{Connections, Executor};
use crate::execution::pending_cleanup::PendingCleanup;
use crate::execution::stage::{self, StageContext, StageInput, StageOutcome, StageResult};
use crate::failure::Failure;
use crate::languages::toolchain::{StageCommand, StageKind};
use crate::metrics::TimedStep;
use crate::plan::stage_spec::{SandboxSource, StageSpec};
use crate::pool::sandbox::Sandbox;
use crate::queue::Permit;

/// Runs the stages of an execution.
pub(super) struct Stages<'a> {
    pub(super) executor: &'a Executor,
    pub(super) job: &'a Job,
    permit: &'a Permit,
    /// Wall-clock time that the next stages may take together.
    wall_time_left: Duration,
    /// The contents of the source files.
    sources: Vec<&'a [u8]>,
    connections: Connections,
    /// The users of the sandboxes so far.
    pub(super) uids: Vec<u32>,
    /// The report of a compilation that the cache made unnecessary, until it was sent.
    pub(super) cached_compile: Option<StageReport>,
    /// The cleanup of the last stage.
    pub(super) cleanup: Option<PendingCleanup>,
}

impl<'a> Stages<'a> {
    pub(super) fn new(
        executor: &'a Executor,
        job: &'a Job,
        permit: &'a Permit,
        connections: Connections,
    ) -> Self {
        Self {
            executor,
            job,
            permit,
            wall_time_left: job.wall_time,
            sources: job.sources.iter().map(|source| &source.content[..]).collect(),
            connections,
            uids: Vec::new(),
            cached_compile: None,
            cleanup: None,
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.connections.cancel.is_cancelled()
    }

    /// Lets other executions run before the next stage, if any wait.
    pub(super) async fn yield_to_waiting(&self) {
        self.permit.yield_to_waiting(&self.connections.cancel).await;
    }

    /// Returns the limits of the next run: its wall-clock time is at most what is left of that of the request. Returns
    /// `None` if nothing is left.
    pub(super) fn limits_of_run(&self) -> Option<Limits> {
        let wall_time = self.job.limits.wall_time.min(self.wall_time_left);
        (wall_time >= Limits::MINIMA.wall_time).then(|| Limits { wall_time, ..self.job.limits.clone() })
    }

    /// Reports a run for which no wall-clock time is left.
    pub(super) async fn report_without_run(&self, number: u32) -> StageReport {
        let report = StageReport {
            stage: StageName::Run(number),
            status: Status::TimedOut {
                clock: Clock::Wall,
                limit: self.job.wall_time,
                used: self.job.wall_time,
            },
            usage: Usage::default(),
            stdout_truncated: false,
            stderr_truncated: false,
        };
        self.send(Event::StageStarted(report.stage)).await;
        self.send(Event::StageFinished(report.clone())).await;
        report
    }

    /// Compiles the sources.
    pub(super) async fn compile(&mut self, command: &StageCommand) -> Result<StageResult, Failure> {
        let run = RunRequest::default();
        let spec = self.spec(StageKind::Compile, command, &command.limits, &run);
        self.stage(StageName::Compile, &spec, &run, &BuildSource::None).await
    }

    /// Runs the program once.
    pub(super) async fn run(
        &mut self,
        number: u32,
        run: &RunRequest,
        limits: &Limits,
        build: &BuildSource<'_>,
    ) -> Result<StageResult, Failure> {
        let spec = self.spec(StageKind::Run, &self.job.toolchain.run, limits, run);
        self.stage(StageName::Run(number), &spec, run, build).await
    }

    fn spec<'s>(
        &self,
        kind: StageKind,
        command: &'s StageCommand,
        limits: &'s Limits,
        run: &'s RunRequest,
    ) -> StageSpec<'s>
    where
        'a: 's,
    {
        StageSpec {
            toolchain: &self.job.toolchain,
            kind,
            command,
            limits,
            sources: &self.job.sources,
            arguments: &run.args,
            terminal: run.terminal,
            merge_output: run.merge_output,
        }
    }

    /// Runs a stage, in a sandbox from the pool if one fits.
    async fn stage(
        &mut self,
        name: StageName,
        spec: &StageSpec<'_>,
        run: &RunRequest,
        build: &BuildSource<'_>,
    ) -> Result<StageResult, Failure> {
        let requested = Instant::now();
        let executor = self.executor;
        let mut source = SandboxSource::Pool;
        let result = loop {
            let build = build.mount().await?;
            let sandbox = executor.pool.take(spec, source, self.next_user_name()).await?;
            self.sandbox_taken(&sandbox).await;
            let input = StageInput {
                name,
                start: &executor.planner.start(spec, &sandbox.plan.user),
                sources: &self.sources,
                build: build.as_ref(),
                limits: spec.limits,
                stdin: &run.stdin,
                requested,
            };
            let Connections { events, input: client_input, cancel } = &mut self.connections;
            let context = StageContext {
                planner: &executor.planner,
                permit: self.permit,
                grace: executor.grace,
                events,
                cancel,
            };
            match stage::run(sandbox, &input, &context, client_input).await? {
                StageOutcome::Finished(result) => break *result,
                StageOutcome::SetupFailed(error) => return Err(Failure::Setup(error)),
                // No process of a cold sandbox is older than the program, so this happens once at most.
                StageOutcome::NeverStarted => source = SandboxSource::Cold,
            }
        };
        executor.metrics.time(TimedStep::Launch, result.launch_time);
        executor.metrics.time(TimedStep::of(spec.kind), result.report.usage.wall_time);
        self.wall_time_left = self.wall_time_left.saturating_sub(result.report.usage.wall_time);
        self.send(Event::StageFinished(result.report.clone())).await;
        Ok(result)
    }

    /// The first user is named after the execution, unless its sandbox was pre-warmed. No two users have the same name.
    fn next_user_name(&self) -> Uuid {
        if self.uids.is_empty() { self.job.id.0 } else { Uuid::new_v4() }
    }

    /// Records the user of a sandbox, and reports with the first one that the execution has started.
    async fn sandbox_taken(&mut self, sandbox: &Sandbox) {
        self.uids.push(sandbox.uid());
        if self.uids.len() == 1 {
            let (id, limits) = (self.job.id, Box::new(self.job.limits.clone()));
            self.send(Event::Started { id, limits }).await;
            if let Some(report) = self.cached_compile.take() {
                self.send(Event::StageStarted(StageName::Compile)).await;
                self.send(Event::StageFinished(report)).await;
            }
        }
    }

    /// Sends an event to the client. A client that is gone cancels the execution in another way.
    async fn send(&self, event: Event) {
        let _ = self.connections.events.send(event).await;
    }
}
