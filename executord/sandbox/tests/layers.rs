//! Tests of each security layer by itself: which attacks fail while another layer is disabled, and whether the installed
//! filter matches its table.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports a failure by panicking")]

mod support;

use std::collections::BTreeMap;
use std::process::Command;

use sandbox::seccomp::{Action, ArgumentCheck, PROGRAM_RULES};
use sandbox::{DisabledLayers, SourceEntry};
use support::{Slot, plan, shell};

/// Attacks that the mounts, the namespaces, the user and its lack of capabilities stop by themselves. Each line of output
/// but the last is an escape.
const ESCAPES: &str = r#"
for d in / /usr /usr/bin /etc /etc/alternatives /dev /proc /proc/sys/kernel /run /home /var; do
    touch $d/x 2>/dev/null && echo "wrote to $d"
done
for f in /etc/shadow /proc/1/environ /proc/1/root/etc/shadow /proc/kcore /proc/kallsyms /root /sys/fs/cgroup /dev/kmsg; do
    [ -s $f ] && cat $f >/dev/null 2>&1 && echo "read $f"
    ls $f/* >/dev/null 2>&1 && echo "listed $f"
done
kill -0 1 2>/dev/null && echo "may signal init"
[ "$(ls -d /proc/[0-9]* | wc -l)" -le 4 ] || echo "sees other processes: $(ls -d /proc/[0-9]*)"
[ "$(id -u)" = 0 ] && echo "is root"
mount -t tmpfs none /tmp 2>/dev/null && echo "mounted"
mount -o remount,bind,rw /usr 2>/dev/null && echo "made /usr writable"
chroot / true 2>/dev/null && echo "changed its root"
hostname other 2>/dev/null && echo "renamed the machine"
mknod /tmp/disk b 254 0 2>/dev/null && echo "made a device"
[ "$(grep -vc lo: /proc/net/dev)" = 2 ] || echo "has another interface"
grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb):.*[1-9a-f]' /proc/self/status
grep -q '^NoNewPrivs:.1' /proc/self/status || echo "may gain privileges"
grep -q '^Max core file size *1 *1 ' /proc/self/limits || echo "core limit: $(grep core /proc/self/limits)"
echo done
"#;

#[test]
fn other_layers_hold_without_the_filter_and_without_landlock() {
    let mut slot = Slot::new("layers");
    for disabled_layers in [
        DisabledLayers::NONE,
        DisabledLayers { seccomp: true, landlock: false },
        DisabledLayers { seccomp: false, landlock: true },
        DisabledLayers { seccomp: true, landlock: true },
    ] {
        let run = slot.run(&shell(ESCAPES).without_layers(disabled_layers), &[]);
        assert_eq!(run.stdout, "done\n", "{disabled_layers:?} {}", run.stderr);
    }
}

#[test]
fn a_disabled_layer_is_not_applied() {
    let mut slot = Slot::new("disabled");
    for (seccomp, mode) in [(false, "Seccomp:\t2\n"), (true, "Seccomp:\t0\n")] {
        let disabled_layers = DisabledLayers { seccomp, landlock: false };
        let run = slot.run(&shell("grep ^Seccomp: /proc/self/status").without_layers(disabled_layers), &[]);
        assert_eq!(run.stdout, mode);
    }
}

/// The filter refuses user namespaces. Without it, one grants capabilities over its own resources only.
#[test]
fn a_user_namespace_grants_nothing_over_the_sandbox() {
    let mut slot = Slot::new("userns");
    let script = "unshare -Urmn sh -c 'mount -o remount,bind,rw /usr && echo remounted; umount /usr && echo unmounted; \
                  umount -l /proc/sys && echo uncovered; touch /usr/x && echo wrote; kill -0 1 && echo signalled' 2>/dev/null; \
                  echo done";
    let disabled_layers = DisabledLayers { seccomp: true, landlock: true };
    assert_eq!(slot.run(&shell(script).without_layers(disabled_layers), &[]).stdout, "done\n");
}

/// Prints how many processes, bytes of a file and open files a program can get.
const EXHAUST_LIMITS: &str = "
import os, signal
children = []
try:
    while len(children) < 200:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        children.append(pid)
except OSError:
    print(len(children), flush=True)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    with open('/tmp/large', 'wb', 0) as file:
        while True:
            file.write(b'x' * (1 << 20))
except OSError:
    print(os.stat('/tmp/large').st_size, flush=True)
files = []
try:
    while True:
        files.append(os.open('/dev/null', 0))
except OSError:
    print(len(files) + 3, flush=True)
";

#[test]
fn resource_limits_apply_without_cgroups() {
    let mut slot = Slot::without_cgroups();
    let run = slot.run(&plan(&["/usr/bin/python3", "-c", EXHAUST_LIMITS]), &[]);
    let numbers: Vec<u64> = run.stdout.lines().map(|line| line.parse().unwrap()).collect();
    let [processes, bytes, files] = numbers[..] else { unreachable!("{} {}", run.stdout, run.stderr) };
    assert!(processes < 40, "{processes} processes");
    assert!(bytes <= 16 << 20, "{bytes} bytes");
    assert_eq!(files, 64);
}

/// Makes every system call with invalid arguments, each in a process of its own, and prints the results.
const CALL_ALL: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void call(unsigned long number) {
    int pipes[2], answer[2] = {-1, 0};
    pipe(pipes);
    pid_t child = fork();
    if (child == 0) {
        // Some calls block forever. Not with alarm(2), which is one of the calls to test.
        if (fork() == 0) { usleep(300000); kill(getppid(), SIGKILL); _exit(0); }
        errno = 0;
        long result = syscall(number, -1L, -1L, -1L, -1L, -1L, -1L);
        int result_message[2] = {result == -1 ? errno : 0, 1};
        syscall(SYS_write, pipes[1], result_message, sizeof result_message);
        syscall(SYS_kill, 0, 0);
        _exit(0);
    }
    close(pipes[1]);
    read(pipes[0], answer, sizeof answer);
    close(pipes[0]);
    kill(child, SIGKILL);
    waitpid(child, 0, 0);
    printf("%lu %d\n", number, answer[1] ? answer[0] : -1);
}

int main(int count, char **arguments) {
    setvbuf(stdout, 0, _IONBF, 0);
    for (int family = 0; family < 64; family++) {
        int made = socket(family, SOCK_DGRAM, 0);
        printf("family %d %d\n", family, made < 0 ? errno : 0);
        close(made);
    }
    unsigned long from = strtoul(arguments[1], 0, 0), to = strtoul(arguments[2], 0, 0);
    for (unsigned long number = from; number <= to; number++) call(number);
    for (unsigned long number = 0; number < 600; number += 7) call(0x40000000 + number);
    call(1000); call(0x3fffffff); call(0x7fffffff);
}
"#;

/// The result of a call that killed its process or blocked.
const KILLED: i32 = -1;
/// uretprobe(2) since Linux 6.11 and uprobe(2) since 6.18.
const UPROBES: [i64; 2] = [335, 336];

#[test]
fn every_system_call_gets_the_action_of_its_rule() {
    let directory = tempfile::tempdir().unwrap();
    let (source, program) = (directory.path().join("call.c"), directory.path().join("call"));
    std::fs::write(&source, CALL_ALL).unwrap();
    let compiled = Command::new("gcc").arg("-O1").arg("-o").args([&program, &source]).status().unwrap();
    assert!(compiled.success());
    let binary = std::fs::read(&program).unwrap();
    let mut slot = Slot::new("calls");
    let command = "cp /box/call /tmp/call && chmod 755 /tmp/call && exec /tmp/call 0 512";
    let sources =
        vec![SourceEntry { path: "call".into(), length: binary.len() as u64, ..SourceEntry::default() }];
    let mut execution = shell(command);
    execution.start.sources = sources;
    let run = slot.run(&execution, &[&binary]);

    let mut calls = BTreeMap::new();
    let mut families = BTreeMap::new();
    for line in run.stdout.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["family", family, errno] => {
                families.insert(family.parse::<i32>().unwrap(), errno.parse::<i32>().unwrap());
            }
            [number, errno] => {
                calls.insert(number.parse::<i64>().unwrap(), errno.parse::<i32>().unwrap());
            }
            _ => unreachable!("{line}"),
        }
    }
    assert!((0..=512).all(|number| calls.contains_key(&number)), "{} calls {}", calls.len(), run.stderr);
    for (number, errno) in calls {
        // The kernel exempts these two from all filters, and refuses callers other than its own probes.
        if UPROBES.contains(&number) && [KILLED, libc::ENXIO].contains(&errno) {
            continue;
        }
        let rule = PROGRAM_RULES.iter().find(|rule| rule.syscalls.contains(&number));
        let is_expected = match rule.map(|rule| rule.action) {
            None => errno == libc::ENOSYS,
            Some(Action::Errno(expected)) => errno == expected,
            // With -1 as descriptor, pointer and length, a call may return anything, or block.
            Some(
                Action::Allow
                | Action::Check(
                    ArgumentCheck::DefaultPersonality
                    | ArgumentCheck::KeepCoreLimit
                    | ArgumentCheck::KeepCoreLimitPrlimit,
                ),
            ) => true,
            Some(Action::Check(ArgumentCheck::AllowedClone)) => errno == libc::EPERM,
            Some(Action::Check(ArgumentCheck::NoOutOfBandData(_))) => errno == libc::EOPNOTSUPP,
            Some(Action::Check(ArgumentCheck::AllowedSocket | ArgumentCheck::UnixSocketPair)) => {
                errno == libc::EAFNOSUPPORT
            }
            Some(Action::Check(ArgumentCheck::AllowedPrctl)) => errno == libc::EINVAL,
            Some(Action::Check(_)) => errno == libc::EBADF,
        };
        let reason = rule.map_or("no rule", |rule| rule.reason);
        assert!(is_expected, "system call {number} returned {errno}: {reason}");
    }
    for (family, errno) in families {
        let known = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK].contains(&family);
        assert_eq!(errno, if known { 0 } else { libc::EAFNOSUPPORT }, "family {family}");
    }
}
