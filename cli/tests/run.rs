//! `executor run` against a scripted executord.

#![forbid(unsafe_code)]

mod fake_daemon;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use fake_daemon::{FakeDaemon, Finished, id, report};
use protocol::{
    Availability, ByteCount, Clock, Editor, Event, Language, LanguageOption, Limits, LimitsRequest,
    OmittedFiles, OptionSetting, OptionValue, Outcome, ProgramSignal, Rejection, Request, StageName, Status,
    Stdin, StreamName, Variable,
};
use serde_json::json;

#[test]
fn the_exit_status_is_that_of_the_program() {
    let (limit, used) = (Duration::from_secs(2), Duration::from_millis(2100));
    let message = |line: &str| format!("executor: {line}\n");
    check(Status::Exited(0), 0, "");
    check(Status::Exited(3), 3, "");
    check(Status::Exited(255), 255, "");
    check(Status::Signaled(11), 139, &message("killed by signal 11 (segmentation fault)"));
    check(
        Status::TimedOut { clock: Clock::Cpu, limit, used },
        124,
        &message("CPU time limit exceeded: 2 s allowed, 2.1 s used"),
    );
    check(
        Status::MemoryExceeded { limit: ByteCount::mib(64), used: ByteCount::mib(64) },
        137,
        &message("memory limit exceeded: 64 MiB allowed, 64 MiB used"),
    );
    check(
        Status::OutputExceeded { stream: StreamName::Stderr, limit: ByteCount::mib(1) },
        153,
        &message("output limit exceeded: 1 MiB of stderr allowed"),
    );
    check(Status::Cancelled, 130, &message("cancelled"));
}

fn check(status: Status, code: i32, stderr: &str) {
    let daemon = FakeDaemon::that_ends_with(status.clone());
    let ran = daemon.run_with_stdin(&["run", "-l", "python", "-"], b"pass\n");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(code), "", stderr), "{status:?}");
}

#[test]
fn options_and_variables_are_sent_as_the_language_declares_them() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        assert_eq!(connection.receive().await, Some(Request::Languages));
        connection.send(Event::Languages(vec![language("c", &["c"]), language("cpp", &["cpp"])])).await;
        let request = connection.receive_execute().await;
        let setting = |name: &str, value| OptionSetting { name: name.into(), value };
        let expected = [
            setting("std", OptionValue::Choice("c99".into())),
            setting("warnings", OptionValue::Flag(true)),
            setting("sanitize", OptionValue::Set(vec!["address".into(), "undefined".into()])),
            setting("x", OptionValue::Choice("y".into())),
        ];
        assert_eq!(request.options, expected);
        let variable = |name: &str, value: &str| Variable { name: name.into(), value: value.into() };
        assert_eq!(request.runs[0].environment, [variable("TZ", "UTC"), variable("EMPTY", "")]);
        connection.finish(Status::Exited(0)).await;
    });
    let options = ["std=c99", "warnings", "sanitize=address,undefined", "x=y"];
    let mut arguments = vec!["run", "-l", "C"];
    arguments.extend(options.iter().flat_map(|option| ["--option", option]));
    arguments.extend(["--env", "TZ=UTC", "--env", "EMPTY=", "-"]);
    let ran = daemon.run_with_stdin(&arguments, b"int main(void) {}");
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""));
    let ran = daemon.run_with_stdin(&["run", "-l", "c", "--env", "TZ", "-"], b"");
    assert!(ran.code == Some(2) && ran.stderr.contains("a variable is NAME=VALUE"), "{}", ran.stderr);
}

