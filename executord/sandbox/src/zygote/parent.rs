//! The supervisor's side of a zygote.

use std::convert::Infallible;
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use caps::Capability;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{chdir, pipe2, setsid};

use crate::error::{At, SetupError, Step};
use crate::network_namespace::NetworkNamespace;
use crate::packet::{
    NOT_LAUNCHED, PREPARE, PROC, PROCESS_DIRECTORY, Packet, READY, RENEW_NETWORK, send_packet,
};
use crate::payload::execute;
use crate::plan::{LAUNCHER_DESCRIPTOR, Plan, Program};
use crate::privileges::{drop_bounding_set, make_inheritable, with_effective_user};
use crate::rootfs::layout::NOSUID_NODEV;
use crate::rootfs::proc::new_proc;
use crate::rootfs::template_cache::{TemplateCache, TemplateKey};
use crate::sys::descriptor;
use crate::sys::mount::{attach, attribute, new_file_system};
use crate::sys::process::{self, ChildProcess, ForkResult, Parent};
use crate::user_namespace::{UserNamespace, ZygoteUsers};
use crate::zygote::bounds::{MAX_AGE, MAX_FORKS, TEMPORARY_DIRECTORY};

/// The pid of the process that creates `/proc`, in the pid namespace of a sandbox: any that the payload does not get. Every
/// kernel allows it: it is below the smallest `kernel.pid_max`, 301.
const PROC_PID: libc::pid_t = 300;
/// The capabilities of a zygote in its user namespace: what init and the payload need until they give them up.
const CAPABILITIES: [Capability; 6] = [
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_SETUID,
    Capability::CAP_SETGID,
    Capability::CAP_SETPCAP,
    Capability::CAP_CHOWN,
    Capability::CAP_KILL,
];
/// Options of the file system in which a zygote may write files until it is ready.
const TEMPORARY_OPTIONS: [(&CStr, &CStr); 2] = [(c"size", c"4m"), (c"nr_inodes", c"256")];
/// Environment variables that differ between users. Each fork sets its own.
const USER_VARIABLES: [&str; 2] = ["USER", "LOGNAME"];

/// What a supervisor needs for zygotes: their user namespace, and the way back to its own pid namespace.
pub(crate) struct ZygoteHost {
    users: UserNamespace,
    pids: File,
}

impl ZygoteHost {
    /// Creates the user namespace of the zygotes of one slot.
    pub(crate) fn create(users: ZygoteUsers) -> io::Result<Self> {
        Ok(Self { users: UserNamespace::create(users)?, pids: File::open("/proc/self/ns/pid")? })
    }

    /// Creates the `/proc` of a sandbox and sends the mount to its init. A mount of `/proc` shows the pid namespace of the process
    /// that creates it, so a child in that of init does. Init reports what it does not receive. An error means that this process
    /// could not return to its pid namespace.
    fn send_proc(&self, init: BorrowedFd, socket: &OwnedFd) -> io::Result<()> {
        // For children only: this process remains where it is.
        let entered = with_effective_user(self.users.users().root, || setns(init, CloneFlags::CLONE_NEWPID))?;
        if entered.is_err() {
            return Ok(());
        }
        let forked = process::fork_with_pid(PROC_PID);
        if let Ok(ForkResult::Child) = forked {
            let sent = new_proc().and_then(|proc| send_packet(socket, PROC, [0, 0], &[proc.as_raw_fd()]));
            drop(sent);
            process::exit()
        }
        setns(&self.pids, CloneFlags::CLONE_NEWPID)?;
        if let Ok(ForkResult::Parent(child)) = forked {
            process::wait(child.pid)?;
        }
        Ok(())
    }
}

/// The zygote of a slot. Dropping it kills the process.
pub(crate) struct Zygote {
    process: ChildProcess,
    /// The owner of its user namespace.
    owner: u32,
    socket: OwnedFd,
    template_key: TemplateKey,
    program: Program,
    started: Instant,
    forks: u32,
    network: Network,
}

/// The network namespace of a zygote, which its forks are born in.
enum Network {
    /// New: its loopback interface is down.
    Down,
    /// For the next sandbox.
    Unused(NetworkNamespace),
    /// That of the last sandbox.
    Assigned(NetworkNamespace),
}

impl Zygote {
    /// Returns whether a sandbox with this plan can be forked from the zygote.
    pub(crate) fn fits(&self, plan: &Plan, program: &Program) -> Result<bool, SetupError> {
        Ok(self.has_key(&TemplateKey::of(plan).at(Step::BindHost)?, program))
    }

