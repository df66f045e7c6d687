//! HAProxy and nginx in front of two complete nodes, with the configuration files that are shipped as examples: nodes that
//! are killed, stopped, added and removed under load.

#![forbid(unsafe_code)]

#[path = "balancer/agents.rs"]
mod agents;
#[path = "balancer/long.rs"]
mod long;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::balancer::{Balancer, Kind, Node};
use e2e::daemons::{DEADLINE, Daemons, Settings, eventually};
use e2e::http::{self, Answer, HttpError};
use e2e::network::{self, Cut, NodeNetwork};
use e2e::session::{Session, SessionError};
use hyper::Uri;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tidy::monitoring;
use tidy::repository::Repository;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const SLOTS: u32 = 2;
const NAMES: [&str; 2] = ["node-1", "node-2"];
const ALICE: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);
const BOB: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);

/// Starts a node. `more` is added to its `webd.toml`.
async fn start_node(name: &str, slots: u32, more: &str) -> Daemons {
    start_node_at(name, slots, more, None).await
}

/// Starts a node, in a network of its own if there is one.
async fn start_node_at(name: &str, slots: u32, more: &str, network: Option<&NodeNetwork>) -> Daemons {
    let proxy = network.map_or(Ipv4Addr::LOCALHOST, NodeNetwork::client_address);
    let webd = format!(
        "trusted_proxies = ['{proxy}']\nnode = '{name}'\n{more}\n[timeouts]\ndrain = '3s'\nunavailable = '3s'\nstop = '30s'\n"
    );
    let more = "drain = '30s'".to_owned();
    let prefix = network.map_or(Vec::new(), NodeNetwork::prefix);
    let address = network.map(|network| SocketAddr::from((network.node_address(), 3000)));
    let settings = Settings { slots, webd, more, prefix, address, ..Settings::default() };
    Daemons::start(&settings).await.expect("both daemons start")
}

async fn start_nodes(more: &str) -> [Daemons; 2] {
    [start_node(NAMES[0], SLOTS, more).await, start_node(NAMES[1], SLOTS, more).await]
}

fn members(nodes: &[Daemons; 2]) -> [Node; 2] {
    [0, 1].map(|number| Node { name: NAMES[number], address: nodes[number].address(), slots: SLOTS })
}

async fn start(kind: Kind) -> ([Daemons; 2], Balancer) {
    let nodes = start_nodes("").await;
    let balancer = Balancer::start(kind, &members(&nodes)).expect("the balancer starts");
    (nodes, balancer)
}

/// A program that takes `seconds` without using the CPU, and writes `text`.
fn program(seconds: f64, text: &str) -> Value {
    let code = format!("import time; time.sleep({seconds}); print({text:?})");
    json!({"language": "python", "code": code, "limits": {"wall_ms": 120_000}})
}

/// What a client got, in a word: the node that answered, or the error.
fn got(answer: &Result<Answer, HttpError>, expected: &str) -> String {
    match answer {
        Ok(Answer { status: 200, node: Some(node), json, .. })
            if json["output"] == format!("{expected}\n") =>
        {
            node.clone()
        }
        Ok(answer) => format!("{} {}", answer.status, answer.json["code"].as_str().unwrap_or_default()),
        Err(error) => error.to_string(),
    }
}

/// Counts equal words.
fn counted(words: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    counts
}

/// Sends `count` requests at one time.
async fn burst(url: &Uri, count: usize, seconds: f64) -> JoinSet<String> {
    let mut requests = JoinSet::new();
    for number in 0..count {
        let url = url.clone();
        requests.spawn(async move {
            let text = format!("program {number}");
            got(&http::post(&url, &program(seconds, &text), DEADLINE).await, &text)
        });
    }
    requests
}

/// Clients that send one request after the other until [`Load::stop`].
struct Load {
    is_over: Arc<AtomicBool>,
    clients: JoinSet<Vec<String>>,
}