#[test]
fn the_request_has_everything_from_the_command_line() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        let request = connection.receive_execute().await;
        assert_eq!(request.language, "python");
        let files: Vec<_> = request
            .files
            .iter()
            .map(|file| (file.path.as_deref().unwrap_or("?"), &file.content[..]))
            .collect();
        assert_eq!(files, [("main.py", &b"import b"[..]), ("lib/b.py", &b"x = 1"[..])]);
        assert_eq!(request.runs.len(), 1);
        assert_eq!(request.runs[0].args, ["-v", "two words"]);
        assert_eq!(request.client, None);
        let limits = LimitsRequest {
            cpu_time: Some(Duration::from_secs(5)),
            memory: Some(ByteCount::mib(256)),
            ..LimitsRequest::default()
        };
        assert_eq!(request.limits, limits);
        connection.finish(Status::Exited(42)).await;
    });
    daemon.file("src/main.py", "import b");
    daemon.file("src/lib/b.py", "x = 1");
    let ran = daemon.run(&[
        "run",
        "-l",
        "python",
        "--limit",
        "cpu=5s",
        "--limit",
        "memory=256MiB",
        "--file",
        "src/lib/b.py",
        "src/main.py",
        "--",
        "-v",
        "two words",
    ]);
    assert_eq!(ran.code, Some(42), "{}", ran.stderr);
}

#[test]
fn the_extension_selects_the_language() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        assert_eq!(connection.receive().await, Some(Request::Languages));
        connection.send(Event::Languages(vec![language("c", &["c"]), language("cpp", &["cpp", "cc"])])).await;
        if connection.receive_execute_or_end().await.is_some_and(|language| language == "cpp") {
            connection.finish(Status::Exited(0)).await;
        }
    });
    daemon.file("a.CC", "int main() {}");
    daemon.file("a.xyz", "?");
    daemon.file("Makefile", "?");
    assert_eq!(daemon.run(&["run", "a.CC"]).code, Some(0));
    let unknown = daemon.run(&["run", "a.xyz"]);
    assert_eq!(unknown.code, Some(2));
    assert_eq!(
        unknown.stderr,
        "error: --language is required: no language of the server has the extension .xyz\n"
    );
    let without = daemon.run(&["run", "Makefile"]);
    assert_eq!((without.code, without.stderr.contains("--language")), (Some(2), true), "{}", without.stderr);
}

#[test]
fn output_goes_to_the_stream_that_the_program_used() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
        connection.send(Event::StageStarted(StageName::Compile)).await;
        connection.print_in(StageName::Compile, StreamName::Stdout, "a warning\n").await;
        connection.start().await;
        connection.print(StreamName::Stdout, "out\n").await;
        connection.print(StreamName::Stderr, "err\n").await;
        connection.print(StreamName::Stdout, "no newline").await;
        connection.finish(Status::Exited(0)).await;
    });
    let ran = daemon.run_with_stdin(&["run", "-l", "cpp", "-"], b"int main() {}");
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\nno newline", "a warning\nerr\n"));
}

#[test]
fn a_failed_compilation_prints_the_compilers_messages() {
    let script = |mut connection: fake_daemon::Connection| async move {
        connection.receive_execute().await;
        connection.send(Event::StageStarted(StageName::Compile)).await;
        connection.print_in(StageName::Compile, StreamName::Stderr, "main.cpp:1: expected ';'\n").await;
        let compile = Some(report(StageName::Compile, Status::Exited(2)));
        connection
            .send(Event::Finished(Outcome { id: id(), compile, runs: Vec::new(), ..Outcome::default() }))
            .await;
    };
    let ran = FakeDaemon::new(script).run_with_stdin(&["run", "-l", "cpp", "-"], b"int main() {");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert_eq!(ran.stderr, "main.cpp:1: expected ';'\nexecutor: compilation failed\n");

    let ran = FakeDaemon::new(script).run_with_stdin(&["run", "--json", "-l", "cpp", "-"], b"int main() {");
    let json = ran.json();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    assert_eq!(json["status"], "compile_error");
    assert_eq!(json["output"], "main.cpp:1: expected ';'\n");
    assert_eq!(json["compile"]["exit_code"], 2);
}

