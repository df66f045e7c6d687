//! One stage from launch to verdict: the program runs, and this watches it.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use protocol::bounds::MAX_OUTPUT_CHUNK;
use protocol::{Event, Limits, ProgramSignal, StageName, StageReport, Status, Stdin, StreamName};
use sandbox::cgroup::Readings;
use sandbox::{ExitReport, NamespaceGone, Report, SetupError, Start, Step};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::{Instant as Clock, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::execution::input::{ControlMessage, ControlMessages, InputChunks, InputReceiver};
use crate::execution::output::{OutputChunk, OutputPipe};
use crate::execution::plan::Planner;
use crate::execution::terminal::Terminal;
use crate::execution::verdict::{KillReason, Observation, judge};
use crate::failure::Failure;
use crate::pool::pipes::Pipes;
use crate::pool::sandbox::{KILL_TIMEOUT, Sandbox};
use crate::pool::slot::Slot;

/// Longer than any limit.
const FOR_EVER: Duration = Duration::from_secs(86_400 * 365);
/// At most so often, and at least so often, CPU time and out-of-memory kills are looked at.
const CHECK_EVERY: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// Where events go; full, it slows the program, and gone, it ends it by way of `cancel`.
pub(crate) type EventSender = mpsc::Sender<Event>;

/// What a stage needs to know of the execution around it.
pub(crate) struct StageContext<'a> {
    pub(crate) planner: &'a Planner,
    pub(crate) grace: Duration,
    pub(crate) events: &'a EventSender,
    pub(crate) cancel: &'a CancellationToken,
}

/// A stage to run.
pub(crate) struct StageInput<'a> {
    pub(crate) name: StageName,
    pub(crate) start: &'a Start,
    pub(crate) sources: &'a [&'a [u8]],
    /// What a compiler made of them.
    pub(crate) build: Option<&'a OwnedFd>,
    pub(crate) limits: &'a Limits,
    pub(crate) stdin: &'a Stdin,
    /// When a sandbox was asked for.
    pub(crate) asked: Instant,
}

/// How a stage went: its report, or why its sandbox could not be set up. No process of its program is left.
pub(crate) struct StageOutcome {
    pub(crate) report: Result<StageReport, SetupError>,
    /// It wrote nothing.
    pub(crate) was_silent: bool,
    /// To be cleared away.
    pub(crate) remains: PendingCleanup,
    /// From the request for a sandbox to the program's first instruction.
    pub(crate) launch_time: Duration,
}

/// What is left of a sandbox when its program is gone: an init that ends, and with it namespaces and mounts. Nobody
/// need wait for that who only wants to know how the program went.
#[must_use]
pub(crate) struct PendingCleanup {
    sandbox: Sandbox,
    /// Its init is gone too.
    gone: Option<NamespaceGone>,
    ended: Instant,
    grace: Duration,
}

impl PendingCleanup {
    /// Clear it away: its slot, as good as new, and how long that took after the program's end. An error means that
    /// there is no proof that nothing is left.
    pub(crate) async fn clear(mut self) -> Result<(Slot, Duration), Failure> {
        let gone = match self.gone.take() {
            Some(gone) => gone,
            None => self.sandbox.gone(self.grace).await?,
        };
        let emptied = self.sandbox.emptied(&gone).await?;
        Ok((self.sandbox.end(&emptied), self.ended.elapsed()))
    }
}

