//! The contract of `POST /api/execute`: answers to programs, and errors for invalid requests.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

mod support;

use std::time::{Duration, Instant};

use protocol::{
    ByteCount, Clock, Difference, Event, ExecuteRequest, Judgement, Outcome, Party, Rejection, RunRequest,
    SourceFile, StageName, StageReport, Status, StreamName, Transcript, TranscriptEntry, Verdict,
};
use serde_json::{Value, json};
use support::{
    Observation, Step, hello, id, mask_limits, one_run, output, output_of, report, send_all, server_with,
    start_server, started,
};

const HELLO: &str = r#"{"code":"print('hi')","language":"python"}"#;

#[tokio::test]
async fn a_program_returns_its_output() {
    let mut server = start_server(|_| hello()).await;
    let answer = server.execute(HELLO).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["output"], "hi\n");
    let request = ExecuteRequest {
        language: "python".to_owned(),
        files: vec![SourceFile { path: None, content: "print('hi')".into() }],
        runs: vec![RunRequest::default()],
        client: Some("127.0.0.1".to_owned()),
        client_networks: vec!["127.0.0.0/16".to_owned(), "127.0.0.0/24".to_owned()],
        ..ExecuteRequest::default()
    };
    assert_eq!(server.observe().await, Observation::Request(Box::new(request)));
    insta::assert_json_snapshot!("hello", mask_limits(answer.json()));
}

#[tokio::test]
async fn limits_have_the_names_and_units_of_the_api() {
    let server = start_server(|_| hello()).await;
    let answer = server.execute(HELLO).await.json();
    for (name, value) in [
        ("cpu_ms", 10_000),
        ("wall_ms", 15_000),
        ("memory_bytes", 268_435_456),
        ("processes", 40),
        ("output_bytes", 1_048_576),
        ("file_size_bytes", 16_777_216),
        ("disk_bytes", 67_108_864),
        ("files", 1000),
        ("open_files", 256),
    ] {
        assert_eq!(answer["limits"][name], value, "{name}");
    }
}

