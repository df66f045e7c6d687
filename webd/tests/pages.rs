//! All routes except executions: languages, health, metrics and the page; security headers, origins and hosts.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

mod support;

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use protocol::{Status, StreamName};
use support::{
    TIMEOUT, TestServer, hello, mask_limits, one_run, output, send_all, server_with, start_server,
};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use webd::Origin;

#[tokio::test]
async fn languages_are_listed_with_hints_for_editors() {
    let server = start_server(|_| vec![]).await;
    insta::assert_json_snapshot!("languages", mask_limits(server.get("/api/languages").await.json()));
}

#[tokio::test]
async fn health_and_readiness_are_reported() {
    let server = start_server(|_| vec![]).await;
    for path in ["/healthz", "/readyz"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"), "{path}");
    }
}

#[tokio::test]
async fn a_node_behind_a_balancer_has_its_name_in_every_response() {
    let server = server_with(|config| config.node = "node-1".parse().ok(), |_| hello()).await;
    for (path, status) in
        [("/healthz", 200), ("/api/languages", 200), ("/nothing", 404), ("/api/execute", 405)]
    {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.header("x-executor-node")), (status, Some("node-1")), "{path}");
    }
    let server = start_server(|_| hello()).await;
    assert_eq!(server.get("/healthz").await.header("x-executor-node"), None);
}

