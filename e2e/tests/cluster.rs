//! Submissions of whole servers over NATS JetStream, which is set up as docs/cluster.md says: with TLS, keys and permissions.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

#[path = "cluster/faults.rs"]
mod faults;
#[path = "cluster/long.rs"]
mod long;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use cluster::subjects::Digest;
use cluster::test_observer::Observer;
use e2e::cluster_nodes::{Cluster, ClusterSettings, Process};
use e2e::metrics::missing;
use e2e::{http, network};
use serde_json::{Value, json};
use tidy::monitoring;
use tidy::repository::Repository;
use tokio::time::sleep;

use faults::{key, nothing_runs};

/// Time in which a submission must have a result, faults included.
const DEADLINE: Duration = Duration::from_secs(90);

fn program(code: &str) -> Value {
    json!({"language": "python", "code": code})
}

fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// Runs a test in a network namespace of its own.
fn in_new_network(test: impl Future<Output = ()>) {
    network::enter_new_namespace().unwrap();
    // The threads of the runtime are in the namespace of the thread that starts them.
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(test);
}

/// Starts two nodes, each with a network of its own, and observes them. All results of a submission are kept, so that one that
/// is stored twice is found.
async fn two_nodes_with_networks() -> (Cluster, Observer) {
    let settings = ClusterSettings { nodes: 2, slots: 2, has_networks: true, ..ClusterSettings::default() };
    let cluster = Cluster::with(settings).await.unwrap();
    let observer = cluster.observer().await.unwrap();
    observer.keep_all_messages().await.unwrap();
    (cluster, observer)
}

/// Expects one result of each submission with these numbers, and that nothing runs any more.
async fn each_has_one_result(cluster: &Cluster, observer: &mut Observer, numbers: impl Iterator<Item = u32>) {
    observer.begin(None).await;
    let results = observer.results().await.unwrap();
    let expected: BTreeSet<_> = numbers.map(|number| key(number).to_string()).collect();
    assert_eq!(results.keys().cloned().collect::<BTreeSet<_>>(), expected);
    assert!(results.values().all(|count| *count == 1), "results that are stored twice: {results:?}");
    nothing_runs(cluster).await;
}

