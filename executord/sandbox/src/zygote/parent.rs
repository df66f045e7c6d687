//! The supervisor's side of a zygote.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{chdir, pipe2, setsid};

use crate::error::{At, SetupError, Step};
use crate::packet::{NOT_LAUNCHED, PREPARE, Packet, READY, send_packet};
use crate::payload::execute;
use crate::plan::{LAUNCHER_DESCRIPTOR, Plan, Program};
use crate::rootfs::template_cache::{TemplateCache, TemplateKey};
use crate::sys::descriptor;
use crate::sys::process::{self, ChildProcess, ForkResult, Parent};

/// Maximum age of a zygote when it forks: files of the host that it has read may have changed since.
const MAX_AGE: Duration = Duration::from_secs(600);
/// Environment variables that differ between users. Each fork sets its own.
const USER_VARIABLES: [&str; 2] = ["USER", "LOGNAME"];

/// The zygote of a slot. Dropping it kills the process.
pub(crate) struct Zygote {
    process: ChildProcess,
    socket: OwnedFd,
    template_key: TemplateKey,
    program: Program,
    started: Instant,
}

impl Zygote {
    /// Returns a zygote for a plan: `current` if it fits, otherwise a new one.
    pub(crate) fn for_plan(
        current: Option<Self>,
        plan: &Plan,
        program: &Program,
        templates: &mut TemplateCache,
    ) -> Result<Self, SetupError> {
        let template_key = TemplateKey::of(plan).at(Step::BindHost)?;
        match current {
            Some(zygote) if zygote.fits(&template_key, program) => Ok(zygote),
            other => {
                drop(other);
                Self::start(plan, program, template_key, templates)
            }
        }
    }

    fn fits(&self, template_key: &TemplateKey, program: &Program) -> bool {
        self.started.elapsed() < MAX_AGE
            && self.template_key == *template_key
            && self.program.command == program.command
            && self.program.resources.stack == program.resources.stack
            && common_environment(&self.program).eq(common_environment(program))
            && matches!(process::try_wait(self.process.pid), Ok(None))
    }

    fn start(
        plan: &Plan,
        program: &Program,
        template_key: TemplateKey,
        templates: &mut TemplateCache,
    ) -> Result<Self, SetupError> {
        let (socket, zygote_socket) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
                .at(Step::PreWarm)?;
        templates.enter(plan)?;
        let forked = process::fork_into(0, None, Parent::Caller);
        if let Ok(ForkResult::Child) = forked {
            // The supervisor notices an error as the end of the connection.
            let _ = become_interpreter(program, &zygote_socket);
            process::exit()
        }
        templates.leave().at(Step::PivotRoot)?;
        let ForkResult::Parent(process) = forked.at(Step::Clone)? else {
            return Err(SetupError { step: Step::Clone, errno: Errno::EINVAL });
        };
        drop(zygote_socket);
        let zygote =
            Self { process, socket, template_key, program: program.clone(), started: Instant::now() };
        match Packet::receive(&zygote.socket).at(Step::PreWarm)? {
            Some(Packet { tag: READY, .. }) if zygote.has_one_thread().at(Step::PreWarm)? => Ok(zygote),
            // A lock that another thread holds would never be released in a fork.
            Some(Packet { tag: READY, .. }) => Err(SetupError { step: Step::PreWarm, errno: Errno::EDEADLK }),
            _ => Err(SetupError { step: Step::PreWarm, errno: Errno::ECHILD }),
        }
    }

    pub(crate) const fn pid(&self) -> libc::pid_t {
        self.process.pid
    }

    fn has_one_thread(&self) -> io::Result<bool> {
        Ok(fs::read_dir(format!("/proc/{}/task", self.process.pid))?.count() == 1)
    }

    /// Has the zygote fork an init, as a child of this process. `descriptors` are those of the daemon's message.
    pub(crate) fn fork_init(
        &self,
        descriptors: &[OwnedFd],
        network: BorrowedFd,
    ) -> Result<ChildProcess, SetupError> {
        let raw: Vec<_> =
            std::iter::once(network.as_raw_fd()).chain(descriptors.iter().map(AsRawFd::as_raw_fd)).collect();
        send_packet(&self.socket, PREPARE, [0, 0], &raw).at(Step::Clone)?;
        let packet = Packet::receive(&self.socket).at(Step::Clone)?.ok_or(Errno::ECHILD).at(Step::Clone)?;
        if packet.tag == NOT_LAUNCHED {
            return Err(packet.setup_error().at(Step::Clone)?);
        }
        let [pid, _] = packet.numbers;
        let pidfd = packet.descriptors.into_iter().next().ok_or(Errno::EBADF).at(Step::Clone)?;
        Ok(ChildProcess { pid, pidfd })
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        let _ = process::kill_pidfd(self.process.pidfd.as_fd());
        let _ = process::wait(self.process.pid);
    }
}

/// Returns the environment without the variables that differ between users.
fn common_environment(program: &Program) -> impl Iterator<Item = &(String, String)> {
    program.environment.iter().filter(|(name, _)| !USER_VARIABLES.contains(&name.as_str()))
}

/// Executes the interpreter in the forked process. It keeps all privileges, but its descriptors, signals and stack limit are
/// those of a payload, because an interpreter examines them once at its start. Returns only if a step fails.
fn become_interpreter(program: &Program, socket: &OwnedFd) -> io::Result<Infallible> {
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
