//! The sandbox's init: pid 1 of the run, root, never the program's user.
//!
//! It builds the root, forks the payload, and waits for the start with it: the payload has given up everything, and is
//! an interpreter already where one is executed ahead. Then it puts the sources in, gives up what it can itself, lets the
//! program go, and waits for one of two things: its main child ends, or the daemon speaks. When the main child ended it
//! ends every other process of the namespace, whatever session or group they fled to, and says so; should it be ended
//! itself, the kernel does that (pid_namespaces(7)).
//!
//! Until the start nothing of a stranger's is in the sandbox; from the first byte of it on init has no privilege but to
//! send signals.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::{Pid, sethostname, setsid};

use crate::error::{At, SetupError, Step};
use crate::message::{Packet, SIGNAL, START, TERMINAL, TERMINATE, send_raw};
use crate::payload::{self, Image, Streams};
use crate::plan::{LAUNCHER_DESCRIPTOR, LAUNCHER_READY, Plan, Program, Start};
use crate::report::{ExitReport, REPORT_BYTES, Report};
use crate::root;
use crate::sys::descriptor;
use crate::sys::process::{self, Kinship, Side};
use crate::terminal::Terminal;
use crate::uncounted::Uncounted;
use crate::{privilege, seccomp};

/// What the sandbox calls its machine.
const HOST_NAME: &str = "executor";

/// On cgroup v1 the out-of-memory killer must find init before the supervisor, which shares the group, and
/// after the program, whose score is 1000: a program may hold all memory in shared memory of its IPC
/// namespace, which is free only when init is gone. See proc_pid_oom_score_adj(5).
const INIT_OOM_SCORE: &str = "500";

/// How often init counts the program's sockets and locks, in milliseconds. A program can make some thousands of the
/// one and some hundred thousands of the other meanwhile.
const COUNT_EVERY: u16 = 100;
/// Children that init takes note of before it looks at anything else: a program may make orphans without end.
const REAPED_AT_ONCE: u32 = 64;

/// What a sandbox has of its own, beside a network that is there before; its cgroup namespace comes once it is in its
/// cgroup.
pub(crate) const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWNS
    .union(CloneFlags::CLONE_NEWPID)
    .union(CloneFlags::CLONE_NEWIPC)
    .union(CloneFlags::CLONE_NEWUTS);

/// What init gets of the daemon's descriptors, and one of the supervisor's.
pub(crate) struct InitDescriptors {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    pub(crate) report: OwnedFd,
    pub(crate) control: OwnedFd,
    /// Where a compiler writes: a mount that is nowhere yet.
    pub(crate) built: Option<OwnedFd>,
    /// The network namespace to be in, where that is not the one of who made init.
    pub(crate) network: Option<OwnedFd>,
}

impl InitDescriptors {
    /// Those that come after the plan.
    pub(crate) fn take(descriptors: &mut impl Iterator<Item = OwnedFd>) -> Result<Self, SetupError> {
        let mut next = || descriptors.next().ok_or(Errno::EBADF).at(Step::ReadPlan);
        Ok(Self {
            stdin: next()?,
            stdout: next()?,
            stderr: next()?,
            report: next()?,
            control: next()?,
            built: None,
            network: None,
        })
    }
}

/// Read what others will read again.
pub(crate) fn read_plan(plan: &OwnedFd) -> io::Result<Plan> {
    let plan = File::from(plan.try_clone()?);
    let mut text = vec![0; usize::try_from(plan.metadata()?.len()).map_err(io::Error::other)?];
    plan.read_exact_at(&mut text, 0)?;
    serde_json::from_slice(&text).map_err(io::Error::other)
}

/// Who comes back from where a payload is forked.
enum Back<T> {
    Init(T),
    /// The payload: it is the program's process, and nothing is left to be done but to go on.
    Program,
}

