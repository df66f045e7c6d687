//! Creating processes, waiting for them, and their attributes.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::sys::resource::Resource;

use super::checked::checked;

/// The two returns of a fork.
pub(crate) enum ForkResult {
    /// In the new process.
    Child,
    /// In the process that forked.
    Parent(ChildProcess),
}

/// A process that was just created.
pub(crate) struct ChildProcess {
    pub(crate) pid: libc::pid_t,
    /// Refers to the process even if its pid is reused; see pidfd_open(2).
    pub(crate) pidfd: OwnedFd,
}

/// The parent of a new process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parent {
    /// The calling process. Signal handlers are reset in the child.
    Caller,
    /// The parent of the calling process, so that the child is a sibling of the caller. Signal handlers stay, because
    /// the child continues to run the caller's code.
    ParentOfCaller,
}

/// Forks into new namespaces, and straight into a cgroup if one is given (version 2 only); see clone3(2).
///
/// The caller must be single-threaded: the child has a copy of all memory, and a lock that another thread held would
/// never be released in it.
pub(crate) fn fork_into(
    namespaces: libc::c_int,
    cgroup: Option<BorrowedFd>,
    parent: Parent,
) -> io::Result<ForkResult> {
    clone3(namespaces, cgroup, parent, None)
}

/// Forks a child of this process that has the pid `pid` in the pid namespace that children are in. The next process that is
/// created there without a requested pid gets the one that it would have got without this child.
pub(crate) fn fork_with_pid(pid: libc::pid_t) -> io::Result<ForkResult> {
    clone3(0, None, Parent::Caller, Some(pid))
}

fn clone3(
    namespaces: libc::c_int,
    cgroup: Option<BorrowedFd>,
    parent: Parent,
    requested_pid: Option<libc::pid_t>,
) -> io::Result<ForkResult> {
    // From linux/sched.h: they need more than 32 bits, and the libc crate declares them as c_int.
    const CLONE_CLEAR_SIGHAND: u64 = 1 << 32;
    const CLONE_INTO_CGROUP: u64 = 1 << 33;
    let mut pidfd: libc::c_int = -1;
    // With CLONE_PARENT the exit signal is the caller's, and clone3 refuses another.
    let (kind, exit_signal) = match parent {
        Parent::Caller => (CLONE_CLEAR_SIGHAND, libc::SIGCHLD as u64),
        Parent::ParentOfCaller => (u64::from(libc::CLONE_PARENT.cast_unsigned()), 0),
    };
    let mut flags =
        kind | u64::from(libc::CLONE_PIDFD.cast_unsigned()) | u64::from(namespaces.cast_unsigned());
    if cgroup.is_some() {
        flags |= CLONE_INTO_CGROUP;
    }
    // SAFETY: an all-zero clone_args is valid; it requests nothing.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = flags;
    arguments.pidfd = (&raw mut pidfd) as u64;
    arguments.exit_signal = exit_signal;
    arguments.cgroup = cgroup.map_or(0, |group| u64::from(group.as_raw_fd().cast_unsigned()));
    if let Some(pid) = &requested_pid {
        arguments.set_tid = std::ptr::from_ref(pid) as u64;
        arguments.set_tid_size = 1;
    }
    // SAFETY: without CLONE_VM this is a fork: the child has its own copy of all memory, on its own stack, and the
    // process is single-threaded. `arguments`, `pidfd` and `requested_pid` outlive the call.
    let pid =
        checked(unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of_val(&arguments)) })?;
    match i32::try_from(pid).map_err(io::Error::other)? {
        0 => Ok(ForkResult::Child),
        pid => {
            // SAFETY: the kernel stored a new descriptor there, and nothing else owns it.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(ForkResult::Parent(ChildProcess { pid, pidfd }))
        }
    }
}

