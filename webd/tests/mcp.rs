//! The Model Context Protocol over HTTP, against a scripted daemon.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

mod support;

use std::time::Duration;

use keys::{ApiKey, KeyEntry, KeyFile, KeyLimits};
use protocol::{Event, Rejection, Request};
use serde_json::{Value, json};
use support::{
    Answer, Observation, Step, TIMEOUT, TestServer, hello, id, send_all, server_with, start_server, started,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

const JSON: &str = "Content-Type: application/json";
const ACCEPT: &str = "Accept: application/json, text/event-stream";
const RUN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_code","arguments":{"language":"python","code":"x"}}}"#;

async fn post(server: &TestServer, headers: &[&str], body: &str) -> Answer {
    server.request("POST", "/mcp", &[&[JSON, ACCEPT], headers].concat(), body.as_bytes()).await
}

/// Returns the messages in a stream of server-sent events.
fn messages(answer: &Answer) -> Vec<Value> {
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("text/event-stream")),
        "{}",
        answer.text()
    );
    let text = answer.text();
    text.lines().filter_map(|line| line.strip_prefix("data:")).map(|data| data.parse().unwrap()).collect()
}

/// Returns the result of a request.
fn result(answer: &Answer) -> Value {
    let last = messages(answer).pop().unwrap();
    assert_eq!(last["id"], 1, "{last}");
    last["result"].clone()
}

fn call(tool: &str, arguments: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
        .to_string()
}

#[tokio::test]
async fn a_client_initializes_lists_and_calls() {
    let mut server = start_server(|_| hello()).await;
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",
        "capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
    let answer = post(&server, &[], initialize).await;
    let initialized = result(&answer);
    assert_eq!(initialized["protocolVersion"], "2025-06-18");
    assert_eq!(initialized["serverInfo"]["name"], "executor");
    assert!(initialized["instructions"].as_str().is_some_and(|text| text.contains("sandbox")));
    let session = format!("Mcp-Session-Id: {}", answer.header("mcp-session-id").unwrap());
    let version = "MCP-Protocol-Version: 2025-06-18";

    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(post(&server, &[&session, version], notification).await.status, 202);
    let listed =
        post(&server, &[&session, version], r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).await;
    let tools = result(&listed)["tools"].as_array().unwrap().clone();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["run_code", "run_tests", "list_languages"]);

    let answer = post(&server, &[&session, version], RUN).await;
    assert_eq!(answer.header("mcp-session-id"), None);
    let hello = result(&answer);
    assert_eq!(hello["isError"], false);
    assert_eq!(hello["content"][0]["text"], "exit code 0\n--- stdout ---\nhi\n");
    assert_eq!(hello["structuredContent"]["stdout"], "hi\n");
    assert_eq!(hello["structuredContent"]["id"], id().to_string());
    let Observation::Request(request) = server.observe().await else { panic!() };
    assert_eq!((request.language.as_str(), request.client.as_deref()), ("python", Some("127.0.0.1")));
    assert_eq!(request.outputs, ["**"]);

    let languages = result(&post(&server, &[], &call("list_languages", &json!({}))).await);
    assert_eq!(languages["structuredContent"]["languages"][0]["name"], "python");
    assert_eq!(server.request("DELETE", "/mcp", &[&session], b"").await.status, 204);
    assert_eq!(server.request("DELETE", "/mcp/", &[], b"").await.code(), "invalid_request");
}

#[tokio::test]
async fn output_is_reported_while_the_program_runs_if_the_client_asks() {
    let server = start_server(|_| hello()).await;
    let mut with_token: Value = RUN.parse().unwrap();
    with_token["params"]["_meta"] = json!({"progressToken": "t"});
    let all = messages(&post(&server, &[], &with_token.to_string()).await);
    let progress = &all[0];
    assert_eq!(progress["method"], "notifications/progress");
    assert_eq!(progress["params"], json!({"progressToken": "t", "progress": 1.0, "message": "hi\n"}));
    assert_eq!(all.len(), 2);
    assert_eq!(messages(&post(&server, &[], RUN).await).len(), 1);
}

