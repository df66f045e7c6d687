//! Submissions: accepted, run, fetched, cancelled, bounded, and not lost.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

#[cfg(feature = "cluster")]
#[path = "support/cluster.rs"]
mod cluster;
mod support;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keys::{ApiKey, KeyEntry, KeyFile, KeyLimits};
use protocol::{Event, ExecuteRequest, Rejection};
use serde_json::{Value, json};
use support::{Answer, Observation, Step, TIMEOUT, TestServer, hello, send_all, server_with, started};
use tokio::time::timeout;
use webd::Config;

const HELLO: &str = r#"{"code":"print('hi')","language":"python"}"#;
const JSON: &str = "Content-Type: application/json";
const UUID: &str = "9b2b3c1e-63a5-4e0c-8e4e-0123456789ab";

/// Whether these tests use the store of many servers: `cluster_submissions.rs` includes this file as a module.
const IS_CLUSTER: bool = matches!(module_path!().as_bytes(), [b'c', b'l', ..]);

/// Starts webd with submissions, whose state is in `directory`, and what runs them.
async fn serve(
    directory: &Path,
    change: impl FnOnce(&mut Config),
    script: impl Fn(&ExecuteRequest) -> Vec<Step> + Send + Sync + 'static,
) -> TestServer {
    #[cfg(feature = "cluster")]
    let servers = if IS_CLUSTER { vec![cluster::prepare(directory).await] } else { vec![] };
    let mut concurrent = 0;
    let configure = |config: &mut Config| {
        directory.clone_into(&mut config.state);
        config.keys.file = directory.join("keys.toml");
        config.submissions.enabled = true;
        #[cfg(feature = "cluster")]
        {
            config.cluster = cluster::configuration(servers);
        }
        change(config);
        concurrent = config.submissions.concurrent.get();
    };
    let server = server_with(configure, script).await;
    #[cfg(not(feature = "cluster"))]
    let _ = concurrent;
    #[cfg(feature = "cluster")]
    if IS_CLUSTER {
        cluster::start_node(directory, &server.directory.path().join("executord.sock"), concurrent);
    }
    server
}

/// Writes a key file and returns the header of each key.
fn write_keys<const N: usize>(directory: &Path, names: [(&str, KeyLimits); N]) -> [String; N] {
    let mut file = KeyFile::default();
    let headers = names.map(|(name, limits)| {
        let key = ApiKey::generate().unwrap();
        let entry = KeyEntry { hash: Some(key.hash()), limits, ..KeyEntry::default() };
        file.keys.insert(name.parse().unwrap(), entry);
        format!("Authorization: Bearer {}", key.text())
    });
    std::fs::write(directory.join("keys.toml"), file.text().unwrap()).unwrap();
    headers
}

impl TestServer {
    async fn submit(&self, headers: &[&str], body: &str) -> Answer {
        self.request("POST", "/api/submissions", &[&[JSON], headers].concat(), body.as_bytes()).await
    }

    async fn put(&self, headers: &[&str], id: &str, body: &str) -> Answer {
        let path = format!("/api/submissions/{id}");
        self.request("PUT", &path, &[&[JSON], headers].concat(), body.as_bytes()).await
    }

    async fn fetch(&self, headers: &[&str], token: &str, query: &str) -> Answer {
        self.request("GET", &format!("/api/submissions/{token}{query}"), headers, b"").await
    }

