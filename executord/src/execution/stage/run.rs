//! A stage from its start to its outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::errno::Errno;
use protocol::{ByteCount, Event, StageReport, StartKind, Status, Stdin, StreamName};
use sandbox::cgroup::Readings;
use sandbox::{InputFile, SetupError, Start, Step};
use tokio::net::unix::pipe;
use tracing::warn;

use super::collect::{Archive, send_no_output_files, send_output_files};
use super::input::{StageContext, StageInput};
use super::input_watch::InputWatch;
use super::stdin::write_stdin;
use super::watch::{StageRecord, Watch};
use crate::execution::pending_cleanup::PendingCleanup;
use crate::execution::verdict::{Observation, judge};
use crate::failure::{Context, Failure};
use crate::pool::sandbox::Sandbox;
use crate::streams::input::InputReceiver;

/// The outcome of a stage.
pub(crate) enum StageOutcome {
    /// The program ran and ended, or was killed.
    Finished(Box<StageResult>),
    /// The sandbox could not be set up. Its slot is lost: what failed once is not trusted with another program.
    SetupFailed(SetupError),
    /// A process that was there before the program was gone when the program came. Nothing of the program has run.
    NeverStarted,
}

/// A stage whose program ran. Processes that were killed may be left.
pub(crate) struct StageResult {
    pub(crate) report: StageReport,
    /// Whether the program wrote nothing.
    pub(crate) was_silent: bool,
    /// Time from the request for a sandbox to the program's first instruction.
    pub(crate) launch_time: Duration,
    /// The program's stdout; empty unless it is kept.
    pub(crate) stdout: Vec<u8>,
    /// The beginning and the end of what it wrote to stderr; empty unless it is kept.
    pub(crate) errors: String,
    /// When its end was certain: it exited, or a limit was exceeded.
    pub(crate) decided: Instant,
    /// Wall-clock time of the checker that judged it.
    pub(crate) judge_time: Duration,
    pub(crate) cleanup: PendingCleanup,
}

/// Runs a stage in a sandbox. An error means that processes of it may be left.
pub(crate) async fn run(
    mut sandbox: Sandbox,
    stage: &StageInput<'_>,
    context: &StageContext<'_>,
    input: &InputReceiver,
) -> Result<StageOutcome, Failure> {
    let predates_program = sandbox.predates_program();
    sandbox.pipes.output.set_limit(stage.limits.output);
    let terminal = sandbox.connect_terminal().await?;
    let archive = match stage.collection {
        None => None,
        Some(collection) => match sandbox.attach_collector(collection).await {
            Err(failure) if predates_program => {
                warn!(%failure, "cannot use sandbox for output files, falling back to a cold one");
                return Ok(StageOutcome::NeverStarted);
            }
            pipe => Some(Archive::new(pipe?, collection)),
        },
    };
    let stdin = match sandbox.start(stage.start, stage.sources, stage.uploaded_source, stage.build) {
        Err(_) if predates_program => return Ok(StageOutcome::NeverStarted),
        stdin => stdin?,
    };
    match sandbox.wait_until_launched().await {
        Err(failure) if predates_program => {
            warn!(%failure, "cannot launch sandbox from zygote, falling back to a cold one");
            return Ok(StageOutcome::NeverStarted);
        }
        launched => launched?,
    }
    let live_input = live_input(stage, terminal.is_some(), &stdin)?;
    let input_watch = InputWatch::new(Arc::clone(&input.chunk_taken));
    let write_stdin = write_stdin(stdin, terminal.clone(), stage, &input.chunks);
    let watch = Watch::new(sandbox, terminal, live_input, input_watch, stage, context);
    let (sandbox, record) = watch.until_gone(write_stdin, input.control()).await?;
    if predates_program && !record.has_begun() {
        return Ok(StageOutcome::NeverStarted);
    }
    finish(sandbox, archive, record, stage, context).await
}

