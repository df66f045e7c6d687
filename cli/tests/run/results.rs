//! The output, the report and the exit status of `executor run`.

use std::time::Duration;

use protocol::{ByteCount, Clock, Event, Outcome, Rejection, StageName, Status, StreamName};
use serde_json::json;

use crate::fake_daemon::{Connection, FakeDaemon, id, report};

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
    let script = |mut connection: Connection| async move {
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
