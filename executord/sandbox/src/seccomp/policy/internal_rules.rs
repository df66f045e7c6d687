//! The system calls of the processes of executord that run inside a sandbox: init and the collector.

use libc::{
    SYS_brk, SYS_clock_gettime, SYS_close, SYS_dup, SYS_exit, SYS_exit_group, SYS_fcntl, SYS_fstat,
    SYS_futex, SYS_getdents64, SYS_getrandom, SYS_kill, SYS_lseek, SYS_madvise, SYS_mmap, SYS_mremap,
    SYS_munmap, SYS_newfstatat, SYS_openat2, SYS_poll, SYS_ppoll, SYS_pread64, SYS_read, SYS_recvfrom,
    SYS_recvmsg, SYS_restart_syscall, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sendto, SYS_sigaltstack,
    SYS_signalfd4, SYS_wait4, SYS_write,
};

use super::rule::{Action, Rule};

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
        // The CPU time of counting locks; and the time, on machines where the vDSO cannot read the clock.
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