    async fn result(&self, headers: &[&str], token: &str) -> Value {
        let answer = self.fetch(headers, token, "?wait=20").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    async fn delete(&self, headers: &[&str], token: &str) -> Answer {
        self.request("DELETE", &format!("/api/submissions/{token}"), headers, b"").await
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(TIMEOUT, self.server).await.unwrap().unwrap();
    }
}

fn token(answer: &Answer) -> String {
    answer.json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_same_submission_several_times_at_once_counts_once() {
    let directory = tempfile::tempdir().unwrap();
    let rate = KeyLimits { rate: Some("2/h".parse().unwrap()), ..KeyLimits::default() };
    let [key] = write_keys(directory.path(), [("alice", rate)]);
    let server = serve(directory.path(), |_| {}, |_| hello()).await;
    let headers = [key.as_str()];
    let answers = futures_util::future::join_all((0..16).map(|_| server.put(&headers, UUID, HELLO))).await;
    for answer in &answers {
        assert!([200, 202].contains(&answer.status), "{}", answer.text());
    }
    let other = UUID.replace('9', "8");
    assert_eq!(server.put(&headers, &other, HELLO).await.status, 202, "one of two is left");
    assert_eq!(server.put(&headers, &other.replace('8', "7"), HELLO).await.status, 429);
}

#[tokio::test]
async fn submissions_are_off_by_default() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path(), |config| config.submissions.enabled = false, |_| hello()).await;
    assert_eq!(server.submit(&[], HELLO).await.status, 404);
    assert_eq!(server.put(&[], UUID, HELLO).await.status, 404);
    assert_eq!(server.fetch(&[], UUID, "").await.status, 404);
    assert_eq!(server.delete(&[], UUID).await.status, 404);
    assert!(!directory.path().join("submissions.sqlite").exists());
    let privacy = server.get("/openapi.json").await.json()["info"]["x-privacy"].as_str().unwrap().to_owned();
    assert!(privacy.contains("They are not written to a disk"), "{privacy}");
}

#[tokio::test]
async fn a_submission_has_the_answer_of_an_execution() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve(directory.path(), |_| {}, |_| hello()).await;
    let answer = server.submit(&[], HELLO).await;
    assert_eq!((answer.status, &answer.json()["status"]), (202, &json!("queued")));
    let token = token(&answer);
    assert_eq!(answer.header("location"), Some(&*format!("/api/submissions/{token}")));
    let result = server.result(&[], &token).await;
    assert_eq!((&result["status"], &result["result"]["output"]), (&json!("finished"), &json!("hi\n")));
    assert!(result["finished_ms"].as_u64() >= result["created_ms"].as_u64());
    assert_eq!(result["result"], server.execute(HELLO).await.json());
    let Observation::Request(request) = server.observe().await else { panic!() };
    assert_eq!(request.client.as_deref(), Some("127.0.0.1"));
    let events = server.fetch(&["Accept: text/event-stream"], &token, "").await;
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    assert!(events.text().starts_with("event: submission\ndata: {\"token\":"), "{}", events.text());
    let privacy = server.get("/openapi.json").await.json()["info"]["x-privacy"].as_str().unwrap().to_owned();
    assert!(privacy.contains("are stored on the disk"), "{privacy}");
    // Deleting what has ended forgets it.
    assert_eq!(server.delete(&[], &token).await.json()["status"], "finished");
    assert_eq!(server.fetch(&[], &token, "").await.status, 404);
}