#[test]
fn input_is_sent_while_the_program_runs() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        assert_eq!(connection.receive_execute().await.runs[0].stdin, Stdin::Live);
        connection.start().await;
        let mut received = 0;
        while let Some(Request::Input(bytes)) = connection.receive().await {
            assert!(bytes.len() <= protocol::bounds::MAX_INPUT_CHUNK);
            received += bytes.len();
            connection.print(StreamName::Stdout, bytes.slice(..1)).await;
        }
        connection.print(StreamName::Stderr, format!("{received}\n")).await;
        connection.finish(Status::Exited(0)).await;
    });
    daemon.file("a.py", "");
    let long = vec![b'x'; 3_000_000];
    let ran = daemon.run_with_stdin(&["run", "-l", "python", "a.py"], &long);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "3000000\n"));

    daemon.file("input.txt", "from a file");
    let ran = daemon.run(&["run", "-l", "python", "--stdin", "input.txt", "a.py"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "11\n"));
}

#[test]
fn an_interactive_program_needs_no_end_of_input() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
        connection.start().await;
        connection.print(StreamName::Stdout, "name?\n").await;
        let received = connection.receive().await;
        let Some(Request::Input(name)) = received else { unreachable!("received {received:?}") };
        connection.print(StreamName::Stdout, name).await;
        connection.finish(Status::Exited(0)).await;
    });
    daemon.file("a.py", "");
    let mut child = daemon
        .command(&["run", "-l", "python", "a.py"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "name?\n");
    std::io::Write::write_all(&mut stdin, b"Ada\n").unwrap();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "name?\nAda\n");
    // It exits although its stdin is still open.
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(stdin);
}

#[test]
fn empty_input_is_in_the_request() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        assert_eq!(connection.receive_execute().await.runs[0].stdin, Stdin::default());
        connection.finish(Status::Exited(0)).await;
    });
    daemon.file("a.py", "");
    let output = daemon.command(&["run", "-l", "python", "a.py"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_json_report_is_one_object() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
        connection.start().await;
        connection.print(StreamName::Stdout, "a").await;
        connection.print(StreamName::Stderr, vec![b'b', 0xff]).await;
        connection.print(StreamName::Stdout, "c").await;
        let (limit, used) = (Duration::from_secs(1), Duration::from_millis(1004));
        connection.finish(Status::TimedOut { clock: Clock::Wall, limit, used }).await;
    });
    let ran = daemon.run_with_stdin(&["run", "--json", "-l", "python", "-"], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(124), ""));
    let run = json!({
        "output": "ab\u{fffd}c",
        "stdout": "ac",
        "stderr": "b\u{fffd}",
        "status": "timeout",
        "exit_code": null,
        "signal": null,
        "truncated": false,
        "usage": {
            "wall_ms": 21.0, "cpu_ms": 15.25, "user_cpu_ms": 12.0, "system_cpu_ms": 3.25,
            "memory_bytes": 9 * 1024 * 1024, "peak_processes": 2, "stdout_bytes": 3, "stderr_bytes": 4,
        },
        "start": "warm",
        "start_ms": 1.5,
        "cause": {
            "limit": "wall_time", "allowed": 1000.0, "used": 1004.0, "unit": "ms",
            "message": "wall-clock time limit exceeded: 1 s allowed, 1.004 s used",
        },
    });
    let mut whole = run.clone();
    whole["id"] = id().to_string().into();
    whole["limits"] = json!(null);
    whole["compile_limits"] = json!(null);
    whole["queue_ms"] = json!(0.04);
    whole["compile"] = json!(null);
    whole["runs"] = json!([run]);
    assert_eq!(ran.json(), whole);
}

#[test]
fn the_usage_is_printed_on_request_and_the_compilation_is_limited() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        let request = connection.receive_execute().await;
        assert_eq!(request.compile_limits.cpu_time, Some(Duration::from_secs(60)));
        assert_eq!(request.limits.cpu_time, None);
        connection.start().await;
        connection.print(StreamName::Stdout, "a").await;
        connection.finish(Status::Exited(0)).await;
    });
    let ran = daemon.run(&["run", "--usage", "--compile-limit", "cpu=60s", "-l", "c", "-"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "a"));
    assert!(ran.stderr.starts_with("run: 0.021 s wall-clock time, 0.012 s user"), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("warm start in 0.002 s, queued for 0 s\n"), "{}", ran.stderr);
}

