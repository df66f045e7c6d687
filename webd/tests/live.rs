//! Live answers: events while a program runs, and what happens if the client disconnects.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

mod support;

use std::time::Duration;

use protocol::{Event, Outcome, Rejection, StageName, Status, StreamName};
use serde_json::{Value, json};
use support::{
    Observation, Step, TIMEOUT, id, mask_limits, one_run, output, output_of, report, send_all, start_server,
    started,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const BODY: &str = r#"{"code":"","language":"python"}"#;

fn compiled() -> Vec<Event> {
    let (compile, run) =
        (report(StageName::Compile, Status::Exited(0)), report(StageName::Run(0), Status::Exited(3)));
    vec![
        Event::Queued { position: 1 },
        Event::Queued { position: 0 },
        started(),
        Event::StageStarted(StageName::Compile),
        output_of(StageName::Compile, StreamName::Stderr, b"warning\n"),
        Event::StageFinished(compile.clone()),
        Event::StageStarted(StageName::Run(0)),
        output(StreamName::Stdout, b"\xe2\x82"),
        output(StreamName::Stderr, b"!"),
        output(StreamName::Stdout, b"\xac\xf0"),
        Event::StageFinished(run.clone()),
        Event::Finished(Outcome { id: id(), compile: Some(compile), runs: vec![run], ..Outcome::default() }),
    ]
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn events_are_sent_as_lines_of_json() {
    let server = start_server(|_| send_all(compiled())).await;
    let answer = server.live("application/x-ndjson", BODY).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let events: Vec<_> = lines(&answer.text()).into_iter().map(mask_limits).collect();
    insta::assert_json_snapshot!("ndjson", events);
}

#[tokio::test]
async fn events_are_sent_as_server_sent_events() {
    let server = start_server(|_| send_all(compiled())).await;
    let answer = server.live("text/event-stream", BODY).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let ndjson = lines(&server.live("application/x-ndjson", BODY).await.text());
    let text = answer.text();
    let events: Vec<_> = text
        .split_terminator("\n\n")
        .map(|event| event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap())
        .collect();
    assert_eq!(events.len(), ndjson.len());
    for ((name, data), line) in events.into_iter().zip(ndjson) {
        assert_eq!(name, line["type"]);
        assert_eq!(serde_json::from_str::<Value>(data).unwrap(), line);
    }
}

#[tokio::test]
async fn output_is_sent_as_base64_if_requested() {
    let server = start_server(|_| send_all(compiled())).await;
    let body = r#"{"code":"","language":"c","encoding":"base64"}"#;
    let lines = lines(&server.live("application/x-ndjson", body).await.text());
    let data: Vec<_> =
        lines.iter().filter(|line| line["type"] == "output").map(|line| &line["data"]).collect();
    assert_eq!(data, ["d2FybmluZwo=", "4oI=", "IQ==", "rPA="]);
}

#[tokio::test]
async fn an_error_after_the_first_event_is_the_last_event() {
    let failed = Event::Failed { id: id(), message: "lost".to_owned() };
    let busy = Event::Rejected(Rejection::Busy { retry_after: Duration::from_secs(2) });
    let endings = [
        (vec![Step::Send(started()), Step::Disconnect], "unavailable"),
        (vec![Step::Send(started()), Step::Send(failed)], "failed"),
        (vec![Step::Send(Event::Queued { position: 0 }), Step::Send(busy)], "busy"),
        (vec![Step::Send(started()), Step::Send(Event::CheckDone)], "unavailable"),
    ];
    for (steps, code) in endings {
        let server = start_server(move |_| steps.clone()).await;
        let answer = server.live("application/x-ndjson", BODY).await;
        assert_eq!(answer.status, 200);
        let last = lines(&answer.text()).pop().unwrap();
        assert_eq!((&last["type"], &last["code"]), (&json!("error"), &json!(code)));
    }
}

async fn begin(server: &support::TestServer, accept: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "POST /api/execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: {accept}\r\n\
         Content-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn events_are_sent_when_they_happen() {
    let server = start_server(|_| vec![Step::Send(started()), Step::WaitForDisconnect]).await;
    let mut stream = begin(&server, "text/event-stream").await;
    let mut received = String::new();
    while !received.contains("event: started") {
        let mut chunk = [0; 1024];
        let count = timeout(TIMEOUT, stream.read(&mut chunk)).await.unwrap().unwrap();
        assert_ne!(count, 0);
        received.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
    }
}

#[tokio::test]
async fn a_client_that_disconnects_cancels_its_program() {
    for accept in ["application/json", "text/event-stream", "application/x-ndjson"] {
        for reset in [false, true] {
            let mut server = start_server(|_| vec![Step::Send(started()), Step::WaitForDisconnect]).await;
            let stream = begin(&server, accept).await;
            assert!(matches!(server.observe().await, Observation::Request(_)));
            if reset {
                stream.set_zero_linger().unwrap();
            }
            drop(stream);
            assert_eq!(server.observe().await, Observation::Disconnect, "{accept}");
        }
    }
}

#[tokio::test]
async fn a_client_that_disconnects_leaves_the_queue() {
    let mut server =
        start_server(|_| vec![Step::Send(Event::Queued { position: 5 }), Step::WaitForDisconnect]).await;
    let stream = begin(&server, "application/json").await;
    assert!(matches!(server.observe().await, Observation::Request(_)));
    drop(stream);
    assert_eq!(server.observe().await, Observation::Disconnect);
}

#[tokio::test]
async fn a_connection_serves_several_executions_in_sequence() {
    let server = start_server(|_| send_all(one_run(b"hi", Status::Exited(0)))).await;
    let request = format!(
        "POST /api/execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let last = request.replace("Host: x\r\n", "Host: x\r\nConnection: close\r\n");
    let received = server.raw(format!("{}{last}", request.repeat(19)).as_bytes()).await;
    let received = String::from_utf8(received).unwrap();
    assert_eq!(received.matches("HTTP/1.1 200 OK").count(), 20);
    assert_eq!(received.matches(r#""output":"hi""#).count(), 40);
}

#[tokio::test]
async fn running_requests_finish_when_the_server_stops() {
    let mut server = start_server(|_| {
        let mut steps = send_all(one_run(b"late", Status::Exited(0)));
        steps.insert(3, Step::Wait(Duration::from_millis(300)));
        steps
    })
    .await;
    let mut stream = begin(&server, "application/json").await;
    assert!(matches!(server.observe().await, Observation::Request(_)));
    server.stop.send(()).unwrap();
    let mut received = String::new();
    timeout(TIMEOUT, stream.read_to_string(&mut received)).await.unwrap().unwrap();
    assert!(received.starts_with("HTTP/1.1 200 OK") && received.contains("late"));
    timeout(TIMEOUT, server.server).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn requests_beyond_the_stop_timeout_are_dropped() {
    let mut server = support::server_with(
        |config| config.timeouts.stop = Duration::from_millis(200),
        |_| vec![Step::Send(started()), Step::WaitForDisconnect],
    )
    .await;
    let _stream = begin(&server, "text/event-stream").await;
    assert!(matches!(server.observe().await, Observation::Request(_)));
    server.stop.send(()).unwrap();
    timeout(TIMEOUT, server.server).await.unwrap().unwrap();
}
