//! Network namespaces, created before their sandbox: creating and destroying one takes the kernel a millisecond.
//!
//! The supervisor lives in the network namespace of its next sandbox, and init inherits it. After the sandbox is gone, the
//! supervisor creates another one, unless this one was never used and is therefore indistinguishable from a new one.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::privileges::with_effective_user;
use crate::sys::network;

/// Counters of a network namespace in `/proc/thread-self/net`; see proc_pid_net(5): packets, failed attempts, sockets, and
/// flow labels, which the kernel keeps for a while.
///
/// Everything else that an unprivileged program can leave behind, such as orphaned connections, takes packets. Not read are
/// the lists of connections, for which the kernel scans those of the whole host, and `netstat`, which has details of
/// packets only.
const COUNTERS: [&str; 6] = ["dev", "ip6_flowlabel", "snmp", "snmp6", "sockstat6", "unix"];
/// Size of one read in bytes; larger than any of the files.
const READ_BYTES: usize = 8 * 1024;

/// The network namespace of this process, which no program has used.
pub(crate) struct NetworkNamespace {
    /// The namespace, for setns(2).
    namespace: File,
    /// The files of [`COUNTERS`] that exist, opened in this namespace.
    counters: Vec<File>,
    /// The content of these files when the namespace was new.
    initial: Vec<u8>,
}

impl NetworkNamespace {
    /// Creates a network namespace with its loopback interface up, and moves this process into it.
    pub(crate) fn create() -> io::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        Self::bring_up()
    }

    /// Returns the network namespace of the process `pidfd`, which has not used it, with its loopback interface up. `owner` owns
    /// the user namespace of the process. This process is in the namespace `own` before and after. The error of the outer kind
    /// means that it could not return.
    pub(crate) fn of_process(pidfd: BorrowedFd, owner: u32, own: &Self) -> io::Result<io::Result<Self>> {
        if let Err(error) = with_effective_user(owner, || setns(pidfd, CloneFlags::CLONE_NEWNET))? {
            return Ok(Err(error.into()));
        }
        let network = Self::bring_up();
        setns(&own.namespace, CloneFlags::CLONE_NEWNET)?;
        Ok(network)
    }

    /// Brings up the loopback interface of the network namespace of this process, and returns the namespace.
    fn bring_up() -> io::Result<Self> {
        let any = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        network::bring_loopback_up(any.as_fd())?;
        drop(any);
        let counters =
            COUNTERS.into_iter().filter_map(|name| open(name).transpose()).collect::<io::Result<_>>()?;
        let namespace = File::open("/proc/thread-self/ns/net")?;
        let mut network = Self { namespace, counters, initial: Vec::new() };
        network.initial = network.read_counters()?;
        Ok(network)
    }

    /// Replaces the namespace if the sandbox used it. The processes of the sandbox must be gone.
    pub(crate) fn renew(&mut self) -> io::Result<()> {
        if self.is_used()? {
            *self = Self::create()?;
        }
        Ok(())
    }

    /// Returns whether a sandbox used the namespace. The processes of the sandbox must be gone.
    pub(crate) fn is_used(&self) -> io::Result<bool> {
        Ok(self.read_counters()? != self.initial)
    }

    fn read_counters(&self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        let mut text = [0; READ_BYTES];
        for file in &self.counters {
            let mut offset = 0;
            loop {
                let length = file.read_at(&mut text, offset)?;
                if length == 0 {
                    break;
                }
                all.extend_from_slice(&text[..length]);
                offset += length as u64;
            }
            all.push(0);
        }
        Ok(all)
    }
}

/// Opens a counter file. Returns `None` if the kernel was built without its protocol.
fn open(name: &str) -> io::Result<Option<File>> {
    match File::open(format!("/proc/thread-self/net/{name}")) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => Ok(None),
        Err(error) => Err(error),
    }
}