impl Load {
    fn start(url: &Uri, clients: u8) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for client in 1..=clients {
            let (is_over, url) = (Arc::clone(&is_over), url.clone());
            tasks.spawn(async move {
                let mut words = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let text = format!("client {client} request {}", words.len());
                    let address = Ipv4Addr::new(127, 0, client, 1);
                    let answer = http::post_from(address, &url, &program(0.1, &text), DEADLINE).await;
                    words.push(got(&answer, &text));
                }
                words
            });
        }
        Self { is_over, clients: tasks }
    }

    async fn stop(self) -> BTreeMap<String, usize> {
        self.is_over.store(true, Ordering::Relaxed);
        counted(self.clients.join_all().await.into_iter().flatten())
    }
}

/// Waits until a node runs `running` programs.
async fn wait_until_running(node: &Daemons, running: u32) {
    let is_running = || async { node.status().await.running == running };
    assert!(eventually(is_running).await, "{running} programs do not run\n{}", node.logs());
}

/// Waits until requests are answered by a node.
async fn wait_until_used(url: &Uri, name: &str) {
    let is_used = || async {
        matches!(http::post(url, &program(0.0, ""), DEADLINE).await, Ok(answer) if answer.node.as_deref() == Some(name))
    };
    assert!(eventually(is_used).await, "{name} gets no requests");
}

#[tokio::test]
async fn haproxy_uses_all_nodes_and_serves_clients_fairly() {
    let (nodes, balancer) = start(Kind::HaProxy).await;
    requests_use_all_nodes_evenly_and_wait_in_the_balancer(&nodes, &balancer).await;
    the_client_with_the_fewest_requests_is_next(&nodes, &balancer).await;
    a_kept_program_is_found_at_its_node(&balancer).await;
}

async fn requests_use_all_nodes_evenly_and_wait_in_the_balancer(nodes: &[Daemons; 2], balancer: &Balancer) {
    let requests = burst(&balancer.url("/api/execute"), 64, 0.1).await;
    let mut queued = 0;
    let mut words = pin!(requests.join_all());
    let words = loop {
        tokio::select! {
            words = &mut words => break words,
            () = sleep(Duration::from_millis(20)) => {}
        }
        for node in nodes {
            queued = queued.max(node.status().await.queued);
        }
    };
    let counts = counted(words);
    assert_eq!(counts.values().sum::<usize>(), 64);
    for name in NAMES {
        let count = counts.get(name).copied().unwrap_or_default();
        assert!((24..=40).contains(&count), "{counts:?}");
    }
    assert_eq!(queued, 0, "requests waited in executord");
    let metrics = http::get_text(&balancer.metrics_url(), DEADLINE).await.expect("metrics of HAProxy");
    let used = Repository::own().and_then(|own| monitoring::metrics(&own)).expect("the files exist");
    let of_haproxy = used.iter().filter(|name| name.starts_with("haproxy_"));
    for name in of_haproxy.map(String::as_str).chain(["haproxy_server_status"]) {
        let line = format!("{name}{{proxy=\"executor_programs\"");
        assert!(metrics.contains(&line), "no {line}");
    }
}

/// Returns how many programs have ended.
async fn requests_done(nodes: &[Daemons; 2]) -> usize {
    let mut done = 0;
    for node in nodes {
        done += node.status().await.executions.iter().map(|count| count.count).sum::<u64>();
    }
    usize::try_from(done).expect("few")
}

/// Kills a node while 12 requests run and wait. Returns what they got.
async fn kill_a_node(kind: Kind) -> ([Daemons; 2], Balancer, BTreeMap<String, usize>) {
    let (mut nodes, balancer) = start(kind).await;
    let requests = burst(&balancer.url("/api/execute"), 12, 1.0).await;
    wait_until_running(&nodes[0], SLOTS).await;
    nodes[0].kill_webd().expect("webd is killed");
    nodes[0].kill_executord().expect("executord is killed");
    let counts = counted(requests.join_all().await);
    (nodes, balancer, counts)
}

