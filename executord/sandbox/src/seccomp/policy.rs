//! The tables of system calls, for x86-64. Each rule states its reason.

use libc::{
    EAFNOSUPPORT, EINVAL, ENOPROTOOPT, ENOSYS, EOPNOTSUPP, EPERM, SYS_accept, SYS_accept4, SYS_access,
    SYS_acct, SYS_add_key, SYS_adjtimex, SYS_alarm, SYS_arch_prctl, SYS_bind, SYS_bpf, SYS_brk, SYS_capget,
    SYS_capset, SYS_chdir, SYS_chmod, SYS_chown, SYS_chroot, SYS_clock_adjtime, SYS_clock_getres,
    SYS_clock_gettime, SYS_clock_nanosleep, SYS_clock_settime, SYS_clone, SYS_clone3, SYS_close,
    SYS_close_range, SYS_connect, SYS_copy_file_range, SYS_creat, SYS_delete_module, SYS_dup, SYS_dup2,
    SYS_dup3, SYS_epoll_create, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2,
    SYS_epoll_wait, SYS_eventfd, SYS_eventfd2, SYS_execve, SYS_execveat, SYS_exit, SYS_exit_group,
    SYS_faccessat, SYS_faccessat2, SYS_fadvise64, SYS_fallocate, SYS_fanotify_init, SYS_fanotify_mark,
    SYS_fchdir, SYS_fchmod, SYS_fchmodat, SYS_fchmodat2, SYS_fchown, SYS_fchownat, SYS_fcntl, SYS_fdatasync,
    SYS_fgetxattr, SYS_finit_module, SYS_flistxattr, SYS_flock, SYS_fork, SYS_fremovexattr, SYS_fsconfig,
    SYS_fsetxattr, SYS_fsmount, SYS_fsopen, SYS_fspick, SYS_fstat, SYS_fstatfs, SYS_fsync, SYS_ftruncate,
    SYS_futex, SYS_futex_waitv, SYS_futimesat, SYS_get_mempolicy, SYS_get_robust_list, SYS_get_thread_area,
    SYS_getcpu, SYS_getcwd, SYS_getdents, SYS_getdents64, SYS_getegid, SYS_geteuid, SYS_getgid,
    SYS_getgroups, SYS_getitimer, SYS_getpeername, SYS_getpgid, SYS_getpgrp, SYS_getpid, SYS_getppid,
    SYS_getpriority, SYS_getrandom, SYS_getresgid, SYS_getresuid, SYS_getrlimit, SYS_getrusage, SYS_getsid,
    SYS_getsockname, SYS_getsockopt, SYS_gettid, SYS_gettimeofday, SYS_getuid, SYS_getxattr, SYS_init_module,
    SYS_inotify_add_watch, SYS_inotify_init, SYS_inotify_init1, SYS_inotify_rm_watch, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_io_uring_setup, SYS_ioctl, SYS_ioperm, SYS_iopl, SYS_ioprio_get,
    SYS_ioprio_set, SYS_kcmp, SYS_kexec_file_load, SYS_kexec_load, SYS_keyctl, SYS_kill, SYS_lchown,
    SYS_lgetxattr, SYS_link, SYS_linkat, SYS_listen, SYS_listxattr, SYS_llistxattr, SYS_lookup_dcookie,
    SYS_lremovexattr, SYS_lseek, SYS_lsetxattr, SYS_lstat, SYS_madvise, SYS_mbind, SYS_membarrier,
    SYS_memfd_create, SYS_memfd_secret, SYS_migrate_pages, SYS_mincore, SYS_mkdir, SYS_mkdirat, SYS_mknod,
    SYS_mknodat, SYS_mlock, SYS_mlock2, SYS_mlockall, SYS_mmap, SYS_modify_ldt, SYS_mount, SYS_mount_setattr,
    SYS_move_mount, SYS_move_pages, SYS_mprotect, SYS_mremap, SYS_mseal, SYS_msgctl, SYS_msgget, SYS_msgrcv,
    SYS_msgsnd, SYS_msync, SYS_munlock, SYS_munlockall, SYS_munmap, SYS_name_to_handle_at, SYS_nanosleep,
    SYS_newfstatat, SYS_open, SYS_open_by_handle_at, SYS_open_tree, SYS_openat, SYS_openat2, SYS_pause,
    SYS_perf_event_open, SYS_personality, SYS_pidfd_getfd, SYS_pidfd_open, SYS_pidfd_send_signal, SYS_pipe,
    SYS_pipe2, SYS_pivot_root, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect, SYS_poll, SYS_ppoll,
    SYS_prctl, SYS_pread64, SYS_preadv, SYS_preadv2, SYS_prlimit64, SYS_process_madvise,
    SYS_process_mrelease, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pselect6, SYS_ptrace,
    SYS_pwrite64, SYS_pwritev, SYS_pwritev2, SYS_quotactl, SYS_quotactl_fd, SYS_read, SYS_readahead,
    SYS_readlink, SYS_readlinkat, SYS_readv, SYS_reboot, SYS_recvfrom, SYS_recvmmsg, SYS_recvmsg,
    SYS_removexattr, SYS_rename, SYS_renameat, SYS_renameat2, SYS_request_key, SYS_restart_syscall,
    SYS_rmdir, SYS_rseq, SYS_rt_sigaction, SYS_rt_sigpending, SYS_rt_sigprocmask, SYS_rt_sigqueueinfo,
    SYS_rt_sigreturn, SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_rt_tgsigqueueinfo,
    SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_sched_getaffinity, SYS_sched_getattr,
    SYS_sched_getparam, SYS_sched_getscheduler, SYS_sched_rr_get_interval, SYS_sched_setaffinity,
    SYS_sched_setattr, SYS_sched_setparam, SYS_sched_setscheduler, SYS_sched_yield, SYS_seccomp, SYS_select,
    SYS_semctl, SYS_semget, SYS_semop, SYS_semtimedop, SYS_sendfile, SYS_sendmmsg, SYS_sendmsg, SYS_sendto,
    SYS_set_mempolicy, SYS_set_robust_list, SYS_set_thread_area, SYS_set_tid_address, SYS_setdomainname,
    SYS_setfsgid, SYS_setfsuid, SYS_setgid, SYS_setgroups, SYS_sethostname, SYS_setitimer, SYS_setns,
    SYS_setpgid, SYS_setpriority, SYS_setregid, SYS_setresgid, SYS_setresuid, SYS_setreuid, SYS_setrlimit,
    SYS_setsid, SYS_setsockopt, SYS_settimeofday, SYS_setuid, SYS_setxattr, SYS_shmat, SYS_shmctl, SYS_shmdt,
    SYS_shmget, SYS_shutdown, SYS_sigaltstack, SYS_signalfd, SYS_signalfd4, SYS_socket, SYS_socketpair,
    SYS_splice, SYS_stat, SYS_statfs, SYS_statx, SYS_swapoff, SYS_swapon, SYS_symlink, SYS_symlinkat,
    SYS_sync, SYS_sync_file_range, SYS_syncfs, SYS_sysinfo, SYS_syslog, SYS_tee, SYS_tgkill, SYS_time,
    SYS_timer_create, SYS_timer_delete, SYS_timer_getoverrun, SYS_timer_gettime, SYS_timer_settime,
    SYS_timerfd_create, SYS_timerfd_gettime, SYS_timerfd_settime, SYS_times, SYS_tkill, SYS_truncate,
    SYS_umask, SYS_umount2, SYS_uname, SYS_unlink, SYS_unlinkat, SYS_unshare, SYS_userfaultfd, SYS_ustat,
    SYS_utime, SYS_utimensat, SYS_utimes, SYS_vfork, SYS_vhangup, SYS_vmsplice, SYS_wait4, SYS_waitid,
    SYS_write, SYS_writev, c_int, c_long,
};

