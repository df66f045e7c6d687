//! nginx and Caddy in front of webd, with the configuration files that are shipped as examples.

#![forbid(unsafe_code)]

use std::net::Ipv4Addr;
use std::time::Duration;

use e2e::daemons::{Daemons, Settings};
use e2e::proxy::{HOST, Kind, Proxy, TlsClient, TlsStream};
use e2e::session::{Session, SessionError};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);
/// Requests that `deploy/nginx.conf` admits at once, in addition to the first.
const BURST: u32 = 20;
const ALICE: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);
const BOB: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);

async fn start(kind: Kind, webd: &str) -> (Daemons, Proxy) {
    let webd = format!("trusted_proxies = ['127.0.0.1']\n{webd}");
    let daemons =
        Daemons::start(&Settings { webd, ..Settings::default() }).await.expect("both daemons start");
    let proxy = Proxy::start(kind, daemons.address()).expect("the proxy starts");
    (daemons, proxy)
}

/// Sends a request whose connection is closed after the response. `accept` is a media type.
async fn send(proxy: &Proxy, from: Ipv4Addr, head: &str, accept: &str, body: &str) -> TlsStream {
    let mut tls = proxy.connect(from).expect("openssl is installed");
    let request = format!(
        "{head} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nAccept: {accept}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    tls.stream.write_all(request.as_bytes()).await.expect("the request is sent");
    tls
}

async fn read_to_end(mut tls: TlsStream) -> String {
    let mut response = Vec::new();
    timeout(DEADLINE, tls.stream.read_to_end(&mut response)).await.expect("a response").expect("a response");
    String::from_utf8(response).expect("text")
}

/// Reads until `text` has arrived.
async fn read_until(tls: &mut TlsStream, text: &str) -> String {
    let mut response = String::new();
    let mut buffer = [0; 4096];
    while !response.contains(text) {
        let count = timeout(DEADLINE, tls.stream.read(&mut buffer)).await.expect("more").expect("more");
        assert_ne!(count, 0, "no {text:?} in {response}");
        response.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    response
}

async fn get(proxy: &Proxy, path: &str) -> String {
    read_to_end(send(proxy, ALICE, &format!("GET {path}"), "*/*", "").await).await
}

async fn post(proxy: &Proxy, from: Ipv4Addr, body: &Value) -> String {
    let head = "POST /api/execute";
    read_to_end(send(proxy, from, head, "application/json", &body.to_string()).await).await
}

/// A session through the proxy, and the process that carries it.
type ProxiedSession = (Session<UnixStream>, TlsClient);

async fn open(proxy: &Proxy, from: Ipv4Addr) -> Result<ProxiedSession, SessionError> {
    let TlsStream { stream, client } = proxy.connect(from).expect("openssl is installed");
    let session = timeout(DEADLINE, Session::over(stream, HOST)).await.expect("a response")?;
    Ok((session, client))
}

async fn pages_and_answers_pass(kind: Kind) {
    let (_daemons, proxy) = start(kind, "").await;
    let answer = post(&proxy, ALICE, &json!({"language": "python", "code": "print(6 * 7)"})).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(r#""output":"42\n""#), "{answer}");
    let refused = post(&proxy, ALICE, &json!({"language": "klingon", "code": ""})).await;
    assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains("Unsupported language"), "{refused}");
    let metrics = get(&proxy, "/metrics").await;
    assert!(metrics.starts_with("HTTP/1.1 404 ") && !metrics.contains("executor_"), "{metrics}");
}

#[tokio::test]
async fn nginx_passes_pages_and_answers() {
    pages_and_answers_pass(Kind::Nginx).await;
}

#[tokio::test]
async fn caddy_passes_pages_and_answers() {
    pages_and_answers_pass(Kind::Caddy).await;
}

/// The program runs while the client already has its first output: the daemon says so.
async fn live_output_passes(kind: Kind) {
    let (daemons, proxy) = start(kind, "").await;
    let code = "import time; print('first', flush=True); time.sleep(5); print('last')";
    let body = json!({"language": "python", "code": code}).to_string();
    let mut tls = send(&proxy, ALICE, "POST /api/execute", "text/event-stream", &body).await;
    let begin = read_until(&mut tls, "first").await;
    assert!(begin.starts_with("HTTP/1.1 200 ") && begin.contains("text/event-stream"), "{begin}");
    assert_eq!(daemons.status().await.running, 1, "the output was held back until the program had ended");
    let end = read_to_end(tls).await;
    assert!(end.contains("last") && end.contains("finished"), "{end}");
}

#[tokio::test]
async fn nginx_passes_live_output() {
    live_output_passes(Kind::Nginx).await;
}

#[tokio::test]
async fn caddy_passes_live_output() {
    live_output_passes(Kind::Caddy).await;
}

/// Each client has its own sessions, and cannot gain more by naming another address.
async fn sessions_pass_and_clients_have_their_addresses(kind: Kind) {
    let (_daemons, proxy) = start(kind, "max_sessions_per_client = 1").await;
    let (mut session, client) = open(&proxy, ALICE).await.expect("the session opens");
    let code = "print('name?', flush=True)\nprint('hello', input())";
    session.send(&json!({"type": "start", "language": "python", "code": code})).await.expect("sent");
    session.until_written("name?").await.expect("the prompt");
    session.type_in("Ada\n").await.expect("sent");
    session.until_written("hello Ada").await.expect("the answer");
    let end = session.end().await.expect("the end");
    assert_eq!(end["status"], "ok", "{end}");

    assert!(open(&proxy, ALICE).await.is_err(), "a client has a second session");
    let other = open(&proxy, BOB).await;
    assert!(other.is_ok(), "another client has no session: {:?}", other.err());
    let handshake = "GET /api/session HTTP/1.1\r\nHost: code.example.org\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        X-Forwarded-For: 192.0.2.1\r\n\r\n";
    let mut tls = proxy.connect(ALICE).expect("openssl is installed");
    tls.stream.write_all(handshake.as_bytes()).await.expect("the request is sent");
    let answer = read_until(&mut tls, "\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "a client chose its own address: {answer}");
    drop((session, client));
}

#[tokio::test]
async fn nginx_passes_sessions_and_addresses() {
    sessions_pass_and_clients_have_their_addresses(Kind::Nginx).await;
}

#[tokio::test]
async fn caddy_passes_sessions_and_addresses() {
    sessions_pass_and_clients_have_their_addresses(Kind::Caddy).await;
}

#[tokio::test]
async fn nginx_limits_the_rate_of_each_client() {
    let (_daemons, proxy) = start(Kind::NginxWithLowRate, "").await;
    let body = json!({"language": "klingon", "code": ""});
    // The burst passes, and the rate of the test admits no more.
    for number in 0..=BURST {
        let answer = post(&proxy, ALICE, &body).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "request {number}: {answer}");
    }
    let limited = post(&proxy, ALICE, &body).await;
    assert!(limited.starts_with("HTTP/1.1 429 "), "{limited}");
    assert!(limited.contains("\r\nRetry-After: 1\r\n"), "{limited}");
    assert!(limited.contains("\r\nContent-Type: application/json\r\n"), "{limited}");
    let (_, json) = limited.split_once("\r\n\r\n").expect("a body");
    let json: Value = serde_json::from_str(json).expect("JSON");
    assert_eq!((&json["code"], &json["retry_after"]), (&json!("rate_limited"), &json!(1)));
    let other = post(&proxy, BOB, &body).await;
    assert!(other.starts_with("HTTP/1.1 400 "), "another client was limited too: {other}");
    let page = get(&proxy, "/healthz").await;
    assert!(page.starts_with("HTTP/1.1 200 "), "a request that runs nothing was limited: {page}");
}
