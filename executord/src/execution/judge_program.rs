//! Checkers and interactors: programs of the client, compiled once per execution, each run in its own sandbox.
//!
//! Such a program is executed like any other: as the stages of a separate job, whose events are discarded.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use protocol::bounds::MAX_JUDGE_MESSAGE;
use protocol::{Event, ExecutionId, Judgement, Limits, RunRequest, StageReport, Status, StreamName};
use sandbox::HOME;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::admission::job::{Job, Judge, JudgeProgram};
use crate::admission::source::Source;
use crate::execution::build_source::BuildSource;
use crate::execution::executor::{Connections, Executor};
use crate::execution::judge::{JudgeEnd, JudgeKind, of_broken_judge};
use crate::execution::program_permit::ProgramPermit;
use crate::execution::stage::{Link, StageResult};
use crate::execution::stages::{Run, Stage, Stages};
use crate::failure::Failure;
use crate::languages::toolchain::{StageCommand, StageKind};
use crate::pool::slot::Slot;
use crate::queue::Permit;
use crate::streams::input;
use crate::uploads::Uploads;

/// Events of a judge on their way to whoever keeps its message.
const EVENT_BACKLOG: usize = 16;

/// A checker or an interactor that can run.
pub(super) struct PreparedProgram<'a> {
    program: &'a JudgeProgram,
    /// Where it was compiled, if it was.
    build: Option<Box<Mutex<Slot>>>,
}

/// The result of a compilation.
pub(super) enum Compiled<'a> {
    /// With the wall-clock time that it took.
    Ready(PreparedProgram<'a>, Duration),
    /// The judgement of all runs.
    Broken(Judgement),
    Cancelled,
}

/// A run of a checker or an interactor that ended.
pub(super) struct EndedJudge {
    pub(super) report: StageReport,
    /// Its output for people.
    message: Vec<u8>,
    /// When its end was certain.
    pub(super) decided: std::time::Instant,
}

/// The beginning of each output stream of a program.
#[derive(Default)]
struct Messages {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// A stage of a judge.
enum Step<'s> {
    Compile(&'s StageCommand),
    Run { limits: &'s Limits, build: BuildSource<'s>, link: Option<&'s Link> },
}

impl<'a> PreparedProgram<'a> {
    /// Compiles a program, if its language is compiled.
    pub(super) async fn compile(
        program: &'a JudgeProgram,
        kind: JudgeKind,
        stages: &Stages<'_>,
        permit: &Permit,
    ) -> Result<Compiled<'a>, Failure> {
        let Some(command) = program.compile_command() else {
            return Ok(Compiled::Ready(Self { program, build: None }, Duration::ZERO));
        };
        let job = job(program, program.sources.clone(), RunRequest::default(), stages.job);
        let cancel = stages.cancel();
        let (result, messages) =
            execute(stages, &job, ProgramPermit::Single(permit), cancel, Step::Compile(command)).await;
        let StageResult { report, cleanup, .. } = result?;
        let slot = stages.executor.finish(cleanup).await?;
        if report.status.is_success() {
            let used = report.usage.wall_time;
            return Ok(Compiled::Ready(Self { program, build: Some(Box::new(Mutex::new(slot))) }, used));
        }
        stages.executor.release_with_build(slot)?;
        Ok(if report.status == Status::Cancelled {
            Compiled::Cancelled
        } else {
            Compiled::Broken(of_broken_judge(kind, &[messages.stdout, messages.stderr].concat()))
        })
    }

    /// Runs the program for a run of the execution, and cleans up after it.
    pub(super) async fn run(
        &self,
        stages: &Stages<'_>,
        stage: &Stage<'_>,
        output: Bytes,
        link: Option<(&Link, &CancellationToken)>,
        permit: ProgramPermit<'_>,
    ) -> Result<EndedJudge, Failure> {
        let program = self.program;
        let args = program.run_files.iter().map(|path| format!("{HOME}/{path}")).collect();
        let request = RunRequest { args, ..RunRequest::default() };
        let sources = program.sources_for(stage.request, stages.upload(stage.name), &output);
        let job = job(program, sources, request, stages.job);
        let build = self.build.as_deref().map_or(BuildSource::None, BuildSource::Slot);
        let mut limits = program.limits.clone();
        let (link, cancel) = link.map_or((None, stage.cancel), |(link, cancel)| (Some(link), cancel));
        if link.is_some() {
            // A solution that never ends must exceed its own limit first.
            limits.wall_time = limits.wall_time.saturating_add(stage.wall_time_limit());
        }
        let step = Step::Run { limits: &limits, build, link };
        let (result, Messages { stdout, stderr }) = execute(stages, &job, permit, cancel, step).await;
        let StageResult { report, cleanup, decided, .. } = result?;
        stages.executor.clean_up(cleanup).await?;
        // In a dialogue, stdout is for the solution.
        let message = if link.is_some() || !stderr.trim_ascii().is_empty() { stderr } else { stdout };
        Ok(EndedJudge { report, message, decided })
    }

    /// Removes the build.
    pub(super) fn release(self, executor: &Executor) -> Result<(), Failure> {
        match self.build {
            Some(slot) => executor.release_with_build(slot.into_inner()),
            None => Ok(()),
        }
    }
}

impl EndedJudge {
    pub(super) fn end(&self, kind: JudgeKind) -> JudgeEnd<'_> {
        JudgeEnd { kind, status: &self.report.status, message: &self.message }
    }
}

