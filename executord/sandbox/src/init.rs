//! The sandbox's init: pid 1 of the run, root without capabilities, never the program's user.
//!
//! It builds the root, forks the payload, gives up what it can, and then waits for one of two things: its main
//! child ends, or the daemon speaks. When it exits, the kernel kills every other process of the namespace,
//! whatever session or group they fled to (pid_namespaces(7)).

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::{Pid, sethostname, setsid};

use crate::error::{At, SetupError, Step};
use crate::payload::{self, Streams};
use crate::plan::Plan;
use crate::report::{EndReport, Report};
use crate::root::{self, Directories};
use crate::supervisor::Supervisor;
use crate::sys::network;
use crate::sys::process::{self, Side};
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

/// What init gets of the daemon's descriptors.
pub(crate) struct InitDescriptors {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    pub(crate) report: OwnedFd,
    pub(crate) control: OwnedFd,
}

/// Everything from the first step in the new namespaces to the exit that takes the sandbox along.
pub(crate) fn run(plan: &Plan, directories: &Directories, bundle: File, descriptors: InitDescriptors) -> ! {
    let InitDescriptors { stdin, stdout, stderr, report, control } = descriptors;
    let report = File::from(report);
    let streams = Streams { stdin, stdout, stderr };
    let ended = set_up(plan, directories, bundle, streams)
        .and_then(|(main, uncounted)| {
            Report::Started.write(&report).at(Step::Watch)?;
            watch(main, &uncounted, &control)
        })
        .unwrap_or_else(|error| Some(Report::SetupFailed(error)));
    if let Some(last) = ended {
        // The daemon may be gone; there is nobody else to tell.
        let _ = last.write(&report);
    }
    std::process::exit(0)
}

fn set_up(
    plan: &Plan,
    directories: &Directories,
    bundle: File,
    streams: Streams,
) -> Result<(Pid, Uncounted), SetupError> {
    detach().at(Step::Detach)?;
    root::build(plan, directories, bundle)?;
    root::enter(directories).at(Step::Pivot)?;
    sethostname(HOST_NAME).at(Step::Names)?;
    // Only now: the namespace's root is the group we are in.
    unshare(CloneFlags::CLONE_NEWCGROUP).at(Step::Names)?;
    bring_loopback_up().at(Step::Network)?;
    let uncounted = Uncounted::open().at(Step::Watch)?;
    let (main, failure) = fork_payload(plan, streams)?;
    drop_privileges().at(Step::DropInit)?;
    match read_failure(failure).at(Step::Watch)? {
        Some(error) => Err(error),
        None => Ok((main, uncounted)),
    }
}

fn detach() -> io::Result<()> {
    process::die_with_parent()?;
    process::forbid_inspection()?;
    setsid()?;
    fs::write("/proc/self/oom_score_adj", INIT_OOM_SCORE)
}

fn bring_loopback_up() -> io::Result<()> {
    let any = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    network::bring_loopback_up(any.as_fd())
}

/// Fork the process that becomes the program, and a pipe on which it says why it could not. The pipe is
/// closed by a successful exec.
fn fork_payload(plan: &Plan, streams: Streams) -> Result<(Pid, OwnedFd), SetupError> {
    // Blocked until init waits for it; the payload starts with nothing blocked.
    SigSet::from(Signal::SIGCHLD).thread_block().at(Step::ForkPayload)?;
    let (failure, tell) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).at(Step::ForkPayload)?;
    match process::fork_into(0, None).at(Step::ForkPayload)? {
        Side::Child => {
            let error = payload::become_program(plan, streams);
            let _ = Report::SetupFailed(error).write(File::from(tell));
            std::process::exit(1)
        }
        Side::Parent(child) => Ok((Pid::from_raw(child.pid), failure)),
    }
}

fn read_failure(pipe: OwnedFd) -> io::Result<Option<SetupError>> {
    let mut words = Vec::new();
    File::from(pipe).read_to_end(&mut words)?;
    match crate::read_report(&mut words)? {
        Some(Report::SetupFailed(error)) => Ok(Some(error)),
        Some(_) => Err(io::ErrorKind::InvalidData.into()),
        None => Ok(None),
    }
}

/// Keep only what is needed to signal the program, and only the system calls of [`watch`].
fn drop_privileges() -> io::Result<()> {
    nix::unistd::dup2_stderr(File::open("/dev/null")?)?;
    privilege::drop_capabilities(&[caps::Capability::CAP_KILL])?;
    process::forbid_new_privileges()?;
    seccomp::install_for_init()
}

/// Wait for the end of the main process, doing what the daemon asks meanwhile. `None` if the daemon let go.
fn watch(main: Pid, uncounted: &Uncounted, control: &OwnedFd) -> Result<Option<Report>, SetupError> {
    let children =
        SignalFd::with_flags(&SigSet::from(Signal::SIGCHLD), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .at(Step::Watch)?;
    let mut control_open = File::from(control.try_clone().at(Step::Watch)?);
    let mut counted = Instant::now();
    let mut exceeded = false;
    loop {
        // Children first: what ended before the signal was listened for is found here.
        let mut reaped = 0;
        while reaped < REAPED_AT_ONCE
            && let Some(ended) = reap_any().at(Step::Watch)?
        {
            if ended.pid == main.as_raw() {
                return Ok(Some(Report::Ended(EndReport::new(ended, exceeded))));
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
                // All but init; the main process is then found to have been killed.
                let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
            }
        }
        let (child_ended, daemon_spoke) = (watched[0].any() == Some(true), watched[1].any() == Some(true));
        if child_ended {
            children.read_signal().at(Step::Watch)?;
        }
        if daemon_spoke {
            let mut byte = [0];
            match control_open.read(&mut byte).at(Step::Watch)? {
                0 => return Ok(None),
                _ if byte[0] == Supervisor::TERMINATE => terminate(main),
                _ => {}
            }
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

fn reap_any() -> io::Result<Option<process::Ended>> {
    match process::reap(-1, false) {
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        answer => answer,
    }
}