    fn has_key(&self, template_key: &TemplateKey, program: &Program) -> bool {
        self.template_key == *template_key && starts_alike(&self.program, program)
    }

    /// Returns whether it may fork at all.
    pub(crate) fn is_usable(&self) -> bool {
        self.started.elapsed() < MAX_AGE
            && self.forks < MAX_FORKS
            && matches!(process::try_wait(self.process.pid), Ok(None))
    }

    /// Starts a zygote for sandboxes with this plan, and waits until it is ready.
    pub(crate) fn start(
        host: &ZygoteHost,
        plan: &Plan,
        program: &Program,
        templates: &mut TemplateCache,
    ) -> Result<Self, SetupError> {
        let template_key = TemplateKey::of(plan).at(Step::BindHost)?;
        let program = without_user(program);
        let (socket, zygote_socket) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
                .at(Step::PreWarm)?;
        templates.enter(plan, Some(&host.users))?;
        let forked = process::fork_into(0, None, Parent::Caller);
        if let Ok(ForkResult::Child) = forked {
            // The supervisor notices an error as the end of the connection.
            let _ = become_interpreter(&program, &zygote_socket, &host.users);
            process::exit()
        }
        templates.leave().at(Step::PivotRoot)?;
        let ForkResult::Parent(process) = forked.at(Step::Clone)? else {
            return Err(SetupError { step: Step::Clone, errno: Errno::EINVAL });
        };
        drop(zygote_socket);
        let started = Instant::now();
        let zygote = Self {
            process,
            owner: host.users.users().root,
            socket,
            template_key,
            program,
            started,
            forks: 0,
            network: Network::Down,
        };
        zygote.send_directory().at(Step::PreWarm)?;
        match Packet::receive(&zygote.socket).at(Step::PreWarm)? {
            Some(Packet { tag: READY, .. }) => Ok(zygote),
            _ => Err(SetupError { step: Step::PreWarm, errno: Errno::ECHILD }),
        }
    }

    pub(crate) const fn pid(&self) -> libc::pid_t {
        self.process.pid
    }

    /// Sends the zygote its directory in `/proc`, which it does not see otherwise. It closes the directory before it forks.
    fn send_directory(&self) -> io::Result<()> {
        let directory = File::open(format!("/proc/{}", self.process.pid))?;
        send_packet(&self.socket, PROCESS_DIRECTORY, [0, 0], &[directory.as_raw_fd()])
    }

    /// Has the zygote fork an init, as a child of this process, and gives it its `/proc`. `descriptors` are those of the
    /// daemon's message, and `build` is the mount that a compiler writes to. After an error
    /// of the outer kind this process cannot continue.
    pub(crate) fn fork_init(
        &mut self,
        host: &ZygoteHost,
        descriptors: &[OwnedFd],
        build: Option<&OwnedFd>,
    ) -> io::Result<Result<ChildProcess, SetupError>> {
        let (own_end, proc_socket) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let init = match self.launch(descriptors, build, &proc_socket) {
            Ok(init) => init,
            Err(error) => return Ok(Err(error)),
        };
        drop(proc_socket);
        self.forks += 1;
        if let Network::Unused(network) = mem::replace(&mut self.network, Network::Down) {
            self.network = Network::Assigned(network);
        }
        host.send_proc(init.pidfd.as_fd(), &own_end)?;
        Ok(Ok(init))
    }

    fn launch(
        &self,
        descriptors: &[OwnedFd],
        build: Option<&OwnedFd>,
        proc_socket: &OwnedFd,
    ) -> Result<ChildProcess, SetupError> {
        let all = std::iter::once(proc_socket).chain(descriptors).chain(build);
        let raw: Vec<_> = all.map(AsRawFd::as_raw_fd).collect();
        send_packet(&self.socket, PREPARE, [build.is_some().into(), 0], &raw).at(Step::Clone)?;
        let packet = Packet::receive(&self.socket).at(Step::Clone)?.ok_or(Errno::ECHILD).at(Step::Clone)?;
        if packet.tag == NOT_LAUNCHED {
            return Err(packet.setup_error().at(Step::Clone)?);
        }
        let [pid, _] = packet.numbers;
        let pidfd = packet.descriptors.into_iter().next().ok_or(Errno::EBADF).at(Step::Clone)?;
        Ok(ChildProcess { pid, pidfd })
    }

