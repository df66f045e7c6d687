//! An execution watched while it runs, and given up.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

mod support;

use std::time::Duration;

use protocol::{Event, Outcome, Rejection, StageName, Status, StreamName};
use serde_json::{Value, json};
use support::{PATIENCE, Seen, Step, id, one_run, output, report, say, started, world};
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
        output(StreamName::Stderr, b"warning\n"),
        Event::StageFinished(compile.clone()),
        Event::StageStarted(StageName::Run(0)),
        output(StreamName::Stdout, b"\xe2\x82"),
        output(StreamName::Stderr, b"!"),
        output(StreamName::Stdout, b"\xac\xf0"),
        Event::StageFinished(run.clone()),
        Event::Finished(Outcome { id: id(), compile: Some(compile), runs: vec![run] }),
    ]
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn events_come_as_lines_of_json() {
    let world = world(|_| say(compiled())).await;
    let answer = world.live("application/x-ndjson", BODY).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    insta::assert_json_snapshot!("ndjson", lines(&answer.text()));
}

#[tokio::test]
async fn events_come_as_server_sent_events() {
    let world = world(|_| say(compiled())).await;
    let answer = world.live("text/event-stream", BODY).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let ndjson = lines(&world.live("application/x-ndjson", BODY).await.text());
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
async fn output_can_come_as_base64() {
    let world = world(|_| say(compiled())).await;
    let body = r#"{"code":"","language":"c","encoding":"base64"}"#;
    let lines = lines(&world.live("application/x-ndjson", body).await.text());
    let data: Vec<_> =
        lines.iter().filter(|line| line["type"] == "output").map(|line| &line["data"]).collect();
    assert_eq!(data, ["d2FybmluZwo=", "4oI=", "IQ==", "rPA="]);
}

#[tokio::test]
async fn what_goes_wrong_after_the_beginning_is_the_last_event() {
    let failed = Event::Failed { id: Some(id()), message: "lost".to_owned() };
    let busy = Event::Rejected(Rejection::Busy { retry_after: Duration::from_secs(2) });
    let endings = [
        (vec![Step::Say(started()), Step::HangUp], "unavailable"),
        (vec![Step::Say(started()), Step::Say(failed)], "failed"),
        (vec![Step::Say(Event::Queued { position: 0 }), Step::Say(busy)], "busy"),
        (vec![Step::Say(started()), Step::Say(Event::CheckDone)], "unavailable"),
    ];
    for (steps, code) in endings {
        let world = world(move |_| steps.clone()).await;
        let answer = world.live("application/x-ndjson", BODY).await;
        assert_eq!(answer.status, 200);
        let last = lines(&answer.text()).pop().unwrap();
        assert_eq!((&last["type"], &last["code"]), (&json!("error"), &json!(code)));
    }
}

async fn begin(world: &support::World, accept: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let request = format!(
        "POST /api/execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: {accept}\r\n\
         Content-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn events_come_when_they_happen() {
    let world = world(|_| vec![Step::Say(started()), Step::WaitForHangUp]).await;
    let mut stream = begin(&world, "text/event-stream").await;
    let mut came = String::new();
    while !came.contains("event: started") {
        let mut piece = [0; 1024];
        let count = timeout(PATIENCE, stream.read(&mut piece)).await.unwrap().unwrap();
        assert_ne!(count, 0);
        came.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
}

#[tokio::test]
async fn a_client_that_goes_ends_its_program() {
    for accept in ["application/json", "text/event-stream", "application/x-ndjson"] {
        for reset in [false, true] {
            let mut world = world(|_| vec![Step::Say(started()), Step::WaitForHangUp]).await;
            let stream = begin(&world, accept).await;
            assert!(matches!(world.saw().await, Seen::Asked(_)));
            if reset {
                stream.set_zero_linger().unwrap();
            }
            drop(stream);
            assert_eq!(world.saw().await, Seen::HungUp, "{accept}");
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_while_it_waits_in_the_queue_leaves_it() {
    let mut world = world(|_| vec![Step::Say(Event::Queued { position: 5 }), Step::WaitForHangUp]).await;
    let stream = begin(&world, "application/json").await;
    assert!(matches!(world.saw().await, Seen::Asked(_)));
    drop(stream);
    assert_eq!(world.saw().await, Seen::HungUp);
}

#[tokio::test]
async fn a_connection_serves_one_execution_after_the_other() {
    let world = world(|_| say(one_run(b"hi", Status::Exited(0)))).await;
    let request = format!(
        "POST /api/execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let last = request.replace("Host: x\r\n", "Host: x\r\nConnection: close\r\n");
    let came = world.raw(format!("{}{last}", request.repeat(19)).as_bytes()).await;
    let came = String::from_utf8(came).unwrap();
    assert_eq!(came.matches("HTTP/1.1 200 OK").count(), 20);
    assert_eq!(came.matches(r#""output":"hi""#).count(), 40);
}

#[tokio::test]
async fn what_runs_may_end_when_we_are_told_to_stop() {
    let mut world = world(|_| {
        let mut steps = say(one_run(b"late", Status::Exited(0)));
        steps.insert(3, Step::Wait(Duration::from_millis(300)));
        steps
    })
    .await;
    let mut stream = begin(&world, "application/json").await;
    assert!(matches!(world.saw().await, Seen::Asked(_)));
    world.stop.send(()).unwrap();
    let mut came = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut came)).await.unwrap().unwrap();
    assert!(came.starts_with("HTTP/1.1 200 OK") && came.contains("late"));
    timeout(PATIENCE, world.server).await.unwrap().unwrap();
    assert!(TcpStream::connect(world.address).await.is_err());
}

#[tokio::test]
async fn what_runs_on_and_on_is_not_waited_for() {
    let mut world = support::world_with(
        |config| config.timeouts.stop = Duration::from_millis(200),
        |_| vec![Step::Say(started()), Step::WaitForHangUp],
    )
    .await;
    let _stream = begin(&world, "text/event-stream").await;
    assert!(matches!(world.saw().await, Seen::Asked(_)));
    world.stop.send(()).unwrap();
    timeout(PATIENCE, world.server).await.unwrap().unwrap();
}
