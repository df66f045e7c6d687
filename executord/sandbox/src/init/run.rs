//! Starting the program and watching it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::Resource;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use super::finish::{kill_all, kill_and_reap_all};
use super::wait::Waiting;
use crate::error::{At, SetupError, Step};
use crate::kernel_memory::KernelMemoryWatch;
use crate::packet::{Packet, SIGNAL, TERMINATE};
use crate::plan::{Plan, Program, Start};
use crate::privileges::{drop_capabilities, with_real_ids_of};
use crate::report::{ExitReport, Report};
use crate::rootfs::sandbox_root;
use crate::rootfs::sources::SourceContents;
use crate::seccomp::Filters;
use crate::start_message::StartMessage;
use crate::sys::process::{self, CpuTime, ExitInfo};

/// Interval of the checks of kernel memory, in milliseconds. Between two checks a program can create some thousands of
/// sockets and some hundred thousand locks. The interval does not grow while a program does nothing: it would sleep until
/// the interval is long, and then create as much more before the next check. Locks are counted less often only if that
/// takes long.
const KERNEL_MEMORY_INTERVAL: u16 = 100;
/// Number of children that init reaps before it handles other events: a program can create orphans without end.
const MAX_REAPED_AT_ONCE: u32 = 64;

/// The program's main process.
pub(super) struct RunningProgram {
    pid: Pid,
    /// CPU time that the process used before it became the program.
    startup_cpu_time: Duration,
    /// When the process continued as the program, which is when `startup_cpu_time` was read: both times have the same
    /// interval.
    started: Instant,
}

/// Completes the sandbox with the start message, drops init's privileges and lets the program run.
pub(super) fn start(
    plan: &Plan,
    mut waiting: Waiting,
    (packet, message): (Packet, Vec<u8>),
    report: &File,
    filters: &Filters,
) -> Result<RunningProgram, SetupError> {
    let mut descriptors = packet.descriptors.into_iter();
    let mut message = StartMessage::of(message, &mut descriptors).at(Step::ReadPlan)?;
    let Start { disk, sources, program } = message.read_start().at(Step::ReadPlan)?;
    let upload = if sources.iter().any(|source| source.is_upload) {
        Some(descriptors.next().ok_or(Errno::EBADF).at(Step::ReadPlan)?)
    } else {
        None
    };
    let contents = SourceContents { message, upload: upload.map(File::from) };
    sandbox_root::complete(plan, disk, descriptors.next().as_ref(), &sources, contents)?;
    lower_limits(plan, &waiting, &program).at(Step::SetResourceLimits)?;
    // Before the filter, which forbids clock_getres(2).
    let cpu_clock = clock_getcpuclockid(waiting.pid()).at(Step::PreWarm)?;
    drop_privileges(filters).at(Step::DropInitPrivileges)?;
    if let Waiting::Payload(payload) = &mut waiting {
        payload.await_ready()?;
    }
    let started = Instant::now();
    let startup_cpu_time = clock_gettime(cpu_clock).at(Step::PreWarm)?.into();
    match waiting {
        Waiting::Payload(payload) => {
            let pid = payload.execute(&program)?;
            Report::Started.write(report).at(Step::Watch)?;
            Ok(RunningProgram { pid, startup_cpu_time, started })
        }
        Waiting::Interpreter(interpreter) => {
            let running = RunningProgram { pid: interpreter.pid(), startup_cpu_time, started };
            Report::Started.write(report).at(Step::Watch)?;
            // An interpreter that is gone shows as the program's exit.
            let _ = interpreter.send_command(&program.command);
            Ok(running)
        }
    }
}

/// Lowers the limits of a pre-warmed interpreter's stack, files and processes to those of its program.
fn lower_limits(plan: &Plan, waiting: &Waiting, program: &Program) -> io::Result<()> {
    let (Waiting::Interpreter(interpreter), Some(warm)) = (waiting, &plan.warm_command) else {
        return Ok(());
    };
    let (current, requested) = (&warm.resources, &program.resources);
    let lowered: Vec<(Resource, u64)> = [
        (Resource::RLIMIT_STACK, current.stack, requested.stack),
        (Resource::RLIMIT_FSIZE, current.file_size, requested.file_size),
        (Resource::RLIMIT_NPROC, current.processes.into(), requested.processes.into()),
    ]
    .into_iter()
    .filter(|(_, current, requested)| requested < current)
    .map(|(resource, _, requested)| (resource, requested))
    .collect();
    if lowered.is_empty() {
        return Ok(());
    }
    let pid = interpreter.pid().as_raw();
    with_real_ids_of(&plan.user, || {
        lowered.iter().try_for_each(|&(resource, value)| process::set_limit(pid, resource, value))
    })
}

