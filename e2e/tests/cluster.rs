//! Submissions of two whole servers over NATS JetStream: every process is killed, and nothing is lost.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use cluster::subjects::Digest;
use e2e::cluster_nodes::{Cluster, Process};
use e2e::http;
use serde_json::{Value, json};
use tokio::time::sleep;

/// Rounds of [`no_accepted_submission_is_lost`].
const ROUNDS: u32 = 4;
/// Environment variable with another number of rounds.
const ROUNDS_VARIABLE: &str = "EXECUTOR_CLUSTER_ROUNDS";
/// Submissions of each round.
const PER_ROUND: u32 = 6;
/// Time in which a submission must have a result, faults included.
const DEADLINE: Duration = Duration::from_secs(90);

fn program(code: &str) -> Value {
    json!({"language": "python", "code": code})
}

fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
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
            assert_ne!(answer.status, 404, "an accepted submission is lost: {id}\n{}", cluster.logs());
        }
        assert!(started.elapsed() < DEADLINE, "no result of {id}\n{}", cluster.logs());
        sleep(Duration::from_millis(100)).await;
    }
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
    // Both nodes ran two: each has two slots, and all four began before one could end.
    let nodes = cluster.front().await.unwrap();
    let started = Instant::now();
    loop {
        let nodes = nodes.nodes().await.unwrap();
        let finished: Vec<_> = nodes.iter().map(|node| node.ends.finished).collect();
        if finished == [2, 2] {
            assert_eq!(nodes[0].languages, nodes[1].languages);
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

    cluster.nats.kill().unwrap();
    let direct = cluster.nodes[0].daemons.execute(&program("print('direct')")).await;
    assert_eq!(direct["output"], "direct\n");
    let started = Instant::now();
    assert_eq!(cluster.submit(0, &id(7), &slow).await.unwrap(), 503);
    assert!(started.elapsed() < Duration::from_secs(10));
    cluster.nats.restart().unwrap();
    assert_eq!(result(&cluster, 0, &last).await["status"], "finished");
    assert_eq!(cluster.submit(0, &id(7), &program("print(7)")).await.unwrap(), 202);
    assert_eq!(result(&cluster, 0, &id(7)).await["result"]["output"], "7\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_accepted_submission_is_lost() {
    let rounds = std::env::var(ROUNDS_VARIABLE).map_or(ROUNDS, |number| number.parse().unwrap());
    let mut cluster = Cluster::start(2, 2).await.unwrap();
    let mut accepted: Vec<u32> = Vec::new();
    let mut seen: BTreeMap<u32, Value> = BTreeMap::new();
    for round in 0..rounds {
        for number in round * PER_ROUND..(round + 1) * PER_ROUND {
            let body = program(&format!("import time\ntime.sleep(0.2)\nprint({number})"));
            // A webd that was just started again, or has no connection yet, answers 503.
            for _ in 0..100 {
                match cluster.submit(0, &id(number), &body).await {
                    Ok(200 | 202) => {
                        accepted.push(number);
                        break;
                    }
                    _ => sleep(Duration::from_millis(100)).await,
                }
            }
        }
        // Another process and another phase of its work each time.
        sleep(Duration::from_millis(u64::from(round * 137 % 401))).await;
        let node = usize::try_from(round / 4 % 2).unwrap();
        match round % 4 {
            0 => fault(&mut cluster, node, Process::Noded).await,
            1 => fault(&mut cluster, node, Process::Executord).await,
            2 => fault(&mut cluster, node, Process::Webd).await,
            _ => {
                cluster.nats.kill().unwrap();
                sleep(Duration::from_millis(300)).await;
                cluster.nats.restart().unwrap();
            }
        }
        // What already has a result keeps it.
        for number in accepted.iter().rev().skip(usize::try_from(PER_ROUND).unwrap()).take(4) {
            let result = result(&cluster, 1, &id(*number)).await;
            seen.insert(*number, result);
        }
    }
    assert_eq!(accepted.len(), usize::try_from(rounds * PER_ROUND).unwrap(), "{}", cluster.logs());
    for number in &accepted {
        let result = result(&cluster, 0, &id(*number)).await;
        assert_eq!(result["status"], "finished", "{result}\n{}", cluster.logs());
        assert_eq!(result["result"]["output"], format!("{number}\n"));
        if let Some(before) = seen.get(number) {
            assert_eq!(&result, before, "a result changed");
        }
    }
    for node in &cluster.nodes {
        let started = Instant::now();
        while node.daemons.status().await.running > 0 {
            assert!(started.elapsed() < DEADLINE, "something is left");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn fault(cluster: &mut Cluster, node: usize, process: Process) {
    let node = &mut cluster.nodes[node];
    node.kill(process).unwrap();
    sleep(Duration::from_millis(200)).await;
    node.restart(process).await.unwrap();
}