#[test]
fn a_rejection_has_a_message_and_an_exit_status() {
    rejected(
        Rejection::UnknownLanguage,
        2,
        "unknown language; `executor languages` lists the languages of this host",
    );
    rejected(
        Rejection::Invalid("a path leaves the work directory".into()),
        2,
        "a path leaves the work directory",
    );
    rejected(Rejection::Busy { retry_after: Duration::from_secs(3) }, 75, "too busy, try again in 3 s");
    rejected(Rejection::Forbidden("only root may ask that".into()), 2, "only root may ask that");
    let unavailable = Rejection::LanguageUnavailable { language: "java".into(), reason: "no javac".into() };
    rejected(unavailable, 2, "java is not available: no javac");
}

fn rejected(rejection: Rejection, code: i32, message: &str) {
    let in_json = rejection.to_string();
    let daemon = FakeDaemon::new(move |mut connection| {
        let rejection = rejection.clone();
        async move {
            connection.receive_execute().await;
            connection.send(Event::Rejected(rejection)).await;
        }
    });
    let ran = daemon.run(&["run", "-l", "java", "-"]);
    assert_eq!((ran.code, ran.stderr), (Some(code), format!("error: {message}\n")));
    let ran = daemon.run(&["run", "--json", "-l", "java", "-"]);
    assert_eq!((ran.code, ran.json()), (Some(code), json!({ "error": in_json })));
}

#[test]
fn a_failure_of_executor_or_executord_exits_with_125() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
        connection.send(Event::Failed { id: id(), message: "no user is free".into() }).await;
    });
    let ran = daemon.run(&["run", "-l", "java", "-"]);
    assert_eq!(ran.code, Some(125));
    assert!(ran.stderr.starts_with("error: no user is free\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains(&id().to_string()), "{}", ran.stderr);

    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
    });
    let ran = daemon.run(&["run", "-l", "java", "-"]);
    assert_eq!(ran.code, Some(125));
    assert!(ran.stderr.starts_with("error: executord closed the connection"), "{}", ran.stderr);
}

#[test]
fn the_first_interrupt_goes_to_the_program() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
        connection.start().await;
        connection.print(StreamName::Stdout, "running\n").await;
        let interrupt = Request::Signal(ProgramSignal::Interrupt);
        while connection.receive().await.expect("the client waits for the end") != interrupt {}
        connection.print(StreamName::Stdout, "goodbye\n").await;
        connection.finish(Status::Signaled(2)).await;
    });
    let ran = interrupt(&daemon, 1);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), "goodbye\n"));
}

#[test]
fn the_second_interrupt_cancels_and_the_third_does_not_wait() {
    for ends in [true, false] {
        let daemon = FakeDaemon::new(move |mut connection| async move {
            connection.receive_execute().await;
            connection.start().await;
            connection.print(StreamName::Stdout, "running\n").await;
            // Ignores everything except a cancellation, or that as well, until the client disconnects.
            while let Some(request) = connection.receive().await {
                match request {
                    Request::Signal(ProgramSignal::Interrupt) => {
                        connection.print(StreamName::Stdout, "no\n").await;
                    }
                    Request::Cancel if ends => return connection.finish(Status::Cancelled).await,
                    Request::Cancel => connection.print(StreamName::Stdout, "received\n").await,
                    _ => {}
                }
            }
        });
        let ran = interrupt(&daemon, if ends { 2 } else { 3 });
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), if ends { "no\n" } else { "received\n" }));
    }
}

#[test]
fn an_interrupt_while_no_program_runs_cancels() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
        connection.start().await;
        connection.send(Event::StageFinished(report(StageName::Run(0), Status::Exited(0)))).await;
        connection.print(StreamName::Stdout, "between\n").await;
        while connection.receive().await.expect("the client waits for the end") != Request::Cancel {}
        connection.finish(Status::Cancelled).await;
    });
    let ran = interrupt(&daemon, 1);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), ""));
}

