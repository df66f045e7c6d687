//! `executor run --expect`, `--checker` and `--interactor` against a scripted executord.

#![forbid(unsafe_code)]

mod fake_daemon;

use fake_daemon::{Connection, FakeDaemon, id, report};
use protocol::{
    Availability, ByteCount, Compare, Difference, Editor, Event, ExpectedOutput, Judge, Judgement, Language,
    Limits, Outcome, Party, Request, StageName, StageReport, Status, Stdin, StreamName, Tolerance,
    Transcript, TranscriptEntry, Verdict,
};
use serde_json::json;

/// Answers the questions for languages before a request.
async fn answer_languages(connection: &mut Connection, count: usize) {
    for _ in 0..count {
        assert_eq!(connection.receive().await, Some(Request::Languages));
        let languages = [("cpp", "cpp"), ("python", "py")].map(|(name, extension)| language(name, extension));
        connection.send(Event::Languages(languages.to_vec())).await;
    }
}

fn language(name: &str, extension: &str) -> Language {
    Language {
        versions: Vec::new(),
        judge0_ids: Vec::new(),
        packages: Vec::new(),
        name: name.into(),
        title: name.into(),
        aliases: Vec::new(),
        extensions: vec![extension.into()],
        file_name: format!("main.{extension}"),
        availability: Availability::Available { version: "1".into() },
        limits: Limits::RUN,
        compile_limits: None,
        editor: Editor::default(),
        example: String::new(),
        options: Vec::new(),
        arguments: protocol::ArgumentPatterns::default(),
        formatter: None,
    }
}

/// Sends the outcome of one run with this judgement.
async fn judge(connection: &mut Connection, status: Status, judgement: Judgement) {
    let run = StageReport { judgement: Some(Box::new(judgement)), ..report(StageName::Run(0), status) };
    connection.send(Event::Finished(Outcome { id: id(), runs: vec![run], ..Outcome::default() })).await;
}

#[test]
fn the_expected_output_and_the_comparison_are_in_the_request() {
    for (how, compare) in [
        (None, Compare::Lines),
        (Some("exact"), Compare::Exact),
        (Some("tokens"), Compare::Tokens),
        (Some("float=1e-6"), Compare::Float(Tolerance::new(1e-6).unwrap())),
    ] {
        let daemon = FakeDaemon::new(move |mut connection| async move {
            let request = connection.receive_execute().await;
            assert_eq!(request.judge, Judge::Comparison);
            let expected = ExpectedOutput { stdout: "4\n".into(), compare };
            assert_eq!(request.runs[0].expected, Some(expected));
            judge(&mut connection, Status::Exited(0), Verdict::Accepted.into()).await;
        });
        daemon.file("a.py", "print(4)");
        daemon.file("answer.txt", "4\n");
        let mut arguments = vec!["run", "-l", "python", "--expect", "answer.txt"];
        arguments.extend(how.iter().flat_map(|how| ["--compare", how]));
        arguments.push("a.py");
        let ran = daemon.run(&arguments);
        assert_eq!((ran.code, &*ran.stderr), (Some(0), "executor: accepted\n"));
    }
}

#[test]
fn a_checker_gets_its_files_and_the_whole_input() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        answer_languages(&mut connection, 2).await;
        let request = connection.receive_execute().await;
        assert_eq!(request.language, "python");
        // Not as live input: the checker reads it as a file.
        assert_eq!(request.runs[0].stdin, Stdin::Bytes("1 2\n".into()));
        let Judge::Checker(checker) = request.judge else { unreachable!("no checker") };
        assert_eq!(checker.language, "cpp");
        let names: Vec<_> = checker.files.iter().map(|file| file.path.as_deref().unwrap_or("?")).collect();
        assert_eq!(names, ["check.cpp", "testlib.h"]);
        let wrong = Judgement { message: "expected 3".into(), ..Verdict::WrongAnswer.into() };
        judge(&mut connection, Status::Exited(0), wrong).await;
    });
    daemon.file("a.py", "print(4)");
    daemon.file("judge/check.cpp", "int main() {}");
    daemon.file("judge/testlib.h", "");
    let arguments = ["run", "--checker", "judge/check.cpp", "--judge-file", "judge/testlib.h", "a.py"];
    let ran = daemon.run_with_stdin(&arguments, b"1 2\n");
    assert_eq!((ran.code, &*ran.stderr), (Some(3), "executor: wrong answer: expected 3\n"));
}

