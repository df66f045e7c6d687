//! Network namespaces, made before there is a sandbox for them: making one and ending it takes the kernel a millisecond.
//!
//! The supervisor lives in the namespace of its next sandbox, which inherits it. When that is gone another is made,
//! unless nothing ever happened in this one: then there is nothing in it that could be told from a new one.

use std::fs;
use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::sys::network;

/// Counts of what happened in a network namespace: packets, what was tried in vain, sockets, and flow labels, which are
/// remembered for a while. Whatever else a program can leave without privileges, beyond the life of its processes, such
/// as connections that nobody holds any more, takes packets. In `/proc/thread-self/net`; proc_pid_net(5). Not the lists
/// of connections themselves, for which the kernel looks through those of the whole host.
const COUNTS: [&str; 7] = ["dev", "ip6_flowlabel", "netstat", "snmp", "snmp6", "sockstat6", "unix"];

/// The network namespace that this process is in, in which nothing has happened.
pub(crate) struct Network {
    untouched: Vec<u8>,
}

impl Network {
    /// Make one and go there.
    pub(crate) fn fresh() -> io::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let any = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        network::bring_loopback_up(any.as_fd())?;
        drop(any);
        Ok(Self { untouched: counts()? })
    }

    /// Be in one again, after a sandbox was: its processes are gone.
    pub(crate) fn renew(&mut self) -> io::Result<()> {
        if counts()? != self.untouched {
            *self = Self::fresh()?;
        }
        Ok(())
    }
}

/// All of them. A kernel that was made without a part has no file for it.
fn counts() -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    for name in COUNTS {
        match fs::read(format!("/proc/thread-self/net/{name}")) {
            Ok(text) => all.extend(text),
            Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => {}
            Err(error) => return Err(error),
        }
        all.push(0);
    }
    Ok(all)
}
