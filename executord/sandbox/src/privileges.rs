//! Dropping privileges: capabilities, the bounding set, and the change of user.

use std::fs;
use std::io;

use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::unistd::{
    Gid, Uid, getresgid, getresuid, setfsgid, setfsuid, setgroups, setresgid, setresuid, setuid,
};

use crate::plan::User;
use crate::sys::process;

/// Drops all capabilities except `kept`, from every set of this process.
pub(crate) fn drop_capabilities(kept: &[Capability]) -> io::Result<()> {
    let kept = kept.iter().copied().collect();
    let none = CapsHashSet::new();
    // The permitted set last: the effective set must never exceed it.
    for (set, wanted) in
        [(CapSet::Inheritable, &none), (CapSet::Effective, &kept), (CapSet::Permitted, &kept)]
    {
        caps::set(None, set, wanted).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Makes capabilities inheritable, so that a program which root of this user namespace executes has them in spite of an empty
/// bounding set, and no others. Must precede [`drop_bounding_set`].
pub(crate) fn make_inheritable(capabilities: &[Capability]) -> io::Result<()> {
    caps::set(None, CapSet::Inheritable, &capabilities.iter().copied().collect()).map_err(io::Error::other)
}

/// Empties the bounding set: no program executed from now on can gain a capability that it does not inherit.
pub(crate) fn drop_bounding_set() -> io::Result<()> {
    for capability in 0..=63 {
        match process::drop_from_bounding_set(capability) {
            // The kernel has no capability of this number.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            answer => answer?,
        }
    }
    Ok(())
}

/// Makes a user the effective user of the calling thread, which remains root otherwise and keeps its effective capabilities.
///
/// A user namespace belongs to the effective user of its creator, and that user of the parent namespace has all capabilities in
/// it, such as CAP_SYS_PTRACE, which root of executord does not have.
pub(crate) fn become_effective_user(uid: u32) -> io::Result<()> {
    process::set_effective_user_of_thread(uid)?;
    let permitted = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
    caps::set(None, CapSet::Effective, &permitted).map_err(io::Error::other)
}

/// Calls `operation` with another effective user of the calling thread; see [`become_effective_user`]. The process is undumpable
/// afterwards.
pub(crate) fn with_effective_user<T>(uid: u32, operation: impl FnOnce() -> T) -> io::Result<T> {
    let guard = RootUser;
    become_effective_user(uid)?;
    let result = operation();
    drop(guard);
    process::forbid_inspection()?;
    Ok(result)
}

/// Makes root the effective user of the calling thread when it is dropped, also after a panic.
struct RootUser;

impl Drop for RootUser {
    fn drop(&mut self) {
        // Always allowed: root is the real user.
        let _ = process::set_effective_user_of_thread(0);
    }
}

/// Calls `operation` with the real ids of a user, as prlimit(2) requires of a caller without CAP_SYS_RESOURCE. The
/// effective ids remain root's.
pub(crate) fn with_real_ids_of<T>(user: &User, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let (root, root_group) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(Gid::from_raw(user.gid), root_group, root_group)?;
    setresuid(Uid::from_raw(user.uid), root, root)?;
    let result = operation();
    setresuid(root, root, root)?;
    setresgid(root_group, root_group, root_group)?;
    result
}

/// Calls `operation` with the ids of a user as the file system ids of the calling thread, which ptrace(2) checks too: it may
/// access files, and look at processes, as the user may. All other ids remain root's, except for the effective uid if the
/// processes are in a user namespace, which belongs to `owner`.
pub(crate) fn with_access_of<T>(
    user: &User,
    owner: Option<u32>,
    operation: impl FnOnce() -> T,
) -> io::Result<T> {
    let guard = RootAccess;
    owner.map_or(Ok(()), become_effective_user)?;
    // The group first: afterwards the thread lacks capabilities for files only, but so it is in the order of other switches.
    setfsgid(Gid::from_raw(user.gid));
    setfsuid(Uid::from_raw(user.uid));
    // The calls return the id before them, and no error. An id that is no id changes nothing.
    if setfsuid(Uid::from_raw(u32::MAX)) != Uid::from_raw(user.uid) {
        return Err(Errno::EPERM.into());
    }
    let result = operation();
    drop(guard);
    Ok(result)
}

/// Gives the calling thread back root's effective uid and file system ids when it is dropped, also after a panic.
struct RootAccess;

impl Drop for RootAccess {
    fn drop(&mut self) {
        // Always allowed: root is the real user.
        let _ = process::set_effective_user_of_thread(0);
        setfsuid(Uid::from_raw(0));
        setfsgid(Gid::from_raw(0));
    }
}

/// The real and saved user and group of a process that only borrows the access rights of a user: nobody.
const NOBODY: u32 = 65534;

/// Takes the access rights of a user, as its effective user and group, with no other groups, and verifies that the process
/// cannot become root again. The real and saved ids are those of the user nobody: a process of the user may not send signals to this one or
/// change its limits (kill(2), prlimit(2)), and it does not count as a process of the user (RLIMIT_NPROC).
pub(crate) fn become_reader_for(user: &User) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let (nobody, no_group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    setgroups(&[])?;
    setresgid(no_group, gid, no_group)?;
    setresuid(nobody, uid, nobody)?;
    let (users, groups) = (getresuid()?, getresgid()?);
    let is_switched = [users.real, users.effective, users.saved] == [nobody, uid, nobody]
        && [groups.real, groups.effective, groups.saved] == [no_group, gid, no_group];
    if !is_switched || setuid(Uid::from_raw(0)) != Err(Errno::EPERM) {
        return Err(Errno::EPERM.into());
    }
    Ok(())
}

/// Switches to a user and its group, with no other groups, and verifies that the process cannot become root again.
pub(crate) fn become_user(user: &User) -> io::Result<()> {
    // A process without a login uid can set it once, and could pose as root in the host's audit log. An error is ignored:
    // not every kernel has this file, and a daemon that was started from a login session has the uid of that session.
    let _ = fs::write("/proc/self/loginuid", user.uid.to_string());
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    setgroups(&[])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    let (users, groups) = (getresuid()?, getresgid()?);
    let is_switched = [users.real, users.effective, users.saved] == [uid; 3]
        && [groups.real, groups.effective, groups.saved] == [gid; 3];
    if !is_switched || setuid(Uid::from_raw(0)) != Err(Errno::EPERM) {
        return Err(Errno::EPERM.into());
    }
    Ok(())
}
