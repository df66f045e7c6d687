//! The stages of one execution, each in its own sandbox.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use protocol::{Clock, Event, Judgement, Limits, RunRequest, StageName, StageReport, Status, Verdict};
use sandbox::SealedMemoryFile;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::admission::job::Job;
use crate::execution::build_source::BuildSource;
use crate::execution::executor::{Connections, Executor};
use crate::execution::next_sandbox::PreparedSandbox;
use crate::execution::program_permit::ProgramPermit;
use crate::execution::stage::{self, Link, StageContext, StageInput, StageOutcome, StageResult};
use crate::failure::Failure;
use crate::languages::toolchain::{StageCommand, StageKind};
use crate::metrics::TimedStep;
use crate::plan::collection::collection;
use crate::plan::stage_spec::{SandboxSource, StageSpec, WarmUp};
use crate::pool::sandbox::Sandbox;
use crate::uploads::Upload;

/// The common state of the stages of an execution, of which several may be active concurrently.
pub(super) struct Stages<'a> {
    pub(super) executor: &'a Executor,
    pub(super) job: &'a Job,
    /// The contents of the source files, except for that of an upload.
    sources: Vec<&'a [u8]>,
    connections: Connections,
    /// The users of the sandboxes so far.
    uids: Mutex<Vec<u32>>,
    /// Whether a user has the name of the execution.
    has_named_user: AtomicBool,
    /// Set when the client knows that the execution has started.
    started: OnceCell<()>,
    /// The report of a compilation that the cache made unnecessary.
    cached_compile: OnceCell<StageReport>,
}

/// A run that may begin.
pub(super) struct Run {
    pub(super) number: u32,
    pub(super) limits: Limits,
    /// Cancels this run.
    pub(super) cancel: CancellationToken,
    /// A sandbox for it, if one was prepared.
    pub(super) prepared: Mutex<Option<Box<PreparedSandbox>>>,
}

/// What runs and judges the program of a run that gets a judgement.
pub(super) trait JudgedRun: Sync {
    /// Runs the program. The report in the result has the judgement.
    fn run<'s>(
        &'s self,
        stages: &'s Stages<'_>,
        stage: &'s Stage<'_>,
    ) -> BoxFuture<'s, Result<StageResult, Failure>>;

    /// Returns whether the result of a program must have its stdout.
    fn reads_output(&self) -> bool;
}

/// A stage that may begin.
#[derive(Clone, Copy)]
pub(super) struct Stage<'s> {
    pub(super) name: StageName,
    pub(super) spec: StageSpec<'s>,
    pub(super) request: &'s RunRequest,
    pub(super) build: &'s BuildSource<'s>,
    pub(super) permit: ProgramPermit<'s>,
    pub(super) cancel: &'s CancellationToken,
    /// What judges a run.
    pub(super) judge: Option<&'s dyn JudgedRun>,
    /// The program's end of a dialogue.
    pub(super) link: Option<&'s Link>,
    /// The run that it is, if it is one.
    pub(super) run: Option<&'s Run>,
}

impl Stage<'_> {
    /// Returns the limit of its wall-clock time.
    pub(super) const fn wall_time_limit(&self) -> Duration {
        self.spec.limits.wall_time
    }

    /// Takes the sandbox that was prepared for this run, if it is still there.
    async fn take_prepared(&self) -> Option<Box<PreparedSandbox>> {
        let mut prepared = self.run?.take_prepared()?;
        if prepared.is_alive().await {
            return Some(prepared);
        }
        warn!(language = self.spec.toolchain.name, "prepared sandbox is gone, its slot is replaced");
        None
    }
}

