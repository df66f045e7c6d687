//! What goes wrong around a cluster: the disk and the data of NATS, keys, versions, slow links, and floods.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cluster::administration::new_key;
use cluster::record::{Record, State};
use cluster::subjects::Digest;
use cluster::submitter::{NewSubmission, Stored};
use e2e::cluster_nodes::{Cluster, Process};
use e2e::{http, network};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::super::faults::{key, nothing_runs};
use super::super::{
    DEADLINE, accept, each_has_one_result, id, in_new_network, program, result, two_nodes_with_networks,
};

const MEBIBYTE: usize = 1024 * 1024;

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

async fn refuse(cluster: &Cluster, node: usize, number: u32, body: &Value) {
    let started = Instant::now();
    loop {
        match cluster.submit(node, &id(number), body).await {
            Ok(503) => break,
            other => assert!(started.elapsed() < DEADLINE, "{other:?}"),
        }
        sleep(Duration::from_millis(100)).await;
    }
    let direct = cluster.nodes[node].daemons.execute(&program("print('direct')")).await;
    assert_eq!(direct["output"], "direct\n", "requests that a client waits for need no NATS");
}

async fn expect_output(cluster: &Cluster, node: usize, number: u32, output: &str) {
    let result = result(cluster, node, &id(number)).await;
    assert_eq!((&result["status"], &result["result"]["output"]), (&json!("finished"), &json!(output)));
}

fn late() -> Value {
    program("print('late')")
}

/// Gives the streams a disk of their own.
fn move_store(cluster: &mut Cluster, size: &str) {
    let server = &mut cluster.nats.servers[0];
    server.kill().unwrap();
    let (store, kept) = (server.store(), server.directory().join("kept"));
    fs::rename(&store, &kept).unwrap();
    fs::create_dir(&store).unwrap();
    run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&store));
    run(Command::new("cp").arg("-a").arg(kept.join(".")).arg(&store));
    server.restart().unwrap();
}

#[test]
fn a_full_disk_of_nats_loses_nothing() {
    network::enter_new_mount_namespace().unwrap();
    in_new_network(async {
        let mut cluster = Cluster::start(1, 1).await.unwrap();
        move_store(&mut cluster, "16m");
        // Those that end would make room.
        cluster.nodes[0].kill(Process::Noded).unwrap();
        let large = |number: u32| program(&format!("#{}\nprint({number})", "x".repeat(MEBIBYTE)));
        accept(cluster.url(0, &id(0)), large(0)).await;
        let mut accepted = 1;
        while cluster.submit(0, &id(accepted), &large(accepted)).await.unwrap() == 202 {
            accepted += 1;
            assert!(accepted < 100, "the disk is never full");
        }
        assert!(accepted > 2, "{accepted}");
        // Its state may be stored, so it is the same request.
        refuse(&cluster, 0, accepted, &large(accepted)).await;
        let server = &mut cluster.nats.servers[0];
        server.kill().unwrap();
        run(Command::new("mount").args(["-o", "remount,size=1g"]).arg(server.store()));
        server.restart().unwrap();
        cluster.nodes[0].restart(Process::Noded).await.unwrap();
        for number in 0..accepted {
            expect_output(&cluster, 0, number, &format!("{number}\n")).await;
        }
        accept(cluster.url(0, &id(1000)), program("print('again')")).await;
        expect_output(&cluster, 0, 1000, "again\n").await;
        nothing_runs(&cluster).await;
    });
}

