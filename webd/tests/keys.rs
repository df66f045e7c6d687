//! API keys: authentication, the limits of a key, and the usage that survives a restart.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use keys::{ApiKey, KeyEntry, KeyFile, KeyLimits};
use protocol::{Event, ExecuteRequest, Outcome, Request, StageName, Status};
use serde_json::Value;
use support::{
    Answer, Observation, Step, TIMEOUT, TestServer, hello, id, report, send_all, server_with, started,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use webd::Config;

const HELLO: &str = r#"{"code":"print('hi')","language":"python"}"#;
const JSON: &str = "Content-Type: application/json";

/// A key file in a directory of its own.
struct Keys {
    directory: tempfile::TempDir,
    file: KeyFile,
}

impl Keys {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), file: KeyFile::default() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("keys.toml")
    }

    /// Adds a key with limits and returns its text.
    fn add(&mut self, name: &str, limits: KeyLimits) -> String {
        let key = ApiKey::generate().unwrap();
        let entry = KeyEntry { hash: Some(key.hash()), limits, ..KeyEntry::default() };
        self.file.keys.insert(name.parse().unwrap(), entry);
        key.text().to_owned()
    }

    fn entry(&mut self, name: &str) -> &mut KeyEntry {
        self.file.keys.entry(name.parse().unwrap()).or_default()
    }

    /// Writes the file as `executor key` does: it is replaced.
    fn write(&self) {
        self.write_text(&self.file.text().unwrap());
    }

    fn write_text(&self, text: &str) {
        let new = self.directory.path().join("keys.new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path()).unwrap();
    }

    /// Starts webd with the keys.
    async fn serve(
        &self,
        script: impl Fn(&ExecuteRequest) -> Vec<Step> + Send + Sync + 'static,
    ) -> TestServer {
        self.write();
        let (file, state) = (self.path(), self.directory.path().to_owned());
        server_with(move |config| configure(config, &file, &state), script).await
    }
}

fn configure(config: &mut Config, file: &Path, state: &Path) {
    file.clone_into(&mut config.keys.file);
    state.clone_into(&mut config.state);
}

fn limits(change: impl FnOnce(&mut KeyLimits)) -> KeyLimits {
    let mut limits = KeyLimits::default();
    change(&mut limits);
    limits
}

fn bearer(key: &str) -> String {
    format!("Authorization: Bearer {key}")
}

impl TestServer {
    async fn execute_with(&self, headers: &[&str], body: &str) -> Answer {
        let headers = [&[JSON], headers].concat();
        self.request("POST", "/api/execute", &headers, body.as_bytes()).await
    }

    async fn execute_as(&self, key: &str) -> Answer {
        self.execute_with(&[&bearer(key)], HELLO).await
    }

