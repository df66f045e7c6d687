//! The compiler from a table of rules to a BPF program: a binary search over ranges of system call numbers, with a leaf
//! for each range.
//!
//! When a filter is installed, the kernel runs it once for each system call number to find those that are always
//! allowed (`seccomp_cache_prepare`), so the instructions for one number determine the cost of installing. The binary
//! search needs eight; a linear list would need hundreds.

use std::io;

use libc::{
    BPF_ABS, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, ENOSYS, c_int,
    sock_filter,
};

use super::policy::{Action, ArgumentCheck, NETWORK_IOCTLS, PRCTL_OPTIONS, Rule};
use crate::sys::seccomp::install_filter;

/// A compiled filter.
#[derive(Clone, Debug)]
pub struct BpfProgram(Vec<sock_filter>);

impl BpfProgram {
    /// Filters all further system calls of this process and its future children.
    pub(crate) fn install(&self) -> io::Result<()> {
        install_filter(&self.0)
    }

    /// Returns the instructions, as seccomp(2) takes them.
    #[must_use]
    pub fn instructions(&self) -> &[sock_filter] {
        &self.0
    }
}

/// `AUDIT_ARCH_X86_64` of linux/audit.h. System calls through the 32-bit entry have another value.
pub(crate) const ARCHITECTURE: u32 = 0xc000_003e;

// Offsets in struct seccomp_data: nr, arch, instruction_pointer, args[6].
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const fn low_half_of_argument(index: u32) -> u32 {
    16 + 8 * index
}

/// All namespace flags of clone(2). CLONE_NEWTIME is not among them: its bit is part of the exit signal there.
const NEW_NAMESPACES: u32 = 0x7e02_0000;
/// Level and option that setsockopt(2) ignores: SOL_SOCKET, SO_RCVBUF. A connection that was not accepted yet holds that
/// much memory, which no cgroup accounts for.
const IGNORED_SOCKET_OPTION: [u32; 2] = [1, 8];
/// Flags in the type argument of socket(2): SOCK_NONBLOCK and SOCK_CLOEXEC.
const SOCKET_FLAGS: u32 = 0o2_004_000;
/// Flag of clone(2): a shared file table.
const CLONE_FILES: u32 = 0x400;
/// Flag of clone(2): a thread.
const CLONE_THREAD: u32 = 0x1_0000;
/// Refused requests of ioctl(2): TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD, TIOCVHANGUP.
const TERMINAL_INJECTION: [u32; 5] = [0x5412, 0x541c, 0x541d, 0x5423, 0x5437];
/// The bits of a request of ioctl(2) other than its number in a range.
const IOCTL_RANGE: u32 = 0xffff_ff00;
/// The ranges of requests to sockets and network interfaces, and of requests to wireless interfaces, which are refused.
const NETWORK_RANGE: u32 = 0x8900;
const WIRELESS_RANGE: u32 = 0x8b00;
/// Refused commands of fcntl(2): F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE.
const UNOWNED_LOCKS: [u32; 4] = [36, 37, 38, 1024];
/// Levels of setsockopt(2), and the refused options of each.
const REFUSED_SOCKET_OPTIONS: [(u32, &[u32]); 5] = [
    // SOL_IP: IP_ADD_MEMBERSHIP, IP_BLOCK_SOURCE, IP_ADD_SOURCE_MEMBERSHIP, IP_MSFILTER, MCAST_JOIN_GROUP,
    // MCAST_BLOCK_SOURCE, MCAST_JOIN_SOURCE_GROUP, MCAST_MSFILTER
    (0, &[35, 38, 39, 41, 42, 43, 46, 48]),
    // SOL_SOCKET: SO_ATTACH_FILTER, _BPF, _REUSEPORT_CBPF, _REUSEPORT_EBPF; SO_TIMESTAMPING, old and new
    (1, &[26, 50, 51, 52, 37, 65]),
    // SOL_TCP: TCP_MD5SIG, TCP_ULP, TCP_MD5SIG_EXT, TCP_AO_ADD_KEY
    (6, &[14, 31, 32, 38]),
    (17, &[100]), // SOL_UDP: UDP_ENCAP
    // SOL_IPV6: IPV6_2292PKTOPTIONS, IPV6_JOIN_GROUP, IPV6_JOIN_ANYCAST, IPV6_FLOWLABEL_MGR, IPV6_RTHDR, and as above
    (41, &[6, 20, 27, 32, 42, 43, 46, 48, 57]),
];

