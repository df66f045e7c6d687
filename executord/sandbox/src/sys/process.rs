//! Making processes, what they are allowed, and how they ended.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use super::checked;

/// Which side of a fork this is.
pub(crate) enum Side {
    /// The new process.
    Child,
    /// The process that forked, with what it knows of the child.
    Parent(Child),
}

/// A process that was just made.
pub(crate) struct Child {
    pub(crate) pid: libc::pid_t,
    /// Refers to the process whatever becomes of its number; see pidfd_open(2).
    pub(crate) pidfd: OwnedFd,
}

/// Whose child a new process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kinship {
    /// That of who makes it. Signals do there what they do by default.
    Child,
    /// That of the parent of who makes it. Signals do what they do here, for it will go on as this process would.
    Sibling,
}

/// Fork into new namespaces, straight into a cgroup if one is given (v2 only); see clone3(2).
///
/// The caller must be single-threaded: the child goes on with a copy of all memory, and a lock held by
/// another thread would never be released there.
pub(crate) fn fork_into(
    namespaces: libc::c_int,
    cgroup: Option<BorrowedFd>,
    kinship: Kinship,
) -> io::Result<Side> {
    // From linux/sched.h: they need more than 32 bits, and the libc crate has them as a c_int.
    const CLONE_CLEAR_SIGHAND: u64 = 1 << 32;
    const CLONE_INTO_CGROUP: u64 = 1 << 33;
    let mut pidfd: libc::c_int = -1;
    // The signal at its end is for a sibling the one that this process has, and must not be named.
    let (kind, exit_signal) = match kinship {
        Kinship::Child => (CLONE_CLEAR_SIGHAND, libc::SIGCHLD as u64),
        Kinship::Sibling => (u64::from(libc::CLONE_PARENT.cast_unsigned()), 0),
    };
    let mut flags =
        kind | u64::from(libc::CLONE_PIDFD.cast_unsigned()) | u64::from(namespaces.cast_unsigned());
    if cgroup.is_some() {
        flags |= CLONE_INTO_CGROUP;
    }
    // SAFETY: an all-zero clone_args is valid, it asks for nothing.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = flags;
    arguments.pidfd = (&raw mut pidfd) as u64;
    arguments.exit_signal = exit_signal;
    arguments.cgroup = cgroup.map_or(0, |group| u64::from(group.as_raw_fd().cast_unsigned()));
    // SAFETY: without CLONE_VM this is a fork: the child has its own copy of everything, on its own stack, and
    // the process is single-threaded. `arguments` and `pidfd` outlive the call.
    let pid =
        checked(unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of_val(&arguments)) })?;
    match i32::try_from(pid).map_err(io::Error::other)? {
        0 => Ok(Side::Child),
        pid => {
            // SAFETY: the kernel put a descriptor there that is ours alone.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Side::Parent(Child { pid, pidfd }))
        }
    }
}

/// Fork as the C library does, which notes who the child is: for a child that goes on in code that uses its threads.
/// `None` is the child. The caller must be single-threaded.
pub(crate) fn fork_as_library() -> io::Result<Option<libc::pid_t>> {
    // SAFETY: the process is single-threaded, so no lock is held by anybody else.
    let pid = checked(unsafe { libc::fork() }.into())?;
    Ok(i32::try_from(pid).ok().filter(|&pid| pid != 0))
}

/// End this process, and do nothing else: what others have registered for its end is not ours.
pub(crate) fn end() -> ! {
    // SAFETY: does not come back.
    unsafe { libc::_exit(0) }
}

/// Kill the process that `pidfd` refers to. A process that is gone already is no error.
pub(crate) fn kill(pidfd: BorrowedFd) -> io::Result<()> {
    // SAFETY: takes a descriptor, integers and a null pointer for the default information.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            libc::SIGKILL,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    match checked(answer) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        answer => answer.map(drop),
    }
}

