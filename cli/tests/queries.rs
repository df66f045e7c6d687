//! `executor languages`, `status`, `check`, `completions` and `--help`; and an executord that cannot be reached.

#![forbid(unsafe_code)]

mod fake_daemon;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fake_daemon::{FakeDaemon, Finished, executor};
use protocol::{
    ArgumentPatterns, Availability, CheckResult, Editor, Event, ExecutionCount, Language, LanguageOption,
    Limits, OptionChoice, OptionValue, Rejection, ServerStatus,
};

#[test]
fn help_lists_commands_and_options() {
    for command in ["", "run", "languages", "status", "check", "completions"] {
        let arguments: Vec<&str> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let output =
            executor(Path::new("unused"), &arguments).env_remove("EXECUTOR_SOCKET").output().unwrap();
        // `cluster` is in the list only with the feature of this name.
        let help = String::from_utf8(output.stdout).unwrap();
        let lines = help.split_inclusive('\n').filter(|line| !line.starts_with("  cluster "));
        insta::assert_snapshot!(format!("help_{command}"), lines.collect::<String>());
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
fn languages_are_printed_as_a_table() {
    let answer = Event::Languages(vec![language("cpp", &["c++"], true), language("java", &[], false)]);
    let daemon = answering(vec![answer]);
    let ran = daemon.run(&["languages"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("languages", ran.stdout);
    insta::assert_snapshot!("languages_json", daemon.run(&["languages", "--json"]).stdout);
}

#[test]
fn a_language_is_printed_with_its_options() {
    let value = |name: &str, unavailable: Option<&str>| OptionChoice {
        name: name.into(),
        unavailable: unavailable.map(str::to_owned),
    };
    let option = |name: &str, default, values| LanguageOption {
        name: name.into(),
        title: String::new(),
        help: String::new(),
        default,
        values,
        unavailable: None,
    };
    let options = vec![
        option(
            "std",
            OptionValue::Choice("c++20".into()),
            vec![value("c++17", None), value("c++20", None), value("c++26", Some("it requires version 14"))],
        ),
        option("warnings", OptionValue::Flag(false), Vec::new()),
        option("sanitize", OptionValue::Set(Vec::new()), vec![value("address", None), value("thread", None)]),
        LanguageOption {
            unavailable: Some("no libomp".into()),
            ..option("openmp", OptionValue::Flag(false), Vec::new())
        },
    ];
    let cpp = Language { options, ..language("cpp", &["c++", "cxx"], true) };
    let daemon = answering(vec![Event::Languages(vec![cpp, language("java", &[], false)])]);
    let ran = daemon.run(&["languages", "C++"]);
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""));
    insta::assert_snapshot!("language", ran.stdout);
    let java = daemon.run(&["languages", "java"]).stdout;
    assert!(java.contains("not available: no compiler") && java.ends_with("options     -\n"), "{java}");
    assert_eq!(daemon.run(&["languages", "--json", "cpp"]).json()["name"], "cpp");
    let ran = daemon.run(&["languages", "c+"]);
    let message = "error: no language is called \"c+\"; `executor languages` lists them\n";
    assert_eq!((ran.code, &*ran.stderr), (Some(2), message));
}

#[test]
fn status_is_printed_as_lines() {
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
        idle: 1,
        max_executions: 64,
    };
    let daemon = answering(vec![Event::Status(Box::new(status))]);
    let ran = daemon.run(&["status"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("status", ran.stdout);
    insta::assert_snapshot!("status_json", daemon.run(&["status", "--json"]).stdout);
}

#[test]
fn a_check_fails_if_a_required_item_fails() {
    let good = checked("namespaces", true, false);
    let bad = checked("user ids", false, false);
    let optional = checked("java", false, true);

    let daemon = answering(vec![good.clone(), optional.clone(), Event::CheckDone]);
    let ran = daemon.run(&["check"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("check_passed", ran.stdout);

    let daemon = answering(vec![good, bad, optional, Event::CheckDone]);
    let ran = daemon.run(&["check"]);
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!("check_failed", ran.stdout);
    let ran = daemon.run(&["check", "--json"]);
    assert_eq!((ran.code, &ran.json()["passed"]), (Some(1), &false.into()));
    assert_eq!(ran.json()["checks"][1]["name"], "user ids");
}

#[test]
fn a_rejection_is_printed() {
    let daemon = answering(vec![Event::Rejected(Rejection::Forbidden("only root may ask that".into()))]);
    for command in ["languages", "status", "check"] {
        let ran = daemon.run(&[command]);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(2), "error: only root may ask that\n"),
            "{command}"
        );
    }
}

#[test]
fn an_executord_that_is_not_running_is_reported_with_advice() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("executord.sock");
    let message = unreachable(&socket);
    assert!(
        message.contains("executord is not running") && message.contains("systemctl start executord"),
        "{message}"
    );

    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let message = unreachable(&socket);
    assert!(message.contains("no process listens"), "{message}");
}

#[test]
fn an_unexpected_answer_is_reported() {
    let daemon = answering(vec![Event::CheckDone]);
    let ran = daemon.run(&["status"]);
    assert_eq!(ran.code, Some(125));
    assert!(ran.stderr.contains("unexpected answer"), "{}", ran.stderr);
}

#[test]
fn output_to_a_pipe_has_no_colors() {
    let daemon = answering(vec![checked("user ids", false, false), Event::CheckDone]);
    let ran = daemon.run(&["check"]);
    assert!(!ran.stdout.contains('\x1b'), "{}", ran.stdout);
}

fn unreachable(socket: &Path) -> String {
    let mut message = String::new();
    for arguments in [&["check"][..], &["status"], &["languages"], &["run", "-l", "python", "-"]] {
        let output = executor(socket, arguments).stdin(Stdio::null()).output().expect("executor starts");
        let ran = Finished::new(output);
        assert_eq!(ran.code, Some(125), "{arguments:?}");
        message = ran.stderr;
    }
    message
}

fn answering(answers: Vec<Event>) -> FakeDaemon {
    FakeDaemon::new(move |mut connection| {
        let answers = answers.clone();
        async move {
            connection.receive().await;
            for answer in answers {
                connection.send(answer).await;
            }
        }
    })
}

fn checked(name: &str, passed: bool, optional: bool) -> Event {
    Event::Checked(CheckResult {
        name: name.into(),
        passed,
        optional,
        detail: "an observation".into(),
        advice: (!passed).then(|| "some advice".into()),
    })
}

fn language(name: &str, aliases: &[&str], available: bool) -> Language {
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
        limits: Limits::RUN,
        compile_limits: None,
        editor: Editor::default(),
        example: String::new(),
        options: Vec::new(),
        arguments: ArgumentPatterns::default(),
        formatter: None,
        judge0_ids: Vec::new(),
        packages: Vec::new(),
        versions: Vec::new(),
    }
}
