//! Network namespaces, made before there is a sandbox for them: making one and ending it takes the kernel a millisecond.
//!
//! The supervisor lives in the namespace of its next sandbox, which inherits it. When that is gone another is made,
//! unless nothing ever happened in this one: then there is nothing in it that could be told from a new one.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::sys::network;

/// Counts of what happened in a network namespace: packets, what was tried in vain, sockets, and flow labels, which are
/// remembered for a while. Whatever else a program can leave without privileges, beyond the life of its processes, such
/// as connections that nobody holds any more, takes packets. In `/proc/thread-self/net`; proc_pid_net(5). Not the lists
/// of connections themselves, for which the kernel looks through those of the whole host, nor `netstat`, which tells in
/// detail of packets.
const COUNTS: [&str; 6] = ["dev", "ip6_flowlabel", "snmp", "snmp6", "sockstat6", "unix"];
/// Bytes that are read of one at a time: more than one of them has.
const COUNTS_BYTES: usize = 8 * 1024;

/// The network namespace that this process is in, in which nothing has happened.
pub(crate) struct Network {
    /// For who is to go there.
    namespace: File,
    /// Those of [`COUNTS`] that there are, opened in this namespace.
    counts: Vec<File>,
    untouched: Vec<u8>,
}

impl Network {
    /// Make one and go there.
    pub(crate) fn fresh() -> io::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let any = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        network::bring_loopback_up(any.as_fd())?;
        drop(any);
        let counts =
            COUNTS.into_iter().filter_map(|name| open(name).transpose()).collect::<io::Result<_>>()?;
        let namespace = File::open("/proc/thread-self/ns/net")?;
        let mut network = Self { namespace, counts, untouched: Vec::new() };
        network.untouched = network.read()?;
        Ok(network)
    }

    /// Be in one again, after a sandbox was: its processes are gone.
    pub(crate) fn renew(&mut self) -> io::Result<()> {
        if self.read()? != self.untouched {
            *self = Self::fresh()?;
        }
        Ok(())
    }

    /// It, for setns(2).
    pub(crate) const fn namespace(&self) -> &File {
        &self.namespace
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        let mut text = [0; COUNTS_BYTES];
        for file in &self.counts {
            let mut at = 0;
            loop {
                let length = file.read_at(&mut text, at)?;
                if length == 0 {
                    break;
                }
                all.extend_from_slice(&text[..length]);
                at += length as u64;
            }
            all.push(0);
        }
        Ok(all)
    }
}

/// A kernel that was made without a part has no file for it.
fn open(name: &str) -> io::Result<Option<File>> {
    match File::open(format!("/proc/thread-self/net/{name}")) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => Ok(None),
        Err(error) => Err(error),
    }
}
