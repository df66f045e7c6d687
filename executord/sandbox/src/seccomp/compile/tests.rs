//! Tests of the compiled filter against its table, with an interpreter of BPF.

use std::collections::BTreeMap;

use super::super::policy::{Action, ArgumentCheck, INIT_RULES, PROGRAM_RULES, Rule};
use super::{ARCHITECTURE, compile};

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

fn errno(number: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | number.cast_unsigned()
}

/// Returns the filter's action for a system call, and the number of instructions until then.
fn run(rules: &[Rule], architecture: u32, number: u32, arguments: [u64; 6]) -> (u32, usize) {
    let program = compile(rules);
    let code = program.instructions();
    let data = |offset: u32| match offset {
        0 => number,
        4 => architecture,
        at => {
            let argument = arguments[usize::try_from((at - 16) / 8).unwrap()];
            let half = if at % 8 == 0 { argument & 0xffff_ffff } else { argument >> 32 };
            u32::try_from(half).unwrap()
        }
    };
    let (mut at, mut accumulator, mut steps) = (0, 0_u32, 0);
    loop {
        let instruction = code[at];
        steps += 1;
        at += 1;
        let k = instruction.k;
        match u32::from(instruction.code) {
            0x20 => accumulator = data(k),
            0x54 => accumulator &= k,
            0x05 => at += usize::try_from(k).unwrap(),
            0x06 => return (k, steps),
            condition => {
                let holds = match condition {
                    0x15 => accumulator == k,
                    0x35 => accumulator >= k,
                    0x45 => accumulator & k != 0,
                    other => panic!("unknown instruction {other:#x}"),
                };
                at += usize::from(if holds { instruction.jt } else { instruction.jf });
            }
        }
    }
}

#[test]
fn no_system_call_has_two_rules() {
    for rules in [PROGRAM_RULES, INIT_RULES] {
        let mut seen = BTreeMap::new();
        for rule in rules {
            for &call in rule.syscalls {
                assert!(seen.insert(call, rule.reason).is_none(), "system call {call} has two rules");
            }
        }
    }
}

#[test]
fn every_system_call_number_gets_the_action_of_its_rule() {
    for rules in [PROGRAM_RULES, INIT_RULES] {
        for number in (0..1024).chain([0x3fff_ffff, 0x4000_0000, 0x4000_0001, u32::MAX]) {
            let rule = rules.iter().find(|rule| rule.syscalls.contains(&number.into()));
            let (answer, steps) = run(rules, ARCHITECTURE, number, [0; 6]);
            match rule.map(|rule| rule.action) {
                None => assert_eq!(answer, errno(libc::ENOSYS), "system call {number}"),
                Some(Action::Allow) => assert_eq!(answer, ALLOW, "system call {number}"),
                Some(Action::Errno(error)) => assert_eq!(answer, errno(error), "system call {number}"),
                Some(Action::Check(_)) => {}
            }
            assert!(steps <= 64, "system call {number} takes {steps} instructions");
        }
    }
}

#[test]
fn the_32_bit_entry_kills_the_process() {
    for architecture in [0x4000_0003, 0xc000_00b7, 0] {
        assert_eq!(run(PROGRAM_RULES, architecture, 1, [0; 6]).0, KILL);
    }
}