/// The data of NATS cannot be restored: its contents are lost, and no daemon has to be restarted.
#[tokio::test(flavor = "multi_thread")]
async fn nats_without_its_data_works_after_init() {
    let mut cluster = Cluster::start(2, 1).await.unwrap();
    accept(cluster.url(0, &id(0)), program("print(0)")).await;
    expect_output(&cluster, 1, 0, "0\n").await;
    let server = &mut cluster.nats.servers[0];
    server.kill().unwrap();
    fs::remove_dir_all(server.store()).unwrap();
    server.restart().unwrap();
    refuse(&cluster, 0, 1, &late()).await;
    assert_eq!(cluster.fetch(0, &id(0), "").await.unwrap().status, 503);
    cluster.nats.command(&["init"]).unwrap();
    assert_eq!(cluster.fetch(0, &id(0), "").await.unwrap().status, 404);
    for number in 2..10 {
        let node = usize::try_from(number % 2).unwrap();
        accept(cluster.url(node, &id(number)), program(&format!("print({number})"))).await;
        expect_output(&cluster, 1 - node, number, &format!("{number}\n")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_wrong_keys_runs_requests_that_a_client_waits_for() {
    let mut cluster = Cluster::start(2, 1).await.unwrap();
    let directory = cluster.nodes[0].daemons.directory().to_owned();
    let set_keys = |front: &str, node: &str| {
        fs::write(directory.join("front.nk"), front).unwrap();
        fs::write(directory.join("node.nk"), node).unwrap();
    };
    let right = [cluster.nats.seed("front-0").unwrap(), cluster.nats.seed("node-0").unwrap()];
    // Nobody knows the first key; the second one has the permissions of a node, under the name of another.
    for wrong in [[new_key().unwrap().seed, new_key().unwrap().seed], [1, 0].map(|one| right[one].clone())] {
        let is_unknown = !right.contains(&wrong[0]);
        set_keys(&wrong[0], &wrong[1]);
        cluster.nodes[0].kill(Process::Noded).unwrap();
        cluster.nodes[0].kill(Process::Webd).unwrap();
        cluster.nodes[0].restart(Process::Webd).await.unwrap();
        cluster.nodes[0].restart(Process::Noded).await.unwrap();
        refuse(&cluster, 0, 1, &late()).await;
        let metrics = http::get_text(&cluster.nodes[0].daemons.url("/metrics"), DEADLINE).await.unwrap();
        assert_eq!(metrics.contains("\nexecutor_cluster_nats_up 0\n"), is_unknown, "{metrics}");
        let number = 10 + u32::from(is_unknown);
        accept(cluster.url(1, &id(number)), program("print('other')")).await;
        expect_output(&cluster, 1, number, "other\n").await;
    }
    set_keys(&right[0], &right[1]);
    cluster.nodes[0].kill(Process::Noded).unwrap();
    cluster.nodes[0].kill(Process::Webd).unwrap();
    cluster.nodes[0].restart(Process::Webd).await.unwrap();
    cluster.nodes[0].restart(Process::Noded).await.unwrap();
    cluster.nodes[1].kill(Process::Noded).unwrap();
    accept(cluster.url(0, &id(2)), program("print('right')")).await;
    expect_output(&cluster, 1, 2, "right\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_of_another_version_waits_for_a_node_of_that_version() {
    let cluster = Cluster::start(1, 1).await.unwrap();
    let record = Record {
        state: State::Queued,
        key: "anonymous".to_owned(),
        digest: "00".to_owned(),
        format: "utf8".to_owned(),
        created: cluster::record::now(),
        started: None,
        finished: None,
        work: None,
        node: None,
        callback: false,
        failure: None,
    };
    let (key, tenant) = (key(1), Digest::of("another version"));
    let request = Bytes::from_static(b"a request in another encoding");
    let stored = Instant::now();
    let other = NewSubmission { key, record, tenant, request, callback: None };
    assert_eq!(cluster.front().await.unwrap().store(&[other]).await, Ok(Stored::New));
    accept(cluster.url(0, &id(2)), program("print(2)")).await;
    expect_output(&cluster, 0, 2, "2\n").await;
    assert_eq!(cluster.fetch(0, &id(1), "").await.unwrap().json["status"], "queued");
    let end = result(&cluster, 0, &id(1)).await;
    assert!(stored.elapsed() > Duration::from_secs(55), "{:?}", stored.elapsed());
    let message = "this submission was stored by another version of the server";
    assert_eq!((&end["status"], &end["error"]["error"]), (&json!("failed"), &json!(message)), "{end}");
}

/// A result of 4 MiB takes 2 s, so the first attempts to store two of them at one time take too long.
#[test]
fn a_slow_network_delays_large_results() {
    in_new_network(async {
        let (cluster, mut observer) = two_nodes_with_networks().await;
        for node in &cluster.nodes {
            node.network.as_ref().unwrap().slow_down("16mbit").unwrap();
        }
        for number in 0..6 {
            let code = format!("print({number}); print('x' * 4_000_000)");
            let body = json!({"language": "python", "code": code, "limits": {"output_bytes": 4 * MEBIBYTE}});
            accept(cluster.url(0, &id(number)), body).await;
        }
        wait_for_all(&cluster, 6).await;
        for number in 0..6 {
            let result = result(&cluster, 1, &id(number)).await;
            let output = result["result"]["stdout"].as_str().unwrap_or_default();
            assert!(
                output.starts_with(&format!("{number}\nxx")) && output.len() == 4_000_003,
                "{}",
                output.len()
            );
        }
        each_has_one_result(&cluster, &mut observer, 0..6).await;
    });
}

/// Waits for the ends of submissions without reading their results over the slow link.
async fn wait_for_all(cluster: &Cluster, count: usize) {
    let started = Instant::now();
    let mut observer = cluster.observer().await.unwrap();
    observer.begin(None).await;
    while observer.results().await.unwrap().len() < count {
        assert!(started.elapsed() < DEADLINE, "{}", cluster.logs());
        sleep(Duration::from_millis(500)).await;
    }
}

/// 10,000 submissions of one client, of which the server takes 1,000, and 9,000 of nine others.
#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_does_not_wait_for_ten_thousand() {
    let cluster = Cluster::start(1, 1).await.unwrap();
    let url = cluster.nodes[0].daemons.url("/api/submissions");
    let bucket = |address: &Ipv4Addr| Digest::of(&address.to_string()).bucket();
    let slow = program("import time\ntime.sleep(0.3)");
    let batch = json!({"submissions": vec![slow; 20]});
    let mut taken = Vec::new();
    let flood: Vec<_> = (1..=10).map(|last| Ipv4Addr::new(127, 0, 1, last)).collect();
    for (index, client) in flood.iter().enumerate() {
        let batches = if index == 0 { 500 } else { 50 };
        let mut accepted = 0;
        for _ in 0..batches {
            let answer = http::post_from(*client, &url, &batch, DEADLINE).await.unwrap();
            match answer.status {
                202 => accepted += 20,
                429 => assert_eq!(answer.json["code"], "busy", "{}", answer.json),
                status => panic!("{status}: {}", answer.json),
            }
        }
        taken.push(accepted);
    }
    // Those that end meanwhile make room for others.
    assert!(taken.iter().all(|count| (980..=2500).contains(count)), "{taken:?}");
    let buckets: std::collections::BTreeSet<_> = flood.iter().map(bucket).collect();
    let newcomer = (1..=250).map(|last| Ipv4Addr::new(127, 0, 2, last));
    let newcomer = newcomer.into_iter().find(|one| !buckets.contains(&bucket(one))).unwrap();
    let before = finished(&cluster).await;
    let late = http::post_from(newcomer, &url, &program("print('late')"), DEADLINE).await.unwrap();
    let late = result(&cluster, 0, late.json["token"].as_str().unwrap()).await;
    assert_eq!(late["result"]["output"], "late\n");
    let turns = finished(&cluster).await - before;
    println!("{taken:?} accepted; {turns} ended before the newcomer; {} buckets", buckets.len());
    assert!(
        turns <= 2 * buckets.len() as u64 + 2,
        "{turns} submissions of {} buckets were first",
        buckets.len()
    );
}

/// Returns how many programs have ended on the first node.
async fn finished(cluster: &Cluster) -> u64 {
    let status = cluster.nodes[0].daemons.status().await;
    status.executions.iter().map(|count| count.count).sum()
}
