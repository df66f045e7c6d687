//! The daemon's side of a supervisor. Nothing here waits, but for [`Supervisor::start`].

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use crate::cgroup::{NamespaceGone, RunCgroup};
use crate::error::SetupError;
use crate::message::{
    BUILD, DROP_BUILD, GONE, LAUNCHED, NOT_LAUNCHED, PREPARE, Packet, READY, SHARE_BUILD, SIGNAL, START,
    TERMINAL, TERMINATE, send_raw,
};
use crate::plan::{Plan, Start};
use crate::supervise::ZYGOTES;
use crate::sys::process;

/// A running supervisor process. Dropping it ends the process and the sandbox it watches.
#[derive(Debug)]
pub struct Supervisor {
    process: Child,
    socket: OwnedFd,
}

/// What a sandbox gets of the daemon's descriptors.
#[derive(Debug)]
pub struct Descriptors {
    /// The program's stdin, to read.
    pub stdin: OwnedFd,
    /// Its stdout, to write.
    pub stdout: OwnedFd,
    /// Its stderr, to write.
    pub stderr: OwnedFd,
    /// Where init writes its reports; see [`crate::read_report`].
    pub report: OwnedFd,
    /// The other end of a [`Control`].
    pub control: OwnedFd,
}

/// What a supervisor says.
#[derive(Debug)]
pub enum Reply {
    /// The sandbox's init runs.
    Launched(Init),
    /// It could not be started.
    NotLaunched(SetupError),
    /// Init is gone, and with it every process of its pid namespace.
    Gone(NamespaceGone),
    /// What was built, for another sandbox.
    Build {
        /// A detached, read-only mount of the build directory.
        mount: OwnedFd,
        /// Its size in bytes.
        bytes: u64,
    },
}

/// What init is told by. Dropping it ends the sandbox.
#[derive(Debug)]
pub struct Control(OwnedFd);

/// A sandbox's init, whatever becomes of its number.
#[derive(Debug)]
pub struct Init(OwnedFd);

impl Init {
    /// Kill it, and with it every process of the sandbox. No error if it is gone.
    ///
    /// # Errors
    /// What pidfd_send_signal(2) says.
    pub fn kill(&self) -> io::Result<()> {
        process::kill(self.0.as_fd())
    }
}