#[test]
fn checked_arguments_decide() {
    fn check(call: i64, arguments: &[u64], expected: u32) {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        let number = u32::try_from(call).unwrap();
        assert_eq!(
            run(PROGRAM_RULES, ARCHITECTURE, number, all).0,
            expected,
            "system call {call} with {arguments:x?}"
        );
    }
    let (perm, family, option) = (errno(libc::EPERM), errno(libc::EAFNOSUPPORT), errno(libc::EINVAL));
    // A thread, a fork, each namespace flag, and bits that the kernel ignores.
    check(libc::SYS_clone, &[0x003d_0f00], ALLOW);
    check(libc::SYS_clone, &[17], ALLOW);
    // posix_spawn, and the file table of another process or thread.
    check(libc::SYS_clone, &[0x4111], ALLOW);
    check(libc::SYS_clone, &[0x0001_0f00], ALLOW);
    for flags in [0x400, 0x411, 0x511, 0xf11] {
        check(libc::SYS_clone, &[flags], perm);
        check(libc::SYS_clone, &[flags | 1 << 40], perm);
    }
    for flag in [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
        check(libc::SYS_clone, &[flag | 17], perm);
        check(libc::SYS_clone, &[flag | 1 << 40], perm);
    }
    let (stream, datagram, raw) = (1 | 0o2_000_000, 2 | 0o4_000, 3);
    for socket_family in 0..64 {
        let allowed = match socket_family {
            1 | 2 | 10 | 16 => ALLOW,
            _ => family,
        };
        check(libc::SYS_socket, &[socket_family, stream, 0], allowed);
        check(libc::SYS_socket, &[socket_family | 1 << 32, datagram, 0], allowed);
        check(
            libc::SYS_socketpair,
            &[socket_family, stream, 0],
            if socket_family == 1 { ALLOW } else { family },
        );
    }
    for internet in [2, 10] {
        check(libc::SYS_socket, &[internet, stream, 6], ALLOW);
        check(libc::SYS_socket, &[internet, datagram, 17], ALLOW);
        check(libc::SYS_socket, &[internet, stream, 262], family);
        check(libc::SYS_socket, &[internet, datagram, 1], family);
        check(libc::SYS_socket, &[internet, raw, 6], family);
        check(libc::SYS_socket, &[internet, raw | 0o2_000_000, 0], family);
        check(libc::SYS_socket, &[internet, 5, 132], family);
    }
    for protocol in 1..32 {
        check(libc::SYS_socket, &[16, 3, protocol], family);
    }
    for (request, answer) in
        [(0x5412, perm), (0x541c, perm), (0x5423, perm), (0x5401, ALLOW), (0x541b, ALLOW)].into_iter().chain(
            [
                // Properties of interfaces, with and without a size in the request.
                (0x8912, ALLOW),
                (0x8913, ALLOW),
                (0x8933, ALLOW),
                (0x8010_8906, ALLOW),
                // VLANs, bridges, frame relay, a device's own requests, wireless interfaces, routes.
                (0x8982, perm),
                (0x8983, perm),
                (0x89a0, perm),
                (0x8940, perm),
                (0x8941, perm),
                (0x8980, perm),
                (0x89f0, perm),
                (0x8b00, perm),
                (0x8bff, perm),
                (0x890b, perm),
            ],
        )
    {
        check(libc::SYS_ioctl, &[0, request], answer);
        check(libc::SYS_ioctl, &[0, request | 1 << 32], answer);
    }
    for (number, answer) in [(15, ALLOW), (1, ALLOW), (38, ALLOW), (22, option), (35, option), (62, option)] {
        check(libc::SYS_prctl, &[number], answer);
    }
    for (persona, answer) in [(0xffff_ffff, ALLOW), (0, ALLOW), (0x0004_0000, perm), (8, perm)] {
        check(libc::SYS_personality, &[persona], answer);
    }
    for (command, answer) in
        [(1, ALLOW), (5, ALLOW), (6, ALLOW), (7, ALLOW), (36, option), (37, option), (38, option)]
    {
        check(libc::SYS_fcntl, &[3, command], answer);
        check(libc::SYS_fcntl, &[3, command | 1 << 32], answer);
    }
    let core = libc::RLIMIT_CORE.into();
    for (resource, answer) in [(core, perm), (core | 1 << 32, perm), (7, ALLOW)] {
        check(libc::SYS_setrlimit, &[resource, 1], answer);
        check(libc::SYS_prlimit64, &[0, resource, 8], answer);
        check(libc::SYS_prlimit64, &[0, resource, 8 << 32], answer);
        check(libc::SYS_prlimit64, &[0, resource, 0, 8], ALLOW);
    }
    let no_option = errno(libc::ENOPROTOOPT);
    for (level, option, answer) in [
        (1, 2, ALLOW),
        (1, 8, errno(0)),
        (6, 8, ALLOW),
        (1, 26, no_option),
        (1, 50, no_option),
        (1, 52, no_option),
        (1, 37, no_option),
        (1, 65, no_option),
        (1, 29, ALLOW),
        (6, 14, no_option),
        (6, 32, no_option),
        (6, 38, no_option),
        (6, 1, ALLOW),
        (6, 26, ALLOW),
        (6, 31, no_option),
        (17, 100, no_option),
        (17, 31, ALLOW),
        (41, 26, ALLOW),
        (0, 1, ALLOW),
        (0, 32, ALLOW),
        (0, 35, no_option),
        (0, 42, no_option),
        (41, 20, no_option),
        (41, 21, ALLOW),
        (41, 32, no_option),
        (41, 46, no_option),
    ] {
        check(libc::SYS_setsockopt, &[3, level, option], answer);
        check(libc::SYS_setsockopt, &[3, level | 1 << 32, option | 1 << 32], answer);
    }
    let no_urgent_data = errno(libc::EOPNOTSUPP);
    for (flags, answer) in [(0, ALLOW), (0x4040, ALLOW), (1, no_urgent_data), (0x4041, no_urgent_data)] {
        for flags in [flags, flags | 1 << 32] {
            for call in [libc::SYS_sendmsg, libc::SYS_recvmsg] {
                check(call, &[3, 8, flags], answer);
            }
            for call in [libc::SYS_sendto, libc::SYS_recvfrom, libc::SYS_sendmmsg, libc::SYS_recvmmsg] {
                check(call, &[3, 8, 1, flags], answer);
            }
        }
    }
    for (advice, answer) in [(0, ALLOW), (3, ALLOW), (4, errno(0)), (4 | 1 << 32, errno(0)), (5, ALLOW)] {
        check(libc::SYS_fadvise64, &[3, 4, 4, advice], answer);
    }
    assert_eq!(ArgumentCheck::AllowedSocket.refusal(), libc::EAFNOSUPPORT);
}