// Missing in the libc crate; from the kernel's arch/x86/entry/syscalls/syscall_64.tbl.
const SYS_MAP_SHADOW_STACK: c_long = 453;
const SYS_FUTEX_WAKE: c_long = 454;
const SYS_FUTEX_WAIT: c_long = 455;
const SYS_FUTEX_REQUEUE: c_long = 456;
const SYS_STATMOUNT: c_long = 457;
const SYS_LISTMOUNT: c_long = 458;
const SYS_LSM_GET_SELF_ATTR: c_long = 459;
const SYS_LSM_SET_SELF_ATTR: c_long = 460;
const SYS_LSM_LIST_MODULES: c_long = 461;
const SYS_SETXATTRAT: c_long = 463;
const SYS_GETXATTRAT: c_long = 464;
const SYS_LISTXATTRAT: c_long = 465;
const SYS_REMOVEXATTRAT: c_long = 466;
const SYS_OPEN_TREE_ATTR: c_long = 467;

/// System calls that the filter treats alike, and the reason.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The action for these system calls.
    pub action: Action,
    /// The system call numbers.
    pub syscalls: &'static [c_long],
    /// Why the action is safe, or necessary.
    pub reason: &'static str,
}

/// The action of a filter for a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The kernel executes the system call.
    Allow,
    /// The kernel does not execute it and returns this error number; 0 reports success.
    Errno(c_int),
    /// The arguments decide.
    Check(ArgumentCheck),
}

