//! Tests of `make balancer`, which are too long for `make test`.

use super::*;

/// Changes the state of the first node, as an administrator does without access to it.
async fn set_state(balancer: &Balancer, state: &str) {
    let command = format!("set server executor_programs/node-1 state {state}");
    assert_eq!(balancer.command(&command).await.expect("an answer").trim(), "");
}

#[tokio::test]
async fn an_executord_that_fails_or_restarts_costs_no_request() {
    let (mut nodes, balancer) = start(Kind::HaProxy).await;
    let url = balancer.url("/api/execute");
    let load = Load::start(&url, 6);
    wait_until_running(&nodes[0], SLOTS).await;
    nodes[0].kill_executord().expect("executord is killed");
    sleep(Duration::from_secs(4)).await;
    nodes[0].restart_executord().await.expect("executord starts again");
    wait_until_used(&url, NAMES[0]).await;
    nodes[0].signal_executord(Signal::SIGTERM);
    assert!(nodes[0].wait_for_end().await.expect("executord ends").success());
    nodes[0].restart_executord().await.expect("executord starts again");
    wait_until_used(&url, NAMES[0]).await;
    let counts = load.stop().await;
    assert!(counts.keys().eq(NAMES), "{counts:?}");
}

#[tokio::test]
async fn stopping_a_node_behind_nginx_loses_no_request() {
    stopping_a_node_loses_no_request(Kind::Nginx).await;
}

/// Nodes are added with a new configuration file, and taken out with it or with its runtime API.
#[tokio::test]
async fn adding_and_removing_nodes_loses_no_request() {
    let mut nodes = start_nodes("").await;
    let [first, second] = members(&nodes);
    let balancer = Balancer::start(Kind::HaProxy, std::slice::from_ref(&first)).expect("the balancer starts");
    let url = balancer.url("/api/execute");
    let load = Load::start(&url, 6);
    wait_until_used(&url, NAMES[0]).await;
    balancer.reload(&[first, second.clone()]).expect("reloaded");
    wait_until_used(&url, NAMES[1]).await;
    set_state(&balancer, "drain").await;
    wait_until_running(&nodes[0], 0).await;
    set_state(&balancer, "ready").await;
    wait_until_used(&url, NAMES[0]).await;
    balancer.reload(&[second]).expect("reloaded");
    // Longer than a request takes: processes with the previous configuration have ended.
    sleep(Duration::from_secs(2)).await;
    wait_until_running(&nodes[0], 0).await;
    nodes[0].kill_webd().expect("webd is killed");
    sleep(Duration::from_secs(1)).await;
    let counts = load.stop().await;
    assert!(counts.keys().eq(NAMES), "{counts:?}");
}

#[tokio::test]
async fn a_balancer_that_is_killed_leaves_no_program_running() {
    let (nodes, balancer) = start(Kind::HaProxy).await;
    let requests = burst(&balancer.url("/api/execute"), 4, 60.0).await;
    wait_until_running(&nodes[0], SLOTS).await;
    balancer.kill().expect("the balancer is killed");
    let killed = Instant::now();
    for node in &nodes {
        wait_until_running(node, 0).await;
    }
    assert!(killed.elapsed() < Duration::from_secs(5), "the programs ended by their limits");
    drop(requests);
    let direct = nodes[0].execute(&program(0.0, "direct")).await;
    assert_eq!(direct["output"], "direct\n");
}

#[tokio::test]
async fn nginx_passes_live_answers_and_sessions() {
    live_answers_and_sessions_pass(Kind::Nginx).await;
}

