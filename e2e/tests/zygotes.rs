//! Sandboxes forked from a running interpreter, which has no privilege outside its user namespace: a program has no privilege at
//! all and no data of an earlier program, and a failing zygote costs no execution.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use e2e::daemons::{Daemons, Settings, binary, eventually};
use e2e::differential::pool;
use e2e::inventory;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// One slot, so that all executions share it.
fn settings() -> Settings {
    Settings { slots: 1, zygotes: Some(true), ..Settings::default() }
}

async fn start() -> Daemons {
    Daemons::start(&settings()).await.expect("both daemons start")
}

async fn python(daemons: &Daemons, code: &str) -> String {
    let answer = daemons.execute(&json!({ "language": "python", "code": code })).await;
    assert_eq!((&answer["status"], &answer["stderr"]), (&json!("ok"), &json!("")), "{answer}");
    answer["stdout"].as_str().expect("text").to_owned()
}

/// Returns the Python processes below executord.
fn pythons(daemons: &Daemons) -> BTreeSet<u32> {
    let below = inventory::descendants(daemons.executord_pid()).expect("/proc is readable");
    let is_python = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|command| command.contains("python3"))
    };
    below.into_iter().filter(is_python).collect()
}

/// Returns the Python processes that are in no sandbox.
fn zygotes(daemons: &Daemons) -> BTreeSet<u32> {
    let mut pythons = pythons(daemons);
    pythons.retain(|&pid| !inventory::is_in_a_namespace(pid));
    pythons
}

const PRINT_IDENTITY: &str = r#"
import os
status = dict(line.split(":\t") for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
environment = open("/proc/self/environ").read().rstrip("\0").split("\0")
assert environment == [f"{name}={value}" for name, value in os.environ.items()], environment
assert os.environ["USER"] == os.environ["LOGNAME"] == __import__("pwd").getpwuid(os.getuid()).pw_name
assert not any("PYTHON" in name for name in os.environ)
for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]:
    assert int(status[name], 16) == 0, (name, status[name])
assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
assert len(set(status["Uid"].split())) == len(set(status["Gid"].split())) == 1 and not status["Groups"].strip(), status
assert (os.getpid(), os.getppid(), os.getsid(0)) == (2, 1, 2)
assert sorted(name for name in os.listdir("/proc") if name.isdigit()) == ["2"], os.listdir("/proc")
assert not os.access("/proc/self/projid_map", os.W_OK) or not open("/proc/self/projid_map").read() == ""
assert set(os.listdir("/proc/self/fd")) <= {"0", "1", "2", "3"}, os.listdir("/proc/self/fd")
assert os.listdir() == ["main.py"] and not os.listdir("/tmp")
own = os.getuid()
for path in ["/", "/usr", "/usr/bin/env", "/etc/passwd", "/etc/hosts", "/etc/ssl/certs", "/tmp"]:
    assert (os.stat(path).st_uid, os.stat(path).st_gid) == (0, 0), (path, os.stat(path))
for path in ["/box", "/box/main.py", "/proc/self"]:
    assert (os.stat(path).st_uid, os.stat(path).st_gid) == (own, own), (path, os.stat(path))
print(os.getuid(), hash("a"), id(object))
open("/tmp/left", "x")
"#;

#[tokio::test]
async fn a_fork_has_its_own_user_no_privilege_and_no_data_of_the_last_program() {
    let daemons = start().await;
    let mut users = BTreeSet::new();
    let mut chosen_at_random = BTreeSet::new();
    for _ in 0..5 {
        let line = python(&daemons, PRINT_IDENTITY).await;
        let (user, rest) = line.split_once(' ').expect("words");
        assert!(users.insert(user.to_owned()), "user {user} had two programs");
        chosen_at_random.insert(rest.to_owned());
    }
    // As documented in docs/decisions/0034-zygotes-in-a-user-namespace.md, forks share a hash seed and addresses.
    assert!(chosen_at_random.len() < 5, "{chosen_at_random:?}");
    assert!(!zygotes(&daemons).is_empty());
}

/// The host's user of zygotes, and their capabilities in their own user namespace: those of `CAPABILITIES` in
/// `executord/sandbox/src/zygote/parent.rs`.
#[tokio::test]
async fn a_zygote_is_not_root_and_its_namespace_maps_the_uids_of_executord_only() {
    let daemons = start().await;
    python(&daemons, "print(1)").await;
    let (first, last) = (*daemons.uids.start(), *daemons.uids.end());
    let group = first + (last - first).div_ceil(3) * 4 - 1;
    let zygotes = zygotes(&daemons);
    assert!(!zygotes.is_empty());
    for pid in zygotes {
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).expect("it is readable");
        let status = read("status");
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(&format!("{name}:\t"))).expect("a field");
            line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        let root: u32 = field("Uid")[0].parse().expect("a number");
        assert!((last + 1..group).contains(&root), "{root}");
        let ids = |id: u32| vec![id.to_string(); 4];
        assert_eq!((field("Uid"), field("Gid"), field("Groups")), (ids(root), ids(group), vec![]));
        for (map, root) in [("uid_map", root), ("gid_map", group)] {
            let lines: Vec<Vec<u32>> = read(map)
                .lines()
                .map(|line| line.split_whitespace().map(|number| number.parse().expect("a number")).collect())
                .collect();
            assert_eq!(lines, [vec![0, root, 1], vec![first, first, last - first + 1]], "{map}");
        }
        let own =
            |namespace: &str| fs::read_link(format!("/proc/self/ns/{namespace}")).expect("it is readable");
        let of_zygote =
            |namespace: &str| fs::read_link(format!("/proc/{pid}/ns/{namespace}")).expect("root may look");
        for namespace in ["user", "mnt", "net"] {
            assert_ne!(of_zygote(namespace), own(namespace), "{namespace}");
        }
        // CHOWN, KILL, SETGID, SETUID, SETPCAP and SYS_ADMIN.
        assert_eq!(
            u64::from_str_radix(&field("CapPrm")[0], 16),
            Ok(1 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 21)
        );
        assert_eq!((&*field("CapBnd")[0], &*field("NoNewPrivs")[0]), ("0000000000000000", "1"));
    }
}