#[tokio::test]
async fn an_unknown_language_is_refused_as_the_contract_says() {
    let server = start_server(|_| send_all(vec![Event::Rejected(Rejection::UnknownLanguage)])).await;
    let answer = server.execute(HELLO).await;
    assert_eq!(answer.status, 400);
    let error = json!({"error": "Unsupported language", "code": "unsupported_language", "requested": "python",
        "available": ["python"]});
    assert_eq!(answer.json(), error);
    let live = server.live("text/event-stream", HELLO).await;
    assert_eq!((live.status, live.json()), (400, error));

    let long = format!(r#"{{"code":"","language":"{}"}}"#, "é".repeat(100));
    let answer = server.execute(long).await.json();
    assert_eq!(answer["code"], "unsupported_language");
    assert_eq!(answer["requested"], format!("{}…", "é".repeat(32)));
    assert_eq!(answer["available"], json!(["python"]));
}

#[tokio::test]
async fn a_compact_answer_has_each_output_once() {
    let compiled = |status: Status| {
        let (compile, run) =
            (report(StageName::Compile, Status::Exited(0)), report(StageName::Run(0), status));
        vec![
            started(),
            Event::StageStarted(StageName::Compile),
            output_of(StageName::Compile, StreamName::Stderr, b"warning"),
            Event::StageFinished(compile.clone()),
            Event::StageStarted(StageName::Run(0)),
            output(StreamName::Stdout, b"unique text"),
            output(StreamName::Stderr, b"another text"),
            Event::StageFinished(run.clone()),
            Event::Finished(Outcome {
                id: id(),
                compile: Some(compile),
                runs: vec![run],
                ..Outcome::default()
            }),
        ]
    };
    let server = start_server(move |_| send_all(compiled(Status::Exited(3)))).await;
    let request = |more: &str| HELLO.replace('}', &format!("{more}}}"));
    let whole = server.execute(HELLO).await.json();
    let compact = server.execute(request(r#","compact":true"#)).await;
    for text in ["unique text", "another text", "warning"] {
        assert_eq!(compact.text().matches(text).count(), 1, "{}", compact.text());
    }
    let compact = compact.json();
    assert_eq!(compact["runs"][0]["stdout"], "unique text");
    assert_eq!(compact["runs"][0]["stderr"], "another text");
    assert_eq!(compact["compile"]["stderr"], "warning");
    for field in ["id", "status", "exit_code", "signal", "truncated", "cause", "usage", "limits"] {
        assert_eq!(compact[field], whole[field], "{field}");
    }
    for field in ["output", "stdout", "stderr"] {
        assert!(compact.get(field).is_none() && whole.get(field).is_some(), "{field}");
    }

    let base64 = server.execute(request(r#","compact":true,"encoding":"base64""#)).await;
    assert_eq!(base64.text().matches("dW5pcXVlIHRleHQ=").count(), 1);
    assert!(!base64.text().contains("unique text"));
    assert_eq!(base64.json()["runs"][0]["stdout_base64"], "dW5pcXVlIHRleHQ=");

    assert_eq!(server.execute(request(r#","compact":false"#)).await.json(), whole);
    assert_eq!(server.execute(request(r#","compact":1"#)).await.status, 400);
    let events = server.live("application/x-ndjson", HELLO).await.text();
    assert_eq!(server.live("application/x-ndjson", &request(r#","compact":true"#)).await.text(), events);
}

#[tokio::test]
async fn a_request_of_common_clients_is_accepted() {
    let server = start_server(|_| hello()).await;
    assert_eq!(server.execute(format!("\u{feff}{HELLO}")).await.status, 200);
    let json = &["Content-Type: application/json"];
    assert_eq!(server.request("POST", "/api/execute/", json, HELLO.as_bytes()).await.status, 200);
    for path in ["/api/languages/", "/healthz/", "/readyz/", "/metrics/", "/openapi.json/"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    assert_eq!(server.get("/api/execute/").await.status, 405);
    assert_eq!(server.get("/api/execute//").await.status, 404);
    let metrics = server.get("/metrics").await.text();
    assert!(metrics.contains(r#"route="/api/execute",method="POST",status="200"} 2"#), "{metrics}");
    assert!(!metrics.contains(r#"/""#), "{metrics}");
}

#[tokio::test]
async fn sources_beyond_their_limit_are_too_large() {
    let mut server = start_server(|_| hello()).await;
    let source = |length| format!(r##"{{"language":"python","code":"{}"}}"##, "#".repeat(length));
    assert_eq!(server.execute(source(4 << 20)).await.status, 200);
    assert!(matches!(server.observe().await, Observation::Request(_)));
    for length in [(4 << 20) + 1, 5 << 20, 15 << 20] {
        let answer = server.execute(source(length)).await;
        assert_eq!((answer.status, answer.code()), (413, "too_large".to_owned()));
        assert!(answer.text().contains("the source files are larger than 4194304 bytes (4 MiB)"));
    }
    assert_eq!(server.execute(source(17 << 20)).await.status, 413);
    assert!(server.observations.try_recv().is_err(), "no request reached the daemon");
}

#[tokio::test]
async fn output_that_a_limit_cuts_ends_with_a_whole_character() {
    let status = Status::OutputExceeded { stream: StreamName::Stdout, limit: ByteCount(5) };
    let events = one_run("xéé".as_bytes().get(..4).unwrap(), status);
    let server = start_server(move |_| send_all(events.clone())).await;
    assert_eq!(server.execute(HELLO).await.json()["stdout"], "xé");
    let live = server.live("application/x-ndjson", HELLO).await.text();
    assert!(live.contains("xé") && !live.contains('\u{fffd}'), "{live}");
}

#[tokio::test]
async fn the_output_of_a_failed_compilation_is_the_output_of_the_answer() {
    let compile = report(StageName::Compile, Status::Exited(1));
    let server = start_server(move |_| {
        send_all(vec![
            started(),
            Event::StageStarted(StageName::Compile),
            output_of(StageName::Compile, StreamName::Stderr, b"main.c:1: error"),
            Event::StageFinished(compile.clone()),
            Event::Finished(Outcome {
                id: id(),
                compile: Some(compile.clone()),
                runs: vec![],
                ..Outcome::default()
            }),
        ])
    })
    .await;
    insta::assert_json_snapshot!("compile_error", mask_limits(server.execute(HELLO).await.json()));
}

#[tokio::test]
async fn the_first_failed_run_is_at_the_top_of_the_answer() {
    let runs =
        vec![report(StageName::Run(0), Status::Exited(0)), report(StageName::Run(1), Status::Signaled(11))];
    let server = start_server(move |_| {
        let mut events = vec![started()];
        for (number, run) in runs.iter().enumerate() {
            events.push(Event::StageStarted(run.stage));
            events.push(output_of(run.stage, StreamName::Stdout, format!("out {number}").as_bytes()));
            events.push(output_of(run.stage, StreamName::Stderr, b"err"));
            events.push(Event::StageFinished(run.clone()));
        }
        events.push(Event::Finished(Outcome { id: id(), runs: runs.clone(), ..Outcome::default() }));
        send_all(events)
    })
    .await;
    insta::assert_json_snapshot!("two_runs", mask_limits(server.execute(HELLO).await.json()));
}

#[tokio::test]
async fn every_status_is_an_answer_with_http_200() {
    let endings = [
        (Status::Exited(0), "ok", Value::Null),
        (Status::Exited(7), "nonzero", Value::Null),
        (Status::Signaled(9), "signal", Value::Null),
        (
            Status::TimedOut {
                clock: Clock::Wall,
                limit: Duration::from_secs(1),
                used: Duration::from_secs(1),
            },
            "timeout",
            json!("wall_time"),
        ),
        (
            Status::MemoryExceeded { limit: ByteCount::mib(1), used: ByteCount::mib(1) },
            "memory",
            json!("memory"),
        ),
        (
            Status::OutputExceeded { stream: StreamName::Stderr, limit: ByteCount::kib(1) },
            "output_limit",
            json!("output"),
        ),
        (Status::Cancelled, "cancelled", Value::Null),
        (Status::Skipped, "skipped", Value::Null),
    ];
    for (status, name, limit) in endings {
        let ending = status.clone();
        let server = start_server(move |_| send_all(one_run(b"", ending.clone()))).await;
        let answer = server.execute(HELLO).await;
        assert_eq!(answer.status, 200);
        let answer = answer.json();
        assert_eq!(answer["status"], name);
        assert_eq!(answer["runs"][0]["status"], name);
        assert_eq!(answer["cause"]["limit"], limit, "{status:?}");
    }
}

#[tokio::test]
async fn a_judged_answer_has_verdicts_and_a_summary() {
    let run = |number, judgement| StageReport {
        judgement: Some(Box::new(judgement)),
        ..report(StageName::Run(number), Status::Exited(0))
    };
    let difference = Difference { line: 2, column: 1, expected: Some("b".to_owned()), actual: None };
    let entry = |from, text: &'static str| TranscriptEntry { from, bytes: text.into() };
    let transcript = Transcript {
        entries: vec![entry(Party::Interactor, "?\n"), entry(Party::Solution, "1\n")],
        truncated: true,
    };
    let wrong = Judgement {
        message: "too short".to_owned(),
        difference: Some(difference),
        transcript: Some(transcript),
        ..Verdict::WrongAnswer.into()
    };
    let runs = vec![run(0, Verdict::Accepted.into()), run(1, wrong), run(2, Verdict::Skipped.into())];
    let outcome = Outcome { id: id(), runs, ..Outcome::default() };
    let server = start_server(move |_| send_all(vec![started(), Event::Finished(outcome.clone())])).await;
    let answer = server.execute(HELLO).await.json();
    let wrong = json!({
        "verdict": "wrong_answer",
        "verdict_message": "too short",
        "difference": {"line": 2, "column": 1, "expected": "b", "actual": null},
        "transcript": [{"from": "interactor", "data": "?\n"}, {"from": "solution", "data": "1\n"}],
        "transcript_truncated": true,
    });
    for (name, value) in wrong.as_object().unwrap() {
        assert_eq!((&answer[name], &answer["runs"][1][name]), (value, value));
    }
    assert_eq!(answer["runs"][0]["verdict"], "accepted");
    assert_eq!(answer["runs"][0].get("difference"), None);
    let counts = json!({"accepted": 1, "wrong_answer": 1, "skipped": 1});
    assert_eq!(answer["summary"], json!({"counts": counts, "first_failed": 1}));
    assert_eq!(start_server(|_| hello()).await.execute(HELLO).await.json().get("summary"), None);
}

#[tokio::test]
async fn a_skipped_run_has_no_output_even_if_it_ran() {
    let wrong = StageReport {
        judgement: Some(Verdict::WrongAnswer.into()),
        ..report(StageName::Run(0), Status::Exited(0))
    };
    let skipped = StageReport::new(StageName::Run(1), Status::Skipped);
    let mut events = one_run(b"first", Status::Exited(0));
    events.pop();
    events.extend([
        Event::StageStarted(StageName::Run(1)),
        output_of(StageName::Run(1), StreamName::Stdout, b"second"),
        Event::StageFinished(report(StageName::Run(1), Status::Exited(0))),
        Event::Finished(Outcome { id: id(), runs: vec![wrong, skipped], ..Outcome::default() }),
    ]);
    let server = start_server(move |_| send_all(events.clone())).await;
    let answer = server.execute(HELLO).await.json();
    assert_eq!((&answer["runs"][0]["stdout"], &answer["runs"][1]["stdout"]), (&json!("first"), &json!("")));
}

#[tokio::test]
async fn a_program_that_never_ran_has_status_cancelled() {
    let outcome = Outcome { id: id(), ..Outcome::default() };
    let server = start_server(move |_| {
        send_all(vec![Event::Queued { position: 3 }, Event::Finished(outcome.clone())])
    })
    .await;
    let answer = server.execute(HELLO).await.json();
    assert_eq!(answer["status"], "cancelled");
    assert_eq!(answer["runs"], json!([]));
    assert_eq!(answer["output"], "");
}

#[tokio::test]
async fn output_that_is_not_text_is_replaced_or_returned_as_base64() {
    let server = start_server(|_| send_all(one_run(b"a\xff\xe2\x82", Status::Exited(0)))).await;
    let plain = server.execute(HELLO).await.json();
    assert_eq!(plain["stdout"], "a\u{fffd}\u{fffd}");
    assert_eq!(plain.get("stdout_base64"), None);
    let base64 = server.execute(r#"{"code":"","language":"c","encoding":"base64"}"#).await.json();
    assert_eq!(base64["stdout"], "a\u{fffd}\u{fffd}");
    assert_eq!(base64["stdout_base64"], "Yf/igg==");
    assert_eq!(base64["stderr_base64"], "");
    assert_eq!(base64["output_base64"], "Yf/igg==");
    assert_eq!(base64["runs"][0]["stdout_base64"], "Yf/igg==");
}

#[tokio::test]
async fn each_rejection_has_an_http_status_and_a_code() {
    let rejections = [
        (
            Rejection::LanguageUnavailable { language: "go".to_owned(), reason: "not installed".to_owned() },
            400,
            "language_unavailable",
        ),
        (Rejection::Invalid("NUL in the code".to_owned()), 400, "invalid_request"),
        (Rejection::Busy { retry_after: Duration::from_millis(7200) }, 429, "busy"),
        (Rejection::Forbidden("not allowed".to_owned()), 503, "forbidden"),
    ];
    for (rejection, status, code) in rejections {
        let message = rejection.to_string();
        let busy = matches!(rejection, Rejection::Busy { .. });
        let server = start_server(move |_| send_all(vec![Event::Rejected(rejection.clone())])).await;
        for accept in ["application/json", "text/event-stream", "application/x-ndjson"] {
            let answer = server.live(accept, HELLO).await;
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{accept}");
            assert_eq!(answer.json()["error"], message);
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("retry-after"), busy.then_some("7"));
        }
    }
}

#[tokio::test]
async fn an_internal_failure_names_the_execution() {
    let failed = Event::Failed { id: id(), message: "the sandbox could not be set up".to_owned() };
    let server = start_server(move |_| send_all(vec![failed.clone()])).await;
    let answer = server.execute(HELLO).await;
    assert_eq!(answer.status, 500);
    let message = "the sandbox could not be set up";
    assert_eq!(answer.json(), json!({"error": message, "code": "failed", "id": id().to_string()}));
}

#[tokio::test]
async fn an_unreachable_daemon_is_reported_as_unavailable() {
    let server = server_with(|config| config.socket = "/nonexistent/executord.sock".into(), |_| vec![]).await;
    for accept in ["application/json", "text/event-stream"] {
        let answer = server.live(accept, HELLO).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
        assert!(!answer.text().contains("nonexistent"), "paths are not revealed to clients");
    }
    assert_eq!(server.get("/api/languages").await.code(), "unavailable");
    assert_eq!(server.get("/readyz").await.status, 503);
    assert_eq!(server.get("/healthz").await.status, 200);
    assert!(server.get("/metrics").await.text().contains("executor_up 0\n"));
}

#[tokio::test]
async fn behind_a_balancer_an_unavailable_daemon_is_reported_later() {
    let script = |_: &ExecuteRequest| vec![Step::Disconnect];
    let long = 2 * support::TIMEOUT;
    let server = server_with(|config| config.timeouts.unavailable = long, script).await;
    assert_eq!(server.execute("{}").await.status, 400, "another error is not held back");
    let hold = Duration::from_millis(400);
    let server = server_with(|config| config.timeouts.unavailable = hold, script).await;
    let begin = Instant::now();
    assert_eq!(server.execute(HELLO).await.code(), "unavailable");
    assert!(begin.elapsed() >= hold);
}

#[tokio::test]
async fn a_daemon_that_disconnects_is_reported_as_unavailable() {
    let server = start_server(|_| vec![Step::Send(started()), Step::Disconnect]).await;
    let answer = server.execute(HELLO).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
}

/// Method, path, headers and body of a request; status and code of the response.
type Case<'a> = (&'a str, &'a str, &'a [&'a str], &'a [u8], u16, &'a str);

#[tokio::test]
async fn malformed_requests_are_refused() {
    let mut server = server_with(|config| config.max_body = ByteCount(100_000), |_| hello()).await;
    let json = &["Content-Type: application/json"][..];
    let long = format!(r#"{{"language":"c","code":"{}"}}"#, "x".repeat(100_000)).into_bytes();
    let cases: [Case; 19] = [
        ("POST", "/api/execute", json, b"{", 400, "invalid_json"),
        ("POST", "/api/execute", json, b"", 400, "invalid_json"),
        ("POST", "/api/execute", json, b"{\"code\":\"\xff\",\"language\":\"c\"}", 400, "invalid_json"),
        ("POST", "/api/execute", json, b"\xfe\xff\0{\0}", 400, "invalid_json"),
        ("POST", "/api/execute", json, b"[]", 400, "invalid_request"),
        ("POST", "/api/execute", json, b"{}", 400, "invalid_request"),
        ("POST", "/api/execute", json, br#"{"code":"","language":"c","uid":0}"#, 400, "invalid_request"),
        ("POST", "/api/execute", json, &long, 413, "too_large"),
        ("POST", "/api/execute", &[], b"{}", 415, "unsupported_media_type"),
        ("POST", "/api/execute", &["Content-Type: text/plain"], b"{}", 415, "unsupported_media_type"),
        ("POST", "/api/execute", &[json[0], "Content-Encoding: gzip"], b"{}", 415, "unsupported_media_type"),
        ("GET", "/api/execute", &[], b"", 405, "method_not_allowed"),
        ("POST", "/api/languages", &[], b"", 405, "method_not_allowed"),
        ("DELETE", "/healthz", &[], b"", 405, "method_not_allowed"),
        ("POST", "/", &[], b"", 404, "not_found"),
        ("GET", "/api/execute/x", &[], b"", 404, "not_found"),
        ("GET", "/api/", &[], b"", 404, "not_found"),
        ("GET", "/favicon.ico", &[], b"", 404, "not_found"),
        ("GET", "/%00", &[], b"", 404, "not_found"),
    ];
    for (method, path, headers, body, status, code) in cases {
        let answer = server.request(method, path, headers, body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{method} {path} {}",
            String::from_utf8_lossy(&body[..body.len().min(60)])
        );
        if status == 405 {
            assert!(answer.header("allow").is_some(), "{method} {path}");
        }
    }
    assert!(server.observations.try_recv().is_err(), "no request reached the daemon");
}

#[tokio::test]
async fn a_chunked_body_is_accepted_up_to_the_limit() {
    let server = server_with(|config| config.max_body = ByteCount(1000), |_| hello()).await;
    let head = "POST /api/execute HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    let (first, second) = HELLO.split_at(10);
    let chunks = format!("{head}a\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", second.len());
    assert_eq!(support::parse(&server.raw(chunks.as_bytes()).await).status, 200);

    let chunk = format!("100\r\n{}\r\n", " ".repeat(256));
    let endless = format!("{head}{}", chunk.repeat(40_000));
    let answer = support::parse(&server.raw(endless.as_bytes()).await);
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn requests_beyond_the_memory_budget_are_refused() {
    let server = server_with(|config| config.max_memory = ByteCount(64), |_| hello()).await;
    let answer = server.execute(HELLO).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "overloaded"));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_body_that_does_not_arrive_times_out() {
    let server = server_with(|config| config.timeouts.body = Duration::from_millis(200), |_| hello()).await;
    let head = "POST /api/execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    let answer = support::parse(&server.raw(head.as_bytes()).await);
    assert_eq!((answer.status, answer.code().as_str()), (408, "request_timeout"));
}

#[tokio::test]
async fn a_request_larger_than_a_frame_is_refused() {
    let server = start_server(|_| hello()).await;
    let body = format!(r#"{{"language":"c","code":"{}"}}"#, "x".repeat(protocol::bounds::MAX_FRAME));
    let answer = server.execute(body).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn an_answer_counts_as_memory_until_it_is_sent() {
    let output = vec![b'x'; 60_000];
    let server = server_with(
        |config| config.max_memory = ByteCount::mib(8),
        move |_| {
            let mut events = one_run(b"", Status::Exited(0));
            let chunks = vec![output_piece(&output); 16];
            events.splice(2..3, chunks);
            send_all(events)
        },
    )
    .await;
    // A second answer of 16 * 60 kB does not fit in memory together with one that nobody reads.
    let mut idle = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head = "POST /api/execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length:";
    let request = format!("{head} {}\r\n\r\n{HELLO}", HELLO.len());
    tokio::io::AsyncWriteExt::write_all(&mut idle, request.as_bytes()).await.unwrap();
    idle.readable().await.unwrap();
    assert_eq!(server.execute(HELLO).await.code(), "overloaded");
    drop(idle);
    let freed = async { while server.execute(HELLO).await.status != 200 {} };
    tokio::time::timeout(support::TIMEOUT, freed).await.expect("the memory is released");
}

fn output_piece(bytes: &[u8]) -> Event {
    output(StreamName::Stdout, bytes)
}

#[tokio::test]
async fn a_rejection_sent_before_the_request_is_complete_is_reported() {
    use futures_util::{SinkExt, StreamExt};
    use protocol::{Hello, Request, codec::Frames};

    let server = server_with(
        |config| {
            config.socket.set_extension("full");
        },
        |_| vec![],
    )
    .await;
    let socket = tokio::net::UnixListener::bind(server.directory.path().join("executord.full")).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let mut frames = tokio_util::codec::Framed::new(stream, Frames::hello());
            frames.next().await.unwrap().unwrap();
            frames.send(Hello::CURRENT).await.unwrap();
            let mut frames = frames.map_codec(Frames::after_hello::<Request, Event>);
            let busy = Rejection::Busy { retry_after: Duration::from_secs(3) };
            frames.send(Event::Rejected(busy)).await.unwrap();
        }
    });
    // More than the socket buffers, so that sending the request fails halfway.
    let body = format!(r#"{{"language":"c","code":"{}"}}"#, "x".repeat(4 << 20));
    let answer = server.execute(body).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "busy"));
}
