//! The server and a client of the SDK in one process, with a scripted execution between them.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mcp::{Backend, Execution, Refusal};
use protocol::{Event, ExecuteRequest, Language, Outcome, StageName, StageReport, Status, StreamName};
use rmcp::model::{CallToolRequestParams, ClientRequest, Request};
use rmcp::service::{PeerRequestOptions, RunningService};
use rmcp::{RoleClient, ServiceExt};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Starts executions with these events. After the last one, an execution goes on until it is dropped.
struct Script {
    events: Vec<Event>,
    started: Arc<Notify>,
    dropped: Arc<AtomicBool>,
}

struct Scripted {
    events: VecDeque<Event>,
    dropped: Arc<AtomicBool>,
}

impl Backend for Script {
    type Execution = Scripted;

    async fn languages(&self) -> Result<Vec<Language>, Refusal> {
        Ok(Vec::new())
    }

    async fn execute(&self, _: ExecuteRequest) -> Result<Scripted, Refusal> {
        self.started.notify_one();
        Ok(Scripted { events: self.events.clone().into(), dropped: Arc::clone(&self.dropped) })
    }
}

impl Execution for Scripted {
    async fn next_event(&mut self) -> Result<Event, Refusal> {
        match self.events.pop_front() {
            Some(event) => Ok(event),
            None => std::future::pending().await,
        }
    }

    fn reserve(&mut self, _: usize) -> Result<(), Refusal> {
        Ok(())
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

struct Connection {
    client: RunningService<RoleClient, ()>,
    started: Arc<Notify>,
    dropped: Arc<AtomicBool>,
}

async fn connect(events: Vec<Event>) -> Connection {
    let (started, dropped) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let script = Script { events, started: Arc::clone(&started), dropped: Arc::clone(&dropped) };
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (input, output) = tokio::io::split(far);
    tokio::spawn(async move { mcp::stdio::serve(script, input, output).await });
    Connection { client: ().serve(near).await.unwrap(), started, dropped }
}

fn call(arguments: Value) -> CallToolRequestParams {
    let Value::Object(arguments) = arguments else { panic!() };
    CallToolRequestParams::new("run_code").with_arguments(arguments)
}

#[tokio::test]
async fn a_program_is_run() {
    let run = StageName::Run(0);
    let output =
        |bytes: &'static [u8]| Event::Output { stream: StreamName::Stdout, bytes: bytes.into(), stage: run };
    let report = StageReport::new(run, Status::Exited(0));
    let connection = connect(vec![
        Event::StageStarted(run),
        output(b"a\xe2\x82"),
        output(b"\xac\n"),
        Event::StageFinished(report.clone()),
        Event::Finished(Outcome { runs: vec![report], ..Outcome::default() }),
    ])
    .await;
    assert_eq!(connection.client.list_all_tools().await.unwrap().len(), 3);
    let result = connection.client.call_tool(call(json!({"language": "python", "code": ""}))).await.unwrap();
    assert_eq!(result.content[0].as_text().unwrap().text, "exit code 0\n--- stdout ---\na€\n");
    assert!(connection.dropped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_cancelled_call_ends_its_execution() {
    let connection = connect(vec![Event::StageStarted(StageName::Run(0))]).await;
    let request =
        ClientRequest::CallToolRequest(Request::new(call(json!({"language": "python", "code": ""}))));
    let handle =
        connection.client.send_cancellable_request(request, PeerRequestOptions::no_options()).await.unwrap();
    timeout(TIMEOUT, connection.started.notified()).await.unwrap();
    handle.cancel(None).await.unwrap();
    let is_dropped = async {
        while !connection.dropped.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, is_dropped).await.unwrap();
}

#[tokio::test]
async fn wrong_arguments_are_an_error_of_the_tool() {
    let connection = connect(Vec::new()).await;
    let result = connection.client.call_tool(call(json!({"language": "python"}))).await.unwrap();
    assert_eq!(result.is_error, Some(true));
    let text = &result.content[0].as_text().unwrap().text;
    assert_eq!(text, "invalid_request: `code` or `files` is required");
    assert!(connection.client.call_tool(CallToolRequestParams::new("rm")).await.is_err());
}