#[tokio::test]
async fn webd_serves_until_the_drain_time_is_over_but_is_not_ready() {
    let drain = Duration::from_secs(4);
    let mut server = server_with(|config| config.timeouts.drain = drain, |_| hello()).await;
    let stop = std::mem::replace(&mut server.stop, oneshot::channel().0);
    let begin = Instant::now();
    stop.send(()).unwrap();
    while server.get("/readyz").await.status == 200 {
        assert!(begin.elapsed() < drain, "webd is ready although it stops");
    }
    let answer = server.get("/readyz").await;
    assert_eq!((answer.status, answer.text().as_str()), (503, "webd is stopping"));
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(server.get("/api/languages").await.status, 200);
    timeout(TIMEOUT, &mut server.server).await.unwrap().unwrap();
    assert!(begin.elapsed() >= drain);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn all_queries_use_one_connection_to_the_daemon() {
    let server = start_server(|_| vec![]).await;
    for _ in 0..10 {
        for path in ["/readyz", "/metrics", "/api/languages"] {
            assert_eq!(server.get(path).await.status, 200, "{path}");
        }
    }
    let (first, second, third) =
        tokio::join!(server.get("/readyz"), server.get("/api/languages"), server.get("/metrics"));
    assert_eq!([first.status, second.status, third.status], [200; 3]);
    assert_eq!(server.daemon_connections.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn metrics_are_in_the_open_metrics_format() {
    let server = start_server(|_| hello()).await;
    server.execute(r#"{"code":"","language":"c"}"#).await;
    server.execute("{").await;
    server.request("BREW", "/api/execute?secret=1", &[], b"").await;
    server.get("/nowhere").await;
    let answer = server.get("/metrics").await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"));
    for line in [
        r#"webd_http_requests_total{route="/api/execute",method="POST",status="200"} 1"#,
        r#"webd_http_requests_total{route="/api/execute",method="POST",status="400"} 1"#,
        r#"webd_http_requests_total{route="/api/execute",method="other",status="405"} 1"#,
        r#"webd_http_requests_total{route="other",method="GET",status="404"} 1"#,
        r#"webd_http_request_duration_seconds_count{route="/api/execute"} 3"#,
        "webd_http_requests_in_flight 1",
        "executor_up 1",
        "executor_slots 2",
        "executor_max_executions 32",
        "executor_running 1",
        "executor_idle 1",
        "executor_queued 3",
        "executor_queue_capacity 64",
        "executor_free_uids 65000",
        "executor_withheld_uids 4",
        "executor_degraded 1",
        "executor_draining 0",
        "executor_uptime_seconds 61.5",
        r#"executor_daemon_info{version="0.1.0",cgroups="cgroup v2"} 1"#,
        r#"executor_executions_total{language="python",outcome="ok"} 7"#,
        r#"executor_executions_total{language="cpp",outcome="compile_error"} 2"#,
        r#"executor_step_duration_seconds_bucket{le="0.001",step="run"} 0"#,
        r#"executor_step_duration_seconds_bucket{le="0.002",step="run"} 5"#,
        r#"executor_step_duration_seconds_bucket{le="10.0",step="run"} 5"#,
        r#"executor_step_duration_seconds_bucket{le="+Inf",step="run"} 6"#,
        r#"executor_step_duration_seconds_count{step="run"} 6"#,
        r#"executor_step_duration_seconds_sum{step="run"} 20.5"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.lines().any(|line| line.starts_with("webd_connections ")));
    assert!(!text.contains("BREW") && !text.contains("secret") && !text.contains("nowhere"));
}

#[tokio::test]
async fn metrics_may_have_an_address_of_their_own() {
    let mut server = server_with(
        |config| {
            config.metrics_listen = Some("127.0.0.1:0".parse().unwrap());
            config.allowed_hosts = vec!["localhost".to_owned()];
        },
        |_| hello(),
    )
    .await;
    for path in ["/metrics", "/metrics/"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    assert_eq!(server.get("/readyz").await.status, 200);
    server.address = server.metrics_address.unwrap();
    let metrics = server.raw(b"GET /metrics HTTP/1.1\r\nHost: 10.0.0.1\r\nConnection: close\r\n\r\n").await;
    let metrics = support::parse(&metrics);
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.text().contains(r#"webd_http_requests_total{route="/readyz",method="GET",status="200"} 1"#)
    );
    for path in ["/", "/readyz", "/api/execute", "/api/languages"] {
        assert_eq!(
            (server.get(path).await.status, server.get(path).await.code().as_str()),
            (404, "not_found")
        );
    }
}

fn decompressed(answer: &support::Answer) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut plain).unwrap();
    plain
}

#[tokio::test]
async fn responses_are_compressed_for_clients_that_accept_it() {
    const GZIP: &[&str] = &["Content-Type: application/json", "Accept-Encoding: br, gzip"];
    let text = "0123456789abcdef\n".repeat(60_000);
    let events = one_run(&text.as_bytes()[..1], Status::Exited(0));
    let chunks = text.as_bytes()[1..].chunks(65536).map(|chunk| output(StreamName::Stdout, chunk));
    let events: Vec<_> =
        events[..3].iter().cloned().chain(chunks).chain(events[3..].iter().cloned()).collect();
    let server =
        start_server(move |request| if request.language == "c" { hello() } else { send_all(events.clone()) })
            .await;

    let body = br#"{"code":"","language":"python"}"#;
    let answer = server.request("POST", "/api/execute", GZIP, body).await;
    assert_eq!((answer.status, answer.header("content-encoding")), (200, Some("gzip")));
    assert_eq!((answer.header("content-length"), answer.header("vary")), (None, Some("accept-encoding")));
    assert!(answer.body.len() < text.len() / 20, "{}", answer.body.len());
    let json: serde_json::Value = serde_json::from_slice(&decompressed(&answer)).unwrap();
    assert_eq!(json["stdout"], *text);

    let plain =
        server.request("POST", "/api/execute", &[GZIP[0], "Accept-Encoding: gzip;q=0, br"], body).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    assert_eq!(plain.json(), json);

    for path in ["/openapi.json", "/api/languages", "/metrics"] {
        let (plain, compressed) = (server.get(path).await, server.request("GET", path, GZIP, b"").await);
        assert_eq!(compressed.header("content-encoding"), Some("gzip"), "{path}");
        assert!(
            compressed.body.len() < plain.body.len()
                && decompressed(&compressed).starts_with(&plain.body[..50])
        );
    }
    // A short answer, and events, which must not wait for each other.
    let short = server.request("GET", "/healthz", GZIP, b"").await;
    assert_eq!((short.status, short.header("content-encoding")), (200, None));
    for accept in ["Accept: text/event-stream", "Accept: application/x-ndjson"] {
        let live = server.request("POST", "/api/execute", &[GZIP[0], GZIP[1], accept], body).await;
        assert_eq!((live.status, live.header("content-encoding")), (200, None));
        assert!(live.text().contains("finished"));
    }
}

#[tokio::test]
async fn compression_needs_memory_of_the_budget() {
    let small: fn(&mut webd::Config) = |config| config.max_memory = protocol::ByteCount(400_000);
    let server = server_with(small, |_| hello()).await;
    let answer = server.request("GET", "/openapi.json", &["Accept-Encoding: gzip"], b"").await;
    assert_eq!((answer.status, answer.header("content-encoding")), (200, None));
}

#[tokio::test]
async fn without_a_built_page_instructions_are_served() {
    let server = start_server(|_| vec![]).await;
    let answer = server.get("/").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.text().contains("make web"));
}

/// Writes a page like the build does: a document, and files whose names contain a hash of their content.
fn build_page(web: &Path) {
    std::fs::create_dir_all(web.join("assets")).unwrap();
    std::fs::write(web.join("index.html"), "<h1>page</h1>").unwrap();
    std::fs::write(web.join("assets/main-1a2b.js"), "plain").unwrap();
    std::fs::write(web.join("assets/main-1a2b.js.br"), "brotli").unwrap();
    std::fs::write(web.join("assets/main-1a2b.js.gz"), "gzip").unwrap();
}

async fn server_with_page(embedders: &[&str]) -> TestServer {
    let embedders = embedders.iter().map(|origin| Origin::try_from((*origin).to_owned()).unwrap()).collect();
    server_with(
        |config| {
            config.embed_origins = embedders;
            build_page(&config.web);
        },
        |_| vec![],
    )
    .await
}

#[tokio::test]
async fn the_built_page_is_served() {
    let server = server_with_page(&[]).await;
    let page = server.get("/").await;
    assert_eq!((page.status, page.text().as_str()), (200, "<h1>page</h1>"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").unwrap();
    for directive in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.split("; ").any(|one| one == directive), "{policy}");
    }
    assert!(page.header("permissions-policy").unwrap().contains("camera=()"));
    let script = server.get("/assets/main-1a2b.js").await;
    assert_eq!(script.text(), "plain");
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(script.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(server.get("/assets/other.js").await.code(), "not_found");
    assert_eq!(server.get("/assets").await.status, 404);
    assert_eq!(server.request("POST", "/", &[], b"").await.status, 404);
}

#[tokio::test]
async fn a_file_is_served_in_the_best_accepted_encoding() {
    let server = server_with_page(&[]).await;
    for (accepted, encoding, content) in [
        ("gzip, deflate, br", Some("br"), "brotli"),
        ("gzip", Some("gzip"), "gzip"),
        ("br;q=0, gzip", Some("gzip"), "gzip"),
        ("identity", None, "plain"),
    ] {
        let header = format!("Accept-Encoding: {accepted}");
        let script = server.request("GET", "/assets/main-1a2b.js", &[&header], b"").await;
        assert_eq!((script.header("content-encoding"), script.text().as_str()), (encoding, content));
        assert_eq!(script.header("vary"), Some("accept-encoding"));
        assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    }
}

#[tokio::test]
async fn a_cached_file_is_not_sent_again() {
    let server = server_with_page(&[]).await;
    let tag = server.get("/").await.header("etag").unwrap().to_owned();
    for (known, status) in [(tag.clone(), 304), (format!("W/{tag}"), 304), ("\"other\"".to_owned(), 200)] {
        let header = format!("If-None-Match: {known}");
        let page = server.request("GET", "/", &[&header], b"").await;
        assert_eq!((page.status, page.header("etag")), (status, Some(&*tag)), "{known}");
        assert_eq!(page.text().is_empty(), status == 304);
        assert_eq!(page.header("cache-control"), Some("no-cache"));
    }
}

#[tokio::test]
async fn only_configured_origins_may_embed_the_page() {
    let policy = |page: &support::Answer| page.header("content-security-policy").unwrap().to_owned();
    let alone = server_with_page(&[]).await;
    assert!(policy(&alone.get("/?embed=1").await).contains("frame-ancestors 'none'"));
    let server = server_with_page(&["https://blog.example"]).await;
    assert!(policy(&server.get("/?lang=c&embed=1").await).contains("frame-ancestors https://blog.example;"));
    assert!(policy(&server.get("/").await).contains("frame-ancestors 'none'"));
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let server = start_server(|_| hello()).await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/healthz"),
        ("GET", "/nowhere"),
        ("PUT", "/metrics"),
        ("POST", "/api/execute"),
    ] {
        let answer = server.request(method, path, &[], b"").await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{method} {path} {name}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{method} {path}");
    }
}

const PREFLIGHT: [&str; 2] =
    ["Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"];

#[tokio::test]
async fn only_configured_origins_may_use_the_api() {
    let origin = |text: &str| Origin::try_from(text.to_owned()).unwrap();
    let allowed = vec![origin("https://a.example"), origin("http://localhost:5173")];
    let server = server_with(|config| config.allowed_origins = allowed, |_| hello()).await;
    for (from, is_allowed) in
        [("https://a.example", true), ("http://localhost:5173", true), ("https://evil.example", false)]
    {
        let header = format!("Origin: {from}");
        let preflight =
            server.request("OPTIONS", "/api/execute", &[&header, PREFLIGHT[0], PREFLIGHT[1]], b"").await;
        assert_eq!((preflight.status, preflight.body.len()), (204, 0));
        let error = server.request("POST", "/api/execute", &[&header], b"").await;
        assert_eq!(error.status, 415);
        for answer in [preflight, error] {
            assert_eq!(answer.header("access-control-allow-origin"), is_allowed.then_some(from));
        }
    }
}

#[tokio::test]
async fn no_other_origin_may_use_the_api_by_default() {
    let server = start_server(|_| hello()).await;
    let answer =
        server.request("OPTIONS", "/api/execute", &["Origin: https://a.example", PREFLIGHT[0]], b"").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, None));
}

#[tokio::test]
async fn requests_for_other_hosts_are_refused_if_hosts_are_configured() {
    let hosts = vec!["Example.org".to_owned(), "[::1]".to_owned()];
    let server = server_with(|config| config.allowed_hosts = hosts, |_| hello()).await;
    for (host, status) in [
        ("example.org", 200),
        ("EXAMPLE.ORG:3000", 200),
        ("[::1]:3000", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("example.org.evil.example", 421),
        ("", 421),
    ] {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = support::parse(&server.raw(request.as_bytes()).await);
        assert_eq!(answer.status, status, "{host}");
        if status == 421 {
            assert_eq!(answer.code(), "wrong_host");
        }
    }
}

#[tokio::test]
async fn a_trusted_proxy_names_its_client() {
    let trusted = vec!["127.0.0.0/8".to_owned().try_into().unwrap()];
    let mut server = server_with(|config| config.trusted_proxies = trusted, |_| hello()).await;
    let headers = ["Content-Type: application/json", "X-Forwarded-For: 9.9.9.9, 192.0.2.7, 127.0.0.9"];
    server.request("POST", "/api/execute", &headers, br#"{"code":"","language":"c"}"#).await;
    let support::Observation::Request(request) = server.observe().await else { panic!() };
    assert_eq!(request.client.as_deref(), Some("192.0.2.7"));
}