/// Forks through the C library, which updates its thread bookkeeping in the child. This is needed if the child
/// continues in code that uses threads. Returns `None` in the child.
///
/// The caller must be single-threaded.
pub(crate) fn fork_with_libc() -> io::Result<Option<libc::pid_t>> {
    // SAFETY: the process is single-threaded, so no other thread holds a lock.
    let pid = checked(unsafe { libc::fork() }.into())?;
    Ok(i32::try_from(pid).ok().filter(|&pid| pid != 0))
}

/// Makes the kernel copy a range of memory in forks that it would leave out; see MADV_DONTFORK in madvise(2).
pub(crate) fn copy_in_forks(start: usize, end: usize) -> io::Result<()> {
    // SAFETY: this changes neither contents nor access.
    checked(unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DOFORK) }.into())
        .map(drop)
}

/// Copies the pages of a range that this process still shares with the one that forked it; see MADV_POPULATE_WRITE in madvise(2).
pub(crate) fn copy_pages(range: &Range<usize>) -> io::Result<()> {
    let start = range.start as *mut libc::c_void;
    // SAFETY: this changes neither contents nor access.
    checked(unsafe { libc::madvise(start, range.len(), libc::MADV_POPULATE_WRITE) }.into()).map(drop)
}

/// Ends this process without running exit handlers: those that are registered here belong to the parent's code.
pub(crate) fn exit() -> ! {
    // SAFETY: does not return.
    unsafe { libc::_exit(0) }
}

/// Kills the process that `pidfd` refers to. A process that is already gone is not an error.
pub(crate) fn kill_pidfd(pidfd: BorrowedFd) -> io::Result<()> {
    // SAFETY: takes a descriptor, integers, and a null pointer for the default signal information.
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

/// CPU time in programs and in the kernel.
#[derive(Clone, Copy, Default)]
pub(crate) struct CpuTime {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

impl CpuTime {
    pub(crate) fn total(self) -> Duration {
        self.user + self.system
    }
}

impl std::ops::AddAssign for CpuTime {
    fn add_assign(&mut self, other: Self) {
        self.user += other.user;
        self.system += other.system;
    }
}

/// How a child ended, and the resources that it and the children it waited for used.
#[derive(Clone, Copy)]
pub(crate) struct ExitInfo {
    pub(crate) pid: libc::pid_t,
    /// The wait status; see waitpid(2).
    pub(crate) status: libc::c_int,
    pub(crate) cpu_time: CpuTime,
    /// Largest resident set of one of these processes in KiB.
    pub(crate) max_rss_kib: u64,
}

/// The argument of [`wait`] and [`try_wait`] for any child.
pub(crate) const ANY_CHILD: libc::pid_t = -1;

/// Waits until a child ends, and reaps it.
pub(crate) fn wait(pid: libc::pid_t) -> io::Result<ExitInfo> {
    wait_with(pid, 0)?.ok_or_else(|| io::Error::from_raw_os_error(libc::ECHILD))
}

/// Reaps a child that has ended. Returns `None` if there are children, but none has ended.
pub(crate) fn try_wait(pid: libc::pid_t) -> io::Result<Option<ExitInfo>> {
    wait_with(pid, libc::WNOHANG)
}

fn wait_with(pid: libc::pid_t, options: libc::c_int) -> io::Result<Option<ExitInfo>> {
    let mut status = 0;
    // SAFETY: an all-zero rusage is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `status` and `usage` outlive the call.
    let answer = unsafe { libc::wait4(pid, &raw mut status, options, &raw mut usage) };
    match checked(answer.into())? {
        0 => Ok(None),
        _ => Ok(Some(ExitInfo {
            pid: answer,
            status,
            cpu_time: CpuTime { user: duration(usage.ru_utime), system: duration(usage.ru_stime) },
            max_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
        })),
    }
}

/// Stops this process when it exits, before the exit handlers that were registered earlier; see atexit(3).
pub(crate) fn stop_at_exit() -> io::Result<()> {
    extern "C" fn stop() {
        // SAFETY: takes an integer.
        unsafe { libc::raise(libc::SIGSTOP) };
        exit()
    }
    // SAFETY: the function exists as long as the process, and does not unwind.
    if unsafe { libc::atexit(stop) } == 0 { Ok(()) } else { Err(io::ErrorKind::OutOfMemory.into()) }
}

/// Waits until a child has stopped itself.
///
/// # Errors
/// If it has ended instead.
pub(crate) fn wait_until_stopped(child: libc::pid_t) -> io::Result<()> {
    match wait_with(child, libc::WUNTRACED)? {
        Some(info) if libc::WIFSTOPPED(info.status) => Ok(()),
        _ => Err(io::Error::from_raw_os_error(libc::ECHILD)),
    }
}

/// Kills a child that has not been reaped, and reaps it. One that was reaped before is not an error.
pub(crate) fn kill_child(child: libc::pid_t) -> io::Result<()> {
    // SAFETY: takes integers.
    match checked(unsafe { libc::kill(child, libc::SIGKILL) }.into()) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        Err(error) => Err(error),
        Ok(_) => wait(child).map(drop),
    }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

fn prctl(option: libc::c_int, value: libc::c_ulong) -> io::Result<libc::c_int> {
    // SAFETY: the options used in this module take integers only and write no memory.
    let answer = checked(unsafe { libc::prctl(option, value, 0, 0, 0) }.into())?;
    i32::try_from(answer).map_err(io::Error::other)
}

/// Changes the effective uid of the calling thread, and of no other, unlike setresuid(2) of the C library.
pub(crate) fn set_effective_user_of_thread(uid: libc::uid_t) -> io::Result<()> {
    const UNCHANGED: libc::uid_t = libc::uid_t::MAX;
    // SAFETY: takes integers only.
    checked(unsafe { libc::syscall(libc::SYS_setresuid, UNCHANGED, uid, UNCHANGED) }).map(drop)
}

/// Requests SIGKILL for this process when its parent dies. A change of user clears the request.
pub(crate) fn die_with_parent() -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong).map(drop)
}