/// Compiles a table. System calls without a rule return ENOSYS, as do those of the x32 interface, whose numbers are above
/// all others. A system call through the 32-bit entry kills the process: no 64-bit program makes one by accident.
#[must_use]
pub fn compile(rules: &[Rule]) -> BpfProgram {
    let mut code = vec![
        load(ARCH),
        jump(BPF_JEQ, ARCHITECTURE, 1, 0),
        ret(libc::SECCOMP_RET_KILL_PROCESS),
        load(NUMBER),
    ];
    let mut checks = Vec::new();
    search(&ranges(rules), &mut code, &mut checks);
    for (argument, from) in checks {
        let at = code.len();
        // The leaf's jump to its check, whose distance is known only now.
        code[from].k = distance(from, at);
        check(argument, &mut code);
    }
    BpfProgram(code)
}

/// Returns ranges of consecutive numbers with the same action, from 0 to the largest number; each lasts to the next.
fn ranges(rules: &[Rule]) -> Vec<(u32, Action)> {
    const UNKNOWN: Action = Action::Errno(ENOSYS);
    let number = |syscall| u32::try_from(syscall).unwrap_or(u32::MAX);
    let mut by_number: Vec<(u32, Action)> = rules
        .iter()
        .flat_map(|rule| rule.syscalls.iter().map(|&syscall| (number(syscall), rule.action)))
        .collect();
    by_number.sort_by_key(|&(number, _)| number);
    let mut ranges = vec![(0, UNKNOWN)];
    let mut push = |start, action| match ranges.last_mut() {
        Some((_, last)) if *last == action => {}
        Some((last_start, last)) if *last_start == start => *last = action,
        _ => ranges.push((start, action)),
    };
    for (index, &(number, action)) in by_number.iter().enumerate() {
        push(number, action);
        if by_number.get(index + 1).is_none_or(|&(next, _)| next != number + 1) {
            push(number + 1, UNKNOWN);
        }
    }
    ranges
}

/// Emits the search for the number in the accumulator. Notes each leaf that has to jump to a check, whose target is set
/// later.
fn search(ranges: &[(u32, Action)], code: &mut Vec<sock_filter>, checks: &mut Vec<(ArgumentCheck, usize)>) {
    if let [(_, action)] = ranges {
        match *action {
            Action::Allow => code.push(ret(libc::SECCOMP_RET_ALLOW)),
            Action::Errno(error) => code.push(refuse(error)),
            Action::Check(argument) => {
                checks.push((argument, code.len()));
                code.push(statement(BPF_JMP | BPF_JA, 0));
            }
        }
        return;
    }
    let (below, above) = ranges.split_at(ranges.len() / 2);
    let branch = code.len();
    code.push(jump(BPF_JGE, above[0].0, 0, 0));
    search(below, code, checks);
    let skipped = distance(branch, code.len());
    // A conditional jump reaches 255 instructions; a larger table needs a search in two steps.
    code[branch].jt = u8::try_from(skipped).unwrap_or_else(|_| unreachable!("the table has too many ranges"));
    search(above, code, checks);
}

/// Emits the check of arguments.
fn check(argument: ArgumentCheck, code: &mut Vec<sock_filter>) {
    let refused = refuse(argument.refusal());
    let allowed = ret(libc::SECCOMP_RET_ALLOW);
    match argument {
        ArgumentCheck::AllowedClone => {
            code.extend([
                load(low_half_of_argument(0)),
                jump(BPF_JSET, NEW_NAMESPACES, 2, 0),
                jump(BPF_JSET, CLONE_FILES, 0, 2),
                jump(BPF_JSET, CLONE_THREAD, 1, 0),
                refused,
                allowed,
            ]);
        }
        ArgumentCheck::UnixSocketPair => one_of(&[libc::AF_UNIX.cast_unsigned()], 0, allowed, refused, code),
        ArgumentCheck::AllowedIoctl => check_ioctl(allowed, refused, code),
        ArgumentCheck::AllowedPrctl => one_of(PRCTL_OPTIONS, 0, allowed, refused, code),
        ArgumentCheck::DefaultPersonality => one_of(&[0, u32::MAX], 0, allowed, refused, code),
        ArgumentCheck::KeepCoreLimit => one_of(&[libc::RLIMIT_CORE], 0, refused, allowed, code),
        ArgumentCheck::KeepCoreLimitPrlimit => {
            // A null pointer, in both halves, makes the call a query.
            let [low, high] = [low_half_of_argument(2), low_half_of_argument(2) + 4];
            code.extend([load(low_half_of_argument(1)), jump(BPF_JEQ, libc::RLIMIT_CORE, 1, 0), allowed]);
            code.extend([load(low), jump(BPF_JEQ, 0, 1, 0), refused]);
            code.extend([load(high), jump(BPF_JEQ, 0, 1, 0), refused, allowed]);
        }
        ArgumentCheck::NoUnownedLocks => one_of(&UNOWNED_LOCKS, 1, refused, allowed, code),
        ArgumentCheck::AllowedSocketOption => check_socket_option(allowed, refused, code),
        ArgumentCheck::AllowedSocket => check_socket(allowed, refused, code),
        ArgumentCheck::NoOutOfBandData(flags) => code.extend([
            load(low_half_of_argument(flags)),
            jump(BPF_JSET, libc::MSG_OOB.cast_unsigned(), 0, 1),
            refused,
            allowed,
        ]),
        ArgumentCheck::KeepPageCache => {
            one_of(&[libc::POSIX_FADV_DONTNEED.cast_unsigned()], 3, refused, allowed, code);
        }
    }
}