#[test]
fn a_terminal_can_be_requested() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        let request = connection.receive_execute().await;
        connection.start().await;
        let size =
            format!("{:?}", request.runs[0].terminal.map(|size| (size.columns.get(), size.rows.get())));
        connection.print(StreamName::Stdout, size).await;
        connection.finish(Status::Exited(0)).await;
    });
    daemon.file("a.py", "");
    // Without a terminal on stdout or stdin it has the default size.
    assert_eq!(daemon.run(&["run", "-t", "-l", "python", "a.py"]).stdout, "Some((80, 24))");
    assert_eq!(daemon.run(&["run", "-l", "python", "a.py"]).stdout, "None");
}

/// Runs a program and sends SIGINT after each of the first `times` lines of output.
fn interrupt(daemon: &FakeDaemon, times: usize) -> Finished {
    daemon.file("a.py", "");
    let mut child = daemon
        .command(&["run", "-l", "python", "a.py"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("executor starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut text = String::new();
    for _ in 0..times {
        text.clear();
        stdout.read_line(&mut text).expect("text");
        let pid = child.id().to_string();
        // The shell's builtin: a minimal Debian has no kill(1).
        assert!(
            Command::new("sh").args(["-c", "kill -INT $0", &pid]).status().expect("kill starts").success()
        );
    }
    if times == 1 {
        text.clear();
    }
    stdout.read_to_string(&mut text).expect("text");
    let code = child.wait().expect("executor ends").code();
    Finished { code, stdout: text, stderr: String::new() }
}

#[test]
fn a_closed_stdout_ends_the_command_without_a_message() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        connection.receive_execute().await;
        connection.start().await;
        // Until the client disconnects, which cancels the execution.
        while connection.try_print("y\n").await {}
    });
    daemon.file("a.py", "");
    let mut child = daemon
        .command(&["run", "-l", "python", "a.py"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ran = Finished::new(child.wait_with_output().unwrap());
    assert_eq!((line.as_str(), ran.code, ran.stderr.as_str()), ("y\n", Some(141), ""));
}

#[test]
fn a_missing_file_is_named_in_the_error() {
    let daemon = FakeDaemon::that_ends_with(Status::Exited(0));
    let ran = daemon.run(&["run", "-l", "python", "none.py"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.stderr, "error: open none.py: No such file or directory (os error 2)\n");
    assert_eq!(daemon.run(&["run", "-"]).code, Some(2), "the language of stdin is unknown");
    assert_eq!(daemon.run(&["run", "-l", "python", "--stdin", "-", "-"]).code, Some(2));
    assert_eq!(daemon.run(&["run", "--limit", "cpu=much", "a.py"]).code, Some(2));
}

fn option(name: &str, default: OptionValue) -> LanguageOption {
    LanguageOption {
        name: name.into(),
        title: name.into(),
        help: String::new(),
        default,
        values: Vec::new(),
        unavailable: None,
    }
}

fn language(name: &str, extensions: &[&str]) -> Language {
    Language {
        versions: Vec::new(),
        judge0_ids: Vec::new(),
        name: name.into(),
        title: name.into(),
        aliases: Vec::new(),
        extensions: extensions.iter().map(ToString::to_string).collect(),
        file_name: format!("main.{}", extensions[0]),
        availability: Availability::Available { version: "1".into() },
        limits: Limits::RUN,
        compile_limits: None,
        editor: Editor::default(),
        example: String::new(),
        options: vec![
            option("std", OptionValue::Choice("c17".into())),
            option("warnings", OptionValue::Flag(false)),
            option("sanitize", OptionValue::Set(Vec::new())),
        ],
        arguments: protocol::ArgumentPatterns::default(),
        formatter: None,
    }
}

#[test]
fn output_files_are_written_below_the_directory() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        let request = connection.receive_execute().await;
        assert_eq!((&request.outputs[..], request.artifacts), (&["*.csv".to_owned()][..], true));
        let run = StageName::Run(0);
        connection.start().await;
        for (name, size, parts) in [
            ("a/b.csv", 4, [&b"1,"[..], b"2\n"]),
            ("main.py", 4, [b"pass", b""]),
            ("cut\u{1b}", 9, [b"x", b""]),
        ] {
            connection.send(Event::OutputFile { stage: run, name: name.into(), size }).await;
            for part in parts {
                connection.send(Event::OutputFileChunk { stage: run, bytes: part.into() }).await;
            }
        }
        let omitted = OmittedFiles { not_regular: 2, ..OmittedFiles::default() };
        connection.send(Event::OutputFilesEnd { stage: run, omitted }).await;
        connection.finish(Status::Exited(0)).await;
    });
    daemon.file("main.py", "pass");
    let arguments =
        ["run", "-l", "python", "--out", "results", "--output", "*.csv", "--artifacts", "main.py"];
    let ran = daemon.run(&arguments);
    let messages = "executor: output file cut\\u{1b} was cut: 1 of 9 bytes\n\
                    executor: output files left out: 2 (not a regular file)\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), messages));
    let results = daemon.path().join("results");
    assert_eq!(std::fs::read_to_string(results.join("a/b.csv")).unwrap(), "1,2\n");
    assert_eq!(std::fs::read_to_string(results.join("cut\u{1b}")).unwrap(), "x");
    // An unchanged source is not an output.
    assert!(!results.join("main.py").exists());

    let json =
        daemon.run(&["run", "-l", "python", "--json", "--output", "*.csv", "--artifacts", "main.py"]).json();
    let expected = json!([
        {"name": "a/b.csv", "size": 4, "content": "1,2\n", "truncated": false},
        {"name": "main.py", "size": 4, "content": "pass", "truncated": false},
        {"name": "cut\u{1b}", "size": 9, "content": "x", "truncated": true},
    ]);
    assert_eq!((&json["output_files"], &json["runs"][0]["output_files"]), (&expected, &expected));
    assert_eq!(json["output_files_omitted"]["not_regular"], 2);
}