/// Everything from the first step in the new namespaces to the exit that takes the sandbox along. The program's own process
/// comes back, where it is `Copied`.
pub(crate) fn run(plan: &Plan, descriptors: InitDescriptors, image: Image) {
    let InitDescriptors { stdin, stdout, stderr, report, control, built, network } = descriptors;
    let kept = [&stdin, &stdout, &stderr, &report, &control].into_iter().chain(&built).chain(&network);
    let kept: Vec<_> = kept.map(AsRawFd::as_raw_fd).collect();
    let report = File::from(report);
    let streams = Streams { stdin, stdout, stderr, launcher: None };
    // The supervisor's: nothing here is to reach the host by one of them.
    let ended = descriptor::close_all_but(&kept)
        .at(Step::Detach)
        .and_then(|()| prepare(plan, built, network))
        .and_then(|()| live(plan, streams, &report, &control, image))
        .unwrap_or_else(|e| Back::Init(Some(Report::SetupFailed(e))));
    match ended {
        Back::Program => return,
        Back::Init(None) => {}
        // The daemon may be gone; there is nobody else to tell.
        Back::Init(Some(last)) => last.write(&report).unwrap_or(()),
    }
    process::end()
}

/// The two moments, and what comes after them. `None` if the daemon let go.
fn live(
    plan: &Plan,
    streams: Streams,
    report: &File,
    control: &OwnedFd,
    image: Image,
) -> Result<Back<Option<Report>>, SetupError> {
    // Open here for as long as the sandbox is there: who closes a terminal may open it again.
    let terminal = plan.terminal.map(|size| Terminal::open(size).at(Step::OpenTerminal)).transpose()?;
    let streams = match &terminal {
        Some(terminal) => hand_over(terminal, control).at(Step::OpenTerminal)?,
        None => streams,
    };
    let uncounted = Uncounted::open().at(Step::Watch)?;
    let forked = match &plan.warm_command {
        Some(program) => boot(plan, program, streams, image)?,
        None => fork_payload(plan, streams, image)?.map(Waiting::Payload),
    };
    let Back::Init(waiting) = forked else { return Ok(Back::Program) };
    let Some(packet) = await_start(&waiting, report, control)? else { return Ok(Back::Init(None)) };
    let main = start(plan, waiting, packet, report)?;
    watch(&main, &uncounted, control).map(Back::Init)
}

impl<T> Back<T> {
    fn map<U>(self, deed: impl FnOnce(T) -> U) -> Back<U> {
        match self {
            Self::Init(value) => Back::Init(deed(value)),
            Self::Program => Back::Program,
        }
    }
}

/// What of the program there is before the start.
enum Waiting {
    /// Its interpreter.
    Booted(Booted),
    /// The process that will execute it.
    Payload(Payload),
}

impl Waiting {
    const fn pid(&self) -> Pid {
        match self {
            Self::Booted(booted) => booted.pid,
            Self::Payload(payload) => payload.pid,
        }
    }

    /// Where it says that it is ready.
    fn voice(&self) -> BorrowedFd<'_> {
        match self {
            Self::Booted(booted) => booted.launcher.as_fd(),
            Self::Payload(payload) => payload.reports.as_fd(),
        }
    }

    /// Hear that it is ready. An error if it ended, or is none of ours.
    fn hear(&self) -> Result<(), SetupError> {
        let is_ready = match self {
            Self::Booted(booted) => {
                let mut byte = [0];
                let count = (&booted.launcher).read(&mut byte).at(Step::PreWarm)?;
                count > 0 && byte[0] == LAUNCHER_READY
            }
            Self::Payload(payload) => match next_report(&payload.reports).at(Step::AwaitStart)? {
                Some(Report::SetupFailed(error)) => return Err(error),
                report => report == Some(Report::Prepared),
            },
        };
        if is_ready { Ok(()) } else { Err(SetupError { step: Step::PreWarm, errno: Errno::ECHILD }) }
    }
}

/// An interpreter that waits for its program.
struct Booted {
    pid: Pid,
    /// Where it says that it is ready, and is told what to be.
    launcher: UnixStream,
}

