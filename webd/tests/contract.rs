//! What clients are promised: the answer to a program, and to everything that is none.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

mod support;

use std::time::Duration;

use protocol::{
    ByteCount, Clock, Event, ExecuteRequest, Outcome, Rejection, RunRequest, SourceFile, StageName, Status,
    StreamName,
};
use serde_json::{Value, json};
use support::{Seen, Step, hello, id, one_run, output, report, say, started, world, world_with};

const HELLO: &str = r#"{"code":"print('hi')","language":"python"}"#;

#[tokio::test]
async fn a_program_goes_in_and_its_output_comes_out() {
    let mut world = world(|_| hello()).await;
    let answer = world.execute(HELLO).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["output"], "hi\n");
    let request = ExecuteRequest {
        language: "python".to_owned(),
        files: vec![SourceFile { path: None, content: "print('hi')".into() }],
        runs: vec![RunRequest::default()],
        limits: protocol::LimitsRequest::default(),
        client: Some("127.0.0.1".to_owned()),
    };
    assert_eq!(world.saw().await, Seen::Asked(Box::new(request)));
    insta::assert_json_snapshot!("hello", answer.json());
}

#[tokio::test]
async fn a_refused_program_is_refused_in_the_words_of_the_contract() {
    let world = world(|_| say(vec![Event::Rejected(Rejection::UnknownLanguage)])).await;
    let answer = world.execute(HELLO).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json(), json!({"error": "Unsupported language", "code": "unsupported_language"}));
}

#[tokio::test]
async fn what_a_compiler_says_is_the_output_when_it_refuses() {
    let compile = report(StageName::Compile, Status::Exited(1));
    let world = world(move |_| {
        say(vec![
            started(),
            Event::StageStarted(StageName::Compile),
            output(StreamName::Stderr, b"main.c:1: error"),
            Event::StageFinished(compile.clone()),
            Event::Finished(Outcome { id: id(), compile: Some(compile.clone()), runs: vec![] }),
        ])
    })
    .await;
    insta::assert_json_snapshot!("compile_error", world.execute(HELLO).await.json());
}

#[tokio::test]
async fn the_first_run_that_fails_is_at_the_top() {
    let runs =
        vec![report(StageName::Run(0), Status::Exited(0)), report(StageName::Run(1), Status::Signaled(11))];
    let world = world(move |_| {
        let mut events = vec![started()];
        for (number, run) in runs.iter().enumerate() {
            events.push(Event::StageStarted(run.stage));
            events.push(output(StreamName::Stdout, format!("out {number}").as_bytes()));
            events.push(output(StreamName::Stderr, b"err"));
            events.push(Event::StageFinished(run.clone()));
        }
        events.push(Event::Finished(Outcome { id: id(), compile: None, runs: runs.clone() }));
        say(events)
    })
    .await;
    insta::assert_json_snapshot!("two_runs", world.execute(HELLO).await.json());
}

#[tokio::test]
async fn every_ending_is_an_answer() {
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
    ];
    for (status, word, limit) in endings {
        let ending = status.clone();
        let world = world(move |_| say(one_run(b"", ending.clone()))).await;
        let answer = world.execute(HELLO).await;
        assert_eq!(answer.status, 200);
        let answer = answer.json();
        assert_eq!(answer["status"], word);
        assert_eq!(answer["runs"][0]["status"], word);
        assert_eq!(answer["cause"]["limit"], limit, "{status:?}");
    }
}

#[tokio::test]
async fn a_program_that_never_ran_was_cancelled() {
    let outcome = Outcome { id: id(), compile: None, runs: vec![] };
    let world =
        world(move |_| say(vec![Event::Queued { position: 3 }, Event::Finished(outcome.clone())])).await;
    let answer = world.execute(HELLO).await.json();
    assert_eq!(answer["status"], "cancelled");
    assert_eq!(answer["runs"], json!([]));
    assert_eq!(answer["output"], "");
}

#[tokio::test]
async fn bytes_that_are_not_text_come_replaced_or_as_base64() {
    let world = world(|_| say(one_run(b"a\xff\xe2\x82", Status::Exited(0)))).await;
    let plain = world.execute(HELLO).await.json();
    assert_eq!(plain["stdout"], "a\u{fffd}\u{fffd}");
    assert_eq!(plain.get("stdout_base64"), None);
    let base64 = world.execute(r#"{"code":"","language":"c","encoding":"base64"}"#).await.json();
    assert_eq!(base64["stdout"], "a\u{fffd}\u{fffd}");
    assert_eq!(base64["stdout_base64"], "Yf/igg==");
    assert_eq!(base64["stderr_base64"], "");
    assert_eq!(base64["output_base64"], "Yf/igg==");
    assert_eq!(base64["runs"][0]["stdout_base64"], "Yf/igg==");
}

#[tokio::test]
async fn each_refusal_has_its_status_and_its_code() {
    let rejections = [
        (
            Rejection::LanguageUnavailable { language: "go".to_owned(), reason: "not installed".to_owned() },
            400,
            "language_unavailable",
        ),
        (Rejection::Invalid("NUL in the code".to_owned()), 400, "invalid_request"),
        (Rejection::Busy { retry_after: Duration::from_millis(7200) }, 429, "busy"),
        (Rejection::Forbidden("not you".to_owned()), 503, "forbidden"),
    ];
    for (rejection, status, code) in rejections {
        let words = rejection.to_string();
        let busy = matches!(rejection, Rejection::Busy { .. });
        let world = world(move |_| say(vec![Event::Rejected(rejection.clone())])).await;
        for accept in ["application/json", "text/event-stream", "application/x-ndjson"] {
            let answer = world.live(accept, HELLO).await;
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{accept}");
            assert_eq!(answer.json()["error"], words);
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("retry-after"), busy.then_some("7"));
        }
    }
}