impl Run {
    /// Takes the sandbox that was prepared for it.
    pub(super) fn take_prepared(&self) -> Option<Box<PreparedSandbox>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<'a> Stages<'a> {
    pub(super) fn new(executor: &'a Executor, job: &'a Job, connections: Connections) -> Self {
        Self {
            executor,
            job,
            sources: job
                .sources
                .iter()
                .filter_map(|source| source.content.bytes())
                .map(|bytes| &bytes[..])
                .collect(),
            connections,
            uids: Mutex::default(),
            has_named_user: AtomicBool::new(false),
            started: OnceCell::new(),
            cached_compile: OnceCell::new(),
        }
    }

    /// Returns a token that is cancelled with the whole execution.
    pub(super) const fn cancel(&self) -> &CancellationToken {
        &self.connections.cancel
    }

    /// Returns the users of the sandboxes, in order.
    pub(super) fn into_uids(self) -> Vec<u32> {
        self.uids.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports a compilation that the cache made unnecessary, when the first run starts.
    pub(super) fn set_cached_compile(&self, report: StageReport) {
        let _ = self.cached_compile.set(report);
    }

    /// Reports a run for which no wall-clock time is left.
    pub(super) async fn report_without_run(&self, number: u32) -> StageReport {
        let wall_time = self.job.wall_time;
        let status = Status::TimedOut { clock: Clock::Wall, limit: wall_time, used: wall_time };
        let mut report = StageReport::new(StageName::Run(number), status);
        if self.job.is_judged() {
            report.judgement = Some(Verdict::TimeLimitExceeded.into());
        }
        self.report(report).await
    }

    /// Reports a run that is skipped.
    pub(super) async fn report_skipped(&self, number: u32, judgement: Option<Box<Judgement>>) -> StageReport {
        self.started.get_or_init(|| self.report_start()).await;
        let report = StageReport::new(StageName::Run(number), Status::Skipped);
        self.report(StageReport { judgement, ..report }).await
    }

    /// Reports a run that did not take place.
    async fn report(&self, report: StageReport) -> StageReport {
        self.send(Event::StageStarted(report.stage)).await;
        self.send(Event::StageFinished(report.clone())).await;
        report
    }

    /// Records the users of sandboxes that served a checker or an interactor.
    pub(super) fn record_uids(&self, uids: Vec<u32>) {
        self.lock_uids().extend(uids);
    }

    /// Compiles the sources.
    pub(super) async fn compile(
        &self,
        command: &StageCommand,
        permit: ProgramPermit<'_>,
    ) -> Result<StageResult, Failure> {
        self.before_runs(StageKind::Compile, command, permit).await
    }

    /// Checks the syntax of the main file, as the compile stage.
    pub(super) async fn check(
        &self,
        command: &StageCommand,
        permit: ProgramPermit<'_>,
    ) -> Result<StageResult, Failure> {
        self.before_runs(StageKind::Check, command, permit).await
    }

    /// Does the stage before the runs.
    async fn before_runs(
        &self,
        kind: StageKind,
        command: &StageCommand,
        permit: ProgramPermit<'_>,
    ) -> Result<StageResult, Failure> {
        let request = &RunRequest::default();
        let limits = self.job.compile_limits.as_ref().unwrap_or(&command.limits);
        self.stage(Stage {
            name: StageName::Compile,
            spec: self.spec(kind, command, limits, request),
            request,
            build: &BuildSource::None,
            permit,
            cancel: self.cancel(),
            judge: None,
            link: None,
            run: None,
        })
        .await
    }

    /// Prepares a sandbox for a run that cannot start yet. Returns `None` if the run finds a pre-warmed interpreter
    /// when it starts, or if a slot or a user is scarce.
    pub(super) async fn prepare_run(
        &self,
        number: u32,
        limits: &Limits,
        build: &BuildSource<'_>,
    ) -> Option<PreparedSandbox> {
        let request = &self.job.runs[number as usize];
        let spec = self.spec(self.job.run_kind, self.job.run_command(), limits, request);
        if spec.terminal.is_some() || spec.can_be_pre_warmed() {
            return None;
        }
        // An error is found again, and reported, by the run.
        let build = build.mount().await.ok()?;
        let sandbox = self.executor.pool.prepare_ahead(&spec, self.next_user_name())?;
        Some(PreparedSandbox { sandbox, build })
    }

    /// Runs the program once.
    pub(super) async fn run(
        &self,
        run: &Run,
        permit: ProgramPermit<'_>,
        build: &BuildSource<'_>,
        judge: Option<&dyn JudgedRun>,
        link: Option<&Link>,
    ) -> Result<StageResult, Failure> {
        let request = &self.job.runs[run.number as usize];
        self.stage(Stage {
            name: StageName::Run(run.number),
            spec: self.spec(self.job.run_kind, self.job.run_command(), &run.limits, request),
            request,
            build,
            permit,
            cancel: &run.cancel,
            judge,
            link,
            run: Some(run),
        })
        .await
    }

    fn spec<'s>(
        &'s self,
        kind: StageKind,
        command: &'s StageCommand,
        limits: &'s Limits,
        run: &'s RunRequest,
    ) -> StageSpec<'s> {
        StageSpec {
            toolchain: &self.job.toolchain,
            kind,
            command,
            limits,
            sources: &self.job.sources,
            arguments: &run.args,
            environment: &run.environment,
            terminal: run.terminal,
            merge_output: run.merge_output,
            has_archive: self.job.has_archive,
        }
    }