/// The program's main process.
struct Main {
    pid: Pid,
    /// CPU time that is not the program's: what its process took until now.
    booting: Duration,
    started: Instant,
}

fn prepare(plan: &Plan, built: Option<OwnedFd>, network: Option<OwnedFd>) -> Result<(), SetupError> {
    detach().at(Step::Detach)?;
    if let Some(network) = network {
        setns(&network, CloneFlags::CLONE_NEWNET).at(Step::Detach)?;
        // In a copy nothing of init's may have the number under which the payload will have its launcher.
        descriptor::duplicate_onto(&network, LAUNCHER_DESCRIPTOR).at(Step::Detach)?;
    }
    root::build(plan, built.as_ref())?;
    fs::write("/proc/self/oom_score_adj", INIT_OOM_SCORE).at(Step::Detach)?;
    sethostname(HOST_NAME).at(Step::SetHostName)?;
    // Only now: the namespace's root is the group we are in.
    unshare(CloneFlags::CLONE_NEWCGROUP).at(Step::SetHostName)
}

/// Give the daemon its end of the terminal. What the program is connected to then.
fn hand_over(terminal: &Terminal, control: &OwnedFd) -> io::Result<Streams> {
    send_raw(control, TERMINAL, [0, 0], &[terminal.master.as_raw_fd()])?;
    let end = || terminal.program.try_clone();
    Ok(Streams { stdin: end()?, stdout: end()?, stderr: end()?, launcher: None })
}

/// Have an interpreter there ahead.
fn boot(plan: &Plan, program: &Program, streams: Streams, image: Image) -> Result<Back<Waiting>, SetupError> {
    let (launcher, theirs) = UnixStream::pair().at(Step::PreWarm)?;
    let streams = Streams { launcher: Some(theirs.into()), ..streams };
    let Back::Init(payload) = fork_payload(plan, streams, image)? else { return Ok(Back::Program) };
    let pid = payload.execute(&orders(program).at(Step::PreWarm)?)?;
    Ok(Back::Init(Waiting::Booted(Booted { pid, launcher })))
}