#[tokio::test]
async fn our_own_failure_has_the_execution_in_it() {
    let failed = Event::Failed { id: Some(id()), message: "the sandbox could not be set up".to_owned() };
    let world = world(move |_| say(vec![failed.clone()])).await;
    let answer = world.execute(HELLO).await;
    assert_eq!(answer.status, 500);
    let words = "the sandbox could not be set up";
    assert_eq!(answer.json(), json!({"error": words, "code": "failed", "id": id().to_string()}));
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_said_to_be_unavailable() {
    let world = world_with(|config| config.socket = "/nonexistent/executord.sock".into(), |_| vec![]).await;
    for accept in ["application/json", "text/event-stream"] {
        let answer = world.live(accept, HELLO).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
        assert!(!answer.text().contains("nonexistent"), "paths are none of the client's business");
    }
    assert_eq!(world.get("/api/languages").await.code(), "unavailable");
    assert_eq!(world.get("/readyz").await.status, 503);
    assert_eq!(world.get("/healthz").await.status, 200);
    assert!(world.get("/metrics").await.text().contains("executor_up 0\n"));
}

#[tokio::test]
async fn a_daemon_that_hangs_up_is_said_to_be_unavailable() {
    let world = world(|_| vec![Step::Say(started()), Step::HangUp]).await;
    let answer = world.execute(HELLO).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
}

/// Method, path, headers and body; status and code.
type Case<'a> = (&'a str, &'a str, &'a [&'a str], &'a [u8], u16, &'a str);

#[tokio::test]
async fn malformed_requests_are_refused() {
    let mut world = world_with(|config| config.max_body = ByteCount(100_000), |_| hello()).await;
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
        let answer = world.request(method, path, headers, body).await;
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
    assert!(world.seen.try_recv().is_err(), "the daemon was asked nothing");
}

#[tokio::test]
async fn the_body_may_come_in_chunks_but_not_beyond_its_bound() {
    let world = world_with(|config| config.max_body = ByteCount(1000), |_| hello()).await;
    let head = "POST /api/execute HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    let (first, second) = HELLO.split_at(10);
    let chunks = format!("{head}a\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", second.len());
    assert_eq!(support::parse(&world.raw(chunks.as_bytes()).await).status, 200);

    let chunk = format!("100\r\n{}\r\n", " ".repeat(256));
    let endless = format!("{head}{}", chunk.repeat(40_000));
    let answer = support::parse(&world.raw(endless.as_bytes()).await);
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn requests_that_hold_too_much_together_are_refused() {
    let world = world_with(|config| config.max_memory = ByteCount(64), |_| hello()).await;
    let answer = world.execute(HELLO).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "overloaded"));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let world = world_with(|config| config.timeouts.body = Duration::from_millis(200), |_| hello()).await;
    let head = "POST /api/execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    let answer = support::parse(&world.raw(head.as_bytes()).await);
    assert_eq!((answer.status, answer.code().as_str()), (408, "request_timeout"));
}

#[tokio::test]
async fn what_does_not_fit_in_a_frame_is_too_large() {
    let world = world(|_| hello()).await;
    let body = format!(r#"{{"language":"c","code":"{}"}}"#, "x".repeat(protocol::bounds::MAX_FRAME));
    let answer = world.execute(body).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn an_answer_counts_as_memory_until_it_is_sent() {
    let output = vec![b'x'; 60_000];
    let world = world_with(
        |config| config.max_memory = ByteCount::mib(8),
        move |_| {
            let mut events = one_run(b"", Status::Exited(0));
            let pieces = vec![output_piece(&output); 16];
            events.splice(2..3, pieces);
            say(events)
        },
    )
    .await;
    // A second answer of 16 * 60 kB does not fit beside one that nobody reads.
    let mut idle = tokio::net::TcpStream::connect(world.address).await.unwrap();
    let head = "POST /api/execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length:";
    let request = format!("{head} {}\r\n\r\n{HELLO}", HELLO.len());
    tokio::io::AsyncWriteExt::write_all(&mut idle, request.as_bytes()).await.unwrap();
    idle.readable().await.unwrap();
    assert_eq!(world.execute(HELLO).await.code(), "overloaded");
    drop(idle);
    let freed = async { while world.execute(HELLO).await.status != 200 {} };
    tokio::time::timeout(support::PATIENCE, freed).await.expect("memory comes back");
}

fn output_piece(bytes: &[u8]) -> Event {
    output(StreamName::Stdout, bytes)
}

#[tokio::test]
async fn a_daemon_that_refuses_before_it_is_asked_is_heard() {
    use futures_util::{SinkExt, StreamExt};
    use protocol::{Hello, Request, codec::Frames};

    let world = world_with(
        |config| {
            config.socket.set_extension("full");
        },
        |_| vec![],
    )
    .await;
    let socket = tokio::net::UnixListener::bind(world.directory.path().join("executord.full")).unwrap();
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
    // More than the socket takes at once, so that asking fails in the middle.
    let body = format!(r#"{{"language":"c","code":"{}"}}"#, "x".repeat(4 << 20));
    let answer = world.execute(body).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "busy"));
}