    /// Returns whether a sandbox can be forked without [`Zygote::prepare_network`].
    pub(crate) const fn has_network(&self) -> bool {
        matches!(self.network, Network::Unused(_))
    }

    /// Returns whether a sandbox was forked since [`Zygote::prepare_network`].
    pub(crate) const fn has_assigned_network(&self) -> bool {
        matches!(self.network, Network::Assigned(_))
    }

    /// Makes the network namespace of the next sandbox: that of the last one, which must be gone, if it was not used. `own` is
    /// that of this process. After an error of the outer kind this process cannot continue.
    pub(crate) fn prepare_network(&mut self, own: &NetworkNamespace) -> io::Result<Result<(), SetupError>> {
        if let Network::Assigned(network) = mem::replace(&mut self.network, Network::Down) {
            match self.renew_if_used(&network) {
                Ok(false) => {
                    self.network = Network::Unused(network);
                    return Ok(Ok(()));
                }
                Ok(true) => {}
                Err(error) => return Ok(Err(error).at(Step::Clone)),
            }
        }
        let network = NetworkNamespace::of_process(self.process.pidfd.as_fd(), self.owner, own)?;
        Ok(network.map(|network| self.network = Network::Unused(network)).at(Step::Clone))
    }

    /// Has the zygote enter another network namespace if the present one was used. Returns whether it was.
    fn renew_if_used(&self, network: &NetworkNamespace) -> io::Result<bool> {
        if !network.is_used()? {
            return Ok(false);
        }
        send_packet(&self.socket, RENEW_NETWORK, [0, 0], &[])?;
        match Packet::receive(&self.socket)? {
            Some(Packet { tag: READY, .. }) => Ok(true),
            _ => Err(Errno::ECHILD.into()),
        }
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        let _ = process::kill_pidfd(self.process.pidfd.as_fd());
        let _ = process::wait(self.process.pid);
    }
}

/// Returns the program with a placeholder of the same length as the value of each variable that differs between users: the
/// programs of the next users inherit the zygote's memory.
fn without_user(program: &Program) -> Program {
    let mut program = program.clone();
    for (name, value) in &mut program.environment {
        if USER_VARIABLES.contains(&name.as_str()) {
            *value = "-".repeat(value.len());
        }
    }
    program
}

/// Returns whether a zygote that was started as `one` can become `other`.
pub(super) fn starts_alike(one: &Program, other: &Program) -> bool {
    one.command == other.command
        && one.resources.stack == other.resources.stack
        && common_environment(one).eq(common_environment(other))
}

/// Returns the environment without the variables that differ between users.
fn common_environment(program: &Program) -> impl Iterator<Item = &(String, String)> {
    program.environment.iter().filter(|(name, _)| !USER_VARIABLES.contains(&name.as_str()))
}

/// Executes the interpreter in the forked process, with no privilege outside the user namespace `users`. Its descriptors,
/// signals and stack limit are those of a payload, because an interpreter examines them once at its start. Returns only if a
/// step fails.
fn become_interpreter(program: &Program, socket: &OwnedFd, users: &UserNamespace) -> io::Result<Infallible> {
    users.enter()?;
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)?;
    let temporary = new_file_system(c"tmpfs", &TEMPORARY_OPTIONS, NOSUID_NODEV | attribute::NOEXEC)?;
    attach(temporary.as_fd(), TEMPORARY_DIRECTORY)?;
    drop(temporary);
    make_inheritable(&CAPABILITIES)?;
    // Entering the namespace filled it.
    drop_bounding_set()?;
    process::forbid_new_privileges()?;
    // After the change of user, which clears the request.
    process::die_with_parent()?;
    setsid()?;
    process::reset_signals()?;
    SigSet::empty().thread_set_mask()?;
    let (stdin, _stdin_writer) = pipe2(OFlag::O_CLOEXEC)?;
    let (_output_reader, output) = pipe2(OFlag::O_CLOEXEC)?;
    for (stream, number) in [(&stdin, 0), (&output, 1), (&output, 2), (socket, LAUNCHER_DESCRIPTOR)] {
        descriptor::duplicate_onto(stream, number)?;
    }
    descriptor::close_from_on_exec(LAUNCHER_DESCRIPTOR + 1)?;
    // The C library derives the stack size of threads from it, once.
    let (_, hard) = getrlimit(Resource::RLIMIT_STACK)?;
    setrlimit(Resource::RLIMIT_STACK, program.resources.stack.min(hard), hard)?;
    chdir("/box")?;
    execute(program)
}