#[tokio::test]
async fn a_call_that_is_refused_says_why() {
    let server = start_server(|request| {
        let rejection = match request.language.as_str() {
            "klingon" => Rejection::UnknownLanguage,
            "busy" => Rejection::Busy { retry_after: Duration::from_secs(3) },
            _ => {
                return vec![
                    Step::Send(started()),
                    Step::Send(Event::Failed { id: id(), message: "broken".into() }),
                ];
            }
        };
        send_all(vec![Event::Rejected(rejection)])
    })
    .await;
    let refusal = async |arguments: Value| {
        let result = result(&post(&server, &[], &call("run_code", &arguments)).await);
        assert_eq!((&result["isError"], &result["structuredContent"]), (&json!(true), &Value::Null));
        result["content"][0]["text"].as_str().unwrap().to_owned()
    };
    let unknown = refusal(json!({"language": "klingon", "code": ""})).await;
    assert_eq!(unknown, "unsupported_language: Unsupported language\nAvailable languages: python");
    let busy = refusal(json!({"language": "busy", "code": ""})).await;
    assert_eq!(busy, "busy: too busy, try again in 3 s\nTry again in 3 s.");
    let failed = refusal(json!({"language": "python", "code": ""})).await;
    assert_eq!(failed, format!("failed: broken\nExecution: {}", id()));
    let wrong = refusal(json!({"language": "python", "code": "", "timeout": 1})).await;
    assert!(wrong.starts_with("invalid_request: invalid argument"), "{wrong}");
    assert!(wrong.contains("unknown field `timeout`"), "{wrong}");

    let unknown = post(&server, &[], &call("rm", &json!({}))).await;
    assert_eq!(messages(&unknown)[0]["error"]["code"], -32602);
}

#[tokio::test]
async fn what_is_no_message_is_refused() {
    let server = start_server(|_| hello()).await;
    let code = async |body: &str| {
        let answer = post(&server, &[], body).await;
        (answer.status, answer.code())
    };
    assert_eq!(code("{").await, (400, "invalid_json".to_owned()));
    assert_eq!(code("[]").await, (400, "invalid_request".to_owned()));
    let many =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":[0{}]}}}}"#, ",0".repeat(40_000));
    assert_eq!(code(&many).await, (413, "too_large".to_owned()));
    let plain = server.request("POST", "/mcp", &["Content-Type: text/plain", ACCEPT], RUN.as_bytes()).await;
    assert_eq!(plain.status, 415);
    let answer = server.request("POST", "/mcp", &[JSON], RUN.as_bytes()).await;
    assert_eq!((answer.status, answer.header("content-type")), (406, Some("text/plain; charset=utf-8")));
    let get = server.request("GET", "/mcp", &["Accept: text/event-stream"], b"").await;
    assert_eq!((get.status, get.code().as_str()), (405, "method_not_allowed"));
    let long = format!("Mcp-Session-Id: {}", "x".repeat(200));
    assert_eq!(post(&server, &[&long], RUN).await.code(), "invalid_request");
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let allowed = |config: &mut webd::Config| {
        config.allowed_origins = vec!["https://agent.example".to_owned().try_into().unwrap()];
    };
    let server = server_with(allowed, |_| hello()).await;
    for (origin, status) in [
        ("https://evil.example", 403),
        ("null", 403),
        ("https://agent.example", 200),
        ("http://localhost", 200),
    ] {
        let header = format!("Origin: {origin}");
        assert_eq!(post(&server, &[&header], RUN).await.status, status, "{origin}");
    }
    let delete = ["Origin: https://evil.example", "Mcp-Session-Id: x"];
    assert_eq!(server.request("DELETE", "/mcp", &delete, b"").await.code(), "forbidden_origin");
}

#[tokio::test]
async fn the_protocol_can_be_disabled() {
    let server = server_with(|config| config.mcp.enabled = false, |_| hello()).await;
    assert_eq!(post(&server, &[], RUN).await.status, 404);
}

/// Sends a call, and returns the connection after the program has started.
async fn start_call(server: &mut TestServer, headers: &[&str]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\n{ACCEPT}\r\n{headers}Content-Length: {}\r\n\r\n{RUN}",
        RUN.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let Observation::Request(_) = server.observe().await else { panic!() };
    stream
}

fn endless() -> Vec<Step> {
    vec![Step::Send(started()), Step::WaitForDisconnect]
}

