//! The user namespace of a slot's zygotes: the ids of programs, and no other id of the host.
//!
//! A process in it has capabilities over what the namespace owns only. To the rest of the host it is an ordinary user without
//! an account. executord's supervisors have all capabilities in it, as processes of its parent; see user_namespaces(7).

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

use crate::packet::{Packet, READY};
use crate::privileges::become_effective_user;
use crate::sys::process::{self, ForkResult, Parent};

/// The ids of the host that exist in the user namespace of a slot's zygotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZygoteUsers {
    /// The lowest uid and gid of programs.
    pub first: u32,
    /// The highest uid and gid of programs.
    pub last: u32,
    /// The uid of the slot's zygotes: root in the namespace. No program and no other slot has it.
    pub root: u32,
    /// The gid of the zygotes of all slots: the group of root in the namespace. No program has it.
    pub group: u32,
}

impl ZygoteUsers {
    /// Returns the map of uids or gids of the namespace. Programs have the same id inside and outside.
    fn map(self, root: u32) -> String {
        let Self { first, last, .. } = self;
        format!("0 {root} 1\n{first} {first} {}\n", last - first + 1)
    }
}

/// A user namespace with the maps of [`ZygoteUsers`].
pub(crate) struct UserNamespace {
    namespace: OwnedFd,
    users: ZygoteUsers,
}

impl UserNamespace {
    /// Creates the namespace. A child that exits afterwards creates it, because only setns(2) would bring this process back.
    pub(crate) fn create(users: ZygoteUsers) -> io::Result<Self> {
        let (own_end, child_end) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let child = match process::fork_into(0, None, Parent::Caller)? {
            ForkResult::Parent(child) => child,
            ForkResult::Child => {
                drop(own_end);
                let _ = create_and_send(users.root, &child_end);
                process::exit()
            }
        };
        drop(child_end);
        let created = Packet::receive(&own_end).and_then(|packet| {
            let namespace = packet.and_then(|packet| packet.descriptors.into_iter().next());
            // Programs could write the map of project ids themselves, once, and others in the namespace would see it.
            let (uids, gids) = (users.map(users.root), users.map(users.group));
            for (file, map) in [("uid_map", &*uids), ("gid_map", &gids), ("projid_map", "0 0 1\n")] {
                fs::write(format!("/proc/{}/{file}", child.pid), map)?;
            }
            Ok(Self { namespace: namespace.ok_or(Errno::ECHILD)?, users })
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

    /// Returns the ids of the host that exist in the namespace.
    pub(crate) const fn users(&self) -> ZygoteUsers {
        self.users
    }
}

impl AsFd for UserNamespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }
}

/// Creates a user namespace with the owner `owner`, sends it, and waits until the receiver has written its maps.
///
/// The kernel counts what the users of a namespace hold, such as inotify instances, for the namespace's owner too, up to the
/// limit of that user (`fs.inotify.max_user_instances`). If root were the owner, a program could use up what the host needs,
/// and if slots had the same owner, what programs in other slots need.
fn create_and_send(owner: u32, receiver: &OwnedFd) -> io::Result<()> {
    become_effective_user(owner)?;
    unshare(CloneFlags::CLONE_NEWUSER)?;
    // After the change of user, which clears the request.
    process::die_with_parent()?;
    let namespace = File::open("/proc/self/ns/user")?;
    Packet { descriptors: vec![namespace.into()], ..Packet::new(READY, [0, 0]) }.send(receiver)?;
    Packet::receive(receiver).map(drop)
}

#[cfg(test)]
mod tests {
    use super::ZygoteUsers;

    #[test]
    fn only_programs_and_root_are_mapped() {
        let users = ZygoteUsers { first: 5000, last: 5010, root: 5013, group: 5019 };
        assert_eq!(users.map(users.root), "0 5013 1\n5000 5000 11\n");
        assert_eq!(users.map(users.group), "0 5019 1\n5000 5000 11\n");
    }
}
