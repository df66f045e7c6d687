//! API keys and submissions with real daemons: the command-line tool, the limits of a key, CPU time as it was measured, and
//! `kill -9` of webd.

#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use e2e::daemons::{DEADLINE, eventually};
use e2e::http;
use e2e::key_server::KeyServer;
use e2e::metrics::missing;
use serde_json::{Value, json};
use tidy::monitoring;
use tidy::repository::Repository;

/// Returns the CPU seconds of a key today.
fn cpu(server: &KeyServer, name: &str) -> f64 {
    let state = server.state.to_str().expect("text");
    let usage: Value = server.key(&["usage", "--state", state, "--json", name]).parse().expect("JSON");
    usage[0]["cpu_s"].as_f64().expect("a number")
}

/// Uses CPU time until it is stopped. It writes a line after 0.6 s.
const ENDLESS: &str =
    "import time\nwhile time.process_time() < 0.6: pass\nprint('spent', flush=True)\nwhile True: pass";
/// Uses half a second of CPU time.
const BUSY: &str = "import time\nwhile time.process_time() < 0.5: pass\nprint('done')";

#[tokio::test]
async fn a_key_is_limited_by_what_its_programs_really_use() {
    let server = KeyServer::start().await.expect("both daemons start");
    let key = server.key(&["add", "alice", "--cpu-per-day", "3s", "--languages", "py"]);
    let _ = server.key(&["revoke", "anonymous"]);
    server.until_status("", 401).await;
    let (status, answer) = server.execute(&key, "python3", BUSY).await;
    assert_eq!((status, &answer["output"]), (200, &json!("done\n")), "{answer}");
    let (status, refused) = server.execute(&key, "cpp", "int main() {}").await;
    assert_eq!((status, &refused["available"]), (403, &json!(["python"])));
    monitored_metrics_exist(&server).await;
    assert!(eventually(async || cpu(&server, "alice") >= 0.5).await, "{}", cpu(&server, "alice"));

    // A client that disconnects does not get its CPU time for nothing.
    let before = cpu(&server, "alice");
    drop(server.stream_until(&key, "python", ENDLESS, "spent").await);
    assert!(eventually(async || cpu(&server, "alice") > before + 0.5).await, "{}", cpu(&server, "alice"));

    // Until the quota is used up.
    let mut last = (0, Value::Null);
    for _ in 0..10 {
        last = server.execute(&key, "python", BUSY).await;
        if last.0 != 200 {
            break;
        }
    }
    assert_eq!((last.0, &last.1["code"]), (429, &json!("quota_exceeded")));
    let new = server.key(&["rotate", "alice"]);
    server.until_status(&key, 401).await;
    assert_eq!(server.execute(&new, "python", "").await.0, 429, "the same key has the same usage");
}

/// Dashboards and alert rules use metrics that webd and executord have. Those of a
/// cluster and of HAProxy are tested with them.
async fn monitored_metrics_exist(server: &KeyServer) {
    let mut used = Repository::own().and_then(|own| monitoring::metrics(&own)).expect("the files exist");
    // This server has no pool.
    let others = ["haproxy_", "executor_cluster_", "executor_prepared_"];
    used.retain(|name| !others.iter().any(|prefix| name.starts_with(prefix)));
    let live = http::get_text(&server.daemons.url("/metrics"), DEADLINE).await.expect("the metrics");
    assert!(used.len() > 10 && live.contains("webd_key_executions_total{key=\"alice\"}"), "{live}");
    assert_eq!(missing(&used, &live), Vec::<&str>::new());
}

async fn submission(server: &KeyServer, key: &str, path: &str) -> Value {
    server.request("GET", path, key, &Value::Null).await.1
}

#[tokio::test]
async fn a_submission_survives_the_end_of_webd() {
    let mut server = KeyServer::start().await.expect("both daemons start");
    let key = server.key(&["add", "alice"]);
    // Until webd reads the key, its requests are anonymous ones.
    let _ = server.key(&["revoke", "anonymous"]);
    server.until_status("", 401).await;
    let mut paths = vec![];
    for code in ["print('first')", "import time; time.sleep(3); print('second')"] {
        let (status, accepted) = server
            .request("POST", "/api/submissions", &key, &json!({ "language": "python", "code": code }))
            .await;
        assert_eq!((status, &accepted["status"]), (202, &json!("queued")), "{accepted}");
        paths.push(format!("/api/submissions/{}", accepted["token"].as_str().expect("a token")));
    }
    let first = submission(&server, &key, &format!("{}?wait=30", paths[0])).await;
    assert_eq!(first["result"]["output"], "first\n", "{first}");
    let is_running = async || submission(&server, &key, &paths[1]).await["status"] == "running";
    assert!(eventually(is_running).await);
    server.daemons.kill_webd().expect("webd runs");
    server.daemons.restart_webd().await.expect("webd starts");
    let second = submission(&server, &key, &format!("{}?wait=30", paths[1])).await;
    assert_eq!(second["result"]["output"], "second\n", "{second}");
    assert_eq!(submission(&server, &key, &paths[0]).await, first, "it did not run again");
    assert_no_readable(&server.state);
}

/// Asserts that only webd's user can read what it stores.
fn assert_no_readable(state: &Path) {
    for entry in fs::read_dir(state).expect("a directory") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o007, 0, "{} is readable for others: {mode:o}", entry.path().display());
    }
}