/// A check of arguments. If the kernel uses only the low 32 bits of an argument, the check compares only those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentCheck {
    /// clone(2): no new namespaces, and no file table that two processes share; otherwise EPERM.
    AllowedClone,
    /// socket(2): AF_UNIX; AF_INET and AF_INET6 with TCP and UDP; AF_NETLINK with NETLINK_ROUTE. Otherwise
    /// EAFNOSUPPORT.
    AllowedSocket,
    /// socketpair(2): AF_UNIX; otherwise EAFNOSUPPORT.
    UnixSocketPair,
    /// ioctl(2): no request that injects input into a terminal or changes its line discipline, and of the requests to
    /// network interfaces those in `NETWORK_IOCTLS` only; otherwise EPERM.
    AllowedIoctl,
    /// prctl(2): the options in `PRCTL_OPTIONS`; otherwise EINVAL.
    AllowedPrctl,
    /// personality(2): queries and the default personality; otherwise EPERM.
    DefaultPersonality,
    /// setrlimit(2): every resource except RLIMIT_CORE; otherwise EPERM.
    KeepCoreLimit,
    /// prlimit(2): queries, and every resource except RLIMIT_CORE; otherwise EPERM.
    KeepCoreLimitPrlimit,
    /// fcntl(2): no open file description locks; otherwise EINVAL, as before Linux 3.15.
    NoOfdLocks,
    /// setsockopt(2): no socket filter, no upper layer protocol, no multicast group, no key and no flow label;
    /// otherwise ENOPROTOOPT. SO_RCVBUF reports success without an effect.
    AllowedSocketOption,
    /// send(2) and recv(2) with the flags in this argument: no MSG_OOB; otherwise EOPNOTSUPP.
    NoOutOfBandData(u32),
    /// posix_fadvise(2): POSIX_FADV_DONTNEED reports success without an effect.
    KeepPageCache,
}

/// The options of prctl(2) that language runtimes use; from linux/prctl.h.
pub(crate) const PRCTL_OPTIONS: &[u32] = &[
    1,
    2, // PR_SET_PDEATHSIG, PR_GET_PDEATHSIG
    3,
    4, // PR_GET_DUMPABLE, PR_SET_DUMPABLE
    7,
    8, // PR_GET_KEEPCAPS, PR_SET_KEEPCAPS: locked
    15,
    16, // PR_SET_NAME, PR_GET_NAME
    21, // PR_GET_SECCOMP
    23, // PR_CAPBSET_READ
    25,
    26, // PR_GET_TSC, PR_SET_TSC
    27, // PR_GET_SECUREBITS
    29,
    30, // PR_SET_TIMERSLACK, PR_GET_TIMERSLACK
    36,
    37, // PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER
    38,
    39, // PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS
    40, // PR_GET_TID_ADDRESS
    41,
    42,          // PR_SET_THP_DISABLE, PR_GET_THP_DISABLE
    47,          // PR_CAP_AMBIENT: raising is locked
    52,          // PR_GET_SPECULATION_CTRL
    0x5356_4d41, // PR_SET_VMA: names of anonymous memory
    0x5961_6d61, // PR_SET_PTRACER
];

/// The reason to refuse MSG_OOB. A filter cannot tell the sockets of a call apart, so TCP has no urgent data either.
const OUT_OF_BAND_REASON: &str = "networking with itself; out-of-band data on Unix sockets is a separate part of the kernel \
                                  (CVE-2025-38236) that next to no program uses";

