//! `executor run` against a scripted executord.

#![forbid(unsafe_code)]

mod fake;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use fake::{Fake, Ran, id, report};
use protocol::{
    Availability, ByteCount, Clock, Editor, Event, Language, Limits, LimitsRequest, Outcome, ProgramSignal,
    Rejection, Request, StageName, Status, Stdin, StreamName,
};
use serde_json::json;

#[test]
fn the_exit_status_is_the_programs() {
    let (limit, used) = (Duration::from_secs(2), Duration::from_millis(2100));
    let words = |line: &str| format!("executor: {line}\n");
    check(Status::Exited(0), 0, "");
    check(Status::Exited(3), 3, "");
    check(Status::Exited(255), 255, "");
    check(Status::Signaled(11), 139, &words("ended by signal 11 (segmentation fault)"));
    check(
        Status::TimedOut { clock: Clock::Cpu, limit, used },
        124,
        &words("out of CPU time: 2 s allowed, 2.1 s used"),
    );
    check(
        Status::MemoryExceeded { limit: ByteCount::mib(64), used: ByteCount::mib(64) },
        137,
        &words("out of memory: 64 MiB allowed, 64 MiB used"),
    );
    check(
        Status::OutputExceeded { stream: StreamName::Stderr, limit: ByteCount::mib(1) },
        153,
        &words("wrote too much to stderr: 1 MiB allowed"),
    );
    check(Status::Cancelled, 130, &words("cancelled"));
}

fn check(status: Status, code: i32, stderr: &str) {
    let fake = Fake::that_ends_with(status.clone());
    let ran = fake.run_with_stdin(&["run", "-l", "python", "-"], b"pass\n");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(code), "", stderr), "{status:?}");
}