#[test]
fn a_name_that_leaves_the_directory_is_refused() {
    let daemon = FakeDaemon::new(|mut connection| async move {
        let request = connection.receive_execute().await;
        assert_eq!(request.outputs, ["**"]);
        let stage = StageName::Run(0);
        connection.start().await;
        connection.send(Event::OutputFile { stage, name: "../escaped".into(), size: 0 }).await;
        connection.send(Event::OutputFilesEnd { stage, omitted: OmittedFiles::default() }).await;
        connection.finish(Status::Exited(0)).await;
    });
    daemon.file("main.py", "");
    let ran = daemon.run(&["run", "-l", "python", "--out", "results", "main.py"]);
    assert_eq!(ran.code, Some(125));
    assert!(ran.stderr.contains("write results/../escaped: the name leaves the directory"), "{}", ran.stderr);
    assert!(!daemon.path().join("escaped").exists());
    let ran = daemon.run(&["run", "-l", "python", "--output", "*", "main.py"]);
    assert_eq!((ran.code, ran.stderr.contains("require --out or --json")), (Some(2), true), "{}", ran.stderr);
}

#[test]
fn a_kept_program_is_run_again_by_its_id() {
    let build = protocol::BuildId([0xa5; 32]);
    let daemon = FakeDaemon::new(move |mut connection| async move {
        let request = connection.receive_execute().await;
        connection.start().await;
        if let Some(keep) = request.keep {
            assert_eq!((keep, request.build), (std::time::Duration::from_secs(60), None));
            connection.send(Event::BuildKept(build)).await;
        } else {
            assert_eq!((request.build, request.language.as_str(), request.files.len()), (Some(build), "", 0));
        }
        connection.finish(Status::Exited(0)).await;
    });
    let file = daemon.file("main.c", "int main() {}").display().to_string();
    let id = "a5".repeat(32);
    let kept = daemon.run(&["run", "-l", "c", "--keep", "60s", &file]);
    assert_eq!((kept.code, kept.stderr), (Some(0), format!("build: {id}\n")));
    assert_eq!(daemon.run(&["run", "-l", "c", "--keep", "1m", "--json", &file]).json()["build"], id);
    assert_eq!(daemon.run(&["run", "--build", &id]).code, Some(0));
    for invalid in [&["run", "--build", "a5"][..], &["run", "--build", &id, &file], &["run"]] {
        assert_eq!(daemon.run(invalid).code, Some(2), "{invalid:?}");
    }
}