#[tokio::test]
async fn mistakes_are_reported_before_anything_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path(), |_| {}, |_| hello()).await;
    for (body, status, expected) in [
        ("{", 400, "not valid JSON"),
        ("{}", 400, "`language` is required"),
        (r#"{"language":"cobol","code":""}"#, 400, "Unsupported language"),
        (r#"{"submissions":[]}"#, 400, "1 to 100"),
        (
            r#"{"submissions":[{"language":"python","code":"1"},{"language":"python"}]}"#,
            400,
            "submissions[1]: ",
        ),
        (r#"{"submissions":[{"language":"python","code":"1"}],"x":1}"#, 400, "unknown field"),
    ] {
        let answer = server.submit(&[], body).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.json()["error"].as_str().unwrap().contains(expected), "{}", answer.text());
    }
    assert_eq!(server.request("POST", "/api/submissions", &[], HELLO.as_bytes()).await.status, 415);
    assert_eq!(server.put(&[], "no-uuid", HELLO).await.status, 400);
    for query in ["?wait=61", "?wait=-1", "?wait=x"] {
        assert_eq!(server.fetch(&[], UUID, query).await.status, 400, "{query}");
    }
    for token in ["x", UUID, "..%2f..", "%00"] {
        assert_eq!(server.fetch(&[], token, "").await.status, 404, "{token}");
        assert_eq!(server.delete(&[], token).await.status, 404, "{token}");
    }
    assert_eq!(server.get("/api/submissions").await.status, 401, "anonymous submissions are not listed");
}

#[tokio::test]
async fn putting_a_submission_again_has_no_effect() {
    let directory = tempfile::tempdir().unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    let script = move |_: &ExecuteRequest| {
        counter.fetch_add(1, Ordering::SeqCst);
        hello()
    };
    let rate = KeyLimits { rate: Some("2/day".parse().unwrap()), ..KeyLimits::default() };
    let [alice, bob] = write_keys(directory.path(), [("alice", rate.clone()), ("bob", rate)]);
    let server = serve(directory.path(), |_| {}, script).await;
    assert_eq!(server.put(&[&alice], UUID, HELLO).await.status, 202);
    let result = server.result(&[&alice], UUID).await;
    for _ in 0..3 {
        let again = server.put(&[&alice], UUID, HELLO).await;
        assert_eq!((again.status, &again.json()["status"]), (200, &json!("finished")));
    }
    assert_eq!(server.result(&[&alice], UUID).await, result);
    let other = server.put(&[&alice], UUID, &HELLO.replace("hi", "ho")).await;
    assert_eq!((other.status, &*other.code()), (409, "conflict"));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    // The same id of another key is another submission, and only its own key sees it.
    assert_eq!(server.fetch(&[&bob], UUID, "").await.status, 404);
    assert_eq!(server.delete(&[&bob], UUID).await.status, 404);
    assert_eq!(server.put(&[&bob], UUID, HELLO).await.status, 202);
    assert_eq!(server.fetch(&[], UUID, "").await.status, 404);
}

#[tokio::test]
async fn keys_limit_and_list_their_submissions() {
    let directory = tempfile::tempdir().unwrap();
    let rate = KeyLimits { rate: Some("3/day".parse().unwrap()), ..KeyLimits::default() };
    let languages = KeyLimits { languages: Some(vec!["go".to_owned()]), ..KeyLimits::default() };
    let [alice, bob] = write_keys(directory.path(), [("alice", rate), ("bob", languages)]);
    let mut server = serve(directory.path(), |_| {}, |_| hello()).await;
    let batch = format!(r#"{{"submissions":[{HELLO},{HELLO}]}}"#);
    let answer = server.submit(&[&alice], &batch).await;
    assert_eq!((answer.status, answer.header("ratelimit")), (202, Some("\"executions\";r=1;t=57600")));
    let tokens: Vec<_> = answer.json()["submissions"].as_array().unwrap().clone();
    assert_eq!(tokens.len(), 2);
    for token in &tokens {
        let token = token["token"].as_str().unwrap();
        assert_eq!(server.result(&[&alice], token).await["status"], "finished");
    }
    let Observation::Request(request) = server.observe().await else { panic!() };
    assert_eq!((request.client.as_deref(), request.client_networks.len()), (Some("key:alice"), 0));
    let refused = server.submit(&[&alice], &batch).await;
    assert_eq!((refused.status, &*refused.code()), (429, "rate_limited"));
    assert_eq!(server.submit(&[&alice], HELLO).await.status, 202);
    let forbidden = server.submit(&[&bob], HELLO).await;
    assert_eq!((forbidden.status, &*forbidden.code()), (403, "language_forbidden"));
    let list = async |query: &str| {
        server.request("GET", &format!("/api/submissions{query}"), &[&alice], b"").await.json()
    };
    let all = list("").await["submissions"].as_array().unwrap().clone();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|submission| submission.get("result").is_none()));
    let newest = all[0]["token"].as_str().unwrap();
    assert_eq!(list(&format!("?before={newest}&limit=1")).await["submissions"][0]["token"], all[1]["token"]);
    assert_eq!(list("?limit=0").await["code"], "invalid_request");
    assert_eq!(list("?before=x").await["code"], "invalid_request");
    let of_bob = server.request("GET", "/api/submissions", &[&bob], b"").await.json();
    assert_eq!(of_bob["submissions"], json!([]));
}