/// Run a stage to its end. An error means that there is no proof that its processes are gone. `None`: what had waited
/// for a program was gone when it came, and nothing has begun.
pub(crate) async fn run(
    mut sandbox: Sandbox,
    stage: &StageInput<'_>,
    around: &StageContext<'_>,
    input: &mut InputReceiver,
) -> Result<Option<StageOutcome>, Failure> {
    let has_past = sandbox.predates_program();
    sandbox.pipes.stdout.set_limit(stage.limits.output);
    sandbox.pipes.stderr.set_limit(stage.limits.output);
    let terminal = sandbox.connect_terminal().await?;
    let stdin = match sandbox.start(stage.start, stage.sources, stage.build) {
        Err(_) if has_past => return Ok(None),
        stdin => stdin?,
    };
    match sandbox.launched().await {
        Err(failure) if has_past => {
            warn!(%failure, "what a sandbox was to begin with cannot be used");
            return Ok(None);
        }
        launched => launched?,
    }
    let InputReceiver { chunks, control } = input;
    control.reset_for_next_program();
    let feed = async {
        match &terminal {
            Some(terminal) => type_stdin(terminal, stage.stdin, chunks).await,
            None => feed(stdin, stage.stdin, chunks).await,
        }
    };
    let mut watch =
        Watch { sandbox, started: None, ended: None, end: None, failure: None, kill_reason: None };
    let control_input = ControlInput { control, terminal: terminal.as_deref() };
    let gone = watch.until_gone(stage, around, feed, control_input).await?;
    if has_past && watch.started.is_none() && watch.kill_reason.is_none() {
        return Ok(None);
    }
    let ended = watch.ended.unwrap_or_else(Instant::now);
    let readings = watch.sandbox.readings()?;
    let report = match watch.setup_failure(stage.start) {
        Some(failure) => Err(failure),
        None => {
            let (status, usage) = watch.verdict(readings, stage.limits, around.events).await;
            Ok(StageReport {
                stage: stage.name,
                status,
                usage,
                stdout_truncated: watch.sandbox.pipes.stdout.is_truncated(),
                stderr_truncated: watch.sandbox.pipes.stderr.is_truncated(),
            })
        }
    };
    let Pipes { stdout, stderr, .. } = &watch.sandbox.pipes;
    Ok(Some(StageOutcome {
        report,
        was_silent: stdout.has_room_for(stage.limits.output) && stderr.has_room_for(stage.limits.output),
        launch_time: watch.started.unwrap_or(ended).duration_since(stage.asked),
        remains: PendingCleanup { sandbox: watch.sandbox, gone, ended, grace: around.grace },
    }))
}

/// Write a program's stdin and close it. A program that does not read is none of our business.
async fn feed(mut pipe: pipe::Sender, stdin: &Stdin, input: &mut InputChunks) {
    match stdin {
        Stdin::Bytes(bytes) => {
            let _ = pipe.write_all(bytes).await;
        }
        Stdin::Live => {
            while let Some(Some(bytes)) = input.recv().await {
                if pipe.write_all(&bytes).await.is_err() {
                    // Nobody reads; what still comes is taken and dropped.
                    while input.recv().await.flatten().is_some() {}
                    break;
                }
            }
        }
    }
}

/// Type a program's stdin on its terminal, and then the key that ends it. A terminal stays open all the same: what the
/// client says later is typed too.
async fn type_stdin(terminal: &Terminal, stdin: &Stdin, input: &mut InputChunks) {
    let typing = async {
        match stdin {
            Stdin::Bytes(bytes) => {
                terminal.write_all(bytes).await?;
                // Within a line the key only hands over what there is of it.
                if bytes.last().is_some_and(|&last| last != b'\n') {
                    terminal.end_input().await?;
                }
                terminal.end_input().await
            }
            Stdin::Live => {
                while let Some(chunk) = input.recv().await {
                    match chunk {
                        Some(bytes) => terminal.write_all(&bytes).await?,
                        None => terminal.end_input().await?,
                    }
                }
                Ok::<(), io::Error>(())
            }
        }
    };
    // A terminal that takes no more is one whose program is gone.
    if typing.await.is_err() {
        while input.recv().await.is_some() {}
    }
}

/// What the client says to the program, beside its input.
struct ControlInput<'a> {
    control: &'a mut ControlMessages,
    terminal: Option<&'a Terminal>,
}

/// What is watched of a running stage.
struct Watch {
    sandbox: Sandbox,
    started: Option<Instant>,
    ended: Option<Instant>,
    end: Option<ExitReport>,
    failure: Option<SetupError>,
    kill_reason: Option<KillReason>,
}

