//! Building the sandbox, up to the fork of the payload.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{sethostname, setsid};

use crate::error::{At, SetupError, Step};
use crate::kernel_memory::KernelMemoryWatch;
use crate::packet::{PROC, Packet, TERMINAL, send_packet};
use crate::payload::PayloadSetup;
use crate::plan::Plan;
use crate::rootfs::proc::{mask_locks, new_proc};
use crate::rootfs::sandbox_root::mount_sandbox;
use crate::seccomp::Filters;
use crate::sys::{descriptor, process};
use crate::terminal::Terminal;

/// The host name in every sandbox.
const HOST_NAME: &str = "executor";

/// The value of init's oom_score_adj; see proc_pid_oom_score_adj(5).
///
/// On cgroup v1 the out-of-memory killer must choose init before the supervisor, which is in the same cgroup, and after the
/// program, whose value is 1000. Killing init can be necessary: a program may hold all memory as shared memory of its IPC
/// namespace, which is freed only when init is gone.
const INIT_OOM_SCORE: &str = "500";

/// The namespaces that init is cloned into. The network namespace exists already, and the cgroup namespace is created when
/// init is in its cgroup.
pub(crate) const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWNS
    .union(CloneFlags::CLONE_NEWPID)
    .union(CloneFlags::CLONE_NEWIPC)
    .union(CloneFlags::CLONE_NEWUTS);

/// The descriptors of a sandbox, except its report pipe.
pub(crate) struct InitDescriptors {
    /// The program's stdin, stdout and stderr.
    pub(crate) streams: [OwnedFd; 3],
    /// Carries the daemon's messages.
    pub(crate) control: OwnedFd,
    /// The detached mount that a compiler writes to.
    pub(crate) build: Option<OwnedFd>,
    /// The socket on which the supervisor sends the mount of `/proc`, if init may not create it itself.
    pub(crate) proc_socket: Option<OwnedFd>,
}

impl InitDescriptors {
    /// Takes the descriptors that follow the plan in a [`PREPARE`](crate::packet::PREPARE) message. The second value is the
    /// report pipe.
    pub(crate) fn take(
        descriptors: &mut impl Iterator<Item = OwnedFd>,
    ) -> Result<(Self, OwnedFd), SetupError> {
        let mut next = || descriptors.next().ok_or(Errno::EBADF).at(Step::ReadPlan);
        let streams = [next()?, next()?, next()?];
        let (report, control) = (next()?, next()?);
        Ok((Self { streams, control, build: None, proc_socket: None }, report))
    }

    /// Closes all other descriptors of this process, except those in `kept`. It was just forked, and must not reach the host
    /// through a descriptor of the supervisor.
    pub(crate) fn close_others(&self, kept: &[RawFd]) -> io::Result<()> {
        let own = self.streams.iter().chain([&self.control]).chain(&self.build).chain(&self.proc_socket);
        let own = own.map(AsRawFd::as_raw_fd);
        descriptor::close_all_except(&own.chain(kept.iter().copied()).collect::<Vec<_>>())
    }
}

/// What init keeps of a sandbox that is built.
pub(crate) struct Sandbox {
    pub(super) control: OwnedFd,
    pub(super) kernel_memory: KernelMemoryWatch,
    /// Init's end of the launcher's socket.
    pub(super) launcher: Option<UnixStream>,
    pub(super) terminal: Option<Terminal>,
    /// The pipes that the program does not use because it has a terminal. They stay open for the daemon's ends.
    pub(super) unused_streams: Option<[OwnedFd; 3]>,
}

/// Builds the sandbox around this process, and returns it with what the payload needs.
pub(crate) fn build_sandbox<'a>(
    plan: &'a Plan,
    descriptors: InitDescriptors,
    filters: &'a Filters,
) -> Result<(Sandbox, PayloadSetup<'a>), SetupError> {
    let InitDescriptors { streams, control, build, proc_socket } = descriptors;
    detach().at(Step::Detach)?;
    mount_sandbox(plan, build.as_ref(), || {
        proc_socket.map_or_else(new_proc, |socket| receive_proc(&socket))
    })?;
    drop(build);
    fs::write("/proc/self/oom_score_adj", INIT_OOM_SCORE).at(Step::Detach)?;
    sethostname(HOST_NAME).at(Step::SetHostName)?;
    // Only now: the root of a new cgroup namespace is the cgroup of the process that creates it.
    unshare(CloneFlags::CLONE_NEWCGROUP).at(Step::SetHostName)?;
    let terminal = plan.terminal.map(Terminal::open).transpose().at(Step::OpenTerminal)?;
    let (streams, unused_streams) = match &terminal {
        Some(terminal) => (hand_over(terminal, &control).at(Step::OpenTerminal)?, Some(streams)),
        None => (streams, None),
    };
    let kernel_memory = KernelMemoryWatch::open().at(Step::Watch)?;
    mask_locks().at(Step::MountProc)?;
    let pair = plan.warm_command.as_ref().map(|_| UnixStream::pair()).transpose().at(Step::PreWarm)?;
    let (launcher, program_end) = pair.unzip();
    // Blocked until init waits for it. The payload unblocks all signals.
    SigSet::from(Signal::SIGCHLD).thread_block().at(Step::ForkPayload)?;
    let setup = PayloadSetup::new(plan, filters, streams, program_end.map(OwnedFd::from));
    Ok((Sandbox { control, kernel_memory, launcher, terminal, unused_streams }, setup))
}

/// Receives the mount of `/proc`. The kernel lets only a process that can see all of a `/proc` already create one in a mount
/// namespace that belongs to another user namespace than the first.
fn receive_proc(socket: &OwnedFd) -> io::Result<OwnedFd> {
    let packet = Packet::receive(socket)?.filter(|packet| packet.tag == PROC);
    Ok(packet.and_then(|packet| packet.descriptors.into_iter().next()).ok_or(Errno::EPIPE)?)
}

/// Detaches this process from the supervisor, which it must not outlive.
fn detach() -> io::Result<()> {
    process::die_with_parent()?;
    process::forbid_inspection()?;
    setsid()?;
    Ok(())
}

/// Sends the terminal's master to the daemon, and returns its other end as the program's streams.
fn hand_over(terminal: &Terminal, control: &OwnedFd) -> io::Result<[OwnedFd; 3]> {
    send_packet(control, TERMINAL, [0, 0], &[terminal.master.as_raw_fd()])?;
    let end = || terminal.program.try_clone();
    Ok([end()?, end()?, end()?])
}