#[tokio::test]
async fn a_submission_is_cancelled_while_it_waits_and_while_it_runs() {
    let directory = tempfile::tempdir().unwrap();
    let one = |config: &mut Config| config.submissions.concurrent = NonZeroUsize::MIN;
    let script = |_: &ExecuteRequest| vec![Step::Send(started()), Step::WaitForDisconnect];
    let mut server = serve(directory.path(), one, script).await;
    let running = token(&server.submit(&[], HELLO).await);
    assert!(matches!(server.observe().await, Observation::Request(_)));
    let waiting = token(&server.submit(&[], HELLO).await);
    assert_eq!(server.fetch(&[], &running, "").await.json()["status"], "running");
    assert_eq!(server.fetch(&[], &waiting, "?wait=0").await.json()["status"], "queued");
    let waits = server.result(&[], &waiting);
    let cancels = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.delete(&[], &waiting).await.json()
    };
    let (waited, cancelled) = tokio::join!(waits, cancels);
    assert_eq!((&waited["status"], &cancelled["status"]), (&json!("cancelled"), &json!("cancelled")));
    assert_eq!(server.delete(&[], &running).await.json()["status"], "cancelled");
    assert_eq!(server.observe().await, Observation::Disconnect, "the program is killed");
    assert_eq!(server.fetch(&[], &running, "").await.json()["status"], "cancelled");
}

#[tokio::test]
async fn cancelling_a_submission_does_not_affect_one_with_the_same_id() {
    let directory = tempfile::tempdir().unwrap();
    let none = KeyLimits::default;
    let [alice, bob] = write_keys(directory.path(), [("alice", none()), ("bob", none())]);
    // One program ends when its client sends something: the request to cancel.
    let script = |request: &ExecuteRequest| {
        let waits = request.files[0].content.starts_with(b"wait");
        let until = if waits { vec![Step::Receive] } else { vec![Step::Wait(Duration::from_millis(300))] };
        [vec![Step::Send(started())], until, hello()[1..].to_vec()].concat()
    };
    let mut server = serve(directory.path(), |_| {}, script).await;
    for (key, program) in [(&alice, HELLO.replace("print('hi')", "wait")), (&bob, HELLO.to_owned())] {
        assert_eq!(server.put(&[key], UUID, &program).await.status, 202);
        assert!(matches!(server.observe().await, Observation::Request(_)));
    }
    assert_eq!(server.delete(&[&alice], UUID).await.json()["status"], "cancelled");
    assert_eq!(server.result(&[&bob], UUID).await["status"], "finished");
}

#[tokio::test]
async fn a_busy_or_missing_daemon_delays_and_an_error_is_a_result() {
    let directory = tempfile::tempdir().unwrap();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&attempts);
    let script = move |_: &ExecuteRequest| match counter.fetch_add(1, Ordering::SeqCst) {
        0 => send_all(vec![Event::Rejected(Rejection::Busy { retry_after: Duration::from_millis(10) })]),
        1 => vec![Step::Disconnect],
        2 => hello(),
        _ => send_all(vec![started(), Event::Failed { id: support::id(), message: "no".to_owned() }]),
    };
    let server = serve(directory.path(), |_| {}, script).await;
    let first = token(&server.submit(&[], HELLO).await);
    assert_eq!(server.result(&[], &first).await["status"], "finished");
    assert_eq!(attempts.load(Ordering::SeqCst), 3);
    let second = token(&server.submit(&[], HELLO).await);
    let result = server.result(&[], &second).await;
    assert_eq!((&result["status"], &result["error"]["code"]), (&json!("failed"), &json!("failed")));
    assert!(result.get("result").is_none());
}