#[test]
fn the_request_says_what_the_command_line_says() {
    let fake = Fake::new(|mut conversation| async move {
        let request = conversation.hear_execute().await;
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
        conversation.finish(Status::Exited(42)).await;
    });
    fake.file("src/main.py", "import b");
    fake.file("src/lib/b.py", "x = 1");
    let ran = fake.run(&[
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
fn the_language_is_found_by_the_extension() {
    let fake = Fake::new(|mut conversation| async move {
        assert_eq!(conversation.hear().await, Some(Request::Languages));
        conversation
            .say(Event::Languages(vec![language("c", &["c"]), language("cpp", &["cpp", "cc"])]))
            .await;
        if conversation.hear_execute_or_end().await.is_some_and(|language| language == "cpp") {
            conversation.finish(Status::Exited(0)).await;
        }
    });
    fake.file("a.CC", "int main() {}");
    fake.file("a.xyz", "?");
    fake.file("Makefile", "?");
    assert_eq!(fake.run(&["run", "a.CC"]).code, Some(0));
    let unknown = fake.run(&["run", "a.xyz"]);
    assert_eq!(unknown.code, Some(2));
    assert_eq!(
        unknown.stderr,
        "error: no language here has files named *.xyz; say which it is with --language\n"
    );
    let without = fake.run(&["run", "Makefile"]);
    assert_eq!((without.code, without.stderr.contains("--language")), (Some(2), true), "{}", without.stderr);
}

#[test]
fn output_goes_where_the_program_wrote_it() {
    let fake = Fake::new(|mut conversation| async move {
        conversation.hear_execute().await;
        conversation.say(Event::StageStarted(StageName::Compile)).await;
        conversation.print(StreamName::Stdout, "a warning\n").await;
        conversation.start().await;
        conversation.print(StreamName::Stdout, "out\n").await;
        conversation.print(StreamName::Stderr, "err\n").await;
        conversation.print(StreamName::Stdout, "no newline").await;
        conversation.finish(Status::Exited(0)).await;
    });
    let ran = fake.run_with_stdin(&["run", "-l", "cpp", "-"], b"int main() {}");
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\nno newline", "a warning\nerr\n"));
}

#[test]
fn a_failed_compilation_prints_what_the_compiler_said() {
    let script = |mut conversation: fake::Conversation| async move {
        conversation.hear_execute().await;
        conversation.say(Event::StageStarted(StageName::Compile)).await;
        conversation.print(StreamName::Stderr, "main.cpp:1: expected ';'\n").await;
        let compile = Some(report(StageName::Compile, Status::Exited(2)));
        conversation.say(Event::Finished(Outcome { id: id(), compile, runs: Vec::new() })).await;
    };
    let ran = Fake::new(script).run_with_stdin(&["run", "-l", "cpp", "-"], b"int main() {");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert_eq!(ran.stderr, "main.cpp:1: expected ';'\nexecutor: compiling failed\n");

    let ran = Fake::new(script).run_with_stdin(&["run", "--json", "-l", "cpp", "-"], b"int main() {");
    let json = ran.json();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    assert_eq!(json["status"], "compile_error");
    assert_eq!(json["output"], "main.cpp:1: expected ';'\n");
    assert_eq!(json["compile"]["exit_code"], 2);
}

#[test]
fn input_flows_while_the_program_runs() {
    let fake = Fake::new(|mut conversation| async move {
        assert_eq!(conversation.hear_execute().await.runs[0].stdin, Stdin::Live);
        conversation.start().await;
        let mut heard = 0;
        while let Some(Request::Input(bytes)) = conversation.hear().await {
            assert!(bytes.len() <= protocol::bounds::MAX_INPUT_CHUNK);
            heard += bytes.len();
            conversation.print(StreamName::Stdout, bytes.slice(..1)).await;
        }
        conversation.print(StreamName::Stderr, format!("{heard}\n")).await;
        conversation.finish(Status::Exited(0)).await;
    });
    fake.file("a.py", "");
    let long = vec![b'x'; 3_000_000];
    let ran = fake.run_with_stdin(&["run", "-l", "python", "a.py"], &long);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "3000000\n"));

    fake.file("input.txt", "from a file");
    let ran = fake.run(&["run", "-l", "python", "--stdin", "input.txt", "a.py"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "11\n"));
}

#[test]
fn a_conversation_needs_no_end_of_input() {
    let fake = Fake::new(|mut conversation| async move {
        conversation.hear_execute().await;
        conversation.start().await;
        conversation.print(StreamName::Stdout, "name?\n").await;
        let heard = conversation.hear().await;
        let Some(Request::Input(name)) = heard else { unreachable!("heard {heard:?}") };
        conversation.print(StreamName::Stdout, name).await;
        conversation.finish(Status::Exited(0)).await;
    });
    fake.file("a.py", "");
    let mut child = fake
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
    // It ends although its stdin is still open.
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(stdin);
}

#[test]
fn nothing_to_read_is_said_at_once() {
    let fake = Fake::new(|mut conversation| async move {
        assert_eq!(conversation.hear_execute().await.runs[0].stdin, Stdin::default());
        conversation.finish(Status::Exited(0)).await;
    });
    fake.file("a.py", "");
    let output = fake.command(&["run", "-l", "python", "a.py"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn json_is_one_object() {
    let fake = Fake::new(|mut conversation| async move {
        conversation.hear_execute().await;
        conversation.start().await;
        conversation.print(StreamName::Stdout, "a").await;
        conversation.print(StreamName::Stderr, vec![b'b', 0xff]).await;
        conversation.print(StreamName::Stdout, "c").await;
        let (limit, used) = (Duration::from_secs(1), Duration::from_millis(1004));
        conversation.finish(Status::TimedOut { clock: Clock::Wall, limit, used }).await;
    });
    let ran = fake.run_with_stdin(&["run", "--json", "-l", "python", "-"], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(124), ""));
    let run = json!({
        "output": "ab\u{fffd}c",
        "stdout": "ac",
        "stderr": "b\u{fffd}",
        "status": "timeout",
        "exit_code": null,
        "signal": null,
        "truncated": false,
        "usage": { "wall_ms": 21.0, "cpu_ms": 15.25, "memory_bytes": 9 * 1024 * 1024 },
        "cause": {
            "limit": "wall_time", "allowed": 1000.0, "used": 1004.0, "unit": "ms",
            "message": "out of time: 1 s allowed, 1.004 s used",
        },
    });
    let mut whole = run.clone();
    whole["id"] = id().to_string().into();
    whole["limits"] = json!(null);
    whole["compile"] = json!(null);
    whole["runs"] = json!([run]);
    assert_eq!(ran.json(), whole);
}

#[test]
fn a_refusal_is_told_in_words() {
    refused(Rejection::UnknownLanguage, 2, "there is no such language here; `executor languages` lists them");
    refused(
        Rejection::Invalid("a path leaves the work directory".into()),
        2,
        "a path leaves the work directory",
    );
    refused(Rejection::Busy { retry_after: Duration::from_secs(3) }, 75, "too busy, try again in 3 s");
    refused(Rejection::Forbidden("only root may ask that".into()), 2, "only root may ask that");
    let unavailable = Rejection::LanguageUnavailable { language: "java".into(), reason: "no javac".into() };
    refused(unavailable, 2, "java is not available: no javac");
}

fn refused(rejection: Rejection, code: i32, words: &str) {
    let told = rejection.to_string();
    let fake = Fake::new(move |mut conversation| {
        let rejection = rejection.clone();
        async move {
            conversation.hear_execute().await;
            conversation.say(Event::Rejected(rejection)).await;
        }
    });
    let ran = fake.run(&["run", "-l", "java", "-"]);
    assert_eq!((ran.code, ran.stderr), (Some(code), format!("error: {words}\n")));
    let ran = fake.run(&["run", "--json", "-l", "java", "-"]);
    assert_eq!((ran.code, ran.json()), (Some(code), json!({ "error": told })));
}

#[test]
fn our_own_failure_is_125() {
    let fake = Fake::new(|mut conversation| async move {
        conversation.hear_execute().await;
        conversation.say(Event::Failed { id: Some(id()), message: "no user is free".into() }).await;
    });
    let ran = fake.run(&["run", "-l", "java", "-"]);
    assert_eq!(ran.code, Some(125));
    assert!(ran.stderr.starts_with("error: no user is free\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains(&id().to_string()), "{}", ran.stderr);

    let fake = Fake::new(|mut conversation| async move {
        conversation.hear_execute().await;
    });
    let ran = fake.run(&["run", "-l", "java", "-"]);
    assert_eq!(ran.code, Some(125));
    assert!(ran.stderr.starts_with("error: executord closed the connection"), "{}", ran.stderr);
}

#[test]
fn the_first_interrupt_is_for_the_program() {
    let fake = Fake::new(|mut conversation| async move {
        conversation.hear_execute().await;
        conversation.start().await;
        conversation.print(StreamName::Stdout, "running\n").await;
        let interrupt = Request::Signal(ProgramSignal::Interrupt);
        while conversation.hear().await.expect("no hanging up before the end") != interrupt {}
        conversation.print(StreamName::Stdout, "last words\n").await;
        conversation.finish(Status::Signaled(2)).await;
    });
    let ran = interrupt(&fake, 1);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), "last words\n"));
}

#[test]
fn the_second_interrupt_asks_for_an_end_and_the_third_does_not_wait() {
    for ends in [true, false] {
        let fake = Fake::new(move |mut conversation| async move {
            conversation.hear_execute().await;
            conversation.start().await;
            conversation.print(StreamName::Stdout, "running\n").await;
            // Deaf to everything but the end, or to that as well, until the client hangs up.
            while let Some(request) = conversation.hear().await {
                match request {
                    Request::Signal(ProgramSignal::Interrupt) => {
                        conversation.print(StreamName::Stdout, "no\n").await;
                    }
                    Request::Cancel if ends => return conversation.finish(Status::Cancelled).await,
                    Request::Cancel => conversation.print(StreamName::Stdout, "heard\n").await,
                    _ => {}
                }
            }
        });
        let ran = interrupt(&fake, if ends { 2 } else { 3 });
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), if ends { "no\n" } else { "heard\n" }));
    }
}

