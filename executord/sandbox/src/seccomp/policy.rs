//! The tables. Numbers are those of x86-64.

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

// Newer than the libc crate's table; from the kernel's arch/x86/entry/syscalls/syscall_64.tbl.
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

/// Some system calls that are treated alike, and why.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What happens.
    pub action: Action,
    /// The calls.
    pub calls: &'static [c_long],
    /// Why.
    pub reason: &'static str,
}

/// What happens to a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The kernel does it.
    Allow,
    /// The kernel does not, and answers with this error; 0 is success.
    Answer(c_int),
    /// It depends on an argument.
    Depends(Argument),
}

/// A rule about arguments. Only the low 32 bits are looked at where the kernel looks at no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// clone(2): no new namespaces, else EPERM.
    NoNewNamespaces,
    /// socket(2): AF_UNIX; AF_INET and AF_INET6 with TCP and UDP; AF_NETLINK's NETLINK_ROUTE. Else
    /// EAFNOSUPPORT.
    KnownSocket,
    /// socketpair(2): AF_UNIX, else EAFNOSUPPORT.
    LocalPair,
    /// ioctl(2): nothing that puts words into a terminal, or makes it another kind of terminal, else EPERM.
    NoTerminalInjection,
    /// prctl(2): the options in [`PRCTL_OPTIONS`], else EINVAL.
    KnownOption,
    /// personality(2): asking, and the usual one; else EPERM.
    UsualPersonality,
    /// setrlimit(2): any but the core limit, else EPERM.
    SetCoreLimit,
    /// prlimit(2): any but a new core limit, else EPERM.
    ChangeCoreLimit,
    /// fcntl(2): no locks of descriptors, else EINVAL, as before Linux 3.15.
    OwnedLock,
    /// setsockopt(2): no filter and no upper layer protocol, else ENOPROTOOPT; the size of what a socket receives
    /// stays as it is.
    PlainSocketOption,
}

/// The options of prctl(2) that runtimes use, from linux/prctl.h.
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

