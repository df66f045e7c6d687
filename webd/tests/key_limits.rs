//! The limits of an API key in every API that runs programs.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

mod support;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keys::{ApiKey, KeyEntry, KeyFile, KeyLimits};
use protocol::{Event, ExecuteRequest, Rejection};
use serde_json::{Value, json};
use support::{Answer, Observation, Step, TIMEOUT, TestServer, hello, send_all, server_with};
use tokio::time::{sleep, timeout};

/// Runs of one program: path, body, and the status of an answer to a request without a key.
const RUNS: [(&str, &str, u16); 6] = [
    ("/api/execute", r#"{"language":"python","code":"1"}"#, 401),
    ("/api/format", r#"{"language":"python","code":"1"}"#, 401),
    ("/api/v2/execute", r#"{"language":"python","version":"*","files":[{"content":"1"}]}"#, 401),
    ("/judge0/submissions?wait=true", r#"{"language_id":71,"source_code":"1"}"#, 401),
    ("/jobe/index.php/restapi/runs", r#"{"run_spec":{"language_id":"python3","sourcecode":"1"}}"#, 403),
    (
        "/mcp",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_code","arguments":{"language":"python","code":"1"}}}"#,
        401,
    ),
];
const JUDGE0: &str = RUNS[3].1;
const JOBE: &str = RUNS[4].1;

/// Starts webd with a key for each of these limits, and without anonymous access. Returns the headers of the keys too.
async fn serve<const N: usize>(
    limits: [KeyLimits; N],
    script: impl Fn(&ExecuteRequest) -> Vec<Step> + Send + Sync + 'static,
) -> (TestServer, [String; N], tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mut file = KeyFile::default();
    let mut number = 0;
    let headers = limits.map(|limits| {
        let key = ApiKey::generate().unwrap();
        number += 1;
        let entry = KeyEntry { hash: Some(key.hash()), limits, ..KeyEntry::default() };
        file.keys.insert(format!("key{number}").parse().unwrap(), entry);
        format!("Authorization: Bearer {}", key.text())
    });
    file.keys.entry("anonymous".parse().unwrap()).or_default().disabled = true;
    let path = directory.path().join("keys.toml");
    std::fs::write(&path, file.text().unwrap()).unwrap();
    let state = directory.path().to_owned();
    let configure = |config: &mut webd::Config| {
        config.keys.file = path;
        config.state = state;
    };
    (server_with(configure, script).await, headers, directory)
}

async fn post(server: &TestServer, path: &str, headers: &[&str], body: &str) -> Answer {
    let common = [
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        "X-Request-Id: request-1",
    ];
    server.request("POST", path, &[&common, headers].concat(), body.as_bytes()).await
}

fn rate(text: &str) -> KeyLimits {
    KeyLimits { rate: Some(text.parse().unwrap()), ..KeyLimits::default() }
}

#[tokio::test]
async fn a_key_and_its_limits_count_in_every_api() {
    let other = KeyLimits { languages: Some(vec!["c".to_owned()]), ..KeyLimits::default() };
    let (mut server, [key, other], _directory) = serve([rate("6/h"), other], |_| hello()).await;
    for (number, (path, body, unauthorized)) in RUNS.into_iter().enumerate() {
        assert_eq!(post(&server, path, &[], body).await.status, unauthorized, "{path}");
        let forbidden = post(&server, path, &[&other], body).await;
        let is_forbidden = forbidden.status == 403 || forbidden.text().contains("language_forbidden");
        assert!(is_forbidden, "{path} {} {}", forbidden.status, forbidden.text());

        let answer = post(&server, path, &[&key], body).await;
        assert!([200, 201].contains(&answer.status), "{path}: {}", answer.text());
        assert_eq!(answer.header("x-request-id"), Some("request-1"), "{path}");
        // The head of a stream is sent before the program is executed.
        let left = (path != "/mcp").then(|| format!("\"executions\";r={};", RUNS.len() - 1 - number));
        let header = answer.header("ratelimit");
        assert!(
            left.is_none_or(|left| header.is_some_and(|header| header.starts_with(&left))),
            "{path} {header:?}"
        );
        let request = loop {
            if let Observation::Request(request) = server.observe().await {
                break request;
            }
        };
        // The name for the fair queue and for the audit line.
        assert_eq!(request.client.as_deref(), Some("key:key1"), "{path}");
    }
    for (path, body, _) in RUNS.into_iter().filter(|(path, ..)| *path != "/mcp") {
        let refused = post(&server, path, &[&key], body).await;
        assert_eq!(refused.status, 429, "{path} {}", refused.text());
        assert!(refused.header("retry-after").is_some(), "{path}");
    }
}

/// Waits until all submissions of a batch are finished, and returns the ids of their statuses.
async fn statuses(server: &TestServer, key: &str, batch: &Answer) -> Vec<Value> {
    let batch = batch.json();
    let tokens: Vec<_> = batch.as_array().unwrap().iter().map(|one| one["token"].as_str().unwrap()).collect();
    let path = format!("/judge0/submissions/batch?fields=status&tokens={}", tokens.join(","));
    let finished = async {
        loop {
            let answer = server.request("GET", &path, &[key], b"").await.json();
            let ids = answer["submissions"].as_array().unwrap().iter().map(|one| one["status"]["id"].clone());
            let ids: Vec<_> = ids.collect();
            if ids.iter().all(|id| id.as_u64().unwrap() > 2) {
                return ids;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(TIMEOUT, finished).await.unwrap()
}

/// The servers whose APIs these are have a queue, and no limit of what one client runs at one time.
#[tokio::test]
async fn submissions_of_judge0_and_runs_of_jobe_wait_for_each_other() {
    let one = KeyLimits { concurrent: NonZeroU32::new(1), ..KeyLimits::default() };
    let slowly = |_: &ExecuteRequest| [vec![Step::Wait(Duration::from_millis(100))], hello()].concat();
    let (server, [key], _directory) = serve([one], slowly).await;
    let batch = format!(r#"{{"submissions":[{JUDGE0},{JUDGE0}]}}"#);
    let answer = post(&server, "/judge0/submissions/batch", &[&key], &batch).await;
    let (runs, headers) = ("/jobe/index.php/restapi/runs", [&*key]);
    let (first, second) =
        tokio::join!(post(&server, runs, &headers, JOBE), post(&server, runs, &headers, JOBE));
    assert_eq!((&first.json()["outcome"], &second.json()["outcome"]), (&json!(15), &json!(15)));
    assert_eq!(statuses(&server, &key, &answer).await, [3, 3]);
}

#[tokio::test]
async fn an_execution_counts_once_however_often_the_daemon_is_busy() {
    let attempts = AtomicUsize::new(0);
    let script = move |_: &ExecuteRequest| match attempts.fetch_add(1, Ordering::Relaxed) % 2 {
        0 => send_all(vec![Event::Rejected(Rejection::Busy { retry_after: Duration::from_secs(1) })]),
        _ => hello(),
    };
    let (server, [key], _directory) = serve([rate("2/h")], script).await;
    let jobe = post(&server, "/jobe/index.php/restapi/runs", &[&key], JOBE).await;
    assert_eq!((jobe.status, &jobe.json()["outcome"]), (200, &json!(15)));
    let judge0 = post(&server, "/judge0/submissions?wait=true", &[&key], JUDGE0).await;
    assert_eq!((judge0.status, &judge0.json()["status"]["id"]), (201, &json!(3)));
    // A batch is accepted as a whole or not at all.
    let batch = format!(r#"{{"submissions":[{JUDGE0},{{}}]}}"#);
    let refused = post(&server, "/judge0/submissions/batch", &[&key], &batch).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
}
