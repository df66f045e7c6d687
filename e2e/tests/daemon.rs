//! executord from an administrator's view: configuration, reload, stop, killed parts, limited hosts, and the log.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use e2e::answer::contradictions;
use e2e::daemons::{DEADLINE, Daemons, Settings, binary, eventually};
use e2e::http;
use e2e::inventory;
use e2e::socket::{Execution, live_program, program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::{Client, Event, LimitsRequest, Rejection, Request, StageName, Status};
use serde_json::{Value, json};
use tempfile::TempDir;

async fn start(settings: Settings) -> Daemons {
    Daemons::start(&settings).await.expect("both daemons start")
}

fn one_slot() -> Settings {
    Settings { slots: 1, ..Settings::default() }
}

/// Prints that it runs, and waits for a line.
const WAIT_FOR_LINE: &str = "echo ready; read -r line; echo \"$line\"";

async fn wait_for_line(daemons: &Daemons) -> Execution {
    let mut request = live_program("bash", WAIT_FOR_LINE);
    request.limits = LimitsRequest { wall_time: Some(Duration::from_secs(110)), ..LimitsRequest::default() };
    let mut execution =
        Execution::begin(&daemons.socket(), request).await.expect("executord accepts the connection");
    execution.until_written("ready\n").await.expect("the program runs");
    execution
}

async fn write_line(execution: &mut Execution, message: &str) {
    execution.send(Request::Input(format!("{message}\n").into())).await.expect("the message is sent");
}

fn processes(daemons: &Daemons) -> Vec<inventory::Process> {
    inventory::processes(&daemons.uids).expect("/proc is readable")
}

async fn assert_works(daemons: &Daemons) {
    let answer = daemons.execute(&json!({ "language": "python", "code": "print(6 * 7)" })).await;
    assert_eq!(answer["output"], "42\n", "{answer}");
}

/// Runs executord until it ends, which it should soon.
async fn executord(arguments: &[&Path]) -> Output {
    let mut child = Command::new(binary("executord").expect("the binary is built"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    for _ in 0..600 {
        if child.try_wait().expect("a child process").is_some() {
            return child.wait_with_output().expect("a child process");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).expect("the program runs");
    let output = child.wait_with_output().expect("a child process");
    unreachable!("it does not end: {}", String::from_utf8_lossy(&output.stderr))
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn check_config_starts_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("executord.toml");
    let languages = directory.path().join("languages");
    let check = async || executord(&[Path::new("--check-config"), Path::new("--config"), &path]).await;
    let helper = e2e::daemons::binary("executor-sandbox").expect("the helper is built");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../executord/languages").canonicalize();
    let shipped = shipped.expect("the language files");
    fs::create_dir(&languages).expect("a writable directory");
    let here = format!(
        "languages = [{shipped:?}, {languages:?}]\nhelper = {helper:?}\nruntime_directory = {:?}\n",
        directory.path().join("run")
    );

    for good in ["", "slots = 3\n[limits.run]\nmemory = \"64MiB\"\n"] {
        fs::write(&path, format!("{here}{good}")).expect("a writable file");
        let output = check().await;
        assert_eq!((output.status.code(), message(&output)), (Some(0), "ok\n".to_owned()), "{good:?}");
    }
    for (bad, said) in [
        (
            "slots = 2\nslot = 3",
            &["executord.toml", "line 5", "unknown field `slot`", "`slots`", "`queue`"][..],
        ),
        ("[limits.run]\nmem = \"5MiB\"", &["line 5", "unknown field `mem`", "`memory`", "`open_files`"]),
        ("[limits.run]\nmemory = \"5 apples\"", &["line 5", "apples"]),
        ("slots = \"many\"", &["line 4", "slots = \"many\""]),
        ("slots = ", &["line 4"]),
        ("[cache]\nenabled = true", &["executord.toml", "`cache` was renamed to `build_cache`"]),
        ("uids = { first = 5, last = 9 }", &["uids: must be a range of ids above 1000", "5 to 9"]),
        (
            "uids = { first = 70000, last = 70002 }\nslots = 4",
            &["uids: 70000 to 70002", "fewer than can be in use"],
        ),
    ] {
        fs::write(&path, format!("{here}{bad}")).expect("a writable file");
        let output = check().await;
        assert_eq!(output.status.code(), Some(1), "{bad:?}");
        for part in said {
            assert!(message(&output).contains(part), "{bad:?}: {part:?} is not in {}", message(&output));
        }
    }
    // The check also reports settings that would fail only later.
    for (bad, said) in [
        ("toolchains = [\"/nonexistent\"]", "toolchains: /nonexistent is not a directory"),
        ("toolchains = [\"/home\"]", "ProtectHome="),
        ("libraries = { java = [\"/nonexistent.jar\"] }", "libraries.java: /nonexistent.jar does not exist"),
        ("[limits.run]\nmemory = \"4GiB\"", "limits.run.memory: 4GiB is above the maximum of 2GiB"),
        ("webd_user = \"nobody-has-it\"", "webd_user: there is no user nobody-has-it"),
        ("[socket]\npath = \"/nonexistent/x\"", "socket.path: /nonexistent is not a directory"),
        (
            "packages = \"/etc/passwd\"",
            "packages: /etc/passwd must be a directory that only root can write to",
        ),
        ("memory = \"1MiB\"", "memory: 1MiB for all programs together is less than"),
    ] {
        fs::write(&path, format!("{here}{bad}")).expect("a writable file");
        let output = check().await;
        assert_eq!(output.status.code(), Some(1), "{bad:?}");
        assert!(message(&output).contains(said), "{bad:?}: {said:?} is not in {}", message(&output));
    }
    // A warning is no failure.
    fs::write(&path, format!("{here}cpus = 10000")).expect("a writable file");
    let output = check().await;
    assert_eq!(output.status.code(), Some(0));
    let said = message(&output);
    assert!(said.starts_with("ok\n") && said.contains("warning: cpus: 10000 is more than the"), "{said}");
    // The daemon logs the same, before it fails.
    let cgroup = format!("cgroup = \"executor-e2e-check-{}\"\n", std::process::id());
    let bad = "pool = { enabled = false }\ncpus = 10000\n[socket]\npath = \"/nonexistent/x\"";
    fs::write(&path, format!("{here}{cgroup}{bad}")).expect("a writable file");
    let output = executord(&[Path::new("--config"), &path]).await;
    assert_eq!(output.status.code(), Some(1));
    for part in [
        "socket.path: /nonexistent is not a directory",
        "cpus: 10000 is more than the",
        "listen on /nonexistent/x",
    ] {
        assert!(message(&output).contains(part), "{part:?} is not in {}", message(&output));
    }
    fs::remove_dir_all(directory.path().join("run")).expect("the daemon has created it");
    fs::write(&path, here.replace("helper = \"", "helper = \"/nonexistent")).expect("a writable file");
    assert!(message(&check().await).contains("executor-sandbox is not an executable file"));
    // Language files are part of the configuration.
    fs::write(languages.join("odd.toml"), "name = \"odd\"\ncolour = 1\n").expect("a writable file");
    fs::write(&path, &here).expect("a writable file");
    let output = check().await;
    assert_eq!(output.status.code(), Some(1));
    for part in ["odd.toml", "line 2", "unknown field `colour`", "`file_name`"] {
        assert!(message(&output).contains(part), "{part:?} is not in {}", message(&output));
    }
    fs::remove_file(&path).expect("a writable file");
    let output = check().await;
    assert_eq!(output.status.code(), Some(1));
    assert!(message(&output).contains("executord.toml: No such file"), "{}", message(&output));
    assert!(!directory.path().join("run").exists());
}

const ANOTHER: &str = r##"
name = "another"
title = "Another"
extensions = ["sh"]
file_name = "main.sh"
example = "true"
version = { command = ["bash", "--version"], pattern = "." }
editor = { mode = "shell", line_comment = "#", indent = 4 }
run = { command = ["bash", "{main}"] }
self_test = { files = [{ name = "main.sh", content = "true" }], stdout = "" }
"##;

async fn has_language(daemons: &Daemons, name: &str) -> bool {
    let languages = http::get(&daemons.url("/api/languages"), DEADLINE).await.expect("a response").json;
    languages.as_array().expect("a list").iter().any(|language| language["name"] == name)
}

#[tokio::test]
async fn sighup_reloads_languages_and_limits() {
    let daemons = start(one_slot()).await;
    let file = |name: &str| daemons.languages().join(name).with_extension("toml");
    let refusals = || daemons.logs().matches("nothing was changed").count();
    assert!(!has_language(&daemons, "another").await);

    // During a reload that waits for the only slot, other requests are served and the running program continues.
    let mut running = wait_for_line(&daemons).await;
    fs::write(file("another"), ANOTHER).expect("a writable file");
    daemons.signal_executord(Signal::SIGHUP);
    for _ in 0..10 {
        assert_eq!(daemons.status().await.running, 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    write_line(&mut running, "went on").await;
    assert_eq!(running.end().await.expect("the execution ends").stdout, b"ready\nwent on\n");
    assert!(eventually(|| has_language(&daemons, "another")).await, "{}", daemons.logs());
    let hello = json!({ "language": "another", "code": "echo hello" });
    assert_eq!(daemons.execute(&hello).await["output"], "hello\n");

    // An error in one file changes nothing.
    fs::write(file("broken"), "name = 1").expect("a writable file");
    fs::remove_file(file("another")).expect("a writable file");
    daemons.signal_executord(Signal::SIGHUP);
    assert!(eventually(|| async { refusals() == 1 }).await, "{}", daemons.logs());
    assert!(daemons.logs().contains("broken.toml"), "{}", daemons.logs());
    assert_eq!(daemons.execute(&hello).await["output"], "hello\n");
    fs::remove_file(file("broken")).expect("a writable file");

    let configuration = fs::read_to_string(daemons.configuration()).expect("a writable file");
    fs::write(daemons.configuration(), format!("{configuration}\nslot = 1\n")).expect("a writable file");
    daemons.signal_executord(Signal::SIGHUP);
    assert!(eventually(|| async { refusals() == 2 }).await, "{}", daemons.logs());
    assert!(daemons.logs().contains("unknown field `slot`"), "{}", daemons.logs());
    assert_eq!(daemons.execute(&hello).await["output"], "hello\n");

    fs::write(daemons.configuration(), format!("{configuration}\n[limits.maximum]\nmemory = \"77MiB\"\n"))
        .expect("a writable file");
    daemons.signal_executord(Signal::SIGHUP);
    assert!(eventually(|| async { !has_language(&daemons, "another").await }).await, "{}", daemons.logs());
    let answer = daemons.execute(&json!({ "language": "python", "code": "" })).await;
    assert_eq!(answer["limits"]["memory_bytes"], 77 << 20);
    let answer = daemons.post(&hello).await.expect("a response");
    assert_eq!((answer.status, &answer.json["code"]), (400, &json!("unsupported_language")));
}

/// Verifies what a stopped executord leaves: its directory with a lock and the list of cgroups.
async fn assert_stopped(daemons: &mut Daemons) {
    let status = daemons.wait_for_end().await.expect("the execution ends");
    assert_eq!(status.code(), Some(0), "{}", daemons.logs());
    assert!(!daemons.socket().exists());
    assert_eq!(processes(daemons), []);
    let slots = fs::read_dir(daemons.runtime_directory().join("slots")).map(Iterator::count);
    assert_eq!(slots.expect("it exists"), 0);
    // No other service manages the cgroups of a daemon that was started by hand.
    assert_eq!(inventory::cgroups(&daemons.cgroup), BTreeSet::new());
}

#[tokio::test]
async fn sigterm_lets_programs_finish_within_the_drain_time() {
    let mut daemons =
        start(Settings { slots: 2, more: "drain = \"60s\"".to_owned(), ..Settings::default() }).await;
    let mut running = wait_for_line(&daemons).await;
    let url = daemons.url("/api/execute");
    let body = json!({ "language": "bash", "code": "sleep 2; echo done" });
    let posted = tokio::spawn(async move { http::post(&url, &body, DEADLINE).await });
    assert!(eventually(|| async { daemons.status().await.running == 2 }).await);
    let mut queued = Execution::begin(&daemons.socket(), program("bash", "echo never"))
        .await
        .expect("executord accepts the connection");
    queued.until(|received| received.positions == [0]).await.expect("a queued execution");
    let mut idle = Client::connect(&daemons.socket()).await.expect("executord accepts the connection");

    daemons.signal_executord(Signal::SIGTERM);
    assert!(eventually(|| async { !daemons.socket().exists() }).await, "the socket stays");
    assert!(Client::connect(&daemons.socket()).await.is_err());
    // Queued executions and open connections are rejected.
    let received = queued.end().await.expect("a response");
    assert!(matches!(received.last, Some(Event::Rejected(Rejection::Busy { .. }))), "{received:?}");
    idle.send(Request::Status).await.expect("the message is sent");
    let Ok(Event::Status(status)) = idle.event().await else { unreachable!("no status") };
    assert!(status.draining);
    let received =
        Execution::begin_on(idle, program("bash", "true")).await.expect("the message is sent").end().await;
    assert!(matches!(received.expect("a response").last, Some(Event::Rejected(Rejection::Busy { .. }))));

    write_line(&mut running, "in time").await;
    let received = running.end().await.expect("a response");
    assert_eq!(
        (&*received.stdout, received.status(StageName::Run(0))),
        (&b"ready\nin time\n"[..], Some(&Status::Exited(0)))
    );
    let answer = posted.await.expect("the task does not panic").expect("a response");
    assert_eq!((answer.status, &answer.json["output"]), (200, &json!("done\n")), "{}", answer.json);
    assert_stopped(&mut daemons).await;
    daemons.restart_executord().await.expect("the daemon starts again");
    assert_works(&daemons).await;
}

#[tokio::test]
async fn sigterm_ends_programs_after_the_drain_time() {
    let mut daemons =
        start(Settings { slots: 2, more: "drain = \"300ms\"".to_owned(), ..Settings::default() }).await;
    let stuck = "setsid sleep 600 & trap '' TERM; echo stuck; while :; do sleep 600; done";
    let url = daemons.url("/api/execute");
    let body = json!({ "language": "bash", "code": stuck, "limits": { "wall_ms": 110_000 } });
    let posted = tokio::spawn(async move { http::post(&url, &body, DEADLINE).await });
    let mut running = Execution::begin(&daemons.socket(), program("bash", stuck))
        .await
        .expect("executord accepts the connection");
    running.until_written("stuck\n").await.expect("the program runs");
    assert!(eventually(|| async { processes(&daemons).len() == 6 }).await, "{:?}", processes(&daemons));
    daemons.signal_executord(Signal::SIGTERM);
    let received = running.end().await.expect("a response");
    assert_eq!(received.status(StageName::Run(0)), Some(&Status::Cancelled));
    let answer = posted.await.expect("the task does not panic").expect("a response");
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("cancelled")), "{}", answer.json);
    assert_eq!(answer.json["output"], "stuck\n");
    assert_stopped(&mut daemons).await;
    let answer = daemons.post(&json!({ "language": "python", "code": "" })).await.expect("webd answers");
    assert_eq!((answer.status, &answer.json["code"]), (503, &json!("unavailable")));
    daemons.restart_executord().await.expect("the daemon starts again");
    assert_works(&daemons).await;
}

#[tokio::test]
async fn a_second_daemon_in_the_same_directory_is_refused_and_does_no_harm() {
    let daemons = start(one_slot()).await;
    let mut running = wait_for_line(&daemons).await;
    let output = executord(&[Path::new("--config"), &daemons.configuration()]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = format!("another executord is running in {}", daemons.runtime_directory().display());
    assert!(message(&output).contains(&said), "{}", message(&output));
    write_line(&mut running, "unharmed").await;
    assert_eq!(running.end().await.expect("the execution ends").stdout, b"ready\nunharmed\n");
    assert_works(&daemons).await;
}

/// Returns the supervisors, one per slot.
fn supervisors(daemons: &Daemons) -> Vec<u32> {
    let mut children = inventory::children(daemons.executord_pid()).expect("/proc is readable");
    // The process that removes executord's cgroups is not one of them.
    let is_supervisor = |pid: &u32| {
        fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path.ends_with("executor-sandbox"))
    };
    children.retain(is_supervisor);
    children
}

/// Returns the supervisor with a running sandbox.
fn busy_supervisor(daemons: &Daemons) -> u32 {
    let is_busy = |pid: &u32| inventory::children(*pid).is_ok_and(|children| !children.is_empty());
    supervisors(daemons).into_iter().find(is_busy).expect("a sandbox runs")
}

#[tokio::test]
async fn a_killed_supervisor_costs_one_execution_and_no_slot() {
    let daemons = start(one_slot()).await;
    let free = daemons.status().await.free_uids;
    for round in 0..3 {
        let url = daemons.url("/api/execute");
        let code = "setsid sleep 600 & echo running; sleep 600";
        let body = json!({ "language": "bash", "code": code, "limits": { "wall_ms": 110_000 } });
        let posted = tokio::spawn(async move { http::post(&url, &body, DEADLINE).await });
        assert!(eventually(|| async { processes(&daemons).len() == 3 }).await, "{:?}", processes(&daemons));
        let busy = busy_supervisor(&daemons);
        kill(Pid::from_raw(busy.cast_signed()), Signal::SIGKILL).expect("the program runs");
        let answer = posted.await.expect("the task does not panic").expect("a response");
        assert_eq!((answer.status, &answer.json["code"]), (500, &json!("failed")), "{}", answer.json);
        let id = answer.json["id"].as_str().expect("an id");
        assert!(daemons.logs().contains(id), "the log does not say more of {id}");
        for _ in 0..3 {
            assert_works(&daemons).await;
        }
        let is_whole = || async {
            let status = daemons.status().await;
            processes(&daemons).is_empty()
                && (status.running, status.free_uids, status.quarantined_uids) == (0, free, 0)
        };
        assert!(
            eventually(is_whole).await,
            "round {round}: {:?}\n{}",
            daemons.status().await,
            daemons.logs()
        );
        assert!(!supervisors(&daemons).contains(&busy));
    }

    // Between two executions, no client notices.
    let before = supervisors(&daemons);
    kill(Pid::from_raw(before[0].cast_signed()), Signal::SIGKILL).expect("the program runs");
    assert!(eventually(|| async { !matches!(inventory::state(before[0]), Some('R' | 'S' | 'D')) }).await);
    for _ in 0..3 {
        assert_works(&daemons).await;
    }
    // The cgroups of lost slots are removed. An execution may need two slots, with one cgroup name each.
    let slots = || -> BTreeSet<_> {
        let mut groups = inventory::cgroups(&daemons.cgroup);
        groups.retain(|group| !group.ends_with(&daemons.cgroup));
        groups.iter().filter_map(|group| group.file_name().map(ToOwned::to_owned)).collect()
    };
    assert!(eventually(|| async { slots().len() <= 2 }).await, "{:?}", slots());
    assert_eq!(daemons.status().await.quarantined_uids, 0);
}

#[tokio::test]
async fn programs_run_with_limits_on_a_host_without_cgroups() {
    let host = Some("mount -t tmpfs none /sys/fs/cgroup".to_owned());
    let daemons = start(Settings { host, ..Settings::default() }).await;
    let status = daemons.status().await;
    assert_eq!(status.cgroups, "none");
    assert!(
        status.degraded.iter().any(|message| message.contains("no cgroup can be used")),
        "{:?}",
        status.degraded
    );
    assert!(daemons.logs().contains("no cgroup can be used"), "{}", daemons.logs());

    let limits = json!({ "wall_ms": 60_000 });
    let with = |name: &str, value: Value| {
        let mut limits = limits.clone();
        limits[name] = value;
        limits
    };
    let found_out = |message: &str| json!({ "status": "ok", "stdout": message });
    let cause = |limit: &str| json!({ "status": "timeout", "cause": { "limit": limit } });
    for (language, code, limits, expected) in [
        ("python", "print('hello')", json!({}), found_out("hello\n")),
        ("javascript", "console.log('hello')", json!({}), found_out("hello\n")),
        ("cpp", "#include <cstdio>\nint main() { std::puts(\"hello\"); }", json!({}), found_out("hello\n")),
        (
            "java",
            "class A { public static void main(String[] a) { System.out.println(\"hello\"); } }",
            json!({}),
            found_out("hello\n"),
        ),
        (
            "python",
            "import os, time\nn = 0\ntry:\n    while True:\n        if os.fork() == 0: time.sleep(600)\n        n += 1\nexcept BlockingIOError: print(n)",
            with("processes", 10.into()),
            found_out("9\n"),
        ),
        (
            "python",
            "import errno\ntry: open('f', 'wb').write(b'x' * 100_000)\nexcept OSError as error: print(errno.errorcode[error.errno])",
            with("file_size_bytes", 50_000.into()),
            found_out("EFBIG\n"),
        ),
        (
            "python",
            "import errno\ntry: open('/tmp/f', 'wb').write(b'x' * 2_000_000)\nexcept OSError as error: print(errno.errorcode[error.errno])",
            with("disk_bytes", 1_000_000.into()),
            found_out("ENOSPC\n"),
        ),
        (
            "python",
            "import errno, os\ntry:\n    while True: last = os.open('/dev/null', 0)\nexcept OSError as error: print(last, errno.errorcode[error.errno])",
            with("open_files", 20.into()),
            found_out("19 EMFILE\n"),
        ),
        ("python", "while True: pass", with("cpu_ms", 1000.into()), cause("cpu_time")),
        (
            "python",
            "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nfor _ in range(3):\n    if os.fork() == 0: os.setsid()\ntime.sleep(600)",
            json!({ "wall_ms": 1000 }),
            cause("wall_time"),
        ),
        (
            "python",
            "print('x' * 1_000_000)",
            json!({ "output_bytes": 1000 }),
            json!({ "status": "output_limit", "stdout": "x".repeat(1000) }),
        ),
    ] {
        let answer = daemons.execute(&json!({ "language": language, "code": code, "limits": limits })).await;
        assert_eq!(contradictions(&expected, &answer), Vec::<String>::new(), "{language} {code}: {answer}");
        assert!(
            eventually(|| async { processes(&daemons).is_empty() }).await,
            "{language} {code}: {:?}",
            processes(&daemons)
        );
    }
    assert!(eventually(|| async { daemons.status().await.running == 0 }).await);
    assert_eq!(daemons.status().await.quarantined_uids, 0);
}

#[tokio::test]
async fn two_uids_per_slot_are_enough() {
    let settings = Settings { slots: 2, uids: 4, ..Settings::default() };
    let daemons = start(settings).await;
    assert_eq!(daemons.status().await.free_uids, 4);
    let mut seen = BTreeSet::new();
    for round in 0..25 {
        let code = match round % 5 {
            0 => "id -u; setsid sleep 600 &",
            1 => "id -u; kill -9 $$",
            _ => "id -u",
        };
        let request = json!({ "language": "bash", "code": code });
        let (one, other) = tokio::join!(daemons.execute(&request), daemons.execute(&request));
        for answer in [one, other] {
            let uid = answer["stdout"].as_str().and_then(|text| text.trim().parse::<u32>().ok());
            seen.insert(uid.unwrap_or_else(|| unreachable!("round {round}: {answer}")));
        }
    }
    assert!(seen.is_subset(&daemons.uids.clone().collect()), "{seen:?}");
    assert!(eventually(async || daemons.status().await.free_uids == 4).await);
    assert_eq!(daemons.status().await.quarantined_uids, 0);
}

/// A directory for an executord that is expected to fail.
struct Attempt {
    directory: TempDir,
    lines: Vec<(&'static str, String)>,
}

impl Attempt {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| format!("{:?}", directory.path().join(name));
        let lines = vec![
            ("runtime_directory", path("run")),
            ("languages", format!("[{}]", path("languages"))),
            ("helper", format!("{:?}", binary("executor-sandbox").expect("the binary is built"))),
            ("cgroup", "\"executor-e2e-attempt\"".to_owned()),
            ("uids", "{ first = 2130000000, last = 2130000009 }".to_owned()),
            ("slots", "1".to_owned()),
            ("userdb", "\"off\"".to_owned()),
        ];
        Self { directory, lines }
    }

    async fn with(mut self, key: &str, value: impl ToString) -> String {
        let line = self.lines.iter_mut().find(|(name, _)| *name == key).expect("a configured key");
        line.1 = value.to_string();
        let text: String = self.lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let path = self.directory.path().join("executord.toml");
        fs::write(&path, text).expect("a writable file");
        let output = executord(&[Path::new("--config"), &path]).await;
        for group in inventory::cgroups("executor-e2e-attempt").iter().rev() {
            fs::remove_dir(group).expect("nothing is left in it");
        }
        assert_eq!(output.status.code(), Some(1), "{}", message(&output));
        message(&output)
    }
}

#[tokio::test]
async fn missing_requirements_are_reported() {
    for (key, value, said) in [
        ("helper", "\"/nowhere/executor-sandbox\"", &["/nowhere/executor-sandbox", "No such file"][..]),
        ("helper", "\"/etc/passwd\"", &["/etc/passwd", "Permission denied"]),
        ("helper", "\"/bin/true\"", &["/bin/true"]),
        ("languages", "[\"/nowhere/languages\"]", &["language", "/nowhere/languages"]),
        ("runtime_directory", "\"/proc/executor\"", &["prepare /proc/executor", "No such file"]),
        ("uids", "{ first = 65000, last = 66000 }", &["nobody in /etc/passwd", "choose others in `uids`"]),
    ] {
        let output = Attempt::new().with(key, value).await;
        for part in said {
            assert!(output.contains(part), "{key} = {value}: {part:?} is not in {output}");
        }
    }
}

#[tokio::test]
async fn a_user_is_known_to_the_host_only_while_it_exists() {
    // A private /run, so that the host does not see users of the test.
    let host = "mkdir -p \"$DIRECTORY/run-of-host\"; mount --bind \"$DIRECTORY/run-of-host\" /run".to_owned();
    let mut daemons =
        start(Settings { slots: 1, userdb: "on", host: Some(host), ..Settings::default() }).await;
    let records = daemons.directory().join("run-of-host/userdb");
    let names = || -> BTreeSet<String> {
        let entries = fs::read_dir(&records).expect("it exists");
        entries.map(|entry| entry.expect("it exists").file_name().to_string_lossy().into_owned()).collect()
    };
    assert_works(&daemons).await;
    assert!(eventually(async || names().is_empty()).await, "{:?}", names());

    let mut running = wait_for_line(&daemons).await;
    let name = format!("exec_{}", running.received.id.expect("the execution started"));
    let uid = processes(&daemons).first().expect("the program runs").uid;
    let files =
        [format!("{name}.user"), format!("{uid}.user"), format!("{name}.group"), format!("{uid}.group")];
    assert_eq!(names(), BTreeSet::from(files.clone()));
    for file in &files {
        let record: Value =
            serde_json::from_slice(&fs::read(records.join(file)).expect("it exists")).expect("JSON");
        let expected = if file.ends_with("user") {
            json!({ "userName": name, "uid": uid, "gid": uid })
        } else {
            json!({ "groupName": name, "gid": uid })
        };
        assert_eq!(contradictions(&expected, &record), Vec::<String>::new(), "{file}");
        let mode = fs::metadata(records.join(file)).expect("it exists").mode() & 0o777;
        assert_eq!(mode, 0o644, "everybody may read {file}");
    }
    write_line(&mut running, "go").await;
    running.end().await.expect("the execution ends");
    assert!(eventually(async || names().is_empty()).await, "{:?}", names());

    // A killed daemon leaves them to the next start.
    let running = wait_for_line(&daemons).await;
    assert_eq!(names().len(), 4);
    fs::write(records.join("somebody.user"), "{}").expect("a writable file");
    daemons.kill_executord().expect("it can be killed");
    drop(running);
    daemons.restart_executord().await.expect("the daemon starts again");
    assert_eq!(names(), BTreeSet::from(["somebody.user".to_owned()]), "others' are not touched");
    assert_works(&daemons).await;
}

/// Returns all lines that the system log received.
fn received(log: &UnixDatagram) -> Vec<String> {
    let mut lines = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        match log.recv(&mut buffer) {
            Ok(length) => lines.push(String::from_utf8_lossy(&buffer[..length]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return lines,
            Err(error) => unreachable!("{error}"),
        }
    }
}

#[tokio::test]
async fn the_system_log_has_one_line_per_execution_and_no_program_data() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let log = UnixDatagram::bind(directory.path().join("log")).expect("a writable file");
    log.set_nonblocking(true).expect("a writable file");
    // The same devices as on the host, and the log socket.
    let host = format!(
        "mkdir {0}/dev\nmount -t tmpfs -o mode=755 none {0}/dev\n\
         for device in null zero full random urandom; do : > {0}/dev/$device; mount --bind /dev/$device {0}/dev/$device; done\n\
         ln -s {0}/log {0}/dev/log\nmount --rbind {0}/dev /dev",
        directory.path().display()
    );
    let daemons = start(Settings { slots: 1, host: Some(host), ..Settings::default() }).await;
    assert_eq!(received(&log), Vec::<String>::new(), "asking for versions is no execution");

    let secret = "5ecret";
    let mut expected = Vec::new();
    for (language, code, verdict) in [
        ("python", "print('5ecret', input())", "ok"),
        ("bash", "echo 5ecret >&2; exit 3", "nonzero"),
        ("javascript", "/* 5ecret */ process.abort();", "signal"),
        ("python", "import time; time.sleep(600) # 5ecret", "timeout"),
        ("python", "print('5ecret' * 100_000)", "output_limit"),
        ("cpp", "int main() { return 5ecret; }", "compile_error"),
        ("cpp", "int main() { /* 5ecret */ }", "ok"),
    ] {
        let limits = json!({ "wall_ms": 3000, "output_bytes": 10_000 });
        let request = json!({
            "language": language, "code": code, "stdin": "5ecret\n", "args": ["5ecret"], "limits": limits, "filename": Value::Null,
        });
        let answer = daemons.execute(&request).await;
        expected.push((answer["id"].as_str().expect("an id").to_owned(), language, verdict));
    }
    let refused = daemons.post(&json!({ "language": secret, "code": secret })).await.expect("a response");
    assert_eq!(refused.status, 400);

    let mut lines = Vec::new();
    for _ in 0..600 {
        lines.extend(received(&log));
        if lines.len() >= expected.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // An additional line would arrive now.
    assert_works(&daemons).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    lines.extend(received(&log));
    assert_eq!(lines.len(), expected.len() + 1, "{lines:?}");
    let nobody =
        nix::unistd::User::from_name("nobody").expect("there is a user database").expect("a missing process");
    for ((id, language, verdict), line) in expected.iter().zip(&lines) {
        // Facility authpriv, severity info.
        assert!(line.starts_with("<86>") && line.contains("executord["), "{line}");
        let fields: BTreeSet<_> = line.split(' ').collect();
        for field in [
            format!("execution={id}"),
            format!("language={language}"),
            format!("verdict={verdict}"),
            format!("peer={}", nobody.uid),
            "client=\"127.0.0.1\"".to_owned(),
        ] {
            assert!(fields.contains(&*field), "{field} is not in {line}");
        }
        let number = |name: &str| -> u64 {
            let value = fields.iter().find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|value| value.parse().ok()).unwrap_or_else(|| unreachable!("no {name} in {line}"))
        };
        let uids = fields.iter().find_map(|field| field.strip_prefix("uid=")).expect("a user for each stage");
        let is_ours = |uid: &str| uid.parse().is_ok_and(|uid| daemons.uids.contains(&uid));
        assert!(uids.split(',').all(is_ours), "{line}");
        assert!(number("memory_bytes") > 0, "{line}");
        let [cpu, wall] = ["cpu_ms", "wall_ms"].map(number);
        assert!(*verdict != "timeout" || wall >= 3000, "{line}");
        assert!(cpu <= 60_000, "{line}");
    }
    assert!(!lines.concat().contains(secret), "{lines:?}");
    assert!(!daemons.logs().contains(secret), "{}", daemons.logs());
}

#[tokio::test]
async fn a_removed_socket_is_created_again() -> io::Result<()> {
    let daemons = start(one_slot()).await;
    let mut running = wait_for_line(&daemons).await;
    fs::remove_file(daemons.socket())?;
    assert!(
        eventually(|| async { Client::connect(&daemons.socket()).await.is_ok() }).await,
        "{}",
        daemons.logs()
    );
    write_line(&mut running, "undisturbed").await;
    assert_eq!(running.end().await.expect("the execution ends").stdout, b"ready\nundisturbed\n");
    assert_works(&daemons).await;
    Ok(())
}

#[tokio::test]
async fn the_log_has_an_object_of_json_on_each_line_if_configured() {
    let more = "log_format = \"json\"".to_owned();
    let daemons = start(Settings { more, ..one_slot() }).await;
    assert_works(&daemons).await;
    // A warning with a path.
    fs::remove_file(daemons.socket()).expect("the socket exists");
    let is_created = || async { Client::connect(&daemons.socket()).await.is_ok() };
    assert!(eventually(is_created).await, "{}", daemons.logs());
    let logs = daemons.logs();
    let (of_executord, _) = logs.split_once("--- webd:").expect("both logs");
    let lines = of_executord.lines().filter(|line| !line.is_empty() && !line.starts_with("--- "));
    let lines: Vec<Value> =
        lines.map(|line| line.parse().unwrap_or_else(|_| unreachable!("{line}"))).collect();
    let find = |message: &str| {
        let found =
            lines.iter().find(|line| line["message"].as_str().is_some_and(|text| text.contains(message)));
        found.unwrap_or_else(|| unreachable!("no {message:?} in {of_executord}"))
    };
    assert_eq!((&find("starting")["level"], &find("starting")["slots"]), (&json!("INFO"), &json!(1)));
    assert_eq!(find("ready")["socket"], json!(daemons.socket().display().to_string()));
    assert_eq!(find("the socket was removed")["level"], "WARN");
    for line in &lines {
        assert!(line["timestamp"].is_string() && line["target"].is_string(), "{line}");
    }
}