#[test]
fn an_interrupt_while_no_program_runs_asks_for_an_end() {
    let fake = Fake::new(|mut conversation| async move {
        conversation.hear_execute().await;
        conversation.start().await;
        conversation.say(Event::StageFinished(report(StageName::Run(0), Status::Exited(0)))).await;
        conversation.print(StreamName::Stdout, "between\n").await;
        while conversation.hear().await.expect("no hanging up before the end") != Request::Cancel {}
        conversation.finish(Status::Cancelled).await;
    });
    let ran = interrupt(&fake, 1);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), ""));
}

#[test]
fn a_terminal_is_asked_for() {
    let fake = Fake::new(|mut conversation| async move {
        let request = conversation.hear_execute().await;
        conversation.start().await;
        let size =
            format!("{:?}", request.runs[0].terminal.map(|size| (size.columns.get(), size.rows.get())));
        conversation.print(StreamName::Stdout, size).await;
        conversation.finish(Status::Exited(0)).await;
    });
    fake.file("a.py", "");
    // Without a terminal of our own it is as large as terminals usually are.
    assert_eq!(fake.run(&["run", "-t", "-l", "python", "a.py"]).stdout, "Some((80, 24))");
    assert_eq!(fake.run(&["run", "-l", "python", "a.py"]).stdout, "None");
}