#[test]
fn an_interactor_and_its_transcript_are_shown() {
    for (transcript, lines) in [
        (true, "executor: > 1\nexecutor: < 2\nexecutor: accepted: 1 question\n"),
        (false, "executor: accepted\n"),
    ] {
        let daemon = FakeDaemon::new(move |mut connection| async move {
            answer_languages(&mut connection, 1).await;
            let request = connection.receive_execute().await;
            let Judge::Interactor { program, transcript: requested } = request.judge else {
                unreachable!("no interactor")
            };
            assert_eq!((&*program.language, requested), ("python", transcript));
            let entry = |from, text: &'static str| TranscriptEntry { from, bytes: text.into() };
            let entries = vec![entry(Party::Interactor, "1\n"), entry(Party::Solution, "2\n")];
            let judgement = match transcript {
                true => Judgement {
                    message: "1 question".into(),
                    transcript: Some(Transcript { entries, truncated: false }),
                    ..Verdict::Accepted.into()
                },
                false => Verdict::Accepted.into(),
            };
            judge(&mut connection, Status::Exited(0), judgement).await;
        });
        daemon.file("talk.py", "");
        daemon.file("a.cpp", "");
        let mut arguments = vec!["run", "-l", "cpp", "--interactor", "talk.py"];
        arguments.extend(transcript.then_some("--transcript"));
        arguments.push("a.cpp");
        let ran = daemon.run(&arguments);
        assert_eq!((ran.code, &*ran.stderr), (Some(0), lines));
    }
}

#[test]
fn a_program_that_fails_keeps_its_exit_status() {
    let memory = ByteCount::mib(64);
    for (status, verdict, code) in [
        (Status::Exited(7), Verdict::RuntimeError, 7),
        (Status::Signaled(11), Verdict::RuntimeError, 139),
        (Status::MemoryExceeded { limit: memory, used: memory }, Verdict::MemoryLimitExceeded, 137),
        (Status::Exited(0), Verdict::JudgeError, 3),
        (Status::Exited(0), Verdict::PartiallyCorrect, 3),
    ] {
        let ended = status.clone();
        let daemon = FakeDaemon::new(move |mut connection| {
            let ended = ended.clone();
            async move {
                connection.receive_execute().await;
                judge(&mut connection, ended, verdict.into()).await;
            }
        });
        daemon.file("a.py", "");
        daemon.file("answer.txt", "");
        let ran = daemon.run(&["run", "-l", "python", "--expect", "answer.txt", "a.py"]);
        assert_eq!(ran.code, Some(code), "{status:?}");
        let last = ran.stderr.lines().last().unwrap_or_default().to_owned();
        assert_eq!(last, format!("executor: {}", verdict.as_str().replace('_', " ")));
    }
}

#[test]
fn json_has_the_fields_of_the_api() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
        connection.start().await;
        connection.print(StreamName::Stdout, "5\n").await;
        let difference =
            Difference { line: 1, column: 1, expected: Some("4".into()), actual: Some("5".into()) };
        let wrong = Judgement { difference: Some(difference), ..Verdict::WrongAnswer.into() };
        judge(&mut connection, Status::Exited(0), wrong).await;
    });
    daemon.file("a.py", "print(5)");
    daemon.file("answer.txt", "4\n");
    let ran = daemon.run(&["run", "--json", "-l", "python", "--expect", "answer.txt", "a.py"]);
    let json = ran.json();
    assert_eq!(ran.code, Some(3), "{json}");
    let difference = json!({ "line": 1, "column": 1, "expected": "4", "actual": "5" });
    assert_eq!((&json["verdict"], &json["difference"]), (&json!("wrong_answer"), &difference));
    assert_eq!(json["runs"][0]["difference"], difference);
    assert_eq!(json["summary"], json!({ "counts": { "wrong_answer": 1 }, "first_failed": 0 }));
    assert_eq!(json["stdout"], "5\n");
}

#[test]
fn arguments_that_do_not_fit_together_are_refused() {
    let daemon =
        FakeDaemon::new(|mut connection| async move { while connection.receive().await.is_some() {} });
    for name in ["a.py", "check.py", "answer.txt"] {
        daemon.file(name, "");
    }
    for (arguments, message) in [
        (&["--compare", "exact"][..], "--expect <FILE>"),
        (
            &["--expect", "answer.txt", "--compare", "float=-1"],
            "expected exact, lines, tokens or float=ERROR",
        ),
        (&["--judge-file", "check.py"], "--judge-file requires --checker or --interactor"),
        (&["--transcript"], "--interactor <FILE>"),
        (&["--checker", "check.py", "--interactor", "check.py"], "cannot be used with"),
        (&["--interactor", "check.py", "--tty"], "cannot be used with"),
        (&["--expect", "missing.txt"], "open missing.txt: "),
    ] {
        let all: Vec<_> = ["run", "-l", "python"].iter().chain(arguments).chain(&["a.py"]).copied().collect();
        let ran = daemon.run(&all);
        assert!(ran.code == Some(2) && ran.stderr.contains(message), "{arguments:?}: {}", ran.stderr);
    }
}
