//! `executor languages`, `status`, `check`, `completions`, `--help`; and an executord that can not be reached.

#![forbid(unsafe_code)]

mod fake;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fake::{Fake, Ran, executor};
use protocol::{
    Availability, ByteCount, CheckResult, Editor, Event, ExecutionCount, Language, Limits, Rejection,
    ServerStatus,
};

#[test]
fn help_says_what_there_is() {
    for command in ["", "run", "languages", "status", "check", "completions"] {
        let arguments: Vec<&str> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let output =
            executor(Path::new("unused"), &arguments).env_remove("EXECUTOR_SOCKET").output().unwrap();
        insta::assert_snapshot!(format!("help_{command}"), String::from_utf8(output.stdout).unwrap());
    }
}

#[test]
fn completions_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let output = executor(Path::new("unused"), &["completions", shell]).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains("languages"), "{shell}");
    }
}

#[test]
fn languages_are_a_table() {
    let answer = Event::Languages(vec![language("cpp", &["c++"], true), language("java", &[], false)]);
    let fake = that_answers(vec![answer]);
    let ran = fake.run(&["languages"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("languages", ran.stdout);
    insta::assert_snapshot!("languages_json", fake.run(&["languages", "--json"]).stdout);
}

#[test]
fn status_is_a_few_lines() {
    let status = ServerStatus {
        version: "0.1.0".into(),
        uptime: Duration::from_secs(7_384),
        draining: false,
        slots: 4,
        running: 2,
        queued: 1,
        queue_capacity: 64,
        cgroups: "cgroup v2".into(),
        degraded: vec!["limits on memory are not enforced".into()],
        free_uids: 65_000,
        quarantined_uids: 1,
        executions: vec![ExecutionCount { language: "cpp".into(), result: "ok".into(), count: 12 }],
        steps: Vec::new(),
        warm: Vec::new(),
    };
    let fake = that_answers(vec![Event::Status(Box::new(status))]);
    let ran = fake.run(&["status"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("status", ran.stdout);
    insta::assert_snapshot!("status_json", fake.run(&["status", "--json"]).stdout);
}

#[test]
fn a_check_fails_by_what_is_required() {
    let good = checked("namespaces", true, false);
    let bad = checked("user ids", false, false);
    let optional = checked("java", false, true);

    let fake = that_answers(vec![good.clone(), optional.clone(), Event::CheckDone]);
    let ran = fake.run(&["check"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("check_passed", ran.stdout);

    let fake = that_answers(vec![good, bad, optional, Event::CheckDone]);
    let ran = fake.run(&["check"]);
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!("check_failed", ran.stdout);
    let ran = fake.run(&["check", "--json"]);
    assert_eq!((ran.code, &ran.json()["passed"]), (Some(1), &false.into()));
    assert_eq!(ran.json()["checks"][1]["name"], "user ids");
}

#[test]
fn a_refusal_is_told_in_words() {
    let fake = that_answers(vec![Event::Rejected(Rejection::Forbidden("only root may ask that".into()))]);
    for command in ["languages", "status", "check"] {
        let ran = fake.run(&[command]);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(2), "error: only root may ask that\n"),
            "{command}"
        );
    }
}

#[test]
fn an_executord_that_does_not_run_is_told_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("executord.sock");
    let told = unreachable(&socket);
    assert!(told.contains("does not run here") && told.contains("systemctl start executord"), "{told}");

    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let told = unreachable(&socket);
    assert!(told.contains("nobody listens"), "{told}");
}

#[test]
fn an_answer_that_does_not_fit_is_not_believed() {
    let fake = that_answers(vec![Event::CheckDone]);
    let ran = fake.run(&["status"]);
    assert_eq!(ran.code, Some(125));
    assert!(ran.stderr.contains("unexpected answer"), "{}", ran.stderr);
}

#[test]
fn nothing_is_coloured_in_a_pipe() {
    let fake = that_answers(vec![checked("user ids", false, false), Event::CheckDone]);
    let ran = fake.run(&["check"]);
    assert!(!ran.stdout.contains('\x1b'), "{}", ran.stdout);
}

fn unreachable(socket: &Path) -> String {
    let mut told = String::new();
    for arguments in [&["check"][..], &["status"], &["languages"], &["run", "-l", "python", "-"]] {
        let output = executor(socket, arguments).stdin(Stdio::null()).output().expect("executor starts");
        let ran = Ran::new(output);
        assert_eq!(ran.code, Some(125), "{arguments:?}");
        told = ran.stderr;
    }
    told
}

fn that_answers(answers: Vec<Event>) -> Fake {
    Fake::new(move |mut conversation| {
        let answers = answers.clone();
        async move {
            conversation.hear().await;
            for answer in answers {
                conversation.say(answer).await;
            }
        }
    })
}

fn checked(name: &str, passed: bool, optional: bool) -> Event {
    Event::Checked(CheckResult {
        name: name.into(),
        passed,
        optional,
        detail: "what was seen".into(),
        advice: (!passed).then(|| "what helps".into()),
    })
}

fn language(name: &str, aliases: &[&str], available: bool) -> Language {
    let limits = Limits {
        cpu_time: Duration::from_secs(10),
        wall_time: Duration::from_secs(20),
        memory: ByteCount::mib(512),
        processes: 64,
        output: ByteCount::mib(1),
        file_size: ByteCount::mib(16),
        disk: ByteCount::mib(64),
        files: 4096,
        open_files: 256,
    };
    Language {
        name: name.into(),
        title: name.into(),
        aliases: aliases.iter().map(ToString::to_string).collect(),
        extensions: vec![name.into()],
        file_name: format!("main.{name}"),
        availability: if available {
            Availability::Available { version: format!("{name} 12.2") }
        } else {
            Availability::Unavailable { reason: "no compiler".into() }
        },
        limits,
        compile_limits: None,
        editor: Editor::default(),
        example: String::new(),
    }
}