    /// Waits until webd has read a changed key file.
    async fn until(&self, key: &str, status: u16) {
        let is_changed = async {
            while self.execute_as(key).await.status != status {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(TIMEOUT, is_changed).await.expect("the change is applied");
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(TIMEOUT, self.server).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn only_accepted_keys_are_let_in() {
    let mut keys = Keys::new();
    let key = keys.add("alice", KeyLimits::default());
    let expired = keys.add("bob", KeyLimits::default());
    keys.entry("bob").expires = Some("2020-01-01".parse().unwrap());
    keys.entry("anonymous").disabled = true;
    let server = keys.serve(|_| hello()).await;

    for headers in [
        bearer(&key),
        format!("authorization: bearer {key}"),
        format!("Authorization: {key}"),
        format!("X-API-KEY: {key}"),
        format!("X-Auth-Token: {key}"),
    ] {
        assert_eq!(server.execute_with(&[&headers], HELLO).await.status, 200, "{headers}");
    }
    let unknown = ApiKey::generate().unwrap();
    let huge = format!("X-API-Key: {}", "k".repeat(60_000));
    for (headers, message) in [
        (vec![], "an API key is required"),
        (vec!["Authorization: Basic YWxpY2U6eA=="], "an API key is required"),
        (vec![&*bearer(unknown.text())], "the API key is not valid"),
        (vec![&*bearer(&key[..40])], "the API key is not valid"),
        (vec!["X-API-Key: \u{e9}"], "the API key is not valid"),
        (vec!["X-API-Key:"], "the API key is not valid"),
        (vec![&huge], "the API key is not valid"),
        (vec![&*bearer(&expired)], "the API key has expired"),
        (vec![&*bearer(&key), "X-API-Key: other"], "several different API keys"),
    ] {
        let answer = server.execute_with(&headers, HELLO).await;
        assert_eq!((answer.status, &*answer.code()), (401, "unauthorized"), "{headers:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"executor\""));
        assert!(answer.json()["error"].as_str().unwrap().contains(message), "{}", answer.text());
    }
    let flood = vec!["X-API-Key: k"; 100];
    assert_eq!(server.execute_with(&flood, HELLO).await.status, 431);
    // A key in a URL is no key: URLs are logged.
    let path = format!("/api/execute?access_token={key}&key={key}");
    assert_eq!(server.request("POST", &path, &[JSON], HELLO.as_bytes()).await.status, 401);
    for path in ["/healthz", "/readyz", "/openapi.json", "/api/languages", "/metrics"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn without_a_key_file_headers_are_ignored() {
    let mut server = Keys::new().serve(|_| hello()).await;
    for header in ["Authorization: Bearer of-a-proxy", "X-API-Key: x", "Authorization: Basic eA=="] {
        assert_eq!(server.execute_with(&[header], HELLO).await.status, 200, "{header}");
    }
    let Observation::Request(request) = server.observe().await else { panic!() };
    assert_eq!(request.client.as_deref(), Some("127.0.0.1"));
}

#[tokio::test]
async fn the_key_is_the_client_of_the_daemon() {
    let mut keys = Keys::new();
    let key = keys.add("alice", KeyLimits::default());
    let mut server = keys.serve(|_| hello()).await;
    let answer = server.execute_as(&key).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("ratelimit"), None);
    let Observation::Request(request) = server.observe().await else { panic!() };
    assert_eq!((request.client.as_deref(), request.client_networks.len()), (Some("key:alice"), 0));
    assert_eq!(server.execute_with(&[], HELLO).await.status, 200);
    loop {
        if let Observation::Request(request) = server.observe().await {
            assert_eq!(request.client.as_deref(), Some("127.0.0.1"));
            break;
        }
    }
}

#[tokio::test]
async fn a_key_allows_its_languages_by_any_of_their_names() {
    let mut keys = Keys::new();
    let languages = |names: &[&str]| {
        limits(|limits| limits.languages = Some(names.iter().map(|&name| name.to_owned()).collect()))
    };
    let key = keys.add("alice", languages(&["python"]));
    let server = keys
        .serve(|request| {
            let is_known = ["python", "py", "PY"].contains(&request.language.as_str());
            if is_known {
                hello()
            } else {
                send_all(vec![Event::Rejected(protocol::Rejection::UnknownLanguage)])
            }
        })
        .await;
    let execute = async |language: &str| {
        server.execute_with(&[&bearer(&key)], &HELLO.replace("python", language)).await
    };
    for language in ["python", "py", "PY"] {
        assert_eq!(execute(language).await.status, 200, "{language}");
    }
    let answer = execute("go").await;
    assert_eq!((answer.status, &*answer.code()), (403, "language_forbidden"));
    assert_eq!(answer.json()["available"], serde_json::json!(["python"]));
    assert_eq!(answer.json()["requested"], "go");
    let unknown = execute("cobol").await;
    assert_eq!((unknown.status, &*unknown.code()), (400, "unsupported_language"));
}

#[tokio::test]
async fn a_rate_is_announced_and_enforced() {
    let mut keys = Keys::new();
    let rate = |text: &str| limits(|limits| limits.rate = Some(text.parse().unwrap()));
    let (key, other) = (keys.add("alice", rate("2/h")), keys.add("bob", rate("1/day")));
    let server = keys.serve(|_| hello()).await;
    let first = server.execute_as(&key).await;
    assert_eq!(first.header("ratelimit-policy"), Some("\"executions\";q=2;w=3600"));
    assert_eq!(first.header("ratelimit"), Some("\"executions\";r=1;t=1800"));
    // A request that is not valid does not count.
    assert_eq!(server.execute_with(&[&bearer(&key)], "{}").await.status, 400);
    let second = server.execute_as(&key).await;
    assert_eq!((second.status, second.header("ratelimit")), (200, Some("\"executions\";r=0;t=3600")));
    let third = server.execute_as(&key).await;
    assert_eq!((third.status, &*third.code()), (429, "rate_limited"));
    let retry_after: u64 = third.header("retry-after").unwrap().parse().unwrap();
    assert!((1700..=1800).contains(&retry_after), "{retry_after}");
    assert_eq!(third.json()["retry_after"], retry_after);
    assert_eq!(third.header("ratelimit"), Some("\"executions\";r=0;t=3600"));
    let body = r#"{"type":"start","language":"python","code":"1"}"#;
    let live = server.live("text/event-stream", HELLO).await;
    assert_eq!(live.status, 200, "{body}: others are not affected");
    assert_eq!(server.execute_as(&other).await.status, 200);
    let metrics = server.get("/metrics").await.text();
    assert!(metrics.contains("webd_key_executions_total{key=\"alice\"} 2\n"), "{metrics}");
    assert!(metrics.contains("webd_key_refusals_total{key=\"alice\",reason=\"rate\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn anonymous_clients_have_their_own_rates() {
    let mut keys = Keys::new();
    keys.entry("anonymous").limits.rate = Some("1/h".parse().unwrap());
    keys.write();
    let (file, state) = (keys.path(), keys.directory.path().to_owned());
    let trusted = |config: &mut Config| {
        configure(config, &file, &state);
        config.trusted_proxies = vec!["127.0.0.1".to_owned().try_into().unwrap()];
    };
    let server = server_with(trusted, |_| hello()).await;
    let execute = async |address: &str| {
        server.execute_with(&[&format!("X-Forwarded-For: {address}")], HELLO).await.status
    };
    assert_eq!(execute("192.0.2.1").await, 200);
    assert_eq!(execute("192.0.2.1").await, 429);
    assert_eq!(execute("192.0.2.2").await, 200);
}

#[tokio::test]
async fn executions_at_one_time_are_limited() {
    let mut keys = Keys::new();
    let key = keys.add("alice", limits(|limits| limits.concurrent = std::num::NonZeroU32::new(1)));
    let count = AtomicUsize::new(0);
    let script = move |_: &ExecuteRequest| match count.fetch_add(1, Ordering::Relaxed) {
        0 => cancelled(),
        _ => hello(),
    };
    let mut server = keys.serve(script).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    let head = format!("POST /api/execute HTTP/1.1\r\nHost: x\r\n{JSON}\r\n{}", bearer(&key));
    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{HELLO}", HELLO.len());
    first.write_all(request.as_bytes()).await.unwrap();
    assert!(matches!(server.observe().await, Observation::Request(_)));
    let second = server.execute_as(&key).await;
    assert_eq!((second.status, &*second.code()), (429, "rate_limited"));
    assert_eq!(second.header("retry-after"), Some("1"));
    drop(first);
    server.until(&key, 200).await;
}

#[tokio::test]
async fn a_quota_of_cpu_time_survives_a_restart() {
    let mut keys = Keys::new();
    // Each execution uses 6.789 ms.
    let quota = limits(|limits| limits.cpu_per_day = Some(Duration::from_millis(10)));
    let key = keys.add("alice", quota);
    let server = keys.serve(|_| hello()).await;
    assert_eq!(server.execute_as(&key).await.status, 200);
    assert_eq!(server.execute_as(&key).await.status, 200);
    let refused = server.execute_as(&key).await;
    assert_eq!((refused.status, &*refused.code()), (429, "quota_exceeded"));
    let retry_after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&retry_after));
    let metrics = server.get("/metrics").await.text();
    assert!(metrics.contains("webd_key_cpu_seconds_total{key=\"alice\"} 0.013578\n"), "{metrics}");
    server.stop().await;
    let usage = std::fs::read_to_string(keys.directory.path().join("usage.json")).unwrap();
    assert!(usage.contains(r#""alice":{"executions":2,"cpu_us":13578}"#), "{usage}");

    let server = keys.serve(|_| hello()).await;
    assert_eq!(server.execute_as(&key).await.code(), "quota_exceeded");
    // A larger quota applies without a restart.
    keys.entry("alice").limits.cpu_per_day = Some(Duration::from_secs(1));
    keys.write();
    server.until(&key, 200).await;
    server.stop().await;
    std::fs::write(keys.directory.path().join("usage.json"), "damaged").unwrap();
    let server = keys.serve(|_| hello()).await;
    assert_eq!(server.execute_as(&key).await.status, 200);
}

/// Starts, and reports the end with some CPU time only after the client has sent something: the request to cancel.
fn cancelled() -> Vec<Step> {
    let run = report(StageName::Run(0), Status::Cancelled);
    let start = [started(), Event::StageStarted(StageName::Run(0))];
    let end = [
        Event::StageFinished(run.clone()),
        Event::Finished(Outcome { id: id(), runs: vec![run], ..Outcome::default() }),
    ];
    [send_all(start.to_vec()), vec![Step::Receive], send_all(end.to_vec())].concat()
}

#[tokio::test]
async fn a_client_that_disconnects_still_pays() {
    let mut keys = Keys::new();
    let key = keys.add("alice", KeyLimits::default());
    let mut server = keys.serve(|_| cancelled()).await;
    let cpu = |server: &TestServer, expected: &'static str| {
        let address = server.address;
        async move {
            let wait = async {
                loop {
                    let metrics = metrics(address).await;
                    if metrics.contains(expected) {
                        return;
                    }
                    sleep(Duration::from_millis(20)).await;
                }
            };
            timeout(TIMEOUT, wait).await.unwrap_or_else(|_| panic!("{expected}"));
        }
    };
    for accept in ["application/json", "application/x-ndjson"] {
        let head = format!(
            "POST /api/execute HTTP/1.1\r\nHost: x\r\n{JSON}\r\nAccept: {accept}\r\n{}\r\nContent-Length: {}\r\n\r\n{HELLO}",
            bearer(&key),
            HELLO.len()
        );
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
        assert!(matches!(server.observe().await, Observation::Request(_)));
        sleep(Duration::from_millis(100)).await;
        drop(stream);
        assert_eq!(server.observe().await, Observation::Control(Request::Cancel));
    }
    cpu(&server, "webd_key_cpu_seconds_total{key=\"alice\"} 0.013578\n").await;

    // The same for a session, whose events and messages are in different hands.
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut request = "ws://localhost/api/session".into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    let start = r#"{"type":"start","language":"python","code":"1"}"#;
    socket.send(Message::text(start)).await.unwrap();
    assert!(matches!(server.observe().await, Observation::Request(_)));
    let first = timeout(TIMEOUT, socket.next()).await.unwrap().unwrap().unwrap();
    assert!(first.to_string().contains("started"));
    drop(socket);
    assert_eq!(server.observe().await, Observation::Control(Request::Cancel));
    cpu(&server, "webd_key_cpu_seconds_total{key=\"alice\"} 0.020367\n").await;
}

async fn metrics(address: std::net::SocketAddr) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_changed_file_applies_without_a_restart_and_a_bad_one_does_not() {
    let mut keys = Keys::new();
    let alice = keys.add("alice", KeyLimits::default());
    let server = keys.serve(|_| hello()).await;
    assert_eq!(server.execute_as(&alice).await.status, 200);
    let bob = keys.add("bob", KeyLimits::default());
    keys.file.keys.remove(&"alice".parse().unwrap());
    keys.write();
    server.until(&bob, 200).await;
    assert_eq!(server.execute_as(&alice).await.status, 401);
    keys.write_text("[keys.mallory]\n");
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(server.execute_as(&bob).await.status, 200);
    assert_eq!(server.execute_as(&alice).await.status, 401);
    std::fs::remove_file(keys.path()).unwrap();
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(server.execute_as(&alice).await.status, 401, "without its file, no key comes back");
    assert_eq!(server.execute_as(&bob).await.status, 200);
}

#[tokio::test]
async fn connections_and_sessions_of_a_key_are_bounded_and_take_nothing_from_their_address() {
    let mut keys = Keys::new();
    let (alice, bob) = (keys.add("alice", KeyLimits::default()), keys.add("bob", KeyLimits::default()));
    keys.write();
    let (file, state) = (keys.path(), keys.directory.path().to_owned());
    let configure = move |config: &mut Config| {
        configure(config, &file, &state);
        config.max_connections_per_client = 4.try_into().unwrap();
        config.max_connections_per_key = 6.try_into().unwrap();
        config.max_sessions_per_key = 2.try_into().unwrap();
    };
    let running = || vec![Step::Send(started()), Step::WaitForDisconnect];
    let mut server = server_with(configure, move |_| running()).await;
    let open_session = async |headers: [(&'static str, String); 1]| {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let mut request = "ws://localhost/api/session".into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    };
    let token = server.request("POST", "/api/token", &[&bearer(&alice)], b"").await.json();
    let protocols = format!("executor, token.{}", token["token"].as_str().unwrap());
    // One with a token and one with the key are two of the key.
    let first = open_session([("sec-websocket-protocol", protocols)]).await.unwrap();
    let with_key = |key: &str| [("authorization", format!("Bearer {key}"))];
    let _second = open_session(with_key(&alice)).await.unwrap();
    assert_eq!(open_session(with_key(&alice)).await.err(), Some(429));
    assert!(open_session(with_key(&bob)).await.is_ok());
    drop(first);

    let head = format!(
        "POST /api/execute HTTP/1.1\r\nHost: x\r\n{JSON}\r\n{}\r\nContent-Length: {}\r\n\r\n{HELLO}",
        bearer(&alice),
        HELLO.len()
    );
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
        assert!(matches!(server.observe().await, Observation::Request(_)));
        streams.push(stream);
    }
    let refused = server.execute_as(&alice).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "busy"));
    assert!(refused.text().contains("the API key has 6 open connections"), "{}", refused.text());
    assert_eq!(server.get("/api/languages").await.status, 200, "the address has room");
    assert_eq!(server.request("POST", "/api/token", &[&bearer(&bob)], b"").await.status, 200);
    drop(streams.pop());
    let token = async || server.request("POST", "/api/token", &[&bearer(&alice)], b"").await.status;
    let is_served = async { while token().await != 200 {} };
    timeout(TIMEOUT, is_served).await.expect("a connection that ends makes room");
}

#[tokio::test]
async fn a_page_opens_a_session_with_a_token() {
    let mut keys = Keys::new();
    let key = keys.add("alice", KeyLimits::default());
    keys.entry("anonymous").disabled = true;
    let mut server = keys.serve(|_| hello()).await;
    let open = async |protocols: Option<String>| {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let mut request = "ws://localhost/api/session".into_client_request().unwrap();
        if let Some(protocols) = protocols {
            request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        }
        match client_async(request, stream).await {
            Ok((socket, response)) => Ok((socket, response.headers().get("sec-websocket-protocol").cloned())),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(open(None).await.err(), Some(401));
    assert_eq!(open(Some("executor, token.abc".to_owned())).await.err(), Some(401));
    assert_eq!(server.request("POST", "/api/token", &[], b"").await.status, 401);
    let answer = server.request("POST", "/api/token", &[&bearer(&key)], b"").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let json = answer.json();
    assert_eq!(json["expires_in"], 60);
    let protocols = json["protocols"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let protocols = protocols.collect::<Vec<_>>().join(", ");
    assert_eq!(protocols, format!("executor, token.{}", json["token"].as_str().unwrap()));
    let (mut socket, selected) = open(Some(protocols.clone())).await.unwrap();
    assert_eq!(selected.unwrap(), "executor", "the token is not sent back");
    assert_eq!(open(Some(protocols)).await.err(), Some(401), "a token is valid once");
    socket.send(Message::text(r#"{"type":"start","language":"python","code":"1"}"#)).await.unwrap();
    let Observation::Request(request) = server.observe().await else { panic!() };
    assert_eq!(request.client.as_deref(), Some("key:alice"));
    // A revoked key ends what its sessions may do.
    keys.file.keys.remove(&"alice".parse().unwrap());
    keys.write();
    server.until(&key, 401).await;
    socket.send(Message::text(r#"{"type":"start","language":"python","code":"2"}"#)).await.unwrap();
    loop {
        let message = timeout(TIMEOUT, socket.next()).await.unwrap().unwrap().unwrap();
        let event: Value = serde_json::from_str(message.to_text().unwrap()).unwrap_or_default();
        if event["type"] == "error" {
            assert_eq!(event["code"], "unauthorized");
            break;
        }
    }
}

#[tokio::test]
async fn a_thousand_keys_are_served_at_the_same_time() {
    let mut keys = Keys::new();
    let limited = limits(|limits| limits.rate = Some("2/h".parse().unwrap()));
    let texts: Vec<String> =
        (0..1000).map(|number| keys.add(&format!("key{number}"), limited.clone())).collect();
    let server = keys.serve(|_| hello()).await;
    let answers = futures_util::stream::iter(&texts)
        .map(async |key| {
            let mut statuses = vec![];
            for _ in 0..3 {
                statuses.push(server.execute_as(key).await.status);
            }
            statuses
        })
        .buffer_unordered(32)
        .collect::<Vec<_>>()
        .await;
    assert_eq!(answers.len(), 1000);
    assert!(answers.iter().all(|statuses| *statuses == [200, 200, 429]), "{answers:?}");
    let metrics = server.get("/metrics").await.text();
    assert_eq!(metrics.matches("webd_key_executions_total{key=\"key").count(), 1000);
}

#[tokio::test]
async fn a_request_has_an_id() {
    let server = Keys::new().serve(|_| hello()).await;
    let answer = server.execute_with(&["X-Request-Id: abc-1.2_3"], HELLO).await;
    assert_eq!(answer.header("x-request-id"), Some("abc-1.2_3"));
    let generated = server.execute_with(&["X-Request-Id: a b"], HELLO).await;
    assert_eq!(generated.header("x-request-id").unwrap().len(), 32);
    assert!(server.get("/nowhere").await.header("x-request-id").is_some());
}