/// Submits until the submission is accepted: a webd that was just started, or has no connection yet, refuses it.
async fn accept(uri: hyper::Uri, body: Value) {
    let started = Instant::now();
    loop {
        match http::put(&uri, &body, DEADLINE).await {
            Ok(200 | 202) => return,
            other => assert!(started.elapsed() < DEADLINE, "{uri}: {other:?}"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Returns a submission in its final state.
async fn result(cluster: &Cluster, node: usize, id: &str) -> Value {
    let started = Instant::now();
    loop {
        if let Ok(answer) = cluster.fetch(node, id, "?wait=20").await {
            let status = answer.json["status"].as_str().unwrap_or_default();
            if answer.status == 200 && !["queued", "running"].contains(&status) {
                return answer.json;
            }
            let found = answer.status != 404;
            assert!(found, "an accepted submission is lost: {id}\n{}", cluster.diagnosis(id).await);
        }
        let in_time = started.elapsed() < DEADLINE;
        assert!(in_time, "no result of {id}\n{}", cluster.diagnosis(id).await);
        sleep(Duration::from_millis(100)).await;
    }
}

/// Formatting is a synchronous request: each node serves it without NATS.
async fn formats(cluster: &Cluster, node: usize) {
    let url = cluster.nodes[node].daemons.url("/api/format");
    let answer =
        http::post(&url, &json!({"language": "python", "code": "print( 6*7 )"}), DEADLINE).await.unwrap();
    assert_eq!((answer.status, &answer.json["code"]), (200, &json!("print(6 * 7)\n")), "{}", answer.json);
}

async fn wait_for(cluster: &Cluster, id: &str, status: &str) {
    let started = Instant::now();
    loop {
        let answer = cluster.fetch(0, id, "").await.unwrap();
        if answer.json["status"] == status {
            return;
        }
        assert!(started.elapsed() < DEADLINE, "{} is not {status}\n{}", answer.json, cluster.logs());
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn submissions_run_on_all_servers_and_each_webd_answers() {
    let cluster = Cluster::start(2, 2).await.unwrap();
    // The administrator may do everything, and changes nothing by doing it again.
    let ready = cluster.nats.command(&["init"]).unwrap();
    assert_eq!(ready, "streams and consumers of the pool main are ready\n");
    let body =
        program("import time, sys\ntime.sleep(1)\nprint('hi'); print('err', file=sys.stderr); sys.exit(3)");
    for number in 0..4 {
        assert_eq!(cluster.submit(0, &id(number), &body).await.unwrap(), 202, "{}", cluster.logs());
    }
    for number in 0..4 {
        let result = result(&cluster, 1, &id(number)).await;
        assert_eq!((&result["status"], &result["result"]["stdout"]), (&json!("finished"), &json!("hi\n")));
        assert_eq!(
            (&result["result"]["exit_code"], &result["result"]["stderr"]),
            (&json!(3), &json!("err\n"))
        );
    }
    // The answer has the fields of an execution that a client waits for.
    let direct = cluster.nodes[0].daemons.execute(&body).await;
    let stored = result(&cluster, 0, &id(0)).await["result"].take();
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&stored), fields(&direct));
    formats(&cluster, 0).await;
    formats(&cluster, 1).await;
    // Both nodes ran two: each has two slots, and all four began before one could end.
    let nodes = cluster.front().await.unwrap();
    let started = Instant::now();
    loop {
        let nodes = nodes.nodes().await.unwrap();
        let finished: Vec<_> = nodes.iter().map(|node| node.ends.finished).collect();
        if finished == [2, 2] {
            assert_eq!(nodes[0].languages, nodes[1].languages);
            let status: Value =
                serde_json::from_str(&cluster.nats.command(&["status", "--json"]).unwrap()).unwrap();
            assert_eq!(
                (&status["waiting"]["submissions"], &status["nodes"][1]["name"]),
                (&json!(0), &json!("node-1"))
            );
            let text = cluster.nats.command(&["status"]).unwrap();
            assert!(
                text.contains("nodes      2\n") && text.contains("node-0") && !text.contains("warning"),
                "{text}"
            );
            break;
        }
        assert!(started.elapsed() < DEADLINE, "{finished:?}");
        sleep(Duration::from_millis(200)).await;
    }
    let metrics = http::get_text(&cluster.nodes[0].daemons.url("/metrics"), DEADLINE).await.unwrap();
    for line in [
        "executor_cluster_nats_up 1",
        "executor_cluster_nodes 2",
        "executor_cluster_slots{node=\"node-0\"} 3",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    let mut used = Repository::own().and_then(|own| monitoring::metrics(&own)).unwrap();
    used.retain(|name| name.starts_with("executor_cluster_"));
    assert!(used.len() > 5);
    assert_eq!(missing(&used, &metrics), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_submission_leaves_nothing_and_a_stopped_node_finishes_its_own() {
    let mut cluster = Cluster::start(1, 1).await.unwrap();
    assert_eq!(cluster.submit(0, &id(1), &program("import time\ntime.sleep(60)")).await.unwrap(), 202);
    wait_for(&cluster, &id(1), "running").await;
    assert_eq!(cluster.submit(0, &id(2), &program("print(2)")).await.unwrap(), 202);
    let url = cluster.url(0, &id(1));
    let deleted = http::delete(&url, DEADLINE).await.unwrap();
    assert_eq!((deleted.status, &deleted.json["status"]), (200, &json!("cancelled")));
    // The slot is free again, so the next one runs long before 60 s have passed.
    let second = result(&cluster, 0, &id(2)).await;
    assert_eq!(second["result"]["output"], "2\n");
    let started = Instant::now();
    while cluster.nodes[0].daemons.status().await.running > 0 {
        assert!(started.elapsed() < DEADLINE, "the cancelled program runs");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(result(&cluster, 0, &id(1)).await["status"], "cancelled");

    assert_eq!(
        cluster.submit(0, &id(3), &program("import time\ntime.sleep(2)\nprint(3)")).await.unwrap(),
        202
    );
    wait_for(&cluster, &id(3), "running").await;
    assert!(cluster.nodes[0].stop_noded().unwrap(), "{}", cluster.logs());
    let third = cluster.fetch(0, &id(3), "").await.unwrap().json;
    assert_eq!((&third["status"], &third["result"]["output"]), (&json!("finished"), &json!("3\n")));
    // Without any node, submissions wait.
    assert_eq!(cluster.submit(0, &id(4), &program("print(4)")).await.unwrap(), 202);
    assert_eq!(cluster.fetch(0, &id(4), "?wait=1").await.unwrap().json["status"], "queued");
    cluster.nodes[0].restart(Process::Noded).await.unwrap();
    assert_eq!(result(&cluster, 0, &id(4)).await["result"]["output"], "4\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_does_not_wait_for_a_flood_and_nats_may_be_away() {
    let mut cluster = Cluster::start(1, 1).await.unwrap();
    let flood = Ipv4Addr::new(127, 0, 1, 1);
    let bucket = |address: &str| Digest::of(address).bucket();
    let newcomer = (1..=250).map(|last| Ipv4Addr::new(127, 0, 2, last));
    let newcomer =
        newcomer.into_iter().find(|one| bucket(&one.to_string()) != bucket(&flood.to_string())).unwrap();
    let url = cluster.nodes[0].daemons.url("/api/submissions");
    let slow = program("import time\ntime.sleep(0.3)");
    let batch = json!({"submissions": vec![slow.clone(); 40]});
    let flooding = http::post_from(flood, &url, &batch, DEADLINE).await.unwrap();
    assert_eq!(flooding.status, 202, "{}", flooding.json);
    let last = flooding.json["submissions"][39]["token"].as_str().unwrap().to_owned();
    let late = http::post_from(newcomer, &url, &program("print('late')"), DEADLINE).await.unwrap();
    let late = result(&cluster, 0, late.json["token"].as_str().unwrap()).await;
    assert_eq!(late["result"]["output"], "late\n");
    let of_flood = cluster.fetch(0, &last, "").await.unwrap().json;
    assert_eq!(of_flood["status"], "queued", "the flood waits");
    let mut before = 0;
    for submission in flooding.json["submissions"].as_array().unwrap() {
        let found = cluster.fetch(0, submission["token"].as_str().unwrap(), "").await.unwrap().json;
        let began = found["started_ms"].as_u64().unwrap_or_default();
        let (arrived, started) = (late["created_ms"].as_u64().unwrap(), late["started_ms"].as_u64().unwrap());
        before += u32::from(began > arrived && began < started);
    }
    assert!(before <= 2, "{before} submissions of the flood began before the newcomer");

    cluster.nats.servers[0].kill().unwrap();
    let direct = cluster.nodes[0].daemons.execute(&program("print('direct')")).await;
    assert_eq!(direct["output"], "direct\n");
    formats(&cluster, 0).await;
    let started = Instant::now();
    assert_eq!(cluster.submit(0, &id(7), &slow).await.unwrap(), 503);
    assert!(started.elapsed() < Duration::from_secs(10));
    cluster.nats.servers[0].restart().unwrap();
    assert_eq!(result(&cluster, 0, &last).await["status"], "finished");
    assert_eq!(cluster.submit(0, &id(7), &program("print(7)")).await.unwrap(), 202);
    assert_eq!(result(&cluster, 0, &id(7)).await["result"]["output"], "7\n");
}
