//! The collector's process: from the fork in the supervisor to its end.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns};
use nix::sys::resource::Resource;
use nix::sys::stat::Mode;
use nix::unistd::{chdir, dup2_stderr};

use super::archive::ArchiveWriter;
use super::collection::Collection;
use super::walk::{Search, check_access};
use crate::error::{At, SetupError, Step};
use crate::file_access::FileAccess;
use crate::privileges::{become_reader_for, drop_capabilities};
use crate::report::{REPORT_BYTES, Report, read_report};
use crate::resource_limits::{FIXED_LIMITS, ResourceLimit, lower_resource_limits};
use crate::seccomp::BpfProgram;
use crate::sys::descriptor;
use crate::sys::process::{self, ChildProcess, ForkResult, Parent};

/// CPU time in seconds after which the kernel ends a collector: a backstop for the bound of its search.
const MAX_CPU_SECONDS: u64 = 5;
/// Number of descriptors of a collector: two for each directory above the current one, and its own.
const MAX_DESCRIPTORS: u64 = 128;
/// The byte that starts the search.
const GO: u8 = b'G';

/// Resource limits of a collector, in addition to those of every program. It writes to no file and starts no process.
const LIMITS: [ResourceLimit; 4] = [
    (Resource::RLIMIT_CPU, MAX_CPU_SECONDS, MAX_CPU_SECONDS),
    (Resource::RLIMIT_FSIZE, 0, 0),
    (Resource::RLIMIT_NOFILE, MAX_DESCRIPTORS, MAX_DESCRIPTORS),
    (Resource::RLIMIT_NPROC, 0, 0),
];

/// The supervisor's handle of a collector. Dropping it kills the process and waits for its end.
pub(crate) struct Collector {
    process: ChildProcess,
    socket: UnixStream,
    is_running: bool,
}

/// Forks the collector of a sandbox, and waits until it has given up every privilege. The sandbox must be prepared, and no
/// program may run in it yet. `namespace` is its mount namespace, and `archive` is the pipe to write to.
pub(crate) fn start(
    collection: &Collection,
    namespace: BorrowedFd,
    archive: &OwnedFd,
    filter: &BpfProgram,
) -> Result<Collector, SetupError> {
    let (socket, own) = UnixStream::pair().at(Step::Collect)?;
    match process::fork_into(0, None, Parent::Caller).at(Step::Collect)? {
        ForkResult::Child => {
            drop(socket);
            run(collection, namespace, archive, own, filter)
        }
        ForkResult::Parent(process) => {
            drop(own);
            let collector = Collector { process, socket, is_running: true };
            collector.await_ready()?;
            Ok(collector)
        }
    }
}

impl Collector {
    /// Waits for the report that nothing is left to give up.
    fn await_ready(&self) -> Result<(), SetupError> {
        let mut bytes = vec![0; REPORT_BYTES];
        (&self.socket).read_exact(&mut bytes).at(Step::Collect)?;
        match read_report(&mut bytes).at(Step::Collect)? {
            Some(Report::Ready) => Ok(()),
            Some(Report::SetupFailed(error)) => Err(error),
            _ => Err(io::Error::from(io::ErrorKind::InvalidData)).at(Step::Collect),
        }
    }

    /// Returns the descriptor that is readable when the process has ended.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.process.pidfd.as_fd()
    }

    /// Starts the search. No process of the program may be left.
    pub(crate) fn go(&self) {
        // An error means that it has ended, which shows as an incomplete archive.
        let _ = (&self.socket).write_all(&[GO]);
    }

    /// Kills the process. Its end is reported by [`Collector::pidfd`].
    pub(crate) fn kill(&self) {
        let _ = process::kill_pidfd(self.pidfd());
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if self.is_running {
            self.is_running = false;
            self.kill();
            let _ = process::wait(self.process.pid);
        }
    }
}

/// Runs the collector in the process that was forked for it.
fn run(
    collection: &Collection,
    namespace: BorrowedFd,
    archive: &OwnedFd,
    socket: UnixStream,
    filter: &BpfProgram,
) -> ! {
    let result = confine(collection, namespace, archive, &socket, filter).map(|top| {
        let is_told = Report::Ready.write(&socket).is_ok() && is_started(&socket);
        if is_told {
            let archive = ArchiveWriter::new(PipeWriter(archive));
            let search = Search::new(&collection.patterns, collection.limits, collection.user.uid, archive);
            // An error means that the daemon does not read the archive.
            let _ = search.run(top);
        }
    });
    if let Err(error) = result {
        let _ = Report::SetupFailed(error).write(&socket);
    }
    process::exit()
}

/// Enters the mount namespace of the sandbox and gives up every privilege. Returns the directory to search. The order is the
/// security argument: each step is still permitted and no later step can undo it.
fn confine(
    collection: &Collection,
    namespace: BorrowedFd,
    archive: &OwnedFd,
    socket: &UnixStream,
    filter: &BpfProgram,
) -> Result<OwnedFd, SetupError> {
    process::die_with_parent().at(Step::Collect)?;
    process::forbid_inspection().at(Step::Collect)?;
    let kept = [namespace.as_raw_fd(), archive.as_raw_fd(), socket.as_raw_fd()];
    descriptor::close_all_except(&kept).at(Step::Collect)?;
    // Only trusted code has run in it so far. From here on no path of the host can be named.
    setns(namespace, CloneFlags::CLONE_NEWNS).at(Step::Collect)?;
    descriptor::close_all_except(&kept[1..]).at(Step::Collect)?;
    chdir("/").at(Step::Collect)?;
    // Stderr is the daemon's log.
    File::open("/dev/null").and_then(|null| Ok(dup2_stderr(null)?)).at(Step::Collect)?;
    lower_resource_limits(FIXED_LIMITS.into_iter().chain(LIMITS)).at(Step::SetResourceLimits)?;
    process::lock_secure_bits().at(Step::DropCapabilities)?;
    become_reader_for(&collection.user).at(Step::BecomeUser)?;
    // The change of user has cleared the request.
    process::die_with_parent().at(Step::BecomeUser)?;
    drop_capabilities(&[]).at(Step::DropCapabilities)?;
    process::forbid_new_privileges().at(Step::NoNewPrivileges)?;
    FileAccess::read_only(collection.directory.as_path()).restrict().at(Step::Landlock)?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let top = open(collection.directory.as_path(), flags, Mode::empty()).at(Step::Collect)?;
    filter.install().at(Step::Seccomp)?;
    check_access(top.as_fd()).at(Step::Collect)?;
    Ok(top)
}

/// Waits for the byte that starts the search. Returns false if the supervisor closes the socket instead.
fn is_started(mut socket: &UnixStream) -> bool {
    let mut byte = [0];
    socket.read_exact(&mut byte).is_ok() && byte[0] == GO
}

/// Writes to a borrowed pipe.
struct PipeWriter<'a>(&'a OwnedFd);

impl Write for PipeWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(nix::unistd::write(self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