#[tokio::test]
async fn of_a_killed_node_only_started_requests_fail() {
    let (mut nodes, balancer, counts) = kill_a_node(Kind::HaProxy).await;
    let url = balancer.url("/api/execute");
    // The two that ran, and those that were sent while the kernel closed the sockets of webd.
    let failed = counts.get("502 failed").copied().unwrap_or_default();
    assert!((2..=4).contains(&failed), "{counts:?}");
    assert_eq!(counts.get(NAMES[1]), Some(&(12 - failed)), "{counts:?}");
    // New requests do not notice, before and after the health check has.
    for pause in [0, 100, 3000] {
        sleep(Duration::from_millis(pause)).await;
        let counts = counted(burst(&url, 4, 0.0).await.join_all().await);
        assert_eq!(counts, BTreeMap::from([(NAMES[1].to_owned(), 4)]));
    }
    nodes[0].restart_executord().await.expect("executord starts again");
    nodes[0].restart_webd().await.expect("webd starts again");
    wait_until_used(&url, NAMES[0]).await;
}

/// An administrator stops webd and then executord.
async fn stopping_a_node_loses_no_request(kind: Kind) {
    let (mut nodes, balancer) = start(kind).await;
    let url = balancer.url("/api/execute");
    let load = Load::start(&url, 6);
    wait_until_used(&url, NAMES[0]).await;
    nodes[0].stop_webd();
    let ready = nodes[0].url("/readyz");
    let is_ready = || async { http::get_text(&ready, DEADLINE).await.is_ok_and(|text| text == "ok") };
    let is_not_ready = || async { !is_ready().await };
    assert!(eventually(is_not_ready).await, "webd is ready although it stops");
    let text = http::get_text(&ready, DEADLINE).await.expect("webd still serves");
    assert_eq!(text, "webd is stopping");
    assert!(nodes[0].wait_for_end_of_webd().await.expect("webd ends").success());
    nodes[0].signal_executord(Signal::SIGTERM);
    assert!(nodes[0].wait_for_end().await.expect("executord ends").success());
    sleep(Duration::from_secs(1)).await;
    let counts = load.stop().await;
    assert!(counts.keys().eq(NAMES), "{counts:?}");
}

#[tokio::test]
async fn stopping_a_node_behind_haproxy_loses_no_request() {
    stopping_a_node_loses_no_request(Kind::HaProxy).await;
}

async fn the_client_with_the_fewest_requests_is_next(nodes: &[Daemons; 2], balancer: &Balancer) {
    let url = balancer.url("/api/execute");
    let before = requests_done(nodes).await;
    let mut flood = JoinSet::new();
    for _ in 0..40 {
        let url = url.clone();
        flood.spawn(async move { http::post_from(ALICE, &url, &program(0.3, "flood"), DEADLINE).await });
    }
    wait_until_running(&nodes[0], SLOTS).await;
    let answer = http::post_from(BOB, &url, &program(0.0, "newcomer"), DEADLINE).await;
    assert!(NAMES.contains(&got(&answer, "newcomer").as_str()), "{answer:?}");
    let done = requests_done(nodes).await - before;
    assert!(done <= 16, "the newcomer waited for {done} of 40 programs");
    let counts = counted(flood.join_all().await.iter().map(|answer| got(answer, "flood")));
    assert!(counts.keys().eq(NAMES), "{counts:?}");

    let mut too_many = JoinSet::new();
    for _ in 0..72 {
        let url = url.clone();
        too_many.spawn(async move { http::post_from(ALICE, &url, &program(0.3, "x"), DEADLINE).await });
    }
    let counts = counted(too_many.join_all().await.iter().map(|answer| got(answer, "x")));
    assert_eq!(counts.get("429 busy"), Some(&8), "{counts:?}");
}