impl Watch {
    /// Watch until the program's last process is gone and all it wrote is told: until init says so, or is gone itself,
    /// which is returned then. The first event that ends the program is its cause.
    async fn until_gone(
        &mut self,
        stage: &StageInput<'_>,
        around: &StageContext<'_>,
        feed: impl Future<Output = ()>,
        control_input: ControlInput<'_>,
    ) -> Result<Option<NamespaceGone>, Failure> {
        let StageContext { planner, grace, events, cancel } = *around;
        let launched = Clock::now();
        let mut wall_deadline = launched + stage.limits.wall_time;
        let mut check_at = launched + FOR_EVER;
        let mut kill_at = launched + FOR_EVER;
        let mut give_up_at = launched + FOR_EVER;
        let mut fed = false;
        let mut feed = std::pin::pin!(feed);
        let mut gone = None;
        let mut pending: Option<Event> = None;
        let mut buffer = Box::new([0; MAX_OUTPUT_CHUNK]);
        loop {
            // What the program writes is told after the news that it started, and one piece at a time.
            let pipes = &self.sandbox.pipes;
            let reports_open = pipes.reports.is_open;
            let may_read = pending.is_none() && (self.started.is_some() || !reports_open);
            let outputs_open = pipes.stdout.is_open() || pipes.stderr.is_open();
            let is_over = self.end.is_some() || (gone.is_some() && !reports_open);
            if is_over && may_read && !outputs_open {
                return Ok(gone);
            }
            let running = self.kill_reason.is_none() && self.ended.is_none();
            let Sandbox { slot, pipes, .. } = &mut self.sandbox;
            let stop = tokio::select! {
                biased;
                () = pipes.reports.read(), if reports_open => {
                    if self.take_reports()? {
                        // The clock runs from the program's first instruction, not from our set-up.
                        wall_deadline = Clock::now() + stage.limits.wall_time;
                        check_at = Clock::now() + CHECK_EVERY.0;
                        pending = Some(Event::StageStarted(stage.name));
                    }
                    if self.ended.is_some() {
                        // Init ends the rest by ending itself. Should it hang, it is helped.
                        kill_at = kill_at.min(Clock::now() + grace);
                    }
                    None
                }
                answer = slot.gone(), if gone.is_none() => {
                    gone = Some(answer?);
                    self.ended.get_or_insert_with(Instant::now);
                    (kill_at, give_up_at) = (launched + FOR_EVER, launched + FOR_EVER);
                    None
                }
                () = sleep_until(kill_at) => {
                    self.sandbox.kill()?;
                    (kill_at, give_up_at) = (launched + FOR_EVER, Clock::now() + KILL_TIMEOUT);
                    None
                }
                () = sleep_until(give_up_at) => return Err(Failure::NotEmptied),
                () = cancel.cancelled(), if running => Some(KillReason::Cancelled),
                () = sleep_until(wall_deadline), if running => Some(KillReason::Wall),
                () = sleep_until(check_at), if running => {
                    let (kill_reason, next) = check(&self.sandbox, stage.limits, planner.cores())?;
                    check_at = Clock::now() + next;
                    kill_reason
                }
                message = control_input.control.next(), if running => {
                    self.forward_control(message, control_input.terminal);
                    None
                }
                permit = events.reserve(), if pending.is_some() => {
                    // Without a receiver there is nobody to tell.
                    if let (Ok(permit), Some(event)) = (permit, pending.take()) {
                        permit.send(event);
                    }
                    None
                }
                chunk = read_either(&mut pipes.stdout, &mut pipes.stderr, &mut buffer), if may_read => {
                    let (stream, chunk) = chunk;
                    take_chunk(chunk, stream, &mut pending)
                }
                // Not before: who is not there yet takes nothing, and may be made anew.
                () = &mut feed, if !fed && self.started.is_some() => {
                    fed = true;
                    None
                }
            };
            if let Some(kill_reason) = stop
                && self.kill_reason.is_none()
                && self.ended.is_none()
            {
                self.kill_reason = Some(kill_reason);
                kill_at = Clock::now() + self.terminate(kill_reason, grace);
            }
        }
    }

    /// Pass on what the client says. To a program that is gone, or does not run yet, it is as if nothing was said.
    fn forward_control(&self, message: ControlMessage, terminal: Option<&Terminal>) {
        let done = match (message, terminal) {
            (ControlMessage::Signal(signal), _) if self.started.is_some() => {
                self.sandbox.pipes.control.signal(signal_of(signal))
            }
            (ControlMessage::Resize(size), Some(terminal)) => terminal.resize(size),
            (ControlMessage::Signal(_) | ControlMessage::Resize(_), _) => Ok(()),
        };
        if let Err(error) = done {
            debug!(%error, ?message, "cannot deliver a control message");
        }
    }

    /// Ask the program to end, and say how long it has. Out of memory, there is nothing left to ask with.
    fn terminate(&self, kill_reason: KillReason, grace: Duration) -> Duration {
        let asked = kill_reason != KillReason::Memory && self.sandbox.pipes.control.terminate().is_ok();
        if asked { grace } else { Duration::ZERO }
    }