/// What a program may do.
pub const PROGRAM: &[Row] = &[
    Row {
        action: Action::Allow,
        calls: &[
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
            SYS_fadvise64,
            SYS_readahead,
            SYS_ftruncate,
            SYS_truncate,
            SYS_fallocate,
        ],
        reason: "reading and writing what is open",
    },
    Row {
        action: Action::Allow,
        calls: &[
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
        reason: "files: the mounts and the user decide; devices cannot be made without a capability",
    },
    Row {
        action: Action::Allow,
        calls: &[
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
        reason: "memory of its own; just-in-time compilers make it executable",
    },
    Row {
        action: Action::Allow,
        calls: &[
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
        reason: "processes and threads, within their limit and their pid namespace",
    },
    Row {
        action: Action::Allow,
        calls: &[
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
        reason: "signals among its own",
    },
    Row {
        action: Action::Allow,
        calls: &[
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
        reason: "waiting",
    },
    Row {
        action: Action::Allow,
        calls: &[
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
        reason: "reading clocks and setting alarms",
    },
    Row {
        action: Action::Allow,
        calls: &[
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
        reason: "asking who and where it is; changing that needs capabilities it cannot have",
    },
    Row {
        action: Action::Allow,
        calls: &[
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
        reason: "scheduling of its own; real-time policies are refused by a resource limit of 0",
    },
    Row {
        action: Action::Allow,
        calls: &[
            SYS_bind,
            SYS_connect,
            SYS_listen,
            SYS_accept,
            SYS_accept4,
            SYS_getsockname,
            SYS_getpeername,
            SYS_sendto,
            SYS_recvfrom,
            SYS_sendmsg,
            SYS_recvmsg,
            SYS_sendmmsg,
            SYS_recvmmsg,
            SYS_shutdown,
            SYS_getsockopt,
        ],
        reason: "talking to itself: its network namespace has a loopback interface and nothing else",
    },
    Row {
        action: Action::Allow,
        calls: &[
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
        reason: "System V IPC, in a namespace that ends with the run",
    },
    Row {
        action: Action::Depends(Argument::NoNewNamespaces),
        calls: &[SYS_clone],
        reason: "threads; a user namespace would open the kernel's whole administrative surface",
    },
    Row {
        action: Action::Answer(ENOSYS),
        calls: &[SYS_clone3],
        reason: "its flags are behind a pointer, which a filter cannot read; libraries fall back to clone",
    },
    Row {
        action: Action::Depends(Argument::KnownSocket),
        calls: &[SYS_socket],
        reason: "each family is kernel code of its own: AF_ALG writes the page cache (CVE-2026-31431), AF_VSOCK \
                 reaches the hypervisor and knows no namespaces",
    },
    Row {
        action: Action::Depends(Argument::LocalPair),
        calls: &[SYS_socketpair],
        reason: "a pipe in both directions",
    },
    Row {
        action: Action::Depends(Argument::NoTerminalInjection),
        calls: &[SYS_ioctl],
        reason: "TIOCSTI types into the terminal of whoever shares it (CVE-2017-5226, CVE-2019-10063); TIOCSETD loads other line disciplines, where many a hole was (CVE-2017-2636); TIOCCONS takes the console's words",
    },
    Row {
        action: Action::Depends(Argument::KnownOption),
        calls: &[SYS_prctl],
        reason: "names, death signals and the like; new options are new kernel surface",
    },
    Row {
        action: Action::Depends(Argument::UsualPersonality),
        calls: &[SYS_personality],
        reason: "others turn address randomisation off or make memory executable",
    },
    Row {
        action: Action::Depends(Argument::SetCoreLimit),
        calls: &[SYS_setrlimit],
        reason: "a core limit of 1 stops a handler of the host, one of 0 does not: it may not be lowered either",
    },
    Row {
        action: Action::Depends(Argument::ChangeCoreLimit),
        calls: &[SYS_prlimit64],
        reason: "the same by its newer name; reading the limit is fine",
    },
    Row {
        action: Action::Depends(Argument::OwnedLock),
        calls: &[SYS_fcntl],
        reason: "locks of descriptors instead of processes: nobody is charged for them, every process of the host sees \
                 them, and they cannot be told from a neighbour's. Locks of processes are counted, by init",
    },
    Row {
        action: Action::Depends(Argument::PlainSocketOption),
        calls: &[SYS_setsockopt],
        reason: "filters and encodings inside the kernel's sockets (TLS, ESP): kernel code that was exploited again and \
                 again, and that no program of ours needs. And how much a socket may hold",
    },
    Row {
        action: Action::Answer(EOPNOTSUPP),
        calls: &[SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_SETXATTRAT],
        reason: "access control lists: 128 KiB a directory in no group's memory",
    },
    Row {
        action: Action::Answer(0),
        calls: &[SYS_sync, SYS_syncfs],
        reason: "nothing of the run is on a disk, and the host's disks are not its to write back",
    },
    Row {
        action: Action::Answer(EPERM),
        calls: &[
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
        reason: "mounts and namespaces are the sandbox",
    },
    Row {
        action: Action::Answer(EPERM),
        calls: &[
            SYS_ptrace,
            SYS_process_vm_readv,
            SYS_process_vm_writev,
            SYS_kcmp,
            SYS_pidfd_getfd,
            SYS_process_madvise,
            SYS_process_mrelease,
            SYS_seccomp,
        ],
        reason: "reaching into other processes, and filters that ask a process what to answer",
    },
    Row {
        action: Action::Answer(EPERM),
        calls: &[
            SYS_bpf,
            SYS_perf_event_open,
            SYS_userfaultfd,
            SYS_io_uring_setup,
            SYS_io_uring_enter,
            SYS_io_uring_register,
            SYS_memfd_secret,
            SYS_modify_ldt,
        ],
        reason: "where most kernel exploits of the last years begin; io_uring passes by this very filter",
    },
    Row {
        action: Action::Answer(EPERM),
        calls: &[SYS_mbind, SYS_migrate_pages, SYS_move_pages],
        reason: "where memory lies: a file keeps a policy for each of its pages, in no group's memory",
    },
    Row {
        action: Action::Answer(EPERM),
        calls: &[SYS_splice, SYS_vmsplice, SYS_tee],
        reason: "the primitive of Dirty Pipe (CVE-2022-0847) and Copy Fail; sendfile and copy_file_range stay",
    },
    Row {
        action: Action::Answer(EPERM),
        calls: &[
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
        reason: "keys, file handles and watches that no namespace holds",
    },
    Row {
        action: Action::Answer(EPERM),
        calls: &[
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
        reason: "administration of the machine",
    },
];

/// What init may do: wait, signal, report, end.
pub const INIT: &[Row] = &[Row {
    action: Action::Allow,
    calls: &[
        SYS_read,
        SYS_pread64,
        SYS_write,
        SYS_close,
        SYS_poll,
        SYS_ppoll,
        // The daemon's packets; nobody else holds the other end.
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
        // Where the clock cannot be read without a call.
        SYS_clock_gettime,
        SYS_exit,
        SYS_exit_group,
    ],
    reason: "waiting for the program, counting its sockets, telling the daemon, ending; memory for doing so",
}];

impl Argument {
    /// The errors it can answer.
    pub(crate) const fn refusal(self) -> c_int {
        match self {
            Self::NoNewNamespaces
            | Self::NoTerminalInjection
            | Self::UsualPersonality
            | Self::SetCoreLimit
            | Self::ChangeCoreLimit => EPERM,
            Self::KnownSocket | Self::LocalPair => EAFNOSUPPORT,
            Self::KnownOption | Self::OwnedLock => EINVAL,
            Self::PlainSocketOption => ENOPROTOOPT,
        }
    }
}
