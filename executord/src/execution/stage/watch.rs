//! Watches a running program until its last process is gone.
//!
//! Whatever happens to a program is one arm of the `select!` in [`Watch::until_gone`]. The first event that ends the
//! program is its [`KillReason`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::sys::signal::Signal;
use protocol::bounds::MAX_OUTPUT_CHUNK;
use protocol::{Event, ProgramSignal, StreamName};
use sandbox::cgroup::Readings;
use sandbox::{ExitReport, InputFile, NamespaceGone, Report, SetupError};
use tokio::sync::{Notify, mpsc};
use tracing::{debug, warn};

use super::deadlines::{Deadlines, passed};
use super::error_text::ErrorText;
use super::input::{StageContext, StageInput};
use super::input_watch::{InputEvent, InputWatch};
use super::link::{Link, LinkSender};
use super::wall_clock::WallClock;
use crate::execution::verdict::KillReason;
use crate::failure::Failure;
use crate::pool::sandbox::{KILL_TIMEOUT, Sandbox};
use crate::streams::input::{ControlMessage, ControlMessages};
use crate::streams::output::OutputChunk;
use crate::streams::terminal::Terminal;

/// The shortest and the longest time between two looks at CPU time and out-of-memory kills.
const CHECK_INTERVAL: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// How far the kernel's accounting of CPU time may be behind: a tick of the timer, at 100 Hz.
const ACCOUNTING_DELAY: Duration = Duration::from_millis(10);
/// Maximum CPU time of the set-up of a sandbox. A program gains no more than this if the report of its start arrives
/// late.
const MAX_SETUP_CPU_TIME: Duration = Duration::from_millis(50);

/// How much later than the end of a program's stdout the other program of a dialogue learns of it, unless the program
/// has exited. So the daemon knows which of them ended first: the second one cannot react before.
const LINK_CLOSE_DELAY: Duration = Duration::from_millis(50);

/// How far a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Init sets the sandbox up.
    Starting,
    /// The program runs.
    Running,
    /// The daemon is ending it, for the recorded reason.
    Ending,
    /// Its main process is gone. Init ends the others.
    Exited,
}

/// A sandbox whose program is watched.
pub(super) struct Watch<'a> {
    sandbox: Sandbox,
    terminal: Option<Arc<Terminal>>,
    stage: &'a StageInput<'a>,
    context: &'a StageContext<'a>,
    phase: Phase,
    deadlines: Deadlines,
    wall_clock: WallClock,
    /// The file of live input, if the wall clock is paused while the program waits for it.
    live_input: Option<InputFile>,
    input: InputWatch,
    /// Notified when the program must end because all programs together use too much memory.
    reclaim: Arc<Notify>,
    /// The event that the client gets next. Meanwhile no more output is read.
    pending: Option<Event>,
    /// Where stdout goes in a dialogue, until its end.
    link: Option<LinkSender>,
    /// The bytes that the other program gets next. Meanwhile no more output is read.
    pending_for_link: Option<Bytes>,
    record: StageRecord,
}

/// The record of a program, from its start to its end.
#[derive(Debug, Default)]
pub(super) struct StageRecord {
    /// When the program's first instruction was reported.
    pub(super) started: Option<Instant>,
    /// The counters of its cgroup then: those of the set-up.
    pub(super) setup: Readings,
    /// When the end of its main process was reported.
    pub(super) ended: Option<Instant>,
    pub(super) exit: Option<ExitReport>,
    pub(super) setup_error: Option<SetupError>,
    pub(super) kill_reason: Option<KillReason>,
    /// When the daemon began to end it, or else when the end of its main process was reported.
    pub(super) decided: Option<Instant>,
    /// Its stdout, if that is kept. The output limit bounds it.
    pub(super) stdout: Vec<u8>,
    /// Text on stderr, if the stage needs it.
    pub(super) errors: ErrorText,
    /// Time for which it waited for live input.
    pub(super) waited: Duration,
    /// Init is gone, and with it every process of the sandbox.
    pub(super) gone: Option<NamespaceGone>,
    /// Processes were left when those killed should have been gone.
    pub(super) outlives_kill: bool,
}