/// Emits a comparison: `matching` if the argument is one of `values`, otherwise `other`.
fn one_of(
    values: &[u32],
    index: u32,
    matching: sock_filter,
    other: sock_filter,
    code: &mut Vec<sock_filter>,
) {
    code.push(load(low_half_of_argument(index)));
    for &value in values {
        // A mismatch skips the return.
        code.extend([jump(BPF_JEQ, value, 0, 1), matching]);
    }
    code.push(other);
}

fn check_ioctl(allowed: sock_filter, refused: sock_filter, code: &mut Vec<sock_filter>) {
    let mut network = Vec::new();
    one_of(NETWORK_IOCTLS, 1, allowed, refused, &mut network);
    let length = u8::try_from(network.len()).unwrap_or(u8::MAX);
    code.extend([
        load(low_half_of_argument(1)),
        statement(libc::BPF_ALU | libc::BPF_AND | BPF_K, IOCTL_RANGE),
        jump(BPF_JEQ, WIRELESS_RANGE, 0, 1),
        refused,
        jump(BPF_JEQ, NETWORK_RANGE, 0, length),
    ]);
    code.extend(network);
    one_of(&TERMINAL_INJECTION, 1, refused, allowed, code);
}

fn check_socket_option(allowed: sock_filter, refused: sock_filter, code: &mut Vec<sock_filter>) {
    let [ignored_level, ignored_option] = IGNORED_SOCKET_OPTION;
    code.extend([load(low_half_of_argument(1)), jump(BPF_JEQ, ignored_level, 0, 3)]);
    code.extend([load(low_half_of_argument(2)), jump(BPF_JEQ, ignored_option, 0, 1), refuse(0)]);
    for (level, options) in REFUSED_SOCKET_OPTIONS {
        let mut inner = Vec::new();
        one_of(options, 2, refused, allowed, &mut inner);
        let length = u8::try_from(inner.len()).unwrap_or(u8::MAX);
        code.extend([load(low_half_of_argument(1)), jump(BPF_JEQ, level, 0, length)]);
        code.extend(inner);
    }
    code.push(allowed);
}

fn check_socket(allowed: sock_filter, refused: sock_filter, code: &mut Vec<sock_filter>) {
    let family = |family: c_int| family.cast_unsigned();
    let mut internet = Vec::new();
    internet.extend([
        load(low_half_of_argument(1)),
        statement(libc::BPF_ALU | libc::BPF_AND | BPF_K, !SOCKET_FLAGS),
        jump(BPF_JEQ, libc::SOCK_STREAM.cast_unsigned(), 2, 0),
        jump(BPF_JEQ, libc::SOCK_DGRAM.cast_unsigned(), 1, 0),
        refused,
    ]);
    one_of(&[0, 6, 17], 2, allowed, refused, &mut internet); // default protocol, TCP, UDP
    let mut netlink = Vec::new();
    one_of(&[0], 2, allowed, refused, &mut netlink); // NETLINK_ROUTE: listing interfaces
    let internet_length = u8::try_from(internet.len()).unwrap_or(u8::MAX);
    code.extend([
        load(low_half_of_argument(0)),
        jump(BPF_JEQ, family(libc::AF_UNIX), 0, 1),
        allowed,
        jump(BPF_JEQ, family(libc::AF_INET), 3, 0),
        jump(BPF_JEQ, family(libc::AF_INET6), 2, 0),
        jump(BPF_JEQ, family(libc::AF_NETLINK), 1 + internet_length, 0),
        refused,
    ]);
    code.extend(internet);
    code.extend(netlink);
}

fn distance(from: usize, to: usize) -> u32 {
    u32::try_from(to - from - 1).unwrap_or(u32::MAX)
}

fn load(offset: u32) -> sock_filter {
    statement(BPF_LD | BPF_W | BPF_ABS, offset)
}

fn ret(action: u32) -> sock_filter {
    statement(BPF_RET | BPF_K, action)
}

fn refuse(error: c_int) -> sock_filter {
    ret(libc::SECCOMP_RET_ERRNO | error.cast_unsigned())
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: instruction(code), jt: 0, jf: 0, k }
}

fn jump(condition: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: instruction(BPF_JMP | condition | BPF_K), jt, jf, k }
}

fn instruction(code: u32) -> u16 {
    u16::try_from(code).unwrap_or_else(|_| unreachable!("instruction codes have 16 bits"))
}

#[cfg(test)]
mod tests;