/// Makes this process undumpable: its files in /proc belong to root, and tracing it needs CAP_SYS_PTRACE.
pub(crate) fn forbid_inspection() -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0).map(drop)
}

/// Makes this process dumpable again, so that its own user may trace it, as after execve(2).
pub(crate) fn allow_inspection() -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 1).map(drop)
}

/// Sets no_new_privs: no program that this process starts can gain privileges.
pub(crate) fn forbid_new_privileges() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1).map(drop)
}

/// Sets and locks the securebits: being root grants no capabilities, and none can be kept over a change of user or
/// raised as ambient. This cannot be undone; see capabilities(7).
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
    prctl(libc::PR_SET_SECUREBITS, bits).map(drop)
}

/// Removes a capability from the bounding set, which cannot be undone.
pub(crate) fn drop_from_bounding_set(capability: u8) -> io::Result<()> {
    prctl(libc::PR_CAPBSET_DROP, capability.into()).map(drop)
}

/// Sets the soft and the hard limit of a resource of another process; see prlimit(2).
pub(crate) fn set_limit(process: libc::pid_t, resource: Resource, value: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    let resource = resource as libc::__rlimit_resource_t;
    // SAFETY: the new limit is read, and no old one is requested.
    checked(unsafe { libc::prlimit(process, resource, &raw const limit, std::ptr::null_mut()) }.into())
        .map(drop)
}

/// Resets all signals to their default action. An ignored signal would stay ignored over execve(2).
pub(crate) fn reset_signals() -> io::Result<()> {
    for number in 1..=libc::SIGRTMAX() {
        // SIGKILL and SIGSTOP cannot be changed, and glibc reserves 32 and 33.
        if [libc::SIGKILL, libc::SIGSTOP, 32, 33].contains(&number) {
            continue;
        }
        // SAFETY: SIG_DFL is not a function, so this installs no handler.
        if unsafe { libc::signal(number, libc::SIG_DFL) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