/// Requests of ioctl(2) to sockets and network interfaces, of those in the range 0x8900 to 0x89ff, that programs may
/// make: they read. From linux/sockios.h.
pub(crate) const NETWORK_IOCTLS: &[u32] = &[
    0x8901, // FIOSETOWN
    0x8902, // SIOCSPGRP
    0x8903, // FIOGETOWN
    0x8904, // SIOCGPGRP
    0x8905, // SIOCATMARK
    0x8906, // SIOCGSTAMP
    0x8907, // SIOCGSTAMPNS
    0x8910, // SIOCGIFNAME
    0x8912, // SIOCGIFCONF
    0x8913, // SIOCGIFFLAGS
    0x8915, // SIOCGIFADDR
    0x8917, // SIOCGIFDSTADDR
    0x8919, // SIOCGIFBRDADDR
    0x891b, // SIOCGIFNETMASK
    0x891d, // SIOCGIFMETRIC
    0x8921, // SIOCGIFMTU
    0x8927, // SIOCGIFHWADDR
    0x8933, // SIOCGIFINDEX
    0x8942, // SIOCGIFTXQLEN
    0x8946, // SIOCETHTOOL: changes need CAP_NET_ADMIN
    0x8970, // SIOCGIFMAP
];

/// The rules for programs.
pub const PROGRAM_RULES: &[Rule] = &[
    Rule {
        action: Action::Allow,
        syscalls: &[
            SYS_read,
            SYS_write,
            SYS_readv,
            SYS_writev,
            SYS_pread64,
            SYS_pwrite64,
            SYS_preadv,
            SYS_pwritev,
            SYS_preadv2,
            SYS_pwritev2,
            SYS_lseek,
            SYS_close,
            SYS_close_range,
            SYS_dup,
            SYS_dup2,
            SYS_dup3,
            SYS_flock,
            SYS_pipe,
            SYS_pipe2,
            SYS_sendfile,
            SYS_copy_file_range,
            SYS_fsync,
            SYS_fdatasync,
            SYS_sync_file_range,
            SYS_readahead,
            SYS_ftruncate,
            SYS_truncate,
            SYS_fallocate,
        ],
        reason: "I/O on open descriptors",
    },
    Rule {
        action: Action::Allow,
        syscalls: &[
            SYS_open,
            SYS_openat,
            SYS_openat2,
            SYS_creat,
            SYS_access,
            SYS_faccessat,
            SYS_faccessat2,
            SYS_stat,
            SYS_lstat,
            SYS_fstat,
            SYS_newfstatat,
            SYS_statx,
            SYS_statfs,
            SYS_fstatfs,
            SYS_getdents,
            SYS_getdents64,
            SYS_getcwd,
            SYS_chdir,
            SYS_fchdir,
            SYS_readlink,
            SYS_readlinkat,
            SYS_mkdir,
            SYS_mkdirat,
            SYS_rmdir,
            SYS_unlink,
            SYS_unlinkat,
            SYS_rename,
            SYS_renameat,
            SYS_renameat2,
            SYS_link,
            SYS_linkat,
            SYS_symlink,
            SYS_symlinkat,
            SYS_mknod,
            SYS_mknodat,
            SYS_chmod,
            SYS_fchmod,
            SYS_fchmodat,
            SYS_fchmodat2,
            SYS_chown,
            SYS_fchown,
            SYS_lchown,
            SYS_fchownat,
            SYS_utime,
            SYS_utimes,
            SYS_utimensat,
            SYS_futimesat,
            SYS_umask,
            SYS_getxattr,
            SYS_lgetxattr,
            SYS_fgetxattr,
            SYS_listxattr,
            SYS_llistxattr,
            SYS_flistxattr,
            SYS_removexattr,
            SYS_lremovexattr,
            SYS_fremovexattr,
            SYS_GETXATTRAT,
            SYS_LISTXATTRAT,
            SYS_REMOVEXATTRAT,
            SYS_inotify_init,
            SYS_inotify_init1,
            SYS_inotify_add_watch,
            SYS_inotify_rm_watch,
        ],
        reason: "files: the mounts and the file permissions decide; creating devices needs a capability",
    },
    Rule {
        action: Action::Allow,
        syscalls: &[
            SYS_mmap,
            SYS_munmap,
            SYS_mprotect,
            SYS_mremap,
            SYS_madvise,
            SYS_msync,
            SYS_mincore,
            SYS_brk,
            SYS_mlock,
            SYS_mlock2,
            SYS_mlockall,
            SYS_munlock,
            SYS_munlockall,
            SYS_pkey_alloc,
            SYS_pkey_free,
            SYS_pkey_mprotect,
            SYS_memfd_create,
            SYS_membarrier,
            SYS_mseal,
            SYS_MAP_SHADOW_STACK,
            SYS_set_mempolicy,
            SYS_get_mempolicy,
        ],
        reason: "the process's own memory; just-in-time compilers make it executable",
    },
    Rule {
        action: Action::Allow,
        syscalls: &[
            SYS_fork,
            SYS_vfork,
            SYS_execve,
            SYS_execveat,
            SYS_exit,
            SYS_exit_group,
            SYS_wait4,
            SYS_waitid,
            SYS_kill,
            SYS_tkill,
            SYS_tgkill,
            SYS_pidfd_open,
            SYS_pidfd_send_signal,
            SYS_getpid,
            SYS_getppid,
            SYS_gettid,
            SYS_getpgid,
            SYS_getpgrp,
            SYS_setpgid,
            SYS_getsid,
            SYS_setsid,
            SYS_set_tid_address,
            SYS_futex,
            SYS_futex_waitv,
            SYS_FUTEX_WAKE,
            SYS_FUTEX_WAIT,
            SYS_FUTEX_REQUEUE,
            SYS_set_robust_list,
            SYS_get_robust_list,
            SYS_rseq,
            SYS_arch_prctl,
            SYS_set_thread_area,
            SYS_get_thread_area,
        ],
        reason: "processes and threads, bounded by limits and the pid namespace",
    },
    Rule {
        action: Action::Allow,
        syscalls: &[
            SYS_rt_sigaction,
            SYS_rt_sigprocmask,
            SYS_rt_sigreturn,
            SYS_rt_sigpending,
            SYS_rt_sigtimedwait,
            SYS_rt_sigqueueinfo,
            SYS_rt_tgsigqueueinfo,
            SYS_rt_sigsuspend,
            SYS_sigaltstack,
            SYS_signalfd,
            SYS_signalfd4,
            SYS_pause,
            SYS_restart_syscall,
        ],
        reason: "signals within the pid namespace",
    },
    Rule {
        action: Action::Allow,
        syscalls: &[
            SYS_poll,
            SYS_ppoll,
            SYS_select,
            SYS_pselect6,
            SYS_epoll_create,
            SYS_epoll_create1,
            SYS_epoll_ctl,
            SYS_epoll_wait,
            SYS_epoll_pwait,
            SYS_epoll_pwait2,
            SYS_eventfd,
            SYS_eventfd2,
            SYS_timerfd_create,
            SYS_timerfd_settime,
            SYS_timerfd_gettime,
        ],
        reason: "waiting for events",
    },
    Rule {
        action: Action::Allow,
        syscalls: &[
            SYS_nanosleep,
            SYS_clock_nanosleep,
            SYS_clock_gettime,
            SYS_clock_getres,
            SYS_gettimeofday,
            SYS_time,
            SYS_times,
            SYS_alarm,
            SYS_getitimer,
            SYS_setitimer,
            SYS_timer_create,
            SYS_timer_settime,
            SYS_timer_gettime,
            SYS_timer_getoverrun,
            SYS_timer_delete,
        ],
        reason: "reading clocks and setting timers",
    },
    Rule {
        action: Action::Allow,
        syscalls: &[
            SYS_getuid,
            SYS_geteuid,
            SYS_getgid,
            SYS_getegid,
            SYS_getresuid,
            SYS_getresgid,
            SYS_getgroups,
            SYS_setuid,
            SYS_setgid,
            SYS_setreuid,
            SYS_setregid,
            SYS_setresuid,
            SYS_setresgid,
            SYS_setfsuid,
            SYS_setfsgid,
            SYS_setgroups,
            SYS_capget,
            SYS_capset,
            SYS_getrlimit,
            SYS_getrusage,
            SYS_getpriority,
            SYS_setpriority,
            SYS_ioprio_get,
            SYS_ioprio_set,
            SYS_sysinfo,
            SYS_uname,
            SYS_getrandom,
            SYS_getcpu,
        ],
        reason: "querying identity and limits; changing them needs capabilities that the program cannot gain",
    },
    Rule {
        action: Action::Allow,
        syscalls: &[
            SYS_sched_yield,
            SYS_sched_getaffinity,
            SYS_sched_setaffinity,
            SYS_sched_getparam,
            SYS_sched_setparam,
            SYS_sched_getscheduler,
            SYS_sched_setscheduler,
            SYS_sched_getattr,
            SYS_sched_setattr,
            SYS_sched_get_priority_max,
            SYS_sched_get_priority_min,
            SYS_sched_rr_get_interval,
        ],
        reason: "scheduling of its own threads; RLIMIT_RTPRIO of 0 refuses real-time policies",
    },
    Rule {
        action: Action::Allow,
        syscalls: &[
            SYS_bind,
            SYS_connect,
            SYS_listen,
            SYS_accept,
            SYS_accept4,
            SYS_getsockname,
            SYS_getpeername,
            SYS_shutdown,
            SYS_getsockopt,
        ],
        reason: "networking with itself: the network namespace has a loopback interface only",
    },
    Rule {
        action: Action::Check(ArgumentCheck::NoOutOfBandData(3)),
        syscalls: &[SYS_sendto, SYS_recvfrom, SYS_sendmmsg, SYS_recvmmsg],
        reason: OUT_OF_BAND_REASON,
    },
    Rule {
        action: Action::Check(ArgumentCheck::NoOutOfBandData(2)),
        syscalls: &[SYS_sendmsg, SYS_recvmsg],
        reason: OUT_OF_BAND_REASON,
    },
    Rule {
        action: Action::Check(ArgumentCheck::KeepPageCache),
        syscalls: &[SYS_fadvise64],
        reason: "POSIX_FADV_DONTNEED takes the files of /usr out of the page cache that all runs share, so that the compilers \
                 and interpreters of others start from the disk. It is only advice, so programs do not need its effect",
    },
    Rule {
        action: Action::Allow,
        syscalls: &[
            SYS_shmget,
            SYS_shmat,
            SYS_shmdt,
            SYS_shmctl,
            SYS_semget,
            SYS_semop,
            SYS_semtimedop,
            SYS_semctl,
            SYS_msgget,
            SYS_msgsnd,
            SYS_msgrcv,
            SYS_msgctl,
        ],
        reason: "System V IPC, in an IPC namespace that ends with the run",
    },
    Rule {
        action: Action::Check(ArgumentCheck::AllowedClone),
        syscalls: &[SYS_clone],
        reason: "threads; a user namespace would expose the kernel's entire administrative interface. A file table that two \
                 processes share (CLONE_FILES without CLONE_THREAD) keeps the locks of a process that has ended, and \
                 /proc/locks, which init counts, omits them. Only LeakSanitizer uses it, which needs ptrace, too",
    },
    Rule {
        action: Action::Errno(ENOSYS),
        syscalls: &[SYS_clone3],
        reason: "its flags are behind a pointer, which a filter cannot dereference; libraries fall back to clone",
    },
    Rule {
        action: Action::Check(ArgumentCheck::AllowedSocket),
        syscalls: &[SYS_socket],
        reason: "each address family is separate kernel code: AF_ALG writes the page cache (CVE-2026-31431), AF_VSOCK \
                 reaches the hypervisor and ignores namespaces",
    },
    Rule {
        action: Action::Check(ArgumentCheck::UnixSocketPair),
        syscalls: &[SYS_socketpair],
        reason: "a bidirectional pipe",
    },
    Rule {
        action: Action::Check(ArgumentCheck::AllowedIoctl),
        syscalls: &[SYS_ioctl],
        reason: "TIOCSTI injects input into a shared terminal (CVE-2017-5226, CVE-2019-10063); TIOCSETD loads line \
                 disciplines with a history of vulnerabilities (CVE-2017-2636); TIOCCONS redirects console output. \
                 Requests about VLANs, bridges and the like load kernel modules before the kernel checks any capability \
                 (sock_ioctl in net/socket.c), so only those are allowed that read properties of interfaces",
    },
    Rule {
        action: Action::Check(ArgumentCheck::AllowedPrctl),
        syscalls: &[SYS_prctl],
        reason: "thread names, parent death signals and similar; each new option would add kernel attack surface",
    },
    Rule {
        action: Action::Check(ArgumentCheck::DefaultPersonality),
        syscalls: &[SYS_personality],
        reason: "other personalities disable address space randomisation or make readable memory executable",
    },
    Rule {
        action: Action::Check(ArgumentCheck::KeepCoreLimit),
        syscalls: &[SYS_setrlimit],
        reason: "a core limit of 1 prevents the host's core dump handler from running, a limit of 0 does not, so the program \
                 may not lower it either",
    },
    Rule {
        action: Action::Check(ArgumentCheck::KeepCoreLimitPrlimit),
        syscalls: &[SYS_prlimit64],
        reason: "the newer interface for the same limits; reading the core limit is allowed",
    },
    Rule {
        action: Action::Check(ArgumentCheck::NoOfdLocks),
        syscalls: &[SYS_fcntl],
        reason: "open file description locks: no cgroup accounts for them, every process of the host sees them, and they \
                 cannot be attributed to a sandbox. Init counts the locks that processes own",
    },
    Rule {
        action: Action::Check(ArgumentCheck::AllowedSocketOption),
        syscalls: &[SYS_setsockopt],
        reason: "socket filters and in-kernel protocols (TLS, ESP) have been exploited repeatedly, and programs here do \
                 not need them. A larger receive buffer would hold memory that no cgroup accounts for. So do multicast groups, \
                 the keys of TCP MD5 and TCP-AO (up to net.core.optmem_max for each socket, even one that is not \
                 connected), copies of what was sent for SO_TIMESTAMPING, and IPv6 flow labels, whose table is also \
                 shared by the whole host",
    },
    Rule {
        action: Action::Errno(EOPNOTSUPP),
        syscalls: &[SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_SETXATTRAT],
        reason: "access control lists take up to 128 KiB for each directory, which no cgroup accounts for",
    },
    Rule {
        action: Action::Errno(0),
        syscalls: &[SYS_sync, SYS_syncfs],
        reason: "a run has no files on disk, and must not trigger writeback of the host's disks",
    },
    Rule {
        action: Action::Errno(EPERM),
        syscalls: &[
            SYS_mount,
            SYS_umount2,
            SYS_pivot_root,
            SYS_chroot,
            SYS_open_tree,
            SYS_OPEN_TREE_ATTR,
            SYS_move_mount,
            SYS_fsopen,
            SYS_fsconfig,
            SYS_fsmount,
            SYS_fspick,
            SYS_mount_setattr,
            SYS_STATMOUNT,
            SYS_LISTMOUNT,
            SYS_unshare,
            SYS_setns,
        ],
        reason: "mounts and namespaces form the sandbox",
    },
    Rule {
        action: Action::Errno(EPERM),
        syscalls: &[
            SYS_ptrace,
            SYS_process_vm_readv,
            SYS_process_vm_writev,
            SYS_kcmp,
            SYS_pidfd_getfd,
            SYS_process_madvise,
            SYS_process_mrelease,
            SYS_seccomp,
        ],
        reason: "access to other processes, and seccomp filters that delegate decisions to a process",
    },
    Rule {
        action: Action::Errno(EPERM),
        syscalls: &[
            SYS_bpf,
            SYS_perf_event_open,
            SYS_userfaultfd,
            SYS_io_uring_setup,
            SYS_io_uring_enter,
            SYS_io_uring_register,
            SYS_memfd_secret,
            SYS_modify_ldt,
        ],
        reason: "the starting point of most recent kernel exploits; io_uring also bypasses this filter",
    },
    Rule {
        action: Action::Errno(EPERM),
        syscalls: &[SYS_mbind, SYS_migrate_pages, SYS_move_pages],
        reason: "NUMA placement: a file can hold a policy for each of its pages, which no cgroup accounts for",
    },
    Rule {
        action: Action::Errno(EPERM),
        syscalls: &[SYS_splice, SYS_vmsplice, SYS_tee],
        reason: "the primitive of Dirty Pipe (CVE-2022-0847) and Copy Fail; sendfile and copy_file_range are allowed",
    },
    Rule {
        action: Action::Errno(EPERM),
        syscalls: &[
            SYS_add_key,
            SYS_request_key,
            SYS_keyctl,
            SYS_name_to_handle_at,
            SYS_open_by_handle_at,
            SYS_fanotify_init,
            SYS_fanotify_mark,
            SYS_quotactl,
            SYS_quotactl_fd,
            SYS_lookup_dcookie,
            SYS_ustat,
            SYS_LSM_GET_SELF_ATTR,
            SYS_LSM_SET_SELF_ATTR,
            SYS_LSM_LIST_MODULES,
        ],
        reason: "keys, file handles and watches that no namespace isolates",
    },
    Rule {
        action: Action::Errno(EPERM),
        syscalls: &[
            SYS_init_module,
            SYS_finit_module,
            SYS_delete_module,
            SYS_kexec_load,
            SYS_kexec_file_load,
            SYS_reboot,
            SYS_swapon,
            SYS_swapoff,
            SYS_acct,
            SYS_iopl,
            SYS_ioperm,
            SYS_clock_settime,
            SYS_clock_adjtime,
            SYS_settimeofday,
            SYS_adjtimex,
            SYS_sethostname,
            SYS_setdomainname,
            SYS_syslog,
            SYS_vhangup,
        ],
        reason: "administration of the host",
    },
];

