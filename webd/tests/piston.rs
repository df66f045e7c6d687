//! The API of Piston against a scripted daemon.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

mod support;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use protocol::{
    Clock, Event, Outcome, ProgramSignal, Rejection, Request, StageName, Status, Stdin, StreamName,
};
use serde_json::{Value, json};
use support::{
    Answer, Observation, Step, TIMEOUT, TestServer, hello, id, one_run, output, output_of, report, send_all,
    server_with, start_server, started,
};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

const JSON: &str = "Content-Type: application/json";
const HELLO: &str = r#"{"language":"python","version":"3.10.0","files":[{"content":"print('hi')"}]}"#;

async fn post(server: &TestServer, path: &str, headers: &[&str], body: &str) -> Answer {
    server.request("POST", path, headers, body.as_bytes()).await
}

async fn execute(server: &TestServer, body: &str) -> Answer {
    post(server, "/api/v2/execute", &[JSON], body).await
}

fn message(answer: &Answer) -> String {
    answer.json()["message"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

#[tokio::test]
async fn a_program_runs_at_both_prefixes_and_every_key_is_there() {
    let mut server = start_server(|_| hello()).await;
    for path in ["/api/v2/execute", "/api/v2/execute/", "/api/v2/piston/execute", "/api/v2/piston/execute/"] {
        let answer = post(&server, path, &[JSON], HELLO).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let run = json!({
            "signal": null, "stdout": "hi\n", "stderr": "", "code": 0, "output": "hi\n", "memory": 5_242_880,
            "message": null, "status": null, "cpu_time": 6, "wall_time": 12,
        });
        assert_eq!(answer.json(), json!({"run": run, "language": "python", "version": "3.11.2"}), "{path}");
    }
    let Observation::Request(request) = server.observe().await else { panic!("no request") };
    assert_eq!(request.files[0].path.as_deref(), Some("file0.code"));
    assert_eq!(request.runs[0].stdin, Stdin::Bytes("\n".into()));
    assert_eq!(request.limits.wall_time, Some(Duration::from_secs(3)));
    assert_eq!(request.limits.cpu_time, Some(Duration::from_secs(3)));
    assert_eq!(request.client.as_deref(), Some("127.0.0.1"));
}

#[tokio::test]
async fn the_run_of_a_program_that_was_not_compiled_is_its_compilation() {
    let compile = report(StageName::Compile, Status::Exited(1));
    let events = vec![
        started(),
        Event::StageStarted(StageName::Compile),
        output_of(StageName::Compile, StreamName::Stderr, b"main.cpp:1: error\xff"),
        output_of(StageName::Compile, StreamName::Stdout, b"note"),
        Event::StageFinished(compile.clone()),
        Event::Finished(Outcome { id: id(), compile: Some(compile), runs: vec![], ..Outcome::default() }),
    ];
    let server = start_server(move |_| send_all(events.clone())).await;
    let answer = execute(&server, HELLO).await.json();
    assert_eq!(answer["compile"], answer["run"]);
    assert_eq!(answer["run"]["stderr"], "main.cpp:1: error\u{fffd}");
    assert_eq!(answer["run"]["output"], "main.cpp:1: error\u{fffd}note");
    assert_eq!(answer["run"]["code"], 1);
    assert_eq!(answer["run"]["status"], "RE");
}

#[tokio::test]
async fn a_timeout_keeps_the_output() {
    let (limit, used) = (Duration::from_secs(1), Duration::from_secs(1));
    let status = Status::TimedOut { clock: Clock::Cpu, limit, used };
    let server = start_server(move |_| send_all(one_run(b"so far", status.clone()))).await;
    let run = execute(&server, HELLO).await.json()["run"].clone();
    assert_eq!(run["stdout"], "so far");
    assert_eq!(
        (&run["code"], &run["signal"], &run["status"]),
        (&Value::Null, &json!("SIGKILL"), &json!("TO"))
    );
    assert_eq!(run["message"], "Time limit exceeded");
}

#[tokio::test]
async fn requests_must_be_json() {
    let server = start_server(|_| hello()).await;
    for headers in
        [&[][..], &["Content-Type: application/x-www-form-urlencoded"], &["Content-Type: text/html"]]
    {
        for (method, path) in [
            ("POST", "/api/v2/execute"),
            ("POST", "/api/v2/packages"),
            ("DELETE", "/api/v2/packages"),
            ("POST", "/api/v2/nowhere"),
        ] {
            let answer = server.request(method, path, headers, HELLO.as_bytes()).await;
            assert_eq!(
                (answer.status, message(&answer)),
                (415, "requests must be of type application/json".to_owned()),
                "{method} {path} {headers:?}"
            );
        }
    }
    for kind in ["application/json;charset=utf-8", "text/plain;charset=UTF-8", "application/octet-stream"] {
        let kind = format!("Content-Type: {kind}");
        assert_eq!(post(&server, "/api/v2/execute", &[&kind], HELLO).await.status, 200, "{kind}");
    }
    // A browser sends text without a preflight request, so a page of another origin must not.
    let plain = "Content-Type: text/plain";
    for (origin, status) in [("Origin: https://evil.example", 415), ("Origin: http://localhost", 200)] {
        assert_eq!(
            post(&server, "/api/v2/execute", &[plain, origin], HELLO).await.status,
            status,
            "{origin}"
        );
    }
}

#[tokio::test]
async fn errors_have_the_form_of_piston() {
    let server = start_server(|_| hello()).await;
    for body in ["{", "x", "\"text\"", "{\"language\":}"] {
        let answer = execute(&server, body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(!message(&answer).is_empty());
    }
    for (body, expected) in [
        ("{}", "language is required as a string"),
        (r#"{"language":"python","version":"99.1.0","files":[]}"#, "python-99.1.0 runtime is unknown"),
        (r#"{"language":"go","version":"*","files":[]}"#, "go-* runtime is unknown"),
    ] {
        let answer = execute(&server, body).await;
        assert_eq!((answer.status, answer.json()), (400, json!({ "message": expected })));
    }
    for (method, path) in [
        ("GET", "/api/v2"),
        ("GET", "/api/v2/"),
        ("GET", "/api/v2/nowhere"),
        ("GET", "/api/v2/execute"),
        ("POST", "/api/v2/runtimes"),
        ("GET", "/api/v2/piston/nowhere/at/all"),
    ] {
        let answer = server.request(method, path, &[JSON], b"").await;
        assert_eq!((answer.status, answer.json()), (404, json!({"message": "Not Found"})), "{method} {path}");
    }
    let large = server_with(|config| config.max_body = protocol::ByteCount(100), |_| hello()).await;
    let answer = execute(&large, &format!("{HELLO}{}", " ".repeat(100))).await;
    assert_eq!(answer.status, 413);
    message(&answer);
}

#[tokio::test]
async fn a_rejection_has_a_message_and_an_internal_failure_no_body() {
    let reject = |rejection: Rejection| send_all(vec![Event::Rejected(rejection)]);
    let busy = start_server(move |_| reject(Rejection::Busy { retry_after: Duration::from_secs(7) })).await;
    let answer = execute(&busy, HELLO).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
    assert_eq!(message(&answer), "too busy, try again in 7 s");
    assert_eq!(answer.json().as_object().unwrap().len(), 1);

    let invalid = start_server(move |_| reject(Rejection::Invalid("no".to_owned()))).await;
    let answer = execute(&invalid, HELLO).await;
    assert_eq!((answer.status, answer.json()), (400, json!({"message": "no"})));

    let failed = start_server(|_| send_all(vec![Event::Failed { id: id(), message: "no".to_owned() }])).await;
    let answer = execute(&failed, HELLO).await;
    assert_eq!((answer.status, answer.body.len()), (500, 0));

    let gone = start_server(|_| vec![Step::Disconnect]).await;
    let answer = execute(&gone, HELLO).await;
    assert_eq!(answer.status, 503);
    message(&answer);
}

#[tokio::test]
async fn runtimes_and_packages_are_the_available_languages() {
    let server = start_server(|_| hello()).await;
    for path in ["/api/v2/runtimes", "/api/v2/piston/runtimes/"] {
        let expected =
            json!([{"language": "python", "version": "3.11.2", "aliases": ["py", "py3", "python3"]}]);
        assert_eq!(server.get(path).await.json(), expected);
    }
    let packages = json!([{"language": "python", "language_version": "3.11.2", "installed": true}]);
    assert_eq!(server.get("/api/v2/packages").await.json(), packages);
    for method in ["POST", "DELETE"] {
        let body = br#"{"language":"python","version":"3.10.0"}"#;
        let answer = server.request(method, "/api/v2/packages", &[JSON], body).await;
        assert_eq!(answer.status, 404);
        assert_eq!(message(&answer), "Requested package python-3.10.0 does not exist");
    }
}

#[tokio::test]
async fn the_api_can_be_disabled_and_be_strict_about_versions() {
    let server = server_with(|config| config.piston.enabled = false, |_| hello()).await;
    for path in ["/api/v2/runtimes", "/api/v2/piston/runtimes"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found".to_owned()));
    }
    let server = server_with(|config| config.piston.accept_other_versions = false, |_| hello()).await;
    assert_eq!(message(&execute(&server, HELLO).await), "python-3.10.0 runtime is unknown");
}

#[tokio::test]
async fn a_client_that_disconnects_cancels_its_program() {
    let mut server = start_server(|_| vec![Step::Send(started()), Step::WaitForDisconnect]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "POST /api/v2/execute HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\nContent-Length: {}\r\n\r\n{HELLO}",
        HELLO.len()
    );
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    assert!(matches!(server.observe().await, Observation::Request(_)));
    drop(stream);
    assert_eq!(server.observe().await, Observation::Disconnect);
}

// The WebSocket.

struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn open(server: &TestServer, path: &str) -> Self {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let url = format!("ws://{}{path}", server.address);
        Self(client_async(url, stream).await.unwrap().0)
    }

    async fn start(server: &TestServer) -> Self {
        let mut socket = Self::open(server, "/api/v2/connect").await;
        let mut init: Value = serde_json::from_str(HELLO).unwrap();
        init["type"] = "init".into();
        socket.send(&init).await;
        assert_eq!(
            socket.receive().await,
            json!({"type": "runtime", "language": "python", "version": "3.11.2"})
        );
        socket
    }

    async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    async fn send_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Returns the next message, or the code and the reason with which the server closes.
    async fn receive(&mut self) -> Value {
        match timeout(TIMEOUT, self.0.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            Message::Close(Some(frame)) => json!([u16::from(frame.code), frame.reason.as_str()]),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn stages_and_output_are_sent_when_they_happen() {
    let compile = report(StageName::Compile, Status::Exited(0));
    let run = report(StageName::Run(0), Status::Signaled(15));
    let events = vec![
        Event::Queued { position: 1 },
        started(),
        Event::StageStarted(StageName::Compile),
        Event::StageFinished(compile.clone()),
        Event::StageStarted(StageName::Run(0)),
        output(StreamName::Stdout, b"\xe2\x82"),
        output(StreamName::Stdout, b"\xac"),
        output(StreamName::Stderr, b"\xff"),
        Event::StageFinished(run.clone()),
        Event::Finished(Outcome { id: id(), compile: Some(compile), runs: vec![run], ..Outcome::default() }),
    ];
    let mut server = start_server(move |_| send_all(events.clone())).await;
    let mut socket = Socket::start(&server).await;
    let no = Value::Null;
    for expected in [
        json!({"type": "stage", "stage": "compile"}),
        json!({"type": "exit", "stage": "compile", "code": 0, "signal": no, "status": no, "message": no}),
        json!({"type": "stage", "stage": "run"}),
        json!({"type": "data", "stream": "stdout", "data": "€"}),
        json!({"type": "data", "stream": "stderr", "data": "\u{fffd}"}),
        json!({"type": "exit", "stage": "run", "code": no, "signal": "SIGTERM", "status": "SG",
            "message": "Caught fatal signal 15"}),
        json!([4999, "Job Completed"]),
    ] {
        assert_eq!(socket.receive().await, expected);
    }
    let Observation::Request(request) = server.observe().await else { panic!("no request") };
    assert_eq!(request.runs[0].stdin, Stdin::Live);
}

#[tokio::test]
async fn input_signals_and_the_end_of_input_reach_the_program() {
    let script = || {
        [vec![Step::Send(started())], vec![Step::Receive; 4], send_all(one_run(b"", Status::Exited(0)))]
            .concat()
    };
    let mut server = start_server(move |_| script()).await;
    let mut socket = Socket::start(&server).await;
    assert!(matches!(server.observe().await, Observation::Request(_)));
    for (message, control) in [
        (json!({"type": "data", "stream": "stdin", "data": "é\n"}), Request::Input("é\n".into())),
        (json!({"type": "unknown"}), Request::Signal(ProgramSignal::Interrupt)),
        (json!({"type": "signal", "signal": "SIGKILL"}), Request::Signal(ProgramSignal::Kill)),
        (json!({"type": "eof"}), Request::EndOfInput),
    ] {
        socket.send(&message).await;
        if message["type"] == "unknown" {
            socket.send(&json!({"type": "signal", "signal": "SIGINT"})).await;
        }
        assert_eq!(server.observe().await, Observation::Control(control));
    }
}

#[tokio::test]
async fn a_mistake_closes_the_socket_with_the_code_of_piston() {
    let server = start_server(|_| vec![Step::Send(started()), Step::WaitForDisconnect]).await;
    let stdin = json!({"type": "data", "stream": "stdin", "data": "x"});
    // Before `init`.
    for (text, code, reason) in [
        (stdin.to_string(), 4003, "Not yet initialized"),
        (json!({"type": "signal", "signal": "SIGINT"}).to_string(), 4003, "Not yet initialized"),
    ] {
        let mut socket = Socket::open(&server, "/api/v2/piston/connect").await;
        socket.send_text(&text).await;
        assert_eq!(socket.receive().await, json!([code, reason]));
    }
    for (text, error) in [
        (r#"{"type":"init"}"#, "language is required as a string"),
        (
            r#"{"type":"init","language":"python","version":"99.1.0","files":[]}"#,
            "python-99.1.0 runtime is unknown",
        ),
        ("{", "EOF while parsing"),
    ] {
        let mut socket = Socket::open(&server, "/api/v2/connect/").await;
        socket.send_text(text).await;
        let received = socket.receive().await;
        assert_eq!(received["type"], "error");
        assert!(received["message"].as_str().unwrap().starts_with(error), "{received}");
        assert_eq!(socket.receive().await, json!([4002, "Notified Error"]));
    }
    let mut silent = Socket::open(&server, "/api/v2/connect").await;
    assert_eq!(silent.receive().await, json!([4001, "Initialization Timeout"]));
    // After it.
    for (message, code, reason) in [
        (json!({"type": "init"}), 4000, "Already Initialized"),
        (json!({"type": "data", "stream": "stdout", "data": ""}), 4004, "Can only write to stdin"),
        (json!({"type": "signal", "signal": "SIGFOO"}), 4005, "Invalid signal"),
    ] {
        let mut socket = Socket::start(&server).await;
        socket.send(&message).await;
        assert_eq!(socket.receive().await, json!([code, reason]));
    }
}

#[tokio::test]
async fn the_end_of_a_session_cancels_its_program() {
    let mut server = start_server(|_| vec![Step::Send(started()), Step::WaitForDisconnect]).await;
    for end in ["close", "second init"] {
        let mut socket = Socket::start(&server).await;
        assert!(matches!(server.observe().await, Observation::Request(_)));
        match end {
            "close" => drop(socket),
            _ => socket.send(&json!({"type": "init"})).await,
        }
        assert_eq!(server.observe().await, Observation::Disconnect, "{end}");
    }
}

#[tokio::test]
async fn an_execution_that_is_refused_is_an_error() {
    let server = start_server(|_| send_all(vec![Event::Rejected(Rejection::Invalid("no".to_owned()))])).await;
    let mut socket = Socket::start(&server).await;
    assert_eq!(socket.receive().await, json!({"type": "error", "message": "no"}));
    assert_eq!(socket.receive().await, json!([4002, "Notified Error"]));
}

#[tokio::test]
async fn pages_of_other_origins_cannot_connect() {
    let server = start_server(|_| hello()).await;
    let headers = [
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Origin: https://evil.example",
        "Connection: upgrade",
    ];
    let answer = server.request("GET", "/api/v2/connect", &headers, b"").await;
    assert_eq!(answer.status, 403);
    message(&answer);
    assert_eq!(server.get("/api/v2/connect").await.status, 426);
}
