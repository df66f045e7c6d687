//! Tests of `make cluster`, which are too long for `make test`.

#[path = "outages.rs"]
mod outages;

use std::time::{Duration, Instant};

use cluster::record::MAX_DELIVERIES;
use cluster::test_observer::{Observer, Phase};
use e2e::cluster_nodes::{Cluster, ClusterSettings, Process};
use e2e::http;
use e2e::network::Cut;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::faults::{key, nothing_runs};
use super::{
    DEADLINE, accept, each_has_one_result, id, in_new_network, program, result, two_nodes_with_networks,
};

/// Time for which a node is cut off: its work is delivered again after 10 s, and runs for [`PROGRAM`].
const SPLIT: Duration = Duration::from_secs(16);
/// Run time of a program that a node runs while it is cut off.
const PROGRAM: u32 = 3;
/// Programs of the throughput test that a node runs, and the CPU time of each.
const PROGRAMS_PER_NODE: u32 = 60;
const CPU_TIME: &str = "0.2";
/// Factor by which two nodes must do more than one.
const SPEEDUP: f64 = 1.9;

async fn until(cluster: &Cluster, observer: &mut Observer, number: u32, phase: Phase) -> usize {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    let observed = observer.until(key(number), phase, deadline).await;
    let Some(observed) = observed else { panic!("{number} is never {phase:?}\n{}", cluster.logs()) };
    observed.node.unwrap().rsplit('-').next().unwrap().parse().unwrap()
}

#[test]
fn a_node_that_is_cut_off_changes_no_result() {
    in_new_network(async {
        let (cluster, mut observer) = two_nodes_with_networks().await;
        let mut results = Vec::new();
        for (round, cut) in (0..).zip([Cut::Link, Cut::ToNats, Cut::FromNats]) {
            results.extend(split(&cluster, &mut observer, cut, round * 10).await);
        }
        for (number, before) in &results {
            assert_eq!(&result(&cluster, 0, &id(*number)).await, before, "a result changed");
        }
        each_has_one_result(&cluster, &mut observer, results.iter().map(|(number, _)| *number)).await;
    });
}

/// Cuts a node off while it runs a submission. Returns the submissions of this round with their results.
async fn split(cluster: &Cluster, observer: &mut Observer, cut: Cut, first: u32) -> Vec<(u32, Value)> {
    observer.begin(None).await;
    let body = |number: u32| program(&format!("import time\ntime.sleep({PROGRAM})\nprint({number})"));
    accept(cluster.url(0, &id(first)), body(first)).await;
    let lost = until(cluster, observer, first, Phase::Running).await;
    let other = 1 - lost;
    let network = cluster.nodes[lost].network.as_ref().unwrap();
    network.cut(cut).unwrap();
    let since = Instant::now();
    // The side without NATS refuses submissions, and answers requests that a client waits for.
    let refused = loop {
        let asked = Instant::now();
        match cluster.submit(lost, &id(first + 1), &body(first + 1)).await {
            Ok(503) => break asked.elapsed(),
            answer => assert!(since.elapsed() < DEADLINE, "{answer:?}"),
        }
    };
    assert!(refused < Duration::from_secs(10), "{refused:?}");
    let direct = cluster.nodes[lost].daemons.execute(&program("print('direct')")).await;
    assert_eq!(direct["output"], "direct\n");
    accept(cluster.url(other, &id(first + 2)), program("print('other side')")).await;
    let elsewhere = result(cluster, other, &id(first + 2)).await;
    assert_eq!(elsewhere["result"]["output"], "other side\n");
    sleep(SPLIT.saturating_sub(since.elapsed())).await;
    let during = result(cluster, other, &id(first)).await;
    assert_eq!(during["result"]["output"], format!("{first}\n"), "{cut:?}");
    network.mend(cut).unwrap();
    // A refused submission is stored if only the answer was lost. The same request then has no effect.
    accept(cluster.url(lost, &id(first + 1)), body(first + 1)).await;
    let late = result(cluster, lost, &id(first + 1)).await;
    assert_eq!(late["result"]["output"], format!("{}\n", first + 1));
    vec![(first, during), (first + 1, late), (first + 2, elsewhere)]
}

