//! One stage from launch to verdict: the program runs, and this watches it.

use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use nix::errno::Errno;
use protocol::bounds::MAX_OUTPUT_CHUNK;
use protocol::{Event, Limits, StageName, StageReport, Status, Stdin, StreamName};
use sandbox::cgroup::{Readings, RunGroup};
use sandbox::{
    Descriptors, Emptied, EndReport, Init, NamespaceGone, Plan, Report, SetupError, Step, Supervisor,
    read_report,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::{Instant as Clock, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::failure::{Doing, Failure};
use crate::input::InputReceiver;
use crate::output::{OutputPipe, Piece, pipe_pair, stdin_pipe};
use crate::plan::Planner;
use crate::slot::Slot;
use crate::verdict::{Cause, Seen, judge};

/// How long all processes may take to be gone after they were killed.
const EMPTY_WITHIN: Duration = Duration::from_secs(5);
/// How often that is looked at.
const EMPTY_POLL: Duration = Duration::from_millis(1);
/// Longer than any limit.
const FOR_EVER: Duration = Duration::from_secs(86_400 * 365);
/// At most so often, and at least so often, CPU time and out-of-memory kills are looked at.
const CHECK_EVERY: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// Where events go; full, it slows the program, and gone, it ends it by way of `cancel`.
pub(crate) type EventSender = mpsc::Sender<Event>;

/// What a stage needs to know of the execution around it.
pub(crate) struct Surroundings<'a> {
    pub(crate) planner: &'a Planner,
    pub(crate) grace: Duration,
    pub(crate) events: &'a EventSender,
    pub(crate) cancel: &'a CancellationToken,
}

/// A stage to run.
pub(crate) struct StageRun<'a> {
    pub(crate) name: StageName,
    pub(crate) plan: &'a Plan,
    pub(crate) sources: &'a [&'a [u8]],
    pub(crate) limits: &'a Limits,
    pub(crate) stdin: &'a Stdin,
}

/// How a stage went: its report, or why its sandbox could not be set up, and the proof that nothing of it is left.
pub(crate) struct StageEnd {
    pub(crate) report: Result<StageReport, SetupError>,
    pub(crate) emptied: Emptied,
    /// From the request for a sandbox to the program's first instruction.
    pub(crate) launch_time: Duration,
    /// From the program's end to the proof.
    pub(crate) cleanup_time: Duration,
}

/// Run a stage to its end. An error means that there is no proof that nothing is left.
pub(crate) async fn run(
    slot: &mut Slot,
    stage: &StageRun<'_>,
    around: &Surroundings<'_>,
    input: &mut InputReceiver,
) -> Result<StageEnd, Failure> {
    let asked = Instant::now();
    let mut group = slot.begin(&around.planner.group_limits(stage.limits), stage.plan.user.uid)?;
    let (watch, descriptors) = Watch::prepare(stage.limits, &group)?;
    let (stdin_end, stdin) = stdin_pipe().doing("make a pipe for stdin")?;
    let descriptors = descriptors(stdin_end);
    let init = slot.launch(stage.plan, stage.sources, descriptors).await?;
    let feed = Box::pin(feed(stdin, stage.stdin, input));
    let mut watch = Watch { init: Some(init), ..watch };
    let gone = watch.until_gone(slot, stage, around, feed, &group).await?;
    let ended = Instant::now();
    let readings = group.readings().doing("read the run's counters")?;
    let emptied = close(&mut group, &gone).await?;
    let report = match watch.setup_failure(stage.plan) {
        Some(failure) => Err(failure),
        None => {
            let (status, usage) = watch.verdict(readings, stage.limits, around.events).await;
            Ok(StageReport {
                stage: stage.name,
                status,
                usage,
                stdout_truncated: watch.stdout.is_truncated(),
                stderr_truncated: watch.stderr.is_truncated(),
            })
        }
    };
    Ok(StageEnd {
        report,
        emptied,
        launch_time: watch.started.unwrap_or(ended).duration_since(asked),
        cleanup_time: ended.elapsed(),
    })
}

