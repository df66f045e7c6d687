//! From a table to a filter: a binary search over ranges of call numbers, with a leaf for each range.
//!
//! The kernel runs the filter once per call number when it is installed, to learn which are always allowed
//! (`seccomp_cache_prepare`), so what counts is how many instructions each number costs: the search needs
//! eight, where a list of all calls, one after the other, would need hundreds.

use libc::{
    BPF_ABS, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, ENOSYS, c_int,
    sock_filter,
};

use super::policy::{Action, Argument, PRCTL_OPTIONS, Row};

/// A filter, ready to be installed.
#[derive(Clone, Debug)]
pub struct Compiled(Vec<sock_filter>);

impl Compiled {
    /// What seccomp(2) takes.
    #[must_use]
    pub fn instructions(&self) -> &[sock_filter] {
        &self.0
    }
}

/// `AUDIT_ARCH_X86_64` of linux/audit.h. Calls through the 32-bit entry have another.
pub(crate) const ARCHITECTURE: u32 = 0xc000_003e;

// Offsets in struct seccomp_data: nr, arch, instruction_pointer, args[6].
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const fn low_half_of_argument(index: u32) -> u32 {
    16 + 8 * index
}

/// Every namespace flag of clone(2). CLONE_NEWTIME is not one: there it is part of the exit signal.
const NEW_NAMESPACES: u32 = 0x7e02_0000;
/// SOL_SOCKET's SO_RCVBUF. A connection that nobody has accepted yet holds that much in no group's memory.
const IGNORED_SOCKET_OPTION: [u32; 2] = [1, 8];
/// What a socket's type may have beside the type itself: SOCK_NONBLOCK and SOCK_CLOEXEC.
const SOCKET_FLAGS: u32 = 0o2_004_000;
/// TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD, TIOCVHANGUP.
const TERMINAL_INJECTION: [u32; 5] = [0x5412, 0x541c, 0x541d, 0x5423, 0x5437];
const DESCRIPTOR_LOCKS: [u32; 3] = [36, 37, 38]; // F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW
/// Levels of setsockopt(2), and what is refused at each.
const SOCKET_PROGRAMS: [(u32, &[u32]); 3] = [
    (1, &[26, 50, 51, 52]), // SOL_SOCKET: SO_ATTACH_FILTER, _BPF, _REUSEPORT_CBPF, _REUSEPORT_EBPF
    (6, &[31]),             // SOL_TCP: TCP_ULP
    (17, &[100]),           // SOL_UDP: UDP_ENCAP
];

/// Compile a table. Calls in no row answer ENOSYS, as do those of the x32 interface, whose numbers lie above
/// all others. A call through the 32-bit entry kills: no 64-bit program makes one by accident.
#[must_use]
pub fn compile(rows: &[Row]) -> Compiled {
    let mut code = vec![
        load(ARCH),
        jump(BPF_JEQ, ARCHITECTURE, 1, 0),
        answer(libc::SECCOMP_RET_KILL_PROCESS),
        load(NUMBER),
    ];
    let mut to_check = Vec::new();
    search(&ranges(rows), &mut code, &mut to_check);
    for (argument, from) in to_check {
        let at = code.len();
        // A leaf of the search that could not know yet how far it jumps.
        code[from].k = distance(from, at);
        check(argument, &mut code);
    }
    Compiled(code)
}