async fn is_cancelled(server: &mut TestServer) -> bool {
    timeout(TIMEOUT, async {
        loop {
            match server.observe().await {
                Observation::Disconnect | Observation::Control(Request::Cancel) => return true,
                _ => {}
            }
        }
    })
    .await
    .unwrap_or(false)
}

#[tokio::test]
async fn a_call_is_cancelled_by_a_notification_by_the_end_of_its_session_and_of_its_connection() {
    let cancelled = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    let session = "Mcp-Session-Id: abc";

    let mut server = start_server(|_| endless()).await;
    let _stream = start_call(&mut server, &[session]).await;
    assert_eq!(post(&server, &["Mcp-Session-Id: other"], cancelled).await.status, 202);
    assert!(timeout(Duration::from_millis(200), server.observe()).await.is_err(), "another session");
    assert_eq!(post(&server, &[session], cancelled).await.status, 202);
    assert!(is_cancelled(&mut server).await);

    let mut server = start_server(|_| endless()).await;
    let _stream = start_call(&mut server, &[session]).await;
    assert_eq!(server.request("DELETE", "/mcp", &[session], b"").await.status, 204);
    assert!(is_cancelled(&mut server).await);

    let mut server = start_server(|_| endless()).await;
    drop(start_call(&mut server, &[]).await);
    assert!(is_cancelled(&mut server).await);
}

#[tokio::test]
async fn keys_and_their_limits_apply() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = KeyFile::default();
    let mut add = |name: &str, limits: KeyLimits| {
        let key = ApiKey::generate().unwrap();
        let entry = KeyEntry { hash: Some(key.hash()), limits, ..KeyEntry::default() };
        file.keys.insert(name.parse().unwrap(), entry);
        format!("Authorization: Bearer {}", key.text())
    };
    let limited = add("limited", KeyLimits { rate: Some("1/h".parse().unwrap()), ..KeyLimits::default() });
    let no_python = add("c", KeyLimits { languages: Some(vec!["c".to_owned()]), ..KeyLimits::default() });
    file.keys.entry("anonymous".parse().unwrap()).or_default().disabled = true;
    let path = directory.path().join("keys.toml");
    std::fs::write(&path, file.text().unwrap()).unwrap();
    let state = directory.path().to_owned();
    let configure = move |config: &mut webd::Config| {
        config.keys.file = path;
        config.state = state;
    };
    let mut server = server_with(configure, |_| hello()).await;

    for headers in [&[][..], &["Authorization: Bearer wrong"]] {
        let answer = post(&server, headers, RUN).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"executor\""));
    }
    let first = result(&post(&server, &[&limited], RUN).await);
    assert_eq!(first["structuredContent"]["status"], "ok");
    let Observation::Request(request) = server.observe().await else { panic!() };
    assert_eq!(request.client.as_deref(), Some("key:limited"));
    let second = result(&post(&server, &[&limited], RUN).await);
    let error = &second["_meta"]["executor/error"];
    assert_eq!((&second["isError"], &error["code"]), (&json!(true), &json!("rate_limited")));
    assert!(error["retry_after"].as_u64().is_some_and(|seconds| (1..=3600).contains(&seconds)), "{error}");

    let refused = result(&post(&server, &[&no_python], RUN).await);
    assert_eq!(refused["_meta"]["executor/error"]["code"], "language_forbidden");
    let languages = result(&post(&server, &[&no_python], &call("list_languages", &json!({}))).await);
    assert_eq!(languages["structuredContent"]["languages"], json!([]));
}

#[tokio::test]
async fn a_client_without_memory_is_told_to_try_again() {
    let configure = |config: &mut webd::Config| config.max_memory = protocol::ByteCount::mib(1);
    let flood = || {
        let mut steps =
            vec![Step::Send(started()), Step::Send(Event::StageStarted(protocol::StageName::Run(0)))];
        steps.extend(
            (0..4).map(|_| Step::Send(support::output(protocol::StreamName::Stdout, &[b'x'; 32 << 10]))),
        );
        steps.push(Step::WaitForDisconnect);
        steps
    };
    let server = server_with(configure, move |_| flood()).await;
    let refused = result(&post(&server, &[], RUN).await);
    assert_eq!(refused["_meta"]["executor/error"]["code"], "overloaded", "{refused}");
}