    /// Take what init reported. True if the program started just now.
    fn take_reports(&mut self) -> Result<bool, Failure> {
        let mut started = false;
        while let Some(report) = self.sandbox.pipes.reports.take()? {
            match report {
                Report::Prepared => {}
                Report::Started => {
                    self.started = Some(Instant::now());
                    started = true;
                }
                Report::SetupFailed(error) => self.failure = Some(error),
                Report::Exited(end) => {
                    self.ended = Some(Instant::now());
                    self.end = Some(end);
                }
            }
        }
        Ok(started)
    }

    /// Why there was no program, unless what a compiler made is to blame.
    fn setup_failure(&self, start: &Start) -> Option<SetupError> {
        self.failure.filter(|failure| !is_programs_fault(failure, start) && self.kill_reason.is_none())
    }

    async fn verdict(
        &self,
        readings: Option<Readings>,
        limits: &Limits,
        events: &EventSender,
    ) -> (Status, protocol::Usage) {
        let ended = self.ended.unwrap_or_else(Instant::now);
        // Init knows it best; it may have been a while until we heard.
        let heard = || self.started.map_or(Duration::ZERO, |started| ended.duration_since(started));
        let wall_time = self.end.map_or_else(heard, |end| end.wall_time);
        let seen = Observation { kill_reason: self.kill_reason, end: self.end, readings, wall_time };
        let (status, usage) = judge(&seen, limits);
        match (self.failure, self.kill_reason) {
            (Some(SetupError { errno, .. }), None) => {
                let words = format!("cannot execute the program: {}\n", errno.desc());
                let bytes = Bytes::from(words);
                let _ = events.send(Event::Output { stream: StreamName::Stderr, bytes }).await;
                // As a shell says it: found but not executable, or not found.
                (Status::Exited(if errno == Errno::ENOENT { 127 } else { 126 }), usage)
            }
            _ => (status, usage),
        }
    }
}

const fn signal_of(signal: ProgramSignal) -> Signal {
    match signal {
        ProgramSignal::Interrupt => Signal::SIGINT,
        ProgramSignal::Terminate => Signal::SIGTERM,
        ProgramSignal::Quit => Signal::SIGQUIT,
        ProgramSignal::HangUp => Signal::SIGHUP,
        ProgramSignal::Kill => Signal::SIGKILL,
        ProgramSignal::User1 => Signal::SIGUSR1,
        ProgramSignal::User2 => Signal::SIGUSR2,
    }
}

/// A compiler may make something that cannot be executed; that is the program's doing.
fn is_programs_fault(failure: &SetupError, start: &Start) -> bool {
    failure.step == Step::Execute
        && start.program.command.first().is_some_and(|program| program.starts_with("/build/"))
}

/// Read whichever output has something. Neither is preferred, so that neither can hide the other.
async fn read_either(
    stdout: &mut OutputPipe,
    stderr: &mut OutputPipe,
    buffer: &mut [u8; MAX_OUTPUT_CHUNK],
) -> (StreamName, OutputChunk) {
    let name = tokio::select! {
        () = stdout.readable() => stdout.name(),
        () = stderr.readable() => stderr.name(),
    };
    let pipe = if name == StreamName::Stdout { stdout } else { stderr };
    (name, pipe.read(buffer).await)
}

fn take_chunk(chunk: OutputChunk, stream: StreamName, pending: &mut Option<Event>) -> Option<KillReason> {
    match chunk {
        OutputChunk::Kept(bytes) => {
            *pending = Some(Event::Output { stream, bytes });
            None
        }
        OutputChunk::Overflow(bytes) => {
            *pending = (!bytes.is_empty()).then_some(Event::Output { stream, bytes });
            Some(KillReason::Output(stream))
        }
        OutputChunk::Dropped | OutputChunk::End => None,
    }
}

/// Whether the group used too much, and when to look again: not before it could have.
fn check(sandbox: &Sandbox, limits: &Limits, cores: u32) -> Result<(Option<KillReason>, Duration), Failure> {
    let Some(readings) = sandbox.readings()? else {
        return Ok((None, CHECK_EVERY.1));
    };
    let left = limits.cpu_time.saturating_sub(readings.cpu_time);
    let kill_reason = if readings.out_of_memory_kills > 0 {
        Some(KillReason::Memory)
    } else if left.is_zero() {
        Some(KillReason::Cpu)
    } else {
        None
    };
    Ok((kill_reason, (left / cores).clamp(CHECK_EVERY.0, CHECK_EVERY.1)))
}
