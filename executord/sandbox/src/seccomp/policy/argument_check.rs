//! The checks of the arguments of system calls, and the values that they allow.

use libc::{EAFNOSUPPORT, EINVAL, ENOPROTOOPT, EOPNOTSUPP, EPERM, c_int};

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
    /// fcntl(2): no open file description locks, and no leases; otherwise EINVAL, as before Linux 3.15 and on file systems
    /// without leases.
    NoUnownedLocks,
    /// setsockopt(2): no socket filter, no upper layer protocol, no multicast group, no key, no flow label and no IPv6
    /// extension header; otherwise ENOPROTOOPT. SO_RCVBUF reports success without an effect.
    AllowedSocketOption,
    /// send(2) and recv(2) with the flags in this argument: no MSG_OOB; otherwise EOPNOTSUPP.
    NoOutOfBandData(u32),
    /// posix_fadvise(2): POSIX_FADV_DONTNEED reports success without an effect.
    KeepPageCache,
}

/// The options of prctl(2) that language runtimes use; from linux/prctl.h.
pub(crate) const PRCTL_OPTIONS: &[u32] = &[
    1,           // PR_SET_PDEATHSIG
    2,           // PR_GET_PDEATHSIG
    3,           // PR_GET_DUMPABLE
    4,           // PR_SET_DUMPABLE
    7,           // PR_GET_KEEPCAPS
    8,           // PR_SET_KEEPCAPS: locked
    15,          // PR_SET_NAME
    16,          // PR_GET_NAME
    21,          // PR_GET_SECCOMP
    23,          // PR_CAPBSET_READ
    25,          // PR_GET_TSC
    26,          // PR_SET_TSC
    27,          // PR_GET_SECUREBITS
    29,          // PR_SET_TIMERSLACK
    30,          // PR_GET_TIMERSLACK
    36,          // PR_SET_CHILD_SUBREAPER
    37,          // PR_GET_CHILD_SUBREAPER
    38,          // PR_SET_NO_NEW_PRIVS
    39,          // PR_GET_NO_NEW_PRIVS
    40,          // PR_GET_TID_ADDRESS
    41,          // PR_SET_THP_DISABLE
    42,          // PR_GET_THP_DISABLE
    47,          // PR_CAP_AMBIENT: raising is locked
    52,          // PR_GET_SPECULATION_CTRL
    0x5356_4d41, // PR_SET_VMA: names of anonymous memory
    0x5961_6d61, // PR_SET_PTRACER
];

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
            Self::AllowedPrctl | Self::NoUnownedLocks => EINVAL,
            Self::AllowedSocketOption => ENOPROTOOPT,
            Self::NoOutOfBandData(_) => EOPNOTSUPP,
            Self::KeepPageCache => 0,
        }
    }
}