/// The rules for init, which waits, sends signals, reports and exits.
pub const INIT_RULES: &[Rule] = &[Rule {
    action: Action::Allow,
    syscalls: &[
        SYS_read,
        SYS_pread64,
        SYS_write,
        SYS_close,
        SYS_poll,
        SYS_ppoll,
        // Messages of the daemon, the only process with the other end.
        SYS_recvmsg,
        SYS_fcntl,
        SYS_dup,
        SYS_wait4,
        SYS_kill,
        SYS_signalfd4,
        SYS_rt_sigprocmask,
        SYS_rt_sigreturn,
        SYS_sigaltstack,
        SYS_restart_syscall,
        SYS_brk,
        SYS_mmap,
        SYS_munmap,
        SYS_mremap,
        SYS_madvise,
        SYS_futex,
        SYS_getrandom,
        // On machines where the vDSO cannot read the clock.
        SYS_clock_gettime,
        SYS_exit,
        SYS_exit_group,
    ],
    reason: "waiting for the program, counting its sockets and locks, reporting to the daemon, exiting, and memory for that",
}];

/// The rules for collectors, which read files of a program and write what they read to a pipe.
pub const COLLECTOR_RULES: &[Rule] = &[Rule {
    action: Action::Allow,
    syscalls: &[
        SYS_openat2,
        SYS_getdents64,
        SYS_fstat,
        // fstat of the C library.
        SYS_newfstatat,
        SYS_fcntl,
        SYS_lseek,
        SYS_read,
        SYS_write,
        SYS_close,
        // The CPU time that the search has used.
        SYS_clock_gettime,
        // The byte that starts the search.
        SYS_recvfrom,
        SYS_sendto,
        SYS_rt_sigprocmask,
        SYS_rt_sigreturn,
        SYS_sigaltstack,
        SYS_restart_syscall,
        SYS_brk,
        SYS_mmap,
        SYS_munmap,
        SYS_mremap,
        SYS_madvise,
        SYS_futex,
        SYS_getrandom,
        SYS_exit,
        SYS_exit_group,
    ],
    reason: "finding and reading files below an open directory, writing to open pipes, exiting, and memory for that",
}];

impl ArgumentCheck {
    /// Returns the error number for refused arguments.
    pub(crate) const fn refusal(self) -> c_int {
        match self {
            Self::AllowedClone
            | Self::AllowedIoctl
            | Self::DefaultPersonality
            | Self::KeepCoreLimit
            | Self::KeepCoreLimitPrlimit => EPERM,
            Self::AllowedSocket | Self::UnixSocketPair => EAFNOSUPPORT,
            Self::AllowedPrctl | Self::NoOfdLocks => EINVAL,
            Self::AllowedSocketOption => ENOPROTOOPT,
            Self::NoOutOfBandData(_) => EOPNOTSUPP,
            Self::KeepPageCache => 0,
        }
    }
}