/// Consecutive call numbers with one action each, from 0 to the last number there is.
fn ranges(rows: &[Row]) -> Vec<(u32, Action)> {
    const UNKNOWN: Action = Action::Answer(ENOSYS);
    let mut by_number: Vec<(u32, Action)> = rows
        .iter()
        .flat_map(|row| row.calls.iter().map(|&call| (u32::try_from(call).unwrap_or(u32::MAX), row.action)))
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

/// Code that finds the range of the number in the accumulator. Leaves whose argument is to be checked are
/// noted, to be given their target later.
fn search(ranges: &[(u32, Action)], code: &mut Vec<sock_filter>, to_check: &mut Vec<(Argument, usize)>) {
    if let [(_, action)] = ranges {
        match *action {
            Action::Allow => code.push(answer(libc::SECCOMP_RET_ALLOW)),
            Action::Answer(error) => code.push(refuse(error)),
            Action::Depends(argument) => {
                to_check.push((argument, code.len()));
                code.push(statement(BPF_JMP | BPF_JA, 0));
            }
        }
        return;
    }
    let (below, above) = ranges.split_at(ranges.len() / 2);
    let branch = code.len();
    code.push(jump(BPF_JGE, above[0].0, 0, 0));
    search(below, code, to_check);
    let skipped = distance(branch, code.len());
    // A conditional jump reaches 255 instructions; a table that large would have to be searched in two steps.
    code[branch].jt = u8::try_from(skipped).unwrap_or_else(|_| unreachable!("the table has too many ranges"));
    search(above, code, to_check);
}

/// Code that looks at arguments and answers.
fn check(argument: Argument, code: &mut Vec<sock_filter>) {
    let refused = refuse(argument.refusal());
    let allowed = answer(libc::SECCOMP_RET_ALLOW);
    match argument {
        Argument::NoNewNamespaces => {
            code.extend([
                load(low_half_of_argument(0)),
                jump(BPF_JSET, NEW_NAMESPACES, 0, 1),
                refused,
                allowed,
            ]);
        }
        Argument::LocalPair => one_of(&[libc::AF_UNIX.cast_unsigned()], 0, allowed, refused, code),
        Argument::NoTerminalInjection => one_of(&TERMINAL_INJECTION, 1, refused, allowed, code),
        Argument::KnownOption => one_of(PRCTL_OPTIONS, 0, allowed, refused, code),
        Argument::UsualPersonality => one_of(&[0, u32::MAX], 0, allowed, refused, code),
        Argument::SetCoreLimit => one_of(&[libc::RLIMIT_CORE], 0, refused, allowed, code),
        Argument::ChangeCoreLimit => {
            // A null pointer in both halves is a question only.
            let [low, high] = [low_half_of_argument(2), low_half_of_argument(2) + 4];
            code.extend([load(low_half_of_argument(1)), jump(BPF_JEQ, libc::RLIMIT_CORE, 1, 0), allowed]);
            code.extend([load(low), jump(BPF_JEQ, 0, 1, 0), refused]);
            code.extend([load(high), jump(BPF_JEQ, 0, 1, 0), refused, allowed]);
        }
        Argument::OwnedLock => one_of(&DESCRIPTOR_LOCKS, 1, refused, allowed, code),
        Argument::PlainSocketOption => check_socket_option(allowed, refused, code),
        Argument::KnownSocket => check_socket(allowed, refused, code),
    }
}

/// `matching` if the argument is one of `values`, else `other`.
fn one_of(
    values: &[u32],
    index: u32,
    matching: sock_filter,
    other: sock_filter,
    code: &mut Vec<sock_filter>,
) {
    code.push(load(low_half_of_argument(index)));
    for &value in values {
        // Over the answer, to the next comparison.
        code.extend([jump(BPF_JEQ, value, 0, 1), matching]);
    }
    code.push(other);
}

fn check_socket_option(allowed: sock_filter, refused: sock_filter, code: &mut Vec<sock_filter>) {
    let [ignored_level, ignored_option] = IGNORED_SOCKET_OPTION;
    code.extend([load(low_half_of_argument(1)), jump(BPF_JEQ, ignored_level, 0, 3)]);
    code.extend([load(low_half_of_argument(2)), jump(BPF_JEQ, ignored_option, 0, 1), refuse(0)]);
    for (level, options) in SOCKET_PROGRAMS {
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
    one_of(&[0, 6, 17], 2, allowed, refused, &mut internet); // the default, TCP, UDP
    let mut netlink = Vec::new();
    one_of(&[0], 2, allowed, refused, &mut netlink); // NETLINK_ROUTE: what interfaces there are
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

fn answer(action: u32) -> sock_filter {
    statement(BPF_RET | BPF_K, action)
}

fn refuse(error: c_int) -> sock_filter {
    answer(libc::SECCOMP_RET_ERRNO | error.cast_unsigned())
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
