//! The daemon's handle of a supervisor. Only [`Supervisor::start`] blocks.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use crate::cgroup::{NamespaceGone, RunCgroup};
use crate::collector::collection::Collection;
use crate::error::SetupError;
use crate::packet::{
    ATTACH_COLLECTOR, BUILD, COLLECT, COLLECTED, COLLECTOR_READY, DROP_BUILD, FAILED, GONE, LAUNCHED,
    NO_COLLECTOR, NOT_LAUNCHED, PREPARE, Packet, READY, SHARE_BUILD, STOP_COLLECTOR, send_packet,
};
use crate::plan::Plan;
use crate::sealed_file::{read_message, seal_collection, seal_plan};
use crate::sys::process;
use crate::user_namespace::ZygoteUsers;

/// A running supervisor process. Dropping it kills the process and its sandbox.
#[derive(Debug)]
pub struct Supervisor {
    process: Child,
    socket: OwnedFd,
    /// Why it can have no zygote.
    zygote_error: Option<io::Error>,
}

/// The descriptors that the daemon passes to a sandbox.
#[derive(Debug)]
pub struct Descriptors {
    /// The program's stdin, to read from.
    pub stdin: OwnedFd,
    /// The program's stdout, to write to.
    pub stdout: OwnedFd,
    /// The program's stderr, to write to.
    pub stderr: OwnedFd,
    /// The pipe that init writes its reports to; see [`crate::read_report`].
    pub report: OwnedFd,
    /// Init's end of a [`Control`](super::Control).
    pub control: OwnedFd,
}

/// A reply of a supervisor.
#[derive(Debug)]
pub enum Reply {
    /// The sandbox's init was started.
    Launched(Init),
    /// The sandbox's init could not be started.
    NotLaunched(SetupError),
    /// Init is gone, and with it every process of its pid namespace.
    Gone(NamespaceGone),
    /// The build directory, for another sandbox.
    Build {
        /// A detached, read-only mount of it.
        mount: OwnedFd,
        /// The size of its contents in bytes.
        bytes: u64,
    },
    /// The collector of the sandbox waits.
    CollectorReady,
    /// The collector could not be started.
    NoCollector(SetupError),
    /// The collector is gone.
    Collected,
}

/// A sandbox's init. It refers to the process even if the pid is reused.
#[derive(Debug)]
pub struct Init(OwnedFd);

impl Init {
    /// Kills init, and with it every process of the sandbox. An init that is already gone is not an error.
    ///
    /// # Errors
    /// The errors of pidfd_send_signal(2).
    pub fn kill(&self) -> io::Result<()> {
        process::kill_pidfd(self.0.as_fd())
    }
}

impl Supervisor {
    /// Starts `executable` with an empty environment. The supervisor mounts a private file system at `directory`, which must
    /// be an empty directory that only root can enter. Plans with a zygote need `zygote_users`.
    ///
    /// # Errors
    /// If the process cannot be started, or ends before it is ready. It sends the reason.
    pub fn start(executable: &Path, directory: &Path, zygote_users: Option<ZygoteUsers>) -> io::Result<Self> {
        let (daemon_end, supervisor_end) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let mut command = Command::new(executable);
        let ids = zygote_users
            .into_iter()
            .flat_map(|ZygoteUsers { first, last, root, group }| [first, last, root, group]);
        command.arg(directory).args(ids.map(|id| id.to_string())).env_clear().current_dir("/");
        let process = command.stdin(supervisor_end).stdout(Stdio::null()).spawn()?;
        // The command owns the other end. Only after it is dropped does the exit of the child close the connection.
        drop(command);
        let mut supervisor = Self { process, socket: daemon_end, zygote_error: None };
        match Packet::receive(&supervisor.socket)? {
            Some(Packet { tag: READY, numbers: [errno, _], .. }) => {
                supervisor.zygote_error = (errno != 0).then(|| io::Error::from_raw_os_error(errno));
            }
            Some(Packet { tag: FAILED, descriptors, .. }) if !descriptors.is_empty() => {
                return Err(io::Error::other(read_message(&descriptors[0])?));
            }
            _ => return Err(io::Error::other("the process ended before it was ready")),
        }
        fcntl(&supervisor.socket, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(supervisor)
    }

    /// Returns why this supervisor can have no zygote although it was started with users for them: the host lets it
    /// create no user namespace.
    #[must_use]
    pub const fn zygote_error(&self) -> Option<&io::Error> {
        self.zygote_error.as_ref()
    }

    /// Returns the pid of the supervisor process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Requests a sandbox in `cgroup`. The reply is `Launched`, later followed by `Gone`, or `NotLaunched`.
    ///
    /// # Errors
    /// If the request cannot be sent.
    pub fn prepare(&self, plan: &Plan, cgroup: &mut RunCgroup, descriptors: Descriptors) -> io::Result<()> {
        let cgroup = cgroup.open_for_launch()?;
        let plan = seal_plan(plan)?;
        let Descriptors { stdin, stdout, stderr, report, control } = &descriptors;
        let mut raw: Vec<_> =
            [&plan, stdin, stdout, stderr, report, control].map(AsRawFd::as_raw_fd).to_vec();
        raw.extend(cgroup.as_ref().map(AsRawFd::as_raw_fd));
        send_packet(&self.socket, PREPARE, [0, 0], &raw)
    }

    /// Requests the build directory of the last compilation, whose sandbox must be gone. The reply is `Build`.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub fn share_build(&self) -> io::Result<()> {
        send_packet(&self.socket, SHARE_BUILD, [0, 0], &[])
    }