#[tokio::test]
async fn a_session_with_a_running_program_outlives_the_stop_of_its_node() {
    let mut nodes = start_nodes("").await;
    let [first, _] = members(&nodes);
    let balancer = Balancer::start(Kind::HaProxy, &[first]).expect("the balancer starts");
    let mut idle = open(&balancer, BOB).await.expect("the session opens");
    let mut session = open(&balancer, ALICE).await.expect("the session opens");
    let code = "import time; print('begin', flush=True); time.sleep(5); print('done')";
    session.send(&json!({"type": "start", "language": "python", "code": code})).await.expect("sent");
    session.until_written("begin").await.expect("the program runs");
    nodes[0].stop_webd();
    // The listener closes after 3 s.
    let closed = idle.event().await.expect_err("an idle session ends");
    assert!(closed.to_string().contains("the server is stopping"), "{closed}");
    session.until_written("done").await.expect("the program ends by itself");
    assert_eq!(session.end().await.expect("the end")["status"], "ok");
    assert!(nodes[0].wait_for_end_of_webd().await.expect("webd ends").success());
    // No node is left: the error is JSON as well.
    let answer = http::post(&balancer.url("/api/execute"), &program(0.0, ""), DEADLINE).await;
    assert_eq!(got(&answer, ""), "503 unavailable");
    assert_eq!(answer.expect("JSON").retry_after, Some(Duration::from_secs(1)));
}

#[tokio::test]
async fn nginx_repeats_the_requests_of_a_killed_node() {
    let (.., counts) = kill_a_node(Kind::Nginx).await;
    assert_eq!(counts, BTreeMap::from([(NAMES[1].to_owned(), 12)]));
}

#[tokio::test]
async fn a_killed_webd_ends_its_programs_and_no_others() {
    let (mut nodes, balancer) = start(Kind::HaProxy).await;
    let url = balancer.url("/api/execute");
    let mut requests = burst(&url, 4, 20.0).await;
    wait_until_running(&nodes[0], SLOTS).await;
    wait_until_running(&nodes[1], SLOTS).await;
    nodes[0].kill_webd().expect("webd is killed");
    let killed = Instant::now();
    for _ in 0..SLOTS {
        assert_eq!(requests.join_next().await.expect("a request").expect("no panic"), "502 failed");
    }
    wait_until_running(&nodes[0], 0).await;
    assert!(killed.elapsed() < Duration::from_secs(10), "the programs ended by themselves");
    nodes[0].restart_webd().await.expect("webd starts again");
    wait_until_used(&url, NAMES[0]).await;
    let others = counted(requests.join_all().await);
    assert_eq!(others, BTreeMap::from([(NAMES[1].to_owned(), 2)]));
}

/// A host without power or network answers nothing, and closes no connection.
#[test]
fn a_host_without_network_delays_only_its_requests() {
    network::enter_new_namespace().expect("a network namespace");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let networks = [1, 2].map(|number| NodeNetwork::create(number).expect("a network"));
        let [first, second] = [0, 1].map(|node| start_node_at(NAMES[node], SLOTS, "", Some(&networks[node])));
        let nodes = [first.await, second.await];
        let balancer = Balancer::start(Kind::HaProxy, &members(&nodes)).expect("the balancer starts");
        let url = balancer.url("/api/execute");
        let started = Instant::now();
        let mut requests = burst(&url, 4, 25.0).await;
        wait_until_running(&nodes[0], SLOTS).await;
        wait_until_running(&nodes[1], SLOTS).await;
        networks[0].cut(Cut::ToClients).expect("the node is cut off");
        // Its requests end long before the programs would, and make no other request fail.
        for _ in 0..SLOTS {
            let lost = requests.join_next().await.expect("a request").expect("no panic");
            assert!(["502 failed", "504 failed"].contains(&lost.as_str()), "{lost}");
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        let others = counted(requests.join_all().await);
        assert_eq!(others, BTreeMap::from([(NAMES[1].to_owned(), 2)]));
        let late = counted(burst(&url, 8, 0.0).await.join_all().await);
        assert_eq!(late, BTreeMap::from([(NAMES[1].to_owned(), 8)]));
        networks[0].mend(Cut::ToClients).expect("the node is connected again");
        wait_until_used(&url, NAMES[0]).await;
    });
}