    /// Does a stage from its sandbox to its report, which the client gets. Only its cleanup is left to do.
    async fn stage(&self, stage: Stage<'_>) -> Result<StageResult, Failure> {
        let mut result = match stage.judge {
            Some(judge) => judge.run(self, &stage).await?,
            None => self.run_program(&stage).await?,
        };
        let metrics = &self.executor.metrics;
        metrics.time(TimedStep::Launch, result.launch_time);
        metrics.time(TimedStep::of(stage.spec.kind), result.report.usage.wall_time);
        // The program has ended, and its sandbox is not cleaned up: what needs both, or changes the report, comes here.
        self.judge_compilation(&mut result.report);
        if !result.errors.is_empty() && !result.report.status.is_success() {
            result.report.hint = stage.spec.toolchain.hint(&result.errors);
        }
        self.send(Event::StageFinished(result.report.clone())).await;
        Ok(result)
    }

    /// Adds the judgement to the report of a compilation that failed.
    fn judge_compilation(&self, report: &mut StageReport) {
        let has_failed = !report.status.is_success() && report.status != Status::Cancelled;
        if report.stage == StageName::Compile && has_failed && self.job.is_judged() {
            report.judgement = Some(Verdict::CompileError.into());
        }
    }

    /// Runs the program of a stage, in a sandbox from the pool if one fits.
    pub(super) async fn run_program(&self, stage: &Stage<'_>) -> Result<StageResult, Failure> {
        let requested = Instant::now();
        let executor = self.executor;
        let mut source = SandboxSource::Pool(WarmUp::Full);
        let mut prepared = stage.take_prepared().await;
        loop {
            let (sandbox, build) = match prepared.take() {
                Some(prepared) => (prepared.sandbox, prepared.build),
                None => {
                    let build = stage.build.mount().await?;
                    (executor.pool.take(&stage.spec, source, self.next_user_name()).await?, build)
                }
            };
            self.sandbox_taken(&sandbox).await;
            let collection = collection(self.job, stage.spec.kind, stage.spec.limits, &sandbox.plan.user);
            let input = StageInput {
                name: stage.name,
                kind: stage.spec.kind,
                start: &executor.planner.start(&stage.spec, &sandbox.plan.user),
                sources: &self.sources,
                uploaded_source: self.uploaded_source(),
                build: build.as_ref(),
                limits: stage.spec.limits,
                stdin: &stage.request.stdin,
                collection: collection.as_ref(),
                upload: self.upload(stage.name).map(|upload| &upload.file),
                link: stage.link,
                keeps_errors: stage.spec.toolchain.has_hints(),
                keeps_stdout: stage.judge.is_some_and(JudgedRun::reads_output),
                requested,
            };
            let context = StageContext {
                planner: &executor.planner,
                permit: stage.permit,
                grace: executor.grace,
                events: &self.connections.events,
                cancel: stage.cancel,
            };
            match stage::run(sandbox, &input, &context, &self.connections.input).await? {
                StageOutcome::Finished(result) => return Ok(*result),
                StageOutcome::SetupFailed(error) => return Err(Failure::Setup(error)),
                // No process of a cold sandbox is older than the program, so this happens once at most.
                StageOutcome::NeverStarted => source = SandboxSource::Cold,
            }
        }
    }

    /// Returns the stdin of a run, if it was uploaded.
    pub(super) fn upload(&self, stage: StageName) -> Option<&Arc<Upload>> {
        match stage {
            StageName::Run(number) => self.job.uploads.of(number),
            StageName::Compile => None,
        }
    }

    fn uploaded_source(&self) -> Option<&SealedMemoryFile> {
        self.job.sources.iter().find_map(|source| source.content.upload()).map(|upload| &upload.file)
    }

    /// The first user is named after the execution, unless its sandbox was pre-warmed. No two users have the same name.
    fn next_user_name(&self) -> Uuid {
        let is_first = !self.has_named_user.swap(true, Ordering::Relaxed);
        if is_first { self.job.id.0 } else { Uuid::new_v4() }
    }

    /// Records the user of a sandbox. The client learns with the first one that the execution has started, before it
    /// learns anything of a stage.
    async fn sandbox_taken(&self, sandbox: &Sandbox) {
        self.lock_uids().push(sandbox.uid());
        self.started.get_or_init(|| self.report_start()).await;
    }

    async fn report_start(&self) {
        let Job { id, limits, compile_limits, .. } = self.job;
        let limits = Box::new(limits.clone());
        let compile_limits = compile_limits.clone().map(Box::new);
        self.send(Event::Started { id: *id, limits, compile_limits }).await;
        if let Some(report) = self.cached_compile.get() {
            self.send(Event::StageStarted(StageName::Compile)).await;
            self.send(Event::StageFinished(report.clone())).await;
        }
    }

    /// Sends an event to the client. A client that is gone cancels the execution in another way.
    pub(super) async fn send(&self, event: Event) {
        let _ = self.connections.events.send(event).await;
    }

    fn lock_uids(&self) -> MutexGuard<'_, Vec<u32>> {
        self.uids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