/// Keeps only the capability to signal the program, and only the system calls of [`watch`].
fn drop_privileges(filters: &Filters) -> io::Result<()> {
    drop_capabilities(&[caps::Capability::CAP_KILL])?;
    process::forbid_new_privileges()?;
    filters.init.install()
}

/// Waits until the main process ends, and executes the daemon's requests meanwhile. Returns the exit report, or `None` if
/// the daemon closed the control socket.
pub(super) fn watch(
    program: &RunningProgram,
    kernel_memory: &mut KernelMemoryWatch,
    control: &OwnedFd,
) -> Result<Option<Report>, SetupError> {
    let children =
        SignalFd::with_flags(&SigSet::from(Signal::SIGCHLD), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .at(Step::Watch)?;
    let mut last_check = Instant::now();
    let mut kernel_memory_exceeded = false;
    let mut cpu_time = CpuTime::default();
    loop {
        // Before waiting for the signal: a child may have ended before the descriptor existed.
        let mut reaped = 0;
        while reaped < MAX_REAPED_AT_ONCE
            && let Some(exit) = reap_any().at(Step::Watch)?
        {
            cpu_time += exit.cpu_time;
            if exit.pid == program.pid.as_raw() {
                let wall_time = program.started.elapsed();
                cpu_time += kill_and_reap_all().at(Step::Watch)?;
                return Ok(Some(Report::Exited(ExitReport {
                    wait_status: exit.status,
                    wall_time,
                    cpu_time: cpu_time.total().saturating_sub(program.startup_cpu_time),
                    system_time: cpu_time.system,
                    peak_rss: exit.max_rss_kib.saturating_mul(1024),
                    kernel_memory_exceeded,
                })));
            }
            reaped += 1;
        }
        let mut watched = [
            PollFd::new(children.as_fd(), PollFlags::POLLIN),
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
        ];
        let timeout =
            if reaped == MAX_REAPED_AT_ONCE { PollTimeout::ZERO } else { KERNEL_MEMORY_INTERVAL.into() };
        match poll(&mut watched, timeout) {
            Err(Errno::EINTR) => continue,
            answer => answer.at(Step::Watch)?,
        };
        if last_check.elapsed() >= Duration::from_millis(KERNEL_MEMORY_INTERVAL.into()) {
            last_check = Instant::now();
            if kernel_memory.is_exceeded().at(Step::Watch)? {
                kernel_memory_exceeded = true;
                // The main process is among those killed; the next round reaps it.
                kill_all();
            }
        }
        let (child_ended, has_message) = (watched[0].any() == Some(true), watched[1].any() == Some(true));
        if child_ended {
            children.read_signal().at(Step::Watch)?;
        }
        if has_message {
            match Packet::receive(control).at(Step::Watch)? {
                None => return Ok(None),
                Some(packet) if packet.tag == TERMINATE => terminate(program.pid),
                Some(packet) if packet.tag == SIGNAL => send_signal(program.pid, packet.numbers[0]),
                Some(_) => {}
            }
        }
    }
}

/// Sends SIGTERM to the program's process group. SIGCONT lets a stopped process handle it.
fn terminate(program: Pid) {
    let group = Pid::from_raw(-program.as_raw());
    // An error means that the group has just ended.
    let _ = kill(group, Signal::SIGTERM);
    let _ = kill(group, Signal::SIGCONT);
}

/// Sends a signal of the client to the program's process group.
fn send_signal(program: Pid, number: i32) {
    if let Ok(signal) = Signal::try_from(number) {
        let _ = kill(Pid::from_raw(-program.as_raw()), signal);
    }
}

fn reap_any() -> io::Result<Option<ExitInfo>> {
    match process::try_wait(process::ANY_CHILD) {
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        answer => answer,
    }
}