/// Say when all is prepared, and wait for the start. `None` if the daemon wants no program here any more.
fn await_start(waiting: &Waiting, report: &File, control: &OwnedFd) -> Result<Option<Packet>, SetupError> {
    let mut ready = false;
    loop {
        // Before an interpreter is ready only a hang-up of the daemon is heard.
        let hears = ready || matches!(waiting, Waiting::Payload(_));
        let asked = if hears { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut watched =
            [PollFd::new(control.as_fd(), asked), PollFd::new(waiting.voice(), PollFlags::POLLIN)];
        match poll(&mut watched, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            answer => answer.at(Step::AwaitStart)?,
        };
        if watched[0].any() == Some(true) {
            let packet = Packet::receive(control).at(Step::AwaitStart)?;
            return Ok(packet.filter(|packet| packet.tag == START));
        }
        if watched[1].any() == Some(true) {
            if ready {
                return Err(SetupError { step: Step::PreWarm, errno: Errno::ECHILD });
            }
            waiting.hear()?;
            ready = true;
            Report::Prepared.write(report).at(Step::AwaitStart)?;
        }
    }
}

/// Put in what came with the start, give up what only that needed, and let the program go.
fn start(plan: &Plan, waiting: Waiting, packet: Packet, report: &File) -> Result<Main, SetupError> {
    let mut descriptors = packet.descriptors.into_iter();
    let mut bundle = File::from(descriptors.next().ok_or(Errno::EBADF).at(Step::ReadPlan)?);
    let Start { disk, sources, program } = read_start(&mut bundle).at(Step::ReadPlan)?;
    root::fill(plan, disk, descriptors.next().as_ref(), &sources, bundle)?;
    let orders = orders(&program).at(Step::ReadPlan)?;
    let booting = cpu_time(waiting.pid()).at(Step::PreWarm)?;
    drop_privileges().at(Step::DropInitPrivileges)?;
    match waiting {
        Waiting::Payload(payload) => {
            let pid = payload.execute(&orders)?;
            let started = Instant::now();
            Report::Started.write(report).at(Step::Watch)?;
            Ok(Main { pid, booting, started })
        }
        Waiting::Booted(Booted { pid, launcher }) => {
            let started = Instant::now();
            Report::Started.write(report).at(Step::Watch)?;
            // If it is gone, its end is found like that of any program.
            let _ = tell(launcher, &program.command);
            Ok(Main { pid, booting, started })
        }
    }
}

/// The length of what stands before the sources (u64, little-endian), and that; what follows are the sources.
fn read_start(bundle: &mut File) -> io::Result<Start> {
    let mut length = [0; 8];
    bundle.read_exact(&mut length)?;
    let mut text = Vec::new();
    bundle.take(u64::from_le_bytes(length)).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(io::Error::other)
}

/// Tell an interpreter the words of the command that it is to be.
fn tell(launcher: UnixStream, command: &[String]) -> io::Result<()> {
    let mut words = Vec::new();
    for word in command {
        words.extend_from_slice(word.as_bytes());
        words.push(0);
    }
    File::from(OwnedFd::from(launcher)).write_all(&words)
}

fn cpu_time(process: Pid) -> io::Result<Duration> {
    Ok(clock_gettime(clock_getcpuclockid(process)?)?.into())
}

fn detach() -> io::Result<()> {
    process::die_with_parent()?;
    process::forbid_inspection()?;
    setsid()?;
    Ok(())
}

/// The process that becomes the program, when it is told which.
struct Payload {
    pid: Pid,
    /// There it is told, once.
    orders: OwnedFd,
    /// On it the payload says that it is ready, and then perhaps why it could not be the program. It is closed when
    /// the payload is that.
    reports: OwnedFd,
}

fn fork_payload(plan: &Plan, streams: Streams, image: Image) -> Result<Back<Payload>, SetupError> {
    // Blocked until init waits for it; the payload starts with nothing blocked.
    SigSet::from(Signal::SIGCHLD).thread_block().at(Step::ForkPayload)?;
    let (reports, tell) = nix::unistd::pipe2(OFlag::O_CLOEXEC).at(Step::ForkPayload)?;
    let (hear, orders) = nix::unistd::pipe2(OFlag::O_CLOEXEC).at(Step::ForkPayload)?;
    let child = match image {
        Image::Executed => match process::fork_into(0, None, Kinship::Child).at(Step::ForkPayload)? {
            Side::Child => None,
            Side::Parent(child) => Some(child.pid),
        },
        Image::Copied => process::fork_as_library().at(Step::ForkPayload)?,
    };
    let Some(pid) = child else {
        drop(orders);
        let tell = File::from(tell);
        let Err(error) = payload::become_program(plan, &streams, hear, &tell, image) else {
            return Ok(Back::Program);
        };
        let _ = Report::SetupFailed(error).write(&tell);
        process::end()
    };
    if image == Image::Copied {
        // An interpreter's own handlers are the program's and not init's.
        process::reset_signals().at(Step::ForkPayload)?;
    }
    Ok(Back::Init(Payload { pid: Pid::from_raw(pid), orders, reports }))
}

/// A program in the form in which a payload is told it.
fn orders(program: &Program) -> io::Result<Vec<u8>> {
    serde_json::to_vec(program).map_err(io::Error::other)
}

impl Payload {
    /// Let it execute the program, and wait until it has.
    fn execute(self, orders: &[u8]) -> Result<Pid, SetupError> {
        // Who does not hear it any more said why, or its end is found like that of any program.
        let _ = File::from(self.orders).write_all(orders);
        loop {
            match next_report(&self.reports).at(Step::Watch)? {
                Some(Report::SetupFailed(error)) => return Err(error),
                Some(_) => {}
                None => return Ok(self.pid),
            }
        }
    }
}

/// `None` at the end. A report is written at once, and so it is read.
fn next_report(pipe: &OwnedFd) -> io::Result<Option<Report>> {
    let mut bytes = vec![0; REPORT_BYTES];
    let count = nix::unistd::read(pipe, &mut bytes)?;
    bytes.truncate(count);
    crate::read_report(&mut bytes)
}

/// Keep only what is needed to signal the program, and only the system calls of [`watch`].
fn drop_privileges() -> io::Result<()> {
    nix::unistd::dup2_stderr(File::open("/dev/null")?)?;
    privilege::drop_capabilities(&[caps::Capability::CAP_KILL])?;
    process::forbid_new_privileges()?;
    seccomp::install_for_init()
}

/// Wait for the end of the main process, doing what the daemon asks meanwhile. `None` if the daemon let go.
fn watch(main: &Main, uncounted: &Uncounted, control: &OwnedFd) -> Result<Option<Report>, SetupError> {
    let children =
        SignalFd::with_flags(&SigSet::from(Signal::SIGCHLD), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .at(Step::Watch)?;
    let mut counted = Instant::now();
    let mut exceeded = false;
    loop {
        // Children first: what ended before the signal was listened for is found here.
        let mut reaped = 0;
        while reaped < REAPED_AT_ONCE
            && let Some(ended) = reap_any().at(Step::Watch)?
        {
            if ended.pid == main.pid.as_raw() {
                let wall_time = main.started.elapsed();
                end_all().at(Step::Watch)?;
                let end = ExitReport::new(ended, wall_time, main.booting, exceeded);
                return Ok(Some(Report::Exited(end)));
            }
            reaped += 1;
        }
        let mut watched = [
            PollFd::new(children.as_fd(), PollFlags::POLLIN),
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
        ];
        let timeout = if reaped == REAPED_AT_ONCE { PollTimeout::ZERO } else { COUNT_EVERY.into() };
        match poll(&mut watched, timeout) {
            Err(Errno::EINTR) => continue,
            answer => answer.at(Step::Watch)?,
        };
        if counted.elapsed() >= Duration::from_millis(COUNT_EVERY.into()) {
            counted = Instant::now();
            if uncounted.is_too_much().at(Step::Watch)? {
                exceeded = true;
                // The main process is then found to have been killed.
                kill_all();
            }
        }
        let (child_ended, daemon_spoke) = (watched[0].any() == Some(true), watched[1].any() == Some(true));
        if child_ended {
            children.read_signal().at(Step::Watch)?;
        }
        if daemon_spoke {
            match Packet::receive(control).at(Step::Watch)? {
                None => return Ok(None),
                Some(packet) if packet.tag == TERMINATE => terminate(main.pid),
                Some(packet) if packet.tag == SIGNAL => signal(main.pid, packet.numbers[0]),
                Some(_) => {}
            }
        }
    }
}

/// All but init.
fn kill_all() {
    // There may be none.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
}

/// Kill every process of the namespace and wait until none is left: whoever lost its parent is init's child.
fn end_all() -> io::Result<()> {
    kill_all();
    loop {
        match process::reap(-1, true) {
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Ask the program's process group to end. A stopped process sees it only when it continues.
fn terminate(main: Pid) {
    let group = Pid::from_raw(-main.as_raw());
    // It may have ended just now.
    let _ = kill(group, Signal::SIGTERM);
    let _ = kill(group, Signal::SIGCONT);
}

/// Pass a client's signal on to the program's process group.
fn signal(main: Pid, number: i32) {
    if let Ok(signal) = Signal::try_from(number) {
        let _ = kill(Pid::from_raw(-main.as_raw()), signal);
    }
}

fn reap_any() -> io::Result<Option<process::ExitInfo>> {
    match process::reap(-1, false) {
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        answer => answer,
    }
}