#[tokio::test]
async fn what_was_accepted_runs_after_a_restart_and_what_has_a_result_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let [alice] = write_keys(directory.path(), [("alice", KeyLimits::default())]);
    let one = |config: &mut Config| config.submissions.concurrent = NonZeroUsize::MIN;
    let first_only = |request: &ExecuteRequest| {
        let is_first = request.files[0].content.starts_with(b"1");
        if is_first { hello() } else { vec![Step::Send(started()), Step::WaitForDisconnect] }
    };
    let mut server = serve(directory.path(), one, first_only).await;
    let body = |code: &str| format!(r#"{{"language":"python","code":"{code}"}}"#);
    let mut tokens = vec![];
    for code in ["1", "2", "3"] {
        tokens.push(token(&server.submit(&[&alice], &body(code)).await));
    }
    assert_eq!(server.result(&[&alice], &tokens[0]).await["status"], "finished");
    assert!(matches!(server.observe().await, Observation::Request(_)));
    assert!(matches!(server.observe().await, Observation::Request(_)), "the second runs");
    server.stop().await;
    let ran = Arc::new(std::sync::Mutex::new(vec![]));
    let recorder = Arc::clone(&ran);
    let script = move |request: &ExecuteRequest| {
        recorder.lock().unwrap().push(request.files[0].content.clone());
        hello()
    };
    let server = serve(directory.path(), one, script).await;
    for token in &tokens {
        assert_eq!(server.result(&[&alice], token).await["result"]["output"], "hi\n");
    }
    assert_eq!(*ran.lock().unwrap(), ["2", "3"]);
}

#[tokio::test]
async fn the_store_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let few = |config: &mut Config| config.submissions.max_count = std::num::NonZeroU64::new(8).unwrap();
    let script = |_: &ExecuteRequest| vec![Step::Send(started()), Step::WaitForDisconnect];
    let server = serve(directory.path(), few, script).await;
    if IS_CLUSTER {
        let batch = format!(r#"{{"submissions":[{}]}}"#, [HELLO; 100].join(","));
        for _ in 0..10 {
            assert_eq!(server.submit(&[], &batch).await.status, 202);
        }
    } else {
        for _ in 0..2 {
            assert_eq!(server.submit(&[], HELLO).await.status, 202);
        }
    }
    let full = server.submit(&[], HELLO).await;
    assert_eq!((full.status, &*full.code(), full.header("retry-after")), (429, "busy", Some("60")));
}

#[tokio::test]
async fn a_repeated_request_with_an_idempotency_key_runs_once() {
    let directory = tempfile::tempdir().unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    let script = move |request: &ExecuteRequest| {
        counter.fetch_add(1, Ordering::SeqCst);
        let fails = request.files[0].content.starts_with(b"fail");
        let end =
            if fails { vec![Event::Failed { id: support::id(), message: "no".to_owned() }] } else { vec![] };
        [
            vec![Step::Wait(Duration::from_millis(200)), Step::Send(started())],
            send_all(end),
            hello()[1..].to_vec(),
        ]
        .concat()
    };
    let server = serve(directory.path(), |_| {}, script).await;
    let execute = async |key: &str, body: &str| {
        let headers = [JSON, &format!("Idempotency-Key: {key}")];
        server.request("POST", "/api/execute", &headers, body.as_bytes()).await
    };
    let (first, second) = tokio::join!(execute("k1", HELLO), execute("k1", HELLO));
    assert_eq!((first.status, first.json()), (200, second.json()));
    assert_eq!(execute("k1", HELLO).await.json(), first.json());
    assert_eq!(first.json()["output"], "hi\n");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    let conflict = execute("k1", &HELLO.replace("hi", "ho")).await;
    assert_eq!((conflict.status, &*conflict.code()), (409, "conflict"));
    assert_eq!(execute("k2", HELLO).await.status, 200);
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    for _ in 0..2 {
        let failed = execute("k3", &HELLO.replace("print('hi')", "fail")).await;
        assert_eq!((failed.status, &*failed.code()), (500, "failed"));
    }
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    assert_eq!(execute(&"k".repeat(256), HELLO).await.code(), "invalid_request");
    // Anybody can compute the id of an anonymous one, so it is not a token.
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&keys::sha256(b"idempotency key of 127.0.0.1: k1")[..16]);
    let id = uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string();
    let answers = [server.fetch(&[], &id, "").await, server.delete(&[], &id).await];
    assert_eq!(answers.map(|answer| answer.status), [404, 404]);
    let taken = server.put(&[], &id, HELLO).await;
    assert_eq!((taken.status, &*taken.code()), (400, "invalid_request"));
    assert_eq!(execute("k1", HELLO).await.json(), first.json());
}
