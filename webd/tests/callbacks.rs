//! Callbacks of submissions: signed, delivered over TLS, tried again, kept over a restart, and never sent to private
//! addresses.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

#[cfg(feature = "cluster")]
#[path = "support/cluster.rs"]
mod cluster;
mod support;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keys::{ApiKey, CallbackSecret, KeyEntry, KeyFile, Timestamp};
use serde_json::{Value, json};
use support::{Answer, TIMEOUT, TestServer, hello, server_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use webd::{CallbackHost, Config};

const JSON: &str = "Content-Type: application/json";

/// Whether these tests use the store of many servers: `cluster_callbacks.rs` includes this file as a module.
#[cfg(feature = "cluster")]
const IS_CLUSTER: bool = matches!(module_path!().as_bytes(), [b'c', b'l', ..]);

/// A receiver of callbacks.
struct Receiver {
    address: SocketAddr,
    /// Requests: the head and the body.
    requests: mpsc::UnboundedReceiver<(String, Vec<u8>)>,
}

/// How a receiver speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Tls,
    Plain,
}

fn certificates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates")
}

fn acceptor() -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(certificates().join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates().join("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

impl Receiver {
    /// Starts a receiver that gives each of these responses once, and then the last one. An empty response is none.
    async fn start(protocol: Protocol, responses: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, protocol, responses)
    }

    fn serve(listener: TcpListener, protocol: Protocol, responses: &[&'static str]) -> Self {
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        let responses = responses.to_vec();
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let response = responses[number.min(responses.len() - 1)];
                let sender = sender.clone();
                tokio::spawn(async move {
                    match protocol {
                        Protocol::Plain => answer(stream, response, &sender).await,
                        Protocol::Tls => {
                            if let Ok(stream) = acceptor().accept(stream).await {
                                answer(stream, response, &sender).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/done?a=b", self.address.port())
    }

    async fn next(&mut self) -> (String, Vec<u8>) {
        timeout(TIMEOUT, self.requests.recv()).await.expect("a callback arrives").unwrap()
    }
}

async fn answer(
    mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin,
    response: &str,
    sender: &mpsc::UnboundedSender<(String, Vec<u8>)>,
) {
    let mut received = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        let length = stream.read(&mut buffer).await.unwrap_or(0);
        received.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&received);
        let Some(end) = text.find("\r\n\r\n") else { continue };
        let head = text[..end].to_owned();
        let expected: usize = header(&head, "content-length").unwrap().parse().unwrap();
        if received.len() >= end + 4 + expected {
            let _ = sender.send((head, received[end + 4..].to_vec()));
            break;
        }
    }
    if response.is_empty() {
        return std::future::pending().await;
    }
    let _ = stream.write_all(response.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

const ACCEPTED: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";

/// A directory with keys, which outlives a webd.
struct Directory {
    directory: tempfile::TempDir,
    /// Headers of keys: the first two have a secret.
    keys: [String; 3],
    secrets: [CallbackSecret; 2],
    /// A second secret of the first key, which was replaced and is still in use.
    previous: CallbackSecret,
}

impl Directory {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let secrets = [(); 2].map(|()| CallbackSecret::generate().unwrap());
        let previous = CallbackSecret::generate().unwrap();
        let mut file = KeyFile::default();
        let mut names =
            ["alice", "bob", "carol"].into_iter().zip(secrets.clone().map(Some).into_iter().chain([None]));
        let keys = [(); 3].map(|()| {
            let (name, callback_secret) = names.next().unwrap();
            let key = ApiKey::generate().unwrap();
            let mut entry = KeyEntry { hash: Some(key.hash()), callback_secret, ..KeyEntry::default() };
            if name == "alice" {
                entry.previous_callback_secret = Some(previous.clone());
                entry.previous_callback_secret_expires = Some(Timestamp::now().after(2 * TIMEOUT));
            }
            file.keys.insert(name.parse().unwrap(), entry);
            format!("Authorization: Bearer {}", key.text())
        });
        std::fs::write(directory.path().join("keys.toml"), file.text().unwrap()).unwrap();
        Self { directory, keys, secrets, previous }
    }

    /// Starts webd, whose callbacks may go to these hosts.
    async fn serve(&self, hosts: &[&str]) -> TestServer {
        let path = self.directory.path().to_owned();
        let hosts: Vec<_> =
            hosts.iter().map(|host| CallbackHost::try_from((*host).to_owned()).unwrap()).collect();
        #[cfg(feature = "cluster")]
        let servers = if IS_CLUSTER { vec![cluster::prepare(&path).await] } else { vec![] };
        let configure = |config: &mut Config| {
            config.keys.file = path.join("keys.toml");
            config.state.clone_from(&path);
            #[cfg(feature = "cluster")]
            {
                config.cluster = cluster::configuration(servers);
            }
            config.submissions.enabled = true;
            config.submissions.callback_hosts = hosts;
            config.submissions.callback_ca = certificates().join("authority.pem");
        };
        let server = server_with(configure, |_| hello()).await;
        #[cfg(feature = "cluster")]
        if IS_CLUSTER {
            cluster::start_node(&path, &server.directory.path().join("executord.sock"), 4);
        }
        server
    }
}

impl TestServer {
    async fn submit(&self, key: &str, url: &str) -> Answer {
        let body = json!({"code": "print('hi')", "language": "python", "callback_url": url}).to_string();
        self.request("POST", "/api/submissions", &[JSON, key], body.as_bytes()).await
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(TIMEOUT, self.server).await.unwrap().unwrap();
    }

    /// Waits until no callback waits any more.
    async fn until_metric(&self, line: &str) {
        let has_line = async {
            while !self.get("/metrics").await.text().contains(line) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(TIMEOUT, has_line).await.expect(line);
    }
}

#[tokio::test]
async fn a_callback_is_signed_and_has_the_submission() {
    let directory = Directory::new();
    let mut receiver = Receiver::start(Protocol::Tls, &[ACCEPTED]).await;
    let server = directory.serve(&["localhost"]).await;
    let answer = server.submit(&directory.keys[0], &receiver.url()).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let token = answer.json()["token"].as_str().unwrap().to_owned();

    let (head, body) = receiver.next().await;
    assert!(head.starts_with("POST /done?a=b HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "host"), Some(&*format!("localhost:{}", receiver.address.port())));
    assert_eq!(header(&head, "content-type"), Some("application/json"));
    assert_eq!(header(&head, "webhook-id"), Some(&*token));
    let timestamp: u64 = header(&head, "webhook-timestamp").unwrap().parse().unwrap();
    // Receivers accept a message if one of the signatures is right.
    let sign = |secret: &CallbackSecret| secret.sign(&token, timestamp, &body);
    let signatures = format!("{} {}", sign(&directory.secrets[0]), sign(&directory.previous));
    assert_eq!(header(&head, "webhook-signature"), Some(&*signatures));
    assert!(!signatures.contains(&sign(&directory.secrets[1])));

    let callback: Value = serde_json::from_slice(&body).unwrap();
    let path = format!("/api/submissions/{token}");
    let fetched = server.request("GET", &path, &[&directory.keys[0]], b"").await.json();
    assert_eq!(
        (&callback["type"], &callback["result_omitted"]),
        (&json!("submission.finished"), &json!(false))
    );
    assert_eq!(callback["data"], fetched);
    assert_eq!(fetched["result"]["output"], "hi\n");
    server.until_metric("webd_callbacks_waiting 0\n").await;
    assert!(
        server
            .get("/metrics")
            .await
            .text()
            .contains("webd_callback_attempts_total{result=\"delivered\"} 1\n")
    );
}

#[tokio::test]
async fn a_callback_that_fails_is_sent_again_and_a_redirect_is_not_followed() {
    let directory = Directory::new();
    let mut elsewhere = Receiver::start(Protocol::Plain, &[ACCEPTED]).await;
    let redirect: &'static str = Box::leak(
        format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
            elsewhere.address
        )
        .into_boxed_str(),
    );
    let mut receiver = Receiver::start(Protocol::Tls, &[redirect, ACCEPTED]).await;
    let server = directory.serve(&["localhost", "127.0.0.1"]).await;
    assert_eq!(server.submit(&directory.keys[0], &receiver.url()).await.status, 202);
    let (first, second) = (receiver.next().await, receiver.next().await);
    assert_eq!(header(&first.0, "webhook-id"), header(&second.0, "webhook-id"));
    assert_eq!(first.1, second.1);
    assert!(elsewhere.requests.try_recv().is_err(), "the redirect was not followed");
    server.until_metric("webd_callbacks_waiting 0\n").await;
    let metrics = server.get("/metrics").await.text();
    assert!(metrics.contains("webd_callback_attempts_total{result=\"failed\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_no_second_attempt() {
    let directory = Directory::new();
    let mut receiver =
        Receiver::start(Protocol::Plain, &["HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"]).await;
    let host = format!("localhost:{}", receiver.address.port());
    let server = directory.serve(&[&host]).await;
    let url = receiver.url().replace("https", "http");
    assert_eq!(server.submit(&directory.keys[0], &url).await.status, 202);
    receiver.next().await;
    server.until_metric("webd_callback_attempts_total{result=\"refused\"} 1\n").await;
    server.until_metric("webd_callbacks_waiting 0\n").await;
}

#[tokio::test]
async fn a_callback_survives_a_restart() {
    let directory = Directory::new();
    // Nothing listens yet.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let server = directory.serve(&["localhost"]).await;
    let url = format!("https://localhost:{}/", address.port());
    assert_eq!(server.submit(&directory.keys[1], &url).await.status, 202);
    server.until_metric("webd_callback_attempts_total{result=\"failed\"}").await;
    server.stop().await;
    let listener = TcpListener::bind(address).await.unwrap();
    let mut receiver = Receiver::serve(listener, Protocol::Tls, &[ACCEPTED]);
    let server = directory.serve(&["localhost"]).await;
    receiver.next().await;
    server.until_metric("webd_callbacks_waiting 0\n").await;
}

#[tokio::test]
async fn private_addresses_and_wrong_certificates_get_nothing() {
    let directory = Directory::new();
    let mut receiver = Receiver::start(Protocol::Tls, &[ACCEPTED]).await;
    // The name resolves to a private address.
    let server = directory.serve(&[]).await;
    assert_eq!(server.submit(&directory.keys[0], &receiver.url()).await.status, 202);
    server.until_metric("webd_callback_attempts_total{result=\"failed\"} 1\n").await;
    assert!(receiver.requests.try_recv().is_err());
    // Its certificate is not one of 127.0.0.1.
    let directory = Directory::new();
    let server = directory.serve(&["127.0.0.1"]).await;
    let url = receiver.url().replace("localhost", "127.0.0.1");
    assert_eq!(server.submit(&directory.keys[1], &url).await.status, 202);
    server.until_metric("webd_callback_attempts_total{result=\"failed\"} 1\n").await;
    assert!(receiver.requests.try_recv().is_err(), "nothing was sent before the certificate was checked");
}

#[tokio::test]
async fn a_url_that_is_not_allowed_is_refused_at_once() {
    let directory = Directory::new();
    let server = directory.serve(&["10.0.0.5"]).await;
    let [alice, _, carol] = &directory.keys;
    for (key, url, message) in [
        (alice, "http://example.org/", "`callback_url` must begin with https://"),
        (alice, "https://127.0.0.1/", "`callback_url` must not have an address that is not public"),
        (alice, "https://[::ffff:10.0.0.6]/", "not public"),
        (alice, "https://u:p@example.org/", "`callback_url` must not have a user name"),
        (alice, "example.org", "`callback_url` must be a URL"),
        (carol, "https://example.org/", "`callback_url` needs a secret of the API key"),
        (&"X-No-Key: 1".to_owned(), "https://example.org/", "`callback_url` needs a secret"),
    ] {
        let answer = server.submit(key, url).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("invalid_request")), "{url}");
        assert!(answer.text().contains(message), "{url}: {}", answer.text());
    }
    assert_eq!(server.submit(alice, "http://10.0.0.5/").await.status, 202);
    // Only submissions have callbacks, and each of a batch has its own.
    let body = json!({"code": "", "language": "python", "callback_url": "https://example.org"}).to_string();
    let answer = server.request("POST", "/api/execute", &[JSON, alice], body.as_bytes()).await;
    assert!(
        answer.status == 400 && answer.text().contains("unknown field `callback_url`"),
        "{}",
        answer.text()
    );
    let headers = [JSON, alice, "Idempotency-Key: 1"];
    assert_eq!(server.request("POST", "/api/execute", &headers, body.as_bytes()).await.status, 400);
    let batch = format!("{{\"submissions\":[{body},{}]}}", body.replace("https", "http"));
    let answer = server.request("POST", "/api/submissions", &[JSON, alice], batch.as_bytes()).await;
    assert!(answer.text().contains("submissions[1]: `callback_url` must begin with"), "{}", answer.text());
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_delays_no_other_owner() {
    let directory = Directory::new();
    let mut silent = Receiver::start(Protocol::Plain, &[""]).await;
    let mut receiver = Receiver::start(Protocol::Plain, &[BROKEN, ACCEPTED]).await;
    let server = directory.serve(&["localhost"]).await;
    let plain = |receiver: &Receiver| receiver.url().replace("https", "http");
    for _ in 0..20 {
        assert_eq!(server.submit(&directory.keys[0], &plain(&silent)).await.status, 202);
    }
    for _ in 0..4 {
        silent.next().await;
    }
    assert_eq!(server.submit(&directory.keys[1], &plain(&receiver)).await.status, 202);
    receiver.next().await;
    receiver.next().await;
    assert!(silent.requests.try_recv().is_err(), "one owner has at most four deliveries at one time");
    server.until_metric("webd_callbacks_waiting 20\n").await;
}