/// Returns the file that a program reads its live input from, if it has live input.
fn live_input(
    stage: &StageInput<'_>,
    has_terminal: bool,
    stdin: &pipe::Sender,
) -> Result<Option<InputFile>, Failure> {
    if *stage.stdin != Stdin::Live || stage.link.is_some() {
        return Ok(None);
    }
    if has_terminal {
        return Ok(Some(InputFile::Terminal));
    }
    InputFile::of_pipe(stdin).map(Some).context("identify the pipe to stdin")
}

/// Judges a stage whose program is gone.
async fn finish(
    mut sandbox: Sandbox,
    archive: Option<Archive>,
    mut record: StageRecord,
    stage: &StageInput<'_>,
    context: &StageContext<'_>,
) -> Result<StageOutcome, Failure> {
    let ended = record.ended.unwrap_or_else(Instant::now);
    let readings = sandbox.readings()?.map(|readings| Readings {
        cpu_time: readings.cpu_time.saturating_sub(record.setup.cpu_time),
        user_time: readings.user_time.saturating_sub(record.setup.user_time),
        system_time: readings.system_time.saturating_sub(record.setup.system_time),
        ..readings
    });
    // Init measures the wall-clock time best: its report may have waited for us.
    let since_start = || record.started.map_or(Duration::ZERO, |started| ended.duration_since(started));
    let wall_time = record.exit.map_or_else(since_start, |exit| exit.wall_time).saturating_sub(record.waited);
    let written = sandbox.pipes.output.read_bytes();
    let observation =
        Observation { kill_reason: record.kill_reason, exit: record.exit, readings, wall_time, written };
    let (mut status, usage) = judge(&observation, stage.limits);
    if let (Some(error), None) = (record.setup_error, record.kill_reason) {
        if !is_programs_fault(&error, stage.start) {
            return Ok(StageOutcome::SetupFailed(error));
        }
        let message = Bytes::from(format!("cannot execute the program: {}\n", error.errno.desc()));
        let is_merged = stage.start.program.merge_output;
        let stream = if is_merged { StreamName::Stdout } else { StreamName::Stderr };
        let _ = context.events.send(Event::Output { stream, bytes: message, stage: stage.name }).await;
        // The exit statuses of a shell: found but not executable, or not found.
        status = Status::Exited(if error.errno == Errno::ENOENT { 127 } else { 126 });
    }
    if archive.is_some() && record.outlives_kill {
        send_no_output_files(stage.name, context).await;
    } else if let Some(archive) = archive {
        let gone = match record.gone.take() {
            Some(gone) => gone,
            None => sandbox.wait_until_gone(context.grace).await?,
        };
        record.gone = Some(gone);
        send_output_files(&mut sandbox, archive, stage.name, context).await?;
    }
    let output = &sandbox.pipes.output;
    let launch_time = record.started.unwrap_or(ended).duration_since(stage.requested);
    let start = if sandbox.predates_program() { StartKind::Warm } else { StartKind::Cold };
    Ok(StageOutcome::Finished(Box::new(StageResult {
        report: StageReport {
            usage,
            stdout_truncated: output.is_truncated(StreamName::Stdout),
            stderr_truncated: output.is_truncated(StreamName::Stderr),
            start: Some(start),
            start_time: launch_time,
            ..StageReport::new(stage.name, status)
        },
        was_silent: written == [ByteCount(0); 2],
        decided: record.decided.unwrap_or(ended),
        stdout: record.stdout,
        errors: record.errors.into_text(),
        judge_time: Duration::ZERO,
        launch_time,
        cleanup: PendingCleanup {
            sandbox,
            stage: stage.kind,
            gone: record.gone,
            ended,
            grace: context.grace,
            permit: None,
        },
    })))
}

/// Returns whether the program itself cannot be executed: a compiler may write a file that is not a program.
fn is_programs_fault(error: &SetupError, start: &Start) -> bool {
    error.step == Step::Execute
        && start.program.command.first().is_some_and(|program| program.starts_with("/build/"))
}