    /// Drops the build directory of the last compilation.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub fn drop_build(&self) -> io::Result<()> {
        send_packet(&self.socket, DROP_BUILD, [0, 0], &[])
    }

    /// Requests a collector for the sandbox with this mount namespace, which must be prepared and not started. It writes to
    /// the pipe `archive`. The reply is `CollectorReady` or `NoCollector`.
    ///
    /// # Errors
    /// If the request cannot be sent.
    pub fn attach_collector(
        &self,
        collection: &Collection,
        archive: &OwnedFd,
        namespace: &OwnedFd,
    ) -> io::Result<()> {
        let collection = seal_collection(collection)?;
        let raw = [&collection, archive, namespace].map(AsRawFd::as_raw_fd);
        send_packet(&self.socket, ATTACH_COLLECTOR, [0, 0], &raw)
    }

    /// Lets the collector search, after the reply `Gone`. The reply is `Collected` when it is gone.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub fn collect(&self) -> io::Result<()> {
        send_packet(&self.socket, COLLECT, [0, 0], &[])
    }

    /// Kills the collector, after the reply `Gone`. The reply is `Collected` when it is gone.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub fn stop_collector(&self) -> io::Result<()> {
        send_packet(&self.socket, STOP_COLLECTOR, [0, 0], &[])
    }

    /// Returns the next reply, or `None` if there is none yet.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub fn reply(&self) -> io::Result<Option<Reply>> {
        let packet = match Packet::receive(&self.socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            packet => packet?.ok_or(io::ErrorKind::UnexpectedEof)?,
        };
        let [first, _] = packet.numbers;
        Ok(Some(match packet.tag {
            LAUNCHED => {
                let pidfd = packet.descriptors.into_iter().next().ok_or(io::ErrorKind::InvalidData)?;
                Reply::Launched(Init(pidfd))
            }
            NOT_LAUNCHED => Reply::NotLaunched(packet.setup_error()?),
            GONE => Reply::Gone(NamespaceGone::init_reaped(packet.numbers)),
            BUILD => Reply::Build {
                mount: packet.descriptors.into_iter().next().ok_or(io::ErrorKind::InvalidData)?,
                bytes: u64::try_from(first).map_err(|_| io::ErrorKind::InvalidData)? * 1024,
            },
            COLLECTOR_READY => Reply::CollectorReady,
            NO_COLLECTOR => Reply::NoCollector(packet.setup_error()?),
            COLLECTED => Reply::Collected,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }))
    }
}

/// The descriptor that is readable when [`Supervisor::reply`] has a reply.
impl AsRawFd for Supervisor {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// The descriptor that is readable when [`Supervisor::reply`] has a reply.
impl AsFd for Supervisor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Its init dies with it, and the kernel frees its mount namespace with its last process.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