/// Run a program, and after each line that it prints press Ctrl+C, so many times.
fn interrupt(fake: &Fake, times: usize) -> Ran {
    fake.file("a.py", "");
    let mut child = fake
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
        // The shell's own: a small Debian has no other.
        assert!(
            Command::new("sh").args(["-c", "kill -INT $0", &pid]).status().expect("kill starts").success()
        );
    }
    if times == 1 {
        text.clear();
    }
    stdout.read_to_string(&mut text).expect("text");
    let code = child.wait().expect("executor ends").code();
    Ran { code, stdout: text, stderr: String::new() }
}

#[test]
fn a_reader_who_leaves_ends_it_quietly() {
    let fake = Fake::new(|mut conversation| async move {
        conversation.hear_execute().await;
        conversation.start().await;
        // Until the client hangs up, which cancels.
        while conversation.try_print("y\n").await {}
    });
    fake.file("a.py", "");
    let mut child = fake
        .command(&["run", "-l", "python", "a.py"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ran = Ran::new(child.wait_with_output().unwrap());
    assert_eq!((line.as_str(), ran.code, ran.stderr.as_str()), ("y\n", Some(141), ""));
}

#[test]
fn files_that_are_not_there_are_named() {
    let fake = Fake::that_ends_with(Status::Exited(0));
    let ran = fake.run(&["run", "-l", "python", "none.py"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.stderr, "error: open none.py: No such file or directory (os error 2)\n");
    assert_eq!(fake.run(&["run", "-"]).code, Some(2), "the language of stdin is unknown");
    assert_eq!(fake.run(&["run", "-l", "python", "--stdin", "-", "-"]).code, Some(2));
    assert_eq!(fake.run(&["run", "--limit", "cpu=much", "a.py"]).code, Some(2));
}

fn language(name: &str, extensions: &[&str]) -> Language {
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
        aliases: Vec::new(),
        extensions: extensions.iter().map(ToString::to_string).collect(),
        file_name: format!("main.{}", extensions[0]),
        availability: Availability::Available { version: "1".into() },
        limits,
        compile_limits: None,
        editor: Editor::default(),
        example: String::new(),
    }
}