impl Control {
    /// A control, and its end for init.
    ///
    /// # Errors
    /// If there are no descriptors left.
    pub fn new() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok((Self(ours), theirs))
    }

    /// Start the program, with `sources` as the contents of its source files, and `build` as what a compiler wrote for
    /// it. Once.
    ///
    /// # Errors
    /// If it cannot be handed over.
    pub fn start(&self, start: &Start, sources: &[&[u8]], build: Option<&OwnedFd>) -> io::Result<()> {
        let bundle = bundle(start, sources)?;
        let mut raw = vec![bundle.as_raw_fd()];
        raw.extend(build.map(AsRawFd::as_raw_fd));
        send_raw(&self.0, START, [0, 0], &raw)
    }

    /// Send a signal to the program's process group.
    ///
    /// # Errors
    /// If init is gone, or does not listen.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        send_raw(&self.0, SIGNAL, [signal as i32, 0], &[])
    }

    /// The master of the program's terminal. It is there before [`crate::Report::Prepared`] is.
    ///
    /// # Errors
    /// If it is not.
    pub fn terminal(&self) -> io::Result<OwnedFd> {
        match Packet::receive(&self.0)? {
            Some(Packet { tag: TERMINAL, descriptors, .. }) => {
                Ok(descriptors.into_iter().next().ok_or(io::ErrorKind::InvalidData)?)
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Send SIGTERM to the program's process group.
    ///
    /// # Errors
    /// If init is gone.
    pub fn terminate(&self) -> io::Result<()> {
        send_raw(&self.0, TERMINATE, [0, 0], &[])
    }
}

impl Supervisor {
    /// Start `helper` with an empty environment; it builds sandboxes in its own view of `directory`, which
    /// must be an empty directory that nobody but root can enter. Only one that `has_zygotes` can be asked for a plan with
    /// one.
    ///
    /// # Errors
    /// If the program cannot be started, or does not become ready.
    pub fn start(helper: &Path, directory: &Path, has_zygotes: bool) -> io::Result<Self> {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let mut command = Command::new(helper);
        command.arg(directory).args(has_zygotes.then_some(ZYGOTES)).env_clear().current_dir("/");
        let process = command.stdin(theirs).stdout(Stdio::null()).spawn()?;
        // The command holds the other end until it is dropped; only then does a dying child end the connection.
        drop(command);
        let supervisor = Self { process, socket: ours };
        match Packet::receive(&supervisor.socket)? {
            Some(Packet { tag: READY, .. }) => {}
            _ => return Err(io::Error::other("executor-sandbox ended before it was ready")),
        }
        fcntl(&supervisor.socket, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(supervisor)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Prepare a sandbox. `Launched` or `NotLaunched` is the answer, and `Gone` comes after the former.
    ///
    /// # Errors
    /// If the plan cannot be handed over.
    pub fn prepare(&self, plan: &Plan, cgroup: &mut RunCgroup, descriptors: Descriptors) -> io::Result<()> {
        let cgroup = cgroup.open_for_launch()?;
        let text = serde_json::to_vec(plan).map_err(io::Error::other)?;
        let plan = sealed(&[&text])?;
        let Descriptors { stdin, stdout, stderr, report, control } = &descriptors;
        let mut raw: Vec<_> =
            [&plan, stdin, stdout, stderr, report, control].map(AsRawFd::as_raw_fd).to_vec();
        raw.extend(cgroup.as_ref().map(AsRawFd::as_raw_fd));
        send_raw(&self.socket, PREPARE, [0, 0], &raw)
    }

    /// Ask for what the last compilation wrote; the answer is `Build`. Only when its sandbox is gone.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub fn share_build(&self) -> io::Result<()> {
        send_raw(&self.socket, SHARE_BUILD, [0, 0], &[])
    }

    /// Let go of what the last compilation wrote.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub fn drop_build(&self) -> io::Result<()> {
        send_raw(&self.socket, DROP_BUILD, [0, 0], &[])
    }

    /// What the supervisor said next, or `None` if nothing yet.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub fn reply(&self) -> io::Result<Option<Reply>> {
        let packet = match Packet::receive(&self.socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            packet => packet?.ok_or(io::ErrorKind::UnexpectedEof)?,
        };
        let [first, second] = packet.numbers;
        Ok(Some(match packet.tag {
            LAUNCHED => {
                let pidfd = packet.descriptors.into_iter().next().ok_or(io::ErrorKind::InvalidData)?;
                Reply::Launched(Init(pidfd))
            }
            NOT_LAUNCHED => Reply::NotLaunched(packet.reason()?),
            GONE => Reply::Gone(NamespaceGone::init_reaped(Some(second).filter(|&pid| pid != 0))),
            BUILD => Reply::Build {
                mount: packet.descriptors.into_iter().next().ok_or(io::ErrorKind::InvalidData)?,
                bytes: u64::try_from(first).map_err(|_| io::ErrorKind::InvalidData)? * 1024,
            },
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }))
    }
}

/// For waiting until [`Supervisor::reply`] has something.
impl AsRawFd for Supervisor {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// The same, borrowed.
impl AsFd for Supervisor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Its init asked to die with it, and its mount namespace goes with its last process.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The length of what stands before the sources (u64, little-endian), that, and the sources.
fn bundle(start: &Start, sources: &[&[u8]]) -> io::Result<OwnedFd> {
    let text = serde_json::to_vec(start).map_err(io::Error::other)?;
    let length = u64::try_from(text.len()).map_err(io::Error::other)?.to_le_bytes();
    let parts: Vec<&[u8]> = [&length[..], &text].into_iter().chain(sources.iter().copied()).collect();
    sealed(&parts)
}

/// A memory file that nobody can change any more.
fn sealed(parts: &[&[u8]]) -> io::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = File::from(memfd_create(OsString::from("plan").as_os_str(), flags)?);
    for part in parts {
        file.write_all(part)?;
    }
    io::Seek::rewind(&mut file)?;
    let seals =
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file.into())
}