impl StageRecord {
    /// Returns whether anything of the program has begun.
    pub(super) const fn has_begun(&self) -> bool {
        self.started.is_some() || self.kill_reason.is_some()
    }
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        sandbox: Sandbox,
        terminal: Option<Arc<Terminal>>,
        live_input: Option<InputFile>,
        input: InputWatch,
        stage: &'a StageInput<'a>,
        context: &'a StageContext<'a>,
    ) -> Self {
        let wall_clock = WallClock::start(Instant::now(), stage.limits);
        let live_input = live_input.filter(|_| wall_clock.may_stand_still());
        let deadlines = Deadlines::default();
        let (phase, pending, record) = (Phase::Starting, None, StageRecord::default());
        let reclaim = Arc::default();
        let link = stage.link.and_then(Link::sender);
        let pending_for_link = None;
        Self {
            sandbox,
            terminal,
            stage,
            context,
            phase,
            deadlines,
            wall_clock,
            live_input,
            input,
            reclaim,
            pending,
            link,
            pending_for_link,
            record,
        }
    }

    /// Watches until the program's last process is gone, as init reports or shows by its own end, and until all output
    /// was sent; or until killed processes take too long to end. An error means that processes may be left.
    pub(super) async fn until_gone(
        mut self,
        write_stdin: impl Future<Output = ()>,
        mut control: ControlMessages,
    ) -> Result<(Sandbox, StageRecord), Failure> {
        let mut write_stdin = std::pin::pin!(write_stdin);
        let mut stdin_is_written = false;
        let mut buffer = Box::new([0; MAX_OUTPUT_CHUNK]);
        let StageContext { events, cancel, .. } = *self.context;
        while !self.is_over() {
            let (deadlines, has_started) = (self.deadlines, self.record.started.is_some());
            let wall_time = Some(self.wall_clock.deadline());
            let (is_alive, may_read) = (self.is_alive(), self.may_read_output());
            let Sandbox { slot, pipes, .. } = &mut self.sandbox;
            let reports_open = pipes.reports.is_open;
            let reclaim = Arc::clone(&self.reclaim);
            let link = self.link.clone();
            tokio::select! {
                biased;
                () = pipes.reports.read(), if reports_open => self.take_reports()?,
                gone = slot.wait_until_gone(), if self.record.gone.is_none() => self.init_is_gone(gone?),
                () = passed(deadlines.kill) => self.kill()?,
                () = passed(deadlines.give_up) => {
                    self.give_up().await?;
                    break;
                }
                () = cancel.cancelled(), if is_alive => self.terminate(KillReason::Cancelled),
                () = reclaim.notified(), if is_alive => self.terminate(KillReason::Memory),
                () = passed(wall_time), if is_alive => self.terminate(self.wall_clock.reason(Instant::now())),
                () = passed(deadlines.usage_check), if is_alive => self.check_usage()?,
                message = control.next(), if is_alive => self.forward_control(message),
                permit = events.reserve(), if self.pending.is_some() => self.send_pending(permit),
                () = room_in(link.as_ref()), if self.pending_for_link.is_some() => self.send_to_link(),
                () = passed(deadlines.close_link) => self.close_link(),
                (stream, chunk) = pipes.output.read(&mut buffer), if may_read => {
                    self.take_output(stream, chunk);
                }
                // Only once the program runs: in a sandbox that never started, the input must be left for the next one.
                () = &mut write_stdin, if has_started && !stdin_is_written => {
                    stdin_is_written = true;
                    self.input_ended();
                }
                // Last, and after all output was sent: a prompt comes before the news that the program waits.
                event = self.input.next(), if is_alive && self.pending.is_none() => self.take_input_event(event),
            }
        }
        if self.record.has_begun() {
            self.close_link();
        }
        Ok((self.sandbox, self.record))
    }

    /// Returns whether no process is left, and nothing more will be read or sent.
    fn is_over(&self) -> bool {
        let pipes = &self.sandbox.pipes;
        let no_process = self.record.exit.is_some() || (self.record.gone.is_some() && !pipes.reports.is_open);
        no_process && !pipes.output.is_open() && self.may_read_output()
    }

    /// Returns whether the program may still be ended for a reason.
    fn is_alive(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Running)
    }

    /// Returns whether output may be read: one event is sent at a time, and output only after the start.
    const fn may_read_output(&self) -> bool {
        let start_is_known = self.record.started.is_some() || !self.sandbox.pipes.reports.is_open;
        self.pending.is_none() && self.pending_for_link.is_none() && start_is_known
    }

    /// Takes what init reported.
    fn take_reports(&mut self) -> Result<(), Failure> {
        while let Some(report) = self.sandbox.pipes.reports.take()? {
            match report {
                Report::Ready => {}
                Report::Started => self.program_started()?,
                Report::SetupFailed(error) => self.record.setup_error = Some(error),
                Report::Exited(exit) => {
                    self.phase = Phase::Exited;
                    self.record.ended = Some(Instant::now());
                    self.record.decided.get_or_insert_with(Instant::now);
                    self.record.exit = Some(exit);
                    self.input_ended();
                }
            }
        }
        if self.phase == Phase::Exited {
            self.context.permit.program_ended();
            // Init ends the other processes by ending itself. If it hangs, it is killed.
            self.deadlines.kill_by(Instant::now() + self.context.grace);
        }
        Ok(())
    }

    fn program_started(&mut self) -> Result<(), Failure> {
        if self.phase == Phase::Starting {
            self.phase = Phase::Running;
        }
        self.record.started = Some(Instant::now());
        self.reclaim = self.context.permit.program_started(self.sandbox.meter());
        self.pending = Some(Event::StageStarted(self.stage.name));
        // The limit is for the program's time, without that of the set-up.
        self.wall_clock = WallClock::start(Instant::now(), self.stage.limits);
        if let Some(input) = self.live_input {
            self.input.start(self.sandbox.input_probe(input));
        }
        self.deadlines.usage_check = Some(Instant::now() + CHECK_INTERVAL.0);
        if let Some(readings) = self.sandbox.readings()? {
            self.record.setup = Readings { cpu_time: readings.cpu_time.min(MAX_SETUP_CPU_TIME), ..readings };
        }
        Ok(())
    }

    /// Records the state of the input, and notifies the client when the program begins to wait.
    fn take_input_event(&mut self, event: InputEvent) {
        let now = Instant::now();
        match event {
            InputEvent::Arrived => self.wall_clock.input_arrived(now),
            InputEvent::Looked { waits } => {
                if self.wall_clock.set_waiting(now, waits) {
                    self.pending = Some(Event::WaitingForInput(self.stage.name));
                }
            }
        }
    }

    /// Lets the wall clock run: no input will come, or nobody is left to read it.
    fn input_ended(&mut self) {
        self.input.stop();
        self.wall_clock.set_waiting(Instant::now(), false);
        self.record.waited = self.wall_clock.waited(Instant::now());
    }

    fn init_is_gone(&mut self, gone: NamespaceGone) {
        self.input_ended();
        self.phase = Phase::Exited;
        self.context.permit.program_ended();
        self.record.ended.get_or_insert_with(Instant::now);
        self.record.gone = Some(gone);
        (self.deadlines.kill, self.deadlines.give_up) = (None, None);
    }

    /// Asks the program to end, for a reason that is the first. The grace period begins.
    fn terminate(&mut self, reason: KillReason) {
        self.phase = Phase::Ending;
        self.record.kill_reason = Some(reason);
        self.input_ended();
        self.record.decided.get_or_insert_with(Instant::now);
        // Out of memory, the program cannot handle a signal.
        let is_asked = reason != KillReason::Memory && self.sandbox.pipes.control.terminate().is_ok();
        let grace = if is_asked { self.context.grace } else { Duration::ZERO };
        self.deadlines.kill = Some(Instant::now() + grace);
    }

    /// Kills all processes: the grace period is over.
    fn kill(&mut self) -> Result<(), Failure> {
        self.sandbox.kill()?;
        (self.deadlines.kill, self.deadlines.give_up) = (None, Some(Instant::now() + KILL_TIMEOUT));
        Ok(())
    }

    /// Stops waiting for killed processes. The kernel may take minutes to end one, for example to remove its locks if a
    /// hundred thousand of them are on one file. If the result does not depend on their end, the client gets it.
    async fn give_up(&mut self) -> Result<(), Failure> {
        let Some(reason) = self.record.kill_reason else { return Err(Failure::NotEmptied) };
        warn!(?reason, "processes of a run are still there after they were killed");
        self.context.permit.program_ended();
        self.record.ended.get_or_insert_with(Instant::now);
        self.record.outlives_kill = true;
        if let Some(event) = self.pending.take() {
            // A client that is gone cancels the execution in another way.
            let _ = self.context.events.send(event).await;
        }
        Ok(())
    }

    /// Ends the program if its cgroup used too much CPU time or memory. The next check is not before it could have.
    fn check_usage(&mut self) -> Result<(), Failure> {
        let mut next = CHECK_INTERVAL.1;
        if let Some(readings) = self.sandbox.readings()? {
            let allowed = self.stage.limits.cpu_time + self.record.setup.cpu_time + ACCOUNTING_DELAY;
            let left = allowed.saturating_sub(readings.cpu_time);
            next = (left / self.context.planner.cores()).clamp(CHECK_INTERVAL.0, CHECK_INTERVAL.1);
            if readings.out_of_memory_kills > 0 {
                self.terminate(KillReason::Memory);
            } else if left.is_zero() {
                self.terminate(KillReason::CpuTime);
            }
        }
        self.deadlines.usage_check = Some(Instant::now() + next);
        Ok(())
    }

    /// Delivers a control message of the client. Before the program runs there is nothing to deliver it to.
    fn forward_control(&self, message: ControlMessage) {
        let delivered = match (message, &self.terminal) {
            (ControlMessage::Signal(signal), _) if self.record.started.is_some() => {
                self.sandbox.pipes.control.signal(signal_of(signal))
            }
            (ControlMessage::Resize(size), Some(terminal)) => terminal.resize(size),
            (ControlMessage::Signal(_) | ControlMessage::Resize(_), _) => Ok(()),
        };
        if let Err(error) = delivered {
            debug!(%error, ?message, "cannot deliver control message");
        }
    }

    /// Sends the pending event. If the client is gone, it is discarded.
    fn send_pending(&mut self, permit: Result<mpsc::Permit<'_, Event>, mpsc::error::SendError<()>>) {
        if let (Ok(permit), Some(event)) = (permit, self.pending.take()) {
            permit.send(event);
        }
    }

    /// Makes output the pending event. Output beyond the limit ends the program.
    fn take_output(&mut self, stream: StreamName, chunk: OutputChunk) {
        let output = |bytes| Event::Output { stream, bytes, stage: self.stage.name };
        match chunk {
            OutputChunk::Data(bytes) => {
                self.pending = Some(output(bytes.clone()));
                self.take_errors(stream, &bytes);
                if stream == StreamName::Stdout {
                    self.take_stdout(bytes);
                }
            }
            OutputChunk::Overflow(bytes) => {
                self.pending = (!bytes.is_empty()).then(|| output(bytes));
                if self.is_alive() {
                    self.terminate(KillReason::Output(stream));
                } else {
                    // It ended before all of its output was read. The status must not depend on timing.
                    self.record.kill_reason.get_or_insert(KillReason::Output(stream));
                }
            }
            OutputChunk::End if stream == StreamName::Stdout && self.link.is_some() => {
                self.deadlines.close_link = Some(Instant::now() + LINK_CLOSE_DELAY);
            }
            OutputChunk::Discarded | OutputChunk::End => {}
        }
    }

    /// Keeps what a program may have written about its errors, for the hint.
    fn take_errors(&mut self, stream: StreamName, bytes: &[u8]) {
        let is_merged = self.terminal.is_some() || self.stage.start.program.merge_output;
        if self.stage.keeps_errors && (stream == StreamName::Stderr || is_merged) {
            self.record.errors.push(bytes);
        }
    }

    /// Keeps stdout for whoever judges it.
    fn take_stdout(&mut self, bytes: Bytes) {
        if self.stage.keeps_stdout {
            self.record.stdout.extend_from_slice(&bytes);
        }
        self.pending_for_link = self.link.is_some().then_some(bytes);
    }

    /// Sends pending bytes to the other program of a dialogue.
    fn send_to_link(&mut self) {
        if let (Some(link), Some(bytes)) = (&self.link, self.pending_for_link.take()) {
            link.send(bytes);
        }
    }

    /// Lets the other program of a dialogue read the end of its input.
    fn close_link(&mut self) {
        self.deadlines.close_link = None;
        self.link = None;
        self.pending_for_link = None;
        if let Some(link) = self.stage.link {
            link.close();
        }
    }
}

/// Waits until the other program of a dialogue takes another chunk.
async fn room_in(link: Option<&LinkSender>) {
    match link {
        Some(link) => link.wait_for_room().await,
        None => std::future::pending().await,
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