#[test]
fn a_submission_that_ends_its_node_each_time_fails_and_the_others_go_on() {
    in_new_network(async {
        let (mut cluster, mut observer) = two_nodes_with_networks().await;
        observer.begin(None).await;
        accept(cluster.url(0, &id(0)), program("import time\ntime.sleep(30)")).await;
        for delivery in 1..=u32::try_from(MAX_DELIVERIES).unwrap() {
            let node = until(&cluster, &mut observer, 0, Phase::Running).await;
            cluster.nodes[node].kill(Process::Noded).unwrap();
            cluster.nodes[node].restart(Process::Noded).await.unwrap();
            accept(cluster.url(0, &id(delivery)), program(&format!("print({delivery})"))).await;
            let other = result(&cluster, 1, &id(delivery)).await;
            assert_eq!(other["result"]["output"], format!("{delivery}\n"));
        }
        let poison = result(&cluster, 0, &id(0)).await;
        assert_eq!(poison["status"], "failed", "{poison}");
        assert_eq!(
            poison["error"]["error"], "the server ended several times while this submission was running",
            "{poison}"
        );
        nothing_runs(&cluster).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_nats_servers_may_fail() {
    let settings = ClusterSettings { nodes: 2, slots: 2, servers: 3, ..ClusterSettings::default() };
    let mut cluster = Cluster::with(settings).await.unwrap();
    let mut accepted = 0;
    for failing in 0..3 {
        for _ in 0..4 {
            accept(cluster.url(0, &id(accepted)), program(&format!("print({accepted})"))).await;
            accepted += 1;
        }
        cluster.nats.servers[failing].kill().unwrap();
        for _ in 0..4 {
            accept(cluster.url(1, &id(accepted)), program(&format!("print({accepted})"))).await;
            accepted += 1;
        }
        for number in 0..accepted {
            let result = result(&cluster, 1, &id(number)).await;
            assert_eq!(result["result"]["output"], format!("{number}\n"), "{result}");
        }
        cluster.nats.servers[failing].restart().unwrap();
        // The server catches up with the others before the next one fails.
        let started = Instant::now();
        while cluster.observer().await.unwrap().current_replicas().await.ok() != Some(3) {
            assert!(started.elapsed() < DEADLINE, "the replica does not become current");
            sleep(Duration::from_millis(500)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_added_under_load_takes_its_part() {
    let mut cluster = Cluster::start(2, 1).await.unwrap();
    let slow = |number: u32| program(&format!("import time\ntime.sleep(0.5)\nprint({number})"));
    for number in 0..60 {
        accept(cluster.url(0, &id(number)), slow(number)).await;
    }
    cluster.add_node().await.unwrap();
    for number in 60..80 {
        accept(cluster.url(2, &id(number)), slow(number)).await;
    }
    for number in 0..80 {
        assert_eq!(result(&cluster, 2, &id(number)).await["result"]["output"], format!("{number}\n"));
    }
    let front = cluster.front().await.unwrap();
    let started = Instant::now();
    loop {
        let nodes = front.nodes().await.unwrap();
        let finished: Vec<_> = nodes.iter().map(|node| node.ends.finished).collect();
        if finished.iter().sum::<u64>() == 80 {
            assert!(finished.len() == 3 && finished[2] >= 10, "{finished:?}");
            return;
        }
        assert!(started.elapsed() < DEADLINE, "{finished:?}");
        sleep(Duration::from_millis(500)).await;
    }
}

/// Each node has one core, and all that serves it: daemons, NATS and this process use no other core.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_do_twice_the_work_of_one() {
    let before = busy_cores().await;
    let one = throughput(1).await;
    let between = busy_cores().await;
    let two = throughput(2).await;
    let message = format!(
        "submissions of {CPU_TIME} s per second: {one:.2} with one node, {two:.2} with two, {:.3} times; other processes used \
         {before:.2} cores before, and {between:.2} between the measurements",
        two / one
    );
    println!("{message}");
    assert!(two >= SPEEDUP * one, "{message}: repeat the test while nothing else runs on this machine");
}

/// Returns the cores that are in use during a second.
async fn busy_cores() -> f64 {
    // The first line has the times of all cores together: user, nice, system, idle, iowait, irq, softirq, steal.
    let stat = || std::fs::read_to_string("/proc/stat").unwrap();
    let times = |stat: &str| {
        let numbers = stat.lines().next().unwrap().split_whitespace().skip(1).take(8);
        numbers.map(|number| number.parse().unwrap()).collect::<Vec<f64>>()
    };
    let before = stat();
    sleep(Duration::from_secs(1)).await;
    let passed: Vec<_> =
        times(&stat()).iter().zip(times(&before)).map(|(after, before)| after - before).collect();
    let all: f64 = passed.iter().sum();
    let cores = before.lines().filter(|line| line.starts_with("cpu")).count() - 1;
    f64::from(u32::try_from(cores).unwrap()) * (all - passed[3] - passed[4]) / all
}

/// Returns the submissions that nodes run per second.
async fn throughput(nodes: usize) -> f64 {
    let mut cores = CpuSet::new();
    (0..nodes).for_each(|core| cores.set(core).unwrap());
    // This process, and what it starts from now on.
    for thread in std::fs::read_dir("/proc/self/task").unwrap() {
        let thread: i32 = thread.unwrap().file_name().to_string_lossy().parse().unwrap();
        let _ = sched_setaffinity(Pid::from_raw(thread), &cores);
    }
    let settings = ClusterSettings { nodes, slots: 2, is_pinned: true, ..ClusterSettings::default() };
    let cluster = Cluster::with(settings).await.unwrap();
    let busy = program(&format!("import time\nwhile time.process_time() < {CPU_TIME}: pass"));
    let count = PROGRAMS_PER_NODE * u32::try_from(nodes).unwrap();
    let batch = json!({"submissions": vec![busy; 20]});
    let started = Instant::now();
    let mut tokens = Vec::new();
    for _ in 0..count / 20 {
        let url = cluster.nodes[0].daemons.url("/api/submissions");
        let answer = http::post(&url, &batch, DEADLINE).await.unwrap();
        assert_eq!(answer.status, 202, "{}", answer.json);
        let accepted = answer.json["submissions"].as_array().unwrap();
        tokens.extend(accepted.iter().map(|one| one["token"].as_str().unwrap().to_owned()));
    }
    for token in tokens {
        assert_eq!(result(&cluster, 0, &token).await["status"], "finished");
    }
    f64::from(count) / started.elapsed().as_secs_f64()
}