/// Sockets, and what the kernel counts for them, stay in the network namespace of one program.
#[tokio::test]
async fn programs_of_one_zygote_share_no_network() {
    let daemons = start().await;
    // A datagram is one packet; TCP acknowledges with more or fewer.
    let code = "import socket\n\
                server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                server.bind(('127.0.0.1', 4000))\n\
                client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                client.sendto(b'x', ('127.0.0.1', 4000)), server.recv(1)\n\
                print(open('/proc/net/dev').read().split('lo:')[1].split()[:2])";
    let first = python(&daemons, code).await;
    for _ in 0..3 {
        assert_eq!(python(&daemons, code).await, first);
    }
    let idle = "print(open('/proc/net/dev').read().split('lo:')[1].split()[:2])";
    for _ in 0..2 {
        assert_eq!(python(&daemons, idle).await, "['0', '0']\n");
    }
    assert!(!daemons.logs().contains("cannot launch sandbox from zygote"), "{}", daemons.logs());
}

#[tokio::test]
async fn a_killed_zygote_costs_no_execution_and_none_outlives_the_daemon() {
    let daemons = start().await;
    python(&daemons, "print(1)").await;
    for _ in 0..3 {
        for pid in zygotes(&daemons) {
            kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).expect("it exists");
        }
        // If the kernel has not ended the zygote yet, it cannot fork, and the program gets a sandbox without one.
        assert_eq!(python(&daemons, "print(2)").await, "2\n");
    }
    assert_eq!(python(&daemons, "print(3)").await, "3\n");
    let left = zygotes(&daemons);
    assert!(!left.is_empty());
    drop(daemons);
    let are_gone = || async { left.iter().all(|pid| fs::metadata(format!("/proc/{pid}")).is_err()) };
    assert!(eventually(are_gone).await, "{left:?}");
}

#[tokio::test]
async fn programs_that_a_zygote_cannot_start_are_started_without_it() {
    let launcher = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .expect("a directory for a launcher");
    let zygote = launcher.path().join("zygote");
    fs::create_dir(&zygote).expect("a writable file");
    let module = binary("libexecutor_zygote.so").expect("the binary is built");
    fs::copy(module, zygote.join("executor_zygote.abi3.so")).expect("a writable file");
    let text = include_str!("../../executord/languages/python.toml");
    for (what, code) in [
        ("ends", "raise SystemExit"),
        // Forks would share it.
        (
            "has a file open for writing",
            "import sys, executor_zygote\n\
             sys.kept = open('/tmp/kept', 'w')\n\
             executor_zygote.fork()",
        ),
    ] {
        fs::write(zygote.join("usercustomize.py"), code).expect("a writable file");
        let settings = Settings {
            languages: vec![(
                "snake",
                text.lines()
                    .filter(|line| !line.starts_with("aliases"))
                    .map(|line| format!("{line}\n"))
                    .collect::<String>()
                    .replace("name = \"python\"", "name = \"snake\""),
            )],
            launchers: vec![("snake", launcher.path().to_owned())],
            ..settings()
        };
        let daemons = Daemons::start(&settings).await.expect("both daemons start");
        for _ in 0..5 {
            let request = json!({ "language": "snake", "code": "print(input())", "stdin": "3" });
            let answer: Value = daemons.execute(&request).await;
            let output = (&answer["status"], &answer["stdout"]);
            assert_eq!(output, (&json!("ok"), &json!("3\n")), "{what}: {answer}");
        }
        // Each failure costs time, so after some of them no other zygote is started.
        let logs = daemons.logs();
        assert_eq!(logs.matches("cannot launch sandbox from zygote").count(), 3, "{what}: {logs}");
        assert_eq!(logs.matches("zygotes fail").count(), 1, "{what}: {logs}");
    }
}

/// A fork that has copied nothing has some pages of its own, and one that has copied everything shares almost none.
#[tokio::test]
async fn a_fork_that_waits_has_copied_what_a_program_writes_to_and_no_more() {
    let settings = Settings { pool: true, ..settings() };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    let has_copied_a_part = || async {
        pool::ready(&daemons, "python", &["run"]).await.expect("a sandbox waits");
        let forks = pythons(&daemons).into_iter().filter(|&pid| inventory::is_in_a_namespace(pid));
        let mut written = forks.filter_map(|pid| {
            inventory::mapped_bytes(pid, "Shared_Dirty").zip(inventory::mapped_bytes(pid, "Private_Dirty"))
        });
        let is_partly_copied = written.any(|(shared, own)| shared > own && own > shared / 4);
        // Pages that were shared with the zygote only are the fork's own when the zygote has ended.
        is_partly_copied && !zygotes(&daemons).is_empty()
    };
    assert!(eventually(has_copied_a_part).await, "{}", daemons.logs());
}
