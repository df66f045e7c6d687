//! The user namespace of zygotes: the range of executord's uids, and no other id of the host.
//!
//! A process in it has capabilities over what the namespace owns only. To the rest of the host it is an ordinary user without
//! an account. executord's supervisors own the namespace and can enter everything in it; see user_namespaces(7).

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

use crate::packet::{Packet, READY};
use crate::sys::process::{self, ForkResult, Parent};

/// The uids and gids that sandboxes may have. Both ends are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRange {
    /// The lowest id.
    pub first: u32,
    /// The highest id. No run has it: it is root of the namespace.
    pub last: u32,
}

impl UserRange {
    /// Returns the id of the host that is root in the namespace.
    #[must_use]
    pub const fn root(self) -> u32 {
        self.last
    }

    /// Returns the map of the namespace, for uids and gids: runs have the same id inside and outside.
    fn map(self) -> String {
        let Self { first, last } = self;
        format!("0 {last} 1\n{first} {first} {}\n", last - first)
    }
}

/// A user namespace with the map of a [`UserRange`].
pub(crate) struct UserNamespace {
    namespace: OwnedFd,
    range: UserRange,
}

impl UserNamespace {
    /// Creates the namespace. A child that exits afterwards creates it, because only setns(2) would bring this process back.
    pub(crate) fn create(range: UserRange) -> io::Result<Self> {
        let (own_end, child_end) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let child = match process::fork_into(libc::CLONE_NEWUSER, None, Parent::Caller)? {
            ForkResult::Parent(child) => child,
            ForkResult::Child => {
                drop(own_end);
                let _ = send_and_wait(&child_end);
                process::exit()
            }
        };
        drop(child_end);
        let created = Packet::receive(&own_end).and_then(|packet| {
            let namespace = packet.and_then(|packet| packet.descriptors.into_iter().next());
            for map in ["uid_map", "gid_map"] {
                fs::write(format!("/proc/{}/{map}", child.pid), range.map())?;
            }
            Ok(Self { namespace: namespace.ok_or(Errno::ECHILD)?, range })
        });
        drop(own_end);
        process::wait(child.pid)?;
        created
    }

    /// Moves this process, which must be single-threaded, into the namespace, as its root and in no other groups. There is no
    /// way back.
    pub(crate) fn enter(&self) -> io::Result<()> {
        setns(&self.namespace, CloneFlags::CLONE_NEWUSER)?;
        let (root, root_group) = (Uid::from_raw(0), Gid::from_raw(0));
        setgroups(&[])?;
        setresgid(root_group, root_group, root_group)?;
        Ok(setresuid(root, root, root)?)
    }

    /// Returns the id of the host that is root in the namespace.
    pub(crate) const fn root(&self) -> u32 {
        self.range.root()
    }
}

impl AsFd for UserNamespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }
}

/// Sends the user namespace of this process, which only itself may open, and waits until the receiver has written its maps.
fn send_and_wait(receiver: &OwnedFd) -> io::Result<()> {
    process::die_with_parent()?;
    let namespace = File::open("/proc/self/ns/user")?;
    Packet { descriptors: vec![namespace.into()], ..Packet::new(READY, [0, 0]) }.send(receiver)?;
    Packet::receive(receiver).map(drop)
}

#[cfg(test)]
mod tests {
    use super::UserRange;

    #[test]
    fn only_the_range_is_mapped_and_its_last_id_is_root() {
        let range = UserRange { first: 5000, last: 5010 };
        assert_eq!(range.map(), "0 5010 1\n5000 5000 10\n");
        assert_eq!(range.root(), 5010);
    }
}
