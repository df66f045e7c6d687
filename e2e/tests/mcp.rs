//! Tools for AI agents with real daemons: over stdin and stdout of `executor mcp` with the client of the SDK, and over HTTP
//! with a key. The reference clients of the protocol run with `make clients`.

#![forbid(unsafe_code)]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::daemons::{Daemons, binary, eventually};
use e2e::key_server::KeyServer;
use e2e::package_sets;
use rmcp::model::{CallToolRequestParams, CallToolResult, ClientRequest, Request};
use rmcp::service::{PeerRequestOptions, RunningService};
use rmcp::{RoleClient, ServiceExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::unix::pipe;

const SINE: &str = "
import math, matplotlib
matplotlib.use('Agg')
from matplotlib import pyplot
x = [i / 50 for i in range(400)]
pyplot.plot(x, [math.sin(v) for v in x])
pyplot.savefig('sine.png')
";
const ENDLESS: &str = "import time\nwhile True: time.sleep(0.1)";

struct Agent {
    client: RunningService<RoleClient, ()>,
    command: Child,
}

impl Agent {
    async fn start(daemons: &Daemons) -> Self {
        let mut command = Command::new(binary("executor").expect("the binary is built"))
            .arg("--socket")
            .arg(daemons.socket())
            .arg("mcp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let stdin = command.stdin.take().expect("a pipe");
        let stdout = command.stdout.take().expect("a pipe");
        let to = pipe::Sender::from_owned_fd(stdin.into()).expect("a pipe");
        let from = pipe::Receiver::from_owned_fd(stdout.into()).expect("a pipe");
        Self { client: ().serve((from, to)).await.expect("the handshake"), command }
    }

    async fn call(&self, tool: &'static str, arguments: Value) -> CallToolResult {
        self.client.call_tool(params(tool, arguments)).await.expect("a result")
    }

    /// Closes stdin, and waits for the end of the command.
    async fn end(mut self) {
        self.client.cancel().await.expect("the client ends");
        let ended = tokio::task::spawn_blocking(move || self.command.wait());
        assert!(ended.await.expect("no panic").expect("a status").success());
    }
}

fn params(tool: &'static str, arguments: Value) -> CallToolRequestParams {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    CallToolRequestParams::new(tool).with_arguments(arguments)
}

async fn is_idle(daemons: &Daemons) -> bool {
    eventually(async || daemons.status().await.running == 0).await
}

#[tokio::test]
async fn an_agent_runs_code_over_stdio_and_http() {
    let server = KeyServer::start().await.expect("both daemons start");
    over_stdio(&server.daemons).await;
    over_http(&server).await;
}

async fn over_stdio(daemons: &Daemons) {
    let agent = Agent::start(daemons).await;
    let tools = agent.client.list_all_tools().await.expect("tools");
    let names: Vec<_> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["run_code", "run_tests", "list_languages"]);

    let c =
        json!({"language": "c", "code": "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 3; }"});
    let hello = agent.call("run_code", c).await.structured_content.expect("content");
    assert_eq!((&hello["stdout"], &hello["exit_code"]), (&json!("hello\n"), &json!(3)), "{hello}");

    let limits = json!({"cpu_ms": 60_000, "wall_ms": 120_000, "memory_bytes": 512 << 20});
    let plot = agent.call("run_code", json!({"language": "python", "code": SINE, "limits": limits})).await;
    let image = plot.content.get(1).and_then(|block| block.as_image()).expect("an image");
    assert_eq!(image.mime_type, "image/png");
    let png = STANDARD.decode(&image.data).expect("base64");
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.ends_with(b"IEND\xae\x42\x60\x82"));

    let tests = json!([{"input": "2", "expected_output": "4"}, {"input": "3", "expected_output": "7"}]);
    let judged = json!({"language": "python", "code": "print(int(input()) ** 2)", "tests": tests});
    let judged = agent.call("run_tests", judged).await.structured_content.expect("content");
    assert_eq!(judged["tests"][0]["verdict"], "accepted");
    assert_eq!(judged["tests"][1]["verdict"], "wrong_answer");
    assert_eq!(judged["tests"][1]["difference"], "line 1, column 1: expected \"7\", got \"9\"");

    let unknown = agent.call("run_code", json!({"language": "klingon", "code": ""})).await;
    let text = &unknown.content[0].as_text().expect("text").text;
    assert!(unknown.is_error == Some(true) && text.contains("Available languages: "), "{text}");

    let listed = agent.call("list_languages", json!({"language": "python"})).await;
    let python = &listed.structured_content.expect("content")["languages"][0];
    let versions: Vec<_> = python["versions"].as_array().expect("versions").iter().collect();
    assert!(versions.contains(&&python["version"]), "{python}");
    let exact = json!({"language": "python", "version": python["version"], "code": "print(6 * 7)"});
    let answer = agent.call("run_code", exact).await.structured_content.expect("content");
    assert_eq!(answer["stdout"], "42\n");
    let other = agent.call("run_code", json!({"language": "python", "version": "1.5", "code": ""})).await;
    let text = &other.content[0].as_text().expect("text").text;
    assert!(
        other.is_error == Some(true) && text.contains(python["version"].as_str().expect("text")),
        "{text}"
    );

    packages(&agent, daemons).await;

    let call =
        params("run_code", json!({"language": "python", "code": ENDLESS, "limits": {"wall_ms": 120_000}}));
    let request = ClientRequest::CallToolRequest(Request::new(call));
    let options = PeerRequestOptions::no_options();
    let handle = agent.client.send_cancellable_request(request, options).await.expect("sent");
    assert!(eventually(async || daemons.status().await.running == 1).await);
    handle.cancel(None).await.expect("sent");
    assert!(is_idle(daemons).await, "the program was stopped");
    agent.end().await;
}