/// How a child ended and what it and its own waited-for children used.
#[derive(Clone, Copy)]
pub(crate) struct ExitInfo {
    pub(crate) pid: libc::pid_t,
    /// As waitpid(2) gives it.
    pub(crate) status: libc::c_int,
    pub(crate) cpu_time: Duration,
    /// The largest resident set of one process, in KiB.
    pub(crate) max_rss_kib: u64,
}

/// Reap one child that has ended: `pid`, or any for -1. `None` if none has (only without `block`).
pub(crate) fn reap(pid: libc::pid_t, block: bool) -> io::Result<Option<ExitInfo>> {
    let mut status = 0;
    // SAFETY: an all-zero rusage is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let options = if block { 0 } else { libc::WNOHANG };
    // SAFETY: `status` and `usage` outlive the call.
    let answer = unsafe { libc::wait4(pid, &raw mut status, options, &raw mut usage) };
    match checked(answer.into())? {
        0 => Ok(None),
        _ => Ok(Some(ExitInfo {
            pid: answer,
            status,
            cpu_time: duration(usage.ru_utime) + duration(usage.ru_stime),
            max_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
        })),
    }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

fn control(option: libc::c_int, value: libc::c_ulong) -> io::Result<libc::c_int> {
    // SAFETY: the options used here take integers only and touch no memory of ours.
    let answer = checked(unsafe { libc::prctl(option, value, 0, 0, 0) }.into())?;
    i32::try_from(answer).map_err(io::Error::other)
}

/// Die with the parent. Cleared by a change of user, so it is asked for again after one.
pub(crate) fn die_with_parent() -> io::Result<()> {
    control(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong).map(drop)
}

/// Nobody of another user may look into this process, nor trace it.
pub(crate) fn forbid_inspection() -> io::Result<()> {
    control(libc::PR_SET_DUMPABLE, 0).map(drop)
}

/// Who may trace this user's processes may trace this one, as after any execve(2).
pub(crate) fn allow_inspection() -> io::Result<()> {
    control(libc::PR_SET_DUMPABLE, 1).map(drop)
}

/// Nothing this process starts can gain privileges any more.
pub(crate) fn forbid_new_privileges() -> io::Result<()> {
    control(libc::PR_SET_NO_NEW_PRIVS, 1).map(drop)
}

/// Being root gives no capabilities, none can be kept over a change of user or raised, and none of this can
/// be undone; see capabilities(7) on securebits.
pub(crate) fn lock_secure_bits() -> io::Result<()> {
    // From linux/securebits.h: each bit is followed by its lock.
    const NOROOT: libc::c_ulong = 1 << 0;
    const NOROOT_LOCKED: libc::c_ulong = 1 << 1;
    const NO_SETUID_FIXUP_LOCKED: libc::c_ulong = 1 << 3;
    const KEEP_CAPS_LOCKED: libc::c_ulong = 1 << 5;
    const NO_CAP_AMBIENT_RAISE: libc::c_ulong = 1 << 6;
    const NO_CAP_AMBIENT_RAISE_LOCKED: libc::c_ulong = 1 << 7;
    let bits = NOROOT
        | NOROOT_LOCKED
        | NO_SETUID_FIXUP_LOCKED
        | KEEP_CAPS_LOCKED
        | NO_CAP_AMBIENT_RAISE
        | NO_CAP_AMBIENT_RAISE_LOCKED;
    control(libc::PR_SET_SECUREBITS, bits).map(drop)
}

/// Take a capability out of the bounding set, for ever.
pub(crate) fn drop_from_bounding_set(capability: u8) -> io::Result<()> {
    control(libc::PR_CAPBSET_DROP, capability.into()).map(drop)
}

/// Every signal does again what it does by default; an ignored one would stay ignored over exec.
pub(crate) fn reset_signals() -> io::Result<()> {
    for number in 1..=libc::SIGRTMAX() {
        // The two that always do what they do, and the two that glibc keeps for itself.
        if [libc::SIGKILL, libc::SIGSTOP, 32, 33].contains(&number) {
            continue;
        }
        // SAFETY: SIG_DFL is no function of ours, so nothing of ours can be called by it.
        if unsafe { libc::signal(number, libc::SIG_DFL) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