/// Write a program's stdin and close it. A program that does not read is none of our business.
async fn feed(mut pipe: pipe::Sender, stdin: &Stdin, input: &mut InputReceiver) {
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

/// Wait for the proof that the group is empty.
async fn close(group: &mut RunGroup, gone: &NamespaceGone) -> Result<Emptied, Failure> {
    let deadline = Instant::now() + EMPTY_WITHIN;
    loop {
        if let Some(emptied) = group.close(gone).doing("empty the run's group")? {
            return Ok(emptied);
        }
        if Instant::now() > deadline {
            return Err(Failure::NotEmptied);
        }
        sleep(EMPTY_POLL).await;
    }
}

/// What is watched of a running stage.
struct Watch {
    init: Option<Init>,
    control: pipe::Sender,
    reports: pipe::Receiver,
    report_bytes: Vec<u8>,
    stdout: OutputPipe,
    stderr: OutputPipe,
    started: Option<Instant>,
    ended: Option<Instant>,
    end: Option<EndReport>,
    failure: Option<SetupError>,
    cause: Option<Cause>,
}

impl Watch {
    /// Everything that can fail before there is a process. The second part is what the sandbox gets, but for
    /// its stdin.
    fn prepare(
        limits: &Limits,
        group: &RunGroup,
    ) -> Result<(Self, impl FnOnce(std::os::fd::OwnedFd) -> Descriptors), Failure> {
        let make = |deed| move |error: io::Error| Failure::Io { deed, source: error };
        let (stdout, stdout_end) =
            OutputPipe::new(StreamName::Stdout, limits.output).map_err(make("make a pipe for stdout"))?;
        let (stderr, stderr_end) =
            OutputPipe::new(StreamName::Stderr, limits.output).map_err(make("make a pipe for stderr"))?;
        let (report, report_end) = pipe_pair().map_err(make("make a pipe for reports"))?;
        let (control_end, control) = pipe_pair().map_err(make("make a pipe for control"))?;
        let cgroup = group.descriptor().doing("open the run's group")?;
        let watch = Self {
            init: None,
            control: pipe::Sender::from_owned_fd(control).doing("watch the control pipe")?,
            reports: pipe::Receiver::from_owned_fd(report).doing("watch the report pipe")?,
            report_bytes: Vec::new(),
            stdout,
            stderr,
            started: None,
            ended: None,
            end: None,
            failure: None,
            cause: None,
        };
        let descriptors = |stdin| Descriptors {
            stdin,
            stdout: stdout_end,
            stderr: stderr_end,
            report: report_end,
            control: control_end,
            cgroup,
        };
        Ok((watch, descriptors))
    }

    /// Watch until the last process is gone and all it wrote is told. The first event that ends the program
    /// is its cause.
    async fn until_gone(
        &mut self,
        slot: &Slot,
        stage: &StageRun<'_>,
        around: &Surroundings<'_>,
        mut feed: Pin<Box<impl Future<Output = ()>>>,
        group: &RunGroup,
    ) -> Result<NamespaceGone, Failure> {
        let Surroundings { planner, grace, events, cancel } = *around;
        let launched = Clock::now();
        let mut wall_deadline = launched + stage.limits.wall_time;
        let mut check_at = launched + FOR_EVER;
        let mut kill_at = launched + FOR_EVER;
        let mut give_up_at = launched + FOR_EVER;
        let mut fed = false;
        let mut gone = None;
        let mut reports_open = true;
        let mut pending: Option<Event> = None;
        let mut buffer = Box::new([0; MAX_OUTPUT_CHUNK]);
        loop {
            // What the program writes is told after the news that it started, and one piece at a time.
            let may_read = pending.is_none() && (self.started.is_some() || !reports_open);
            let is_drained = may_read && !self.stdout.is_open() && !self.stderr.is_open() && !reports_open;
            if let Some(gone) = gone.take_if(|_| is_drained) {
                return Ok(gone);
            }
            let running = self.cause.is_none() && self.ended.is_none();
            let stop = tokio::select! {
                biased;
                more = read_some(&mut self.reports, &mut self.report_bytes), if reports_open => {
                    reports_open = more;
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
                    self.kill()?;
                    (kill_at, give_up_at) = (launched + FOR_EVER, Clock::now() + EMPTY_WITHIN);
                    None
                }
                () = sleep_until(give_up_at) => return Err(Failure::NotEmptied),
                () = cancel.cancelled(), if running => Some(Cause::Cancelled),
                () = sleep_until(wall_deadline), if running => Some(Cause::Wall),
                () = sleep_until(check_at), if running => {
                    let (cause, next) = check(group, stage.limits, planner.cores())?;
                    check_at = Clock::now() + next;
                    cause
                }
                permit = events.reserve(), if pending.is_some() => {
                    // Without a receiver there is nobody to tell.
                    if let (Ok(permit), Some(event)) = (permit, pending.take()) {
                        permit.send(event);
                    }
                    None
                }
                piece = read_either(&mut self.stdout, &mut self.stderr, &mut buffer), if may_read => {
                    let (stream, piece) = piece;
                    take_piece(piece, stream, &mut pending)
                }
                () = &mut feed, if !fed => {
                    fed = true;
                    None
                }
            };
            if let Some(cause) = stop
                && self.cause.is_none()
                && self.ended.is_none()
            {
                self.cause = Some(cause);
                kill_at = Clock::now() + self.terminate(cause, grace);
            }
        }
    }

    /// Ask the program to end, and say how long it has. Out of memory, there is nothing left to ask with.
    fn terminate(&self, cause: Cause, grace: Duration) -> Duration {
        let asked = cause != Cause::Memory && self.control.try_write(&[Supervisor::TERMINATE]).is_ok();
        if asked { grace } else { Duration::ZERO }
    }

    fn kill(&self) -> Result<(), Failure> {
        self.init.as_ref().map_or(Ok(()), Init::kill).doing("kill the sandbox")
    }

    /// Take what init reported. True if the program started just now.
    fn take_reports(&mut self) -> Result<bool, Failure> {
        let mut started = false;
        while let Some(report) = read_report(&mut self.report_bytes).doing("read init's report")? {
            match report {
                Report::Started => {
                    self.started = Some(Instant::now());
                    started = true;
                }
                Report::SetupFailed(error) => self.failure = Some(error),
                Report::Ended(end) => {
                    self.ended = Some(Instant::now());
                    self.end = Some(end);
                }
            }
        }
        Ok(started)
    }

    /// Why there was no program, unless what a compiler made is to blame.
    fn setup_failure(&self, plan: &Plan) -> Option<SetupError> {
        self.failure.filter(|failure| !is_programs_fault(failure, plan) && self.cause.is_none())
    }

    async fn verdict(
        &self,
        readings: Option<Readings>,
        limits: &Limits,
        events: &EventSender,
    ) -> (Status, protocol::Usage) {
        let ended = self.ended.unwrap_or_else(Instant::now);
        let wall_time = self.started.map_or(Duration::ZERO, |started| ended.duration_since(started));
        let seen = Seen { cause: self.cause, end: self.end, readings, wall_time };
        let (status, usage) = judge(&seen, limits);
        match (self.failure, self.cause) {
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

/// A compiler may make something that cannot be executed; that is the program's doing.
fn is_programs_fault(failure: &SetupError, plan: &Plan) -> bool {
    failure.step == Step::Execute
        && plan.command.first().is_some_and(|program| program.starts_with("/build/"))
}

/// Read whichever output has something. Neither is preferred, so that neither can hide the other.
async fn read_either(
    stdout: &mut OutputPipe,
    stderr: &mut OutputPipe,
    buffer: &mut [u8; MAX_OUTPUT_CHUNK],
) -> (StreamName, Piece) {
    let name = tokio::select! {
        () = stdout.readable() => stdout.name(),
        () = stderr.readable() => stderr.name(),
    };
    let pipe = if name == StreamName::Stdout { stdout } else { stderr };
    (name, pipe.read(buffer).await)
}

/// Read what is there onto the end of `bytes`. False at the end of the pipe.
async fn read_some(pipe: &mut pipe::Receiver, bytes: &mut Vec<u8>) -> bool {
    pipe.read_buf(bytes).map(|count| count.is_ok_and(|count| count > 0)).await
}

fn take_piece(piece: Piece, stream: StreamName, pending: &mut Option<Event>) -> Option<Cause> {
    match piece {
        Piece::Kept(bytes) => {
            *pending = Some(Event::Output { stream, bytes });
            None
        }
        Piece::Overflow(bytes) => {
            *pending = (!bytes.is_empty()).then_some(Event::Output { stream, bytes });
            Some(Cause::Output(stream))
        }
        Piece::Dropped | Piece::End => None,
    }
}

/// Whether the group used too much, and when to look again: not before it could have.
fn check(group: &RunGroup, limits: &Limits, cores: u32) -> Result<(Option<Cause>, Duration), Failure> {
    let Some(readings) = group.readings().doing("read the run's counters")? else {
        return Ok((None, CHECK_EVERY.1));
    };
    let left = limits.cpu_time.saturating_sub(readings.cpu_time);
    let cause = if readings.out_of_memory_kills > 0 {
        Some(Cause::Memory)
    } else if left.is_zero() {
        Some(Cause::Cpu)
    } else {
        None
    };
    Ok((cause, (left / cores).clamp(CHECK_EVERY.0, CHECK_EVERY.1)))
}