/// An agent finds a package set by the hint or in the list, and uses it.
async fn packages(agent: &Agent, daemons: &Daemons) {
    package_sets::install_header(daemons);
    let code = "#include <answer/answer.h>\n#include <stdio.h>\nint main(void) { printf(\"%d\", ANSWER); }";
    let failed = agent.call("run_code", json!({"language": "c", "code": code})).await;
    let text = &failed.content[0].as_text().expect("text").text;
    assert!(text.contains("(Hint: answer/answer.h is in the package set numbers of C)"), "{text}");
    let listed = agent.call("list_languages", json!({"language": "c"})).await;
    let set = &listed.structured_content.expect("content")["languages"][0]["packages"][0];
    assert_eq!((&set["name"], &set["default"]), (&json!("numbers"), &json!(false)), "{set}");
    let answer = package_sets::ANSWER.to_string();
    let chosen = json!({"language": "c", "packages": "numbers", "code": code});
    let ran = agent.call("run_code", chosen).await.structured_content.expect("content");
    assert_eq!(ran["stdout"], answer, "{ran}");
    let tests = json!([{"expected_output": answer}]);
    let tests = json!({"language": "c", "packages": "numbers", "code": code, "tests": tests});
    let ran = agent.call("run_tests", tests).await.structured_content.expect("content");
    assert_eq!(ran["passed"], 1, "{ran}");
    let other = agent.call("run_code", json!({"language": "c", "packages": "x", "code": ""})).await;
    let text = &other.content[0].as_text().expect("text").text;
    assert!(other.is_error == Some(true) && text.contains("available: numbers, none"), "{text}");
}

/// Sends a message, and returns the connection.
async fn send(server: &KeyServer, key: &str, message: &Value) -> TcpStream {
    let body = message.to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMcp-Session-Id: s\r\nAuthorization: Bearer {key}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server.daemons.address()).await.expect("webd listens");
    stream.write_all(head.as_bytes()).await.expect("webd reads");
    stream
}

async fn answer(server: &KeyServer, key: &str, message: &Value) -> String {
    let mut text = String::new();
    send(server, key, message).await.read_to_string(&mut text).await.expect("an answer");
    text
}

fn call(id: u32, code: &str) -> Value {
    let arguments = json!({"language": "python", "code": code, "limits": {"wall_ms": 120_000}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "run_code", "arguments": arguments}})
}

async fn over_http(server: &KeyServer) {
    let key = server.key(&["add", "agent"]);
    let limited = server.key(&["add", "limited", "--rate", "1/h"]);
    let _ = server.key(&["revoke", "anonymous"]);
    server.until_status("", 401).await;
    assert!(answer(server, "wrong", &call(1, "")).await.starts_with("HTTP/1.1 401 "));
    let hello = answer(server, &key, &call(1, "print('hello')")).await;
    assert!(hello.starts_with("HTTP/1.1 200 ") && hello.contains("\"stdout\":\"hello\\n\""), "{hello}");
    let _ = answer(server, &limited, &call(1, "")).await;
    let refused = answer(server, &limited, &call(1, "")).await;
    assert!(refused.contains("\"isError\":true") && refused.contains("rate_limited"), "{refused}");

    let stream = send(server, &key, &call(7, ENDLESS)).await;
    let is_running = async || server.daemons.status().await.running == 1;
    assert!(eventually(is_running).await);
    let cancelled =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
    assert!(answer(server, &key, &cancelled).await.starts_with("HTTP/1.1 202 "));
    assert!(is_idle(&server.daemons).await, "the notification stopped the program");
    drop(stream);

    let stream = send(server, &key, &call(8, ENDLESS)).await;
    assert!(eventually(is_running).await);
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    assert!(is_idle(&server.daemons).await, "the end of the connection stopped the program");
}