async fn connect(balancer: &Balancer, from: Ipv4Addr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((from, 0).into()).expect("an address of this host");
    socket.connect(balancer.address()).await.expect("the balancer accepts connections")
}

async fn open(balancer: &Balancer, from: Ipv4Addr) -> Result<Session, SessionError> {
    let stream = connect(balancer, from).await;
    Session::over(stream, &balancer.address().to_string()).await
}

/// Reads until `text` has arrived.
async fn read_until(stream: &mut (impl AsyncReadExt + Unpin), text: &str) -> String {
    let mut response = String::new();
    let mut buffer = [0; 4096];
    while !response.contains(text) {
        let count = timeout(DEADLINE, stream.read(&mut buffer)).await.expect("more").expect("more");
        assert_ne!(count, 0, "no {text:?} in {response}");
        response.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    response
}

/// Output arrives while the program runs, sessions work, and each client has its own sessions.
async fn live_answers_and_sessions_pass(kind: Kind) {
    let nodes = start_nodes("max_sessions_per_client = 1").await;
    let balancer = Balancer::start(kind, &members(&nodes)).expect("the balancer starts");
    let code = "import time; print('first', flush=True); time.sleep(2); print('last')";
    let body = json!({"language": "python", "code": code}).to_string();
    let mut stream = connect(&balancer, ALICE).await;
    let request = format!(
        "POST /api/execute HTTP/1.1\r\nHost: code.example.org\r\nContent-Type: application/json\r\n\
         Accept: text/event-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let begin = read_until(&mut stream, "first").await;
    assert!(begin.starts_with("HTTP/1.1 200 "), "{begin}");
    let running: u32 = nodes[0].status().await.running + nodes[1].status().await.running;
    assert_eq!(running, 1, "the output was held back until the program had ended");
    read_until(&mut stream, "finished").await;

    let mut session = open(&balancer, ALICE).await.expect("the session opens");
    let code = "print('name?', flush=True)\nprint('hello', input())";
    session.send(&json!({"type": "start", "language": "python", "code": code})).await.expect("sent");
    session.until_written("name?").await.expect("the prompt");
    // One node has this client's session, and the other may have one more.
    let more = [open(&balancer, ALICE).await, open(&balancer, ALICE).await];
    assert!(more.iter().any(Result::is_err), "a client has three sessions");
    let other = open(&balancer, BOB).await;
    assert!(other.is_ok(), "another client has no session: {:?}", other.err());
    session.type_in("Ada\n").await.expect("sent");
    session.until_written("hello Ada").await.expect("the answer");
    let end = session.end().await.expect("the end");
    assert_eq!(end["status"], "ok", "{end}");

    agents::calls_of_a_session_reach_one_node(&nodes, &balancer).await;

    let mut tls = balancer.connect(ALICE).expect("openssl is installed");
    let request = "GET /metrics/ HTTP/1.1\r\nHost: code.example.org\r\nConnection: close\r\n\r\n";
    tls.stream.write_all(request.as_bytes()).await.expect("sent");
    let answer = read_until(&mut tls.stream, "\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "metrics are public: {answer}");
}

#[tokio::test]
async fn haproxy_passes_live_answers_and_sessions() {
    live_answers_and_sessions_pass(Kind::HaProxy).await;
}

async fn a_kept_program_is_found_at_its_node(balancer: &Balancer) {
    let url = balancer.url("/api/execute");
    let body = json!({"language": "python", "code": "print('kept')", "keep": "60s"});
    let answer = http::post(&url, &body, DEADLINE).await.expect("an answer");
    let node = answer.node.expect("a node");
    let body = json!({"build": answer.json["build"]});
    for _ in 0..4 {
        let again = http::post_to_node(&node, &url, &body, DEADLINE).await;
        assert_eq!(got(&again, "kept"), node, "{again:?}");
    }
}