/// Returns the job of one stage of a judge. Its id is another than that of the execution, because users are named after
/// it.
fn job(program: &JudgeProgram, sources: Vec<Source>, run: RunRequest, of: &Job) -> Job {
    Job {
        id: ExecutionId(Uuid::new_v4()),
        toolchain: program.toolchain.clone(),
        custom: program.custom.clone(),
        uploads: Uploads::default(),
        outputs: Vec::new(),
        artifacts: false,
        sources,
        runs: vec![run],
        limits: program.limits.clone(),
        has_archive: false,
        is_checked: false,
        run_kind: StageKind::Run,
        compile_limits: None,
        parallel: 1,
        wall_time: of.wall_time,
        client: of.client.clone(),
        judge: Judge::default(),
        stop_on_first_failure: false,
        keep: None,
        kept_build: None,
    }
}

/// Executes one stage of a judge. The type of the result ends the recursion: the stages of an execution have stages of
/// its judge.
fn execute<'s>(
    stages: &'s Stages<'_>,
    job: &'s Job,
    permit: ProgramPermit<'s>,
    cancel: &'s CancellationToken,
    step: Step<'s>,
) -> BoxFuture<'s, (Result<StageResult, Failure>, Messages)> {
    Box::pin(async move {
        let (events, receiver) = mpsc::channel(EVENT_BACKLOG);
        // No client has an end of it, so no signal reaches the program.
        let (_, input) = input::channel();
        let own = Stages::new(stages.executor, job, Connections { events, input, cancel: cancel.clone() });
        let execute = async move {
            let result = match step {
                Step::Compile(command) => own.compile(command, permit).await,
                Step::Run { limits, build, link } => {
                    let run = Run {
                        number: 0,
                        limits: limits.clone(),
                        cancel: cancel.clone(),
                        prepared: std::sync::Mutex::default(),
                    };
                    own.run(&run, permit, &build, None, link).await
                }
            };
            stages.record_uids(own.into_uids());
            result
        };
        tokio::join!(execute, Messages::collect(receiver))
    })
}

impl Messages {
    /// Keeps the beginning of each stream, until the last event.
    async fn collect(mut events: mpsc::Receiver<Event>) -> Self {
        let mut messages = Self::default();
        while let Some(event) = events.recv().await {
            if let Event::Output { stream, bytes, .. } = event {
                let kept = match stream {
                    StreamName::Stdout => &mut messages.stdout,
                    StreamName::Stderr => &mut messages.stderr,
                };
                let room = MAX_JUDGE_MESSAGE - kept.len();
                kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        }
        messages
    }
}
