//! `kill -9` of webd under submissions, with the real executord: none is lost, and none runs again after its result was
//! stored. `make submission-kills` runs more rounds. `webd/tests/submission_crash.rs` counts runs exactly, with a daemon
//! that records them.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::key_server::KeyServer;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Times that webd is killed, unless the variable has another number.
const ROUNDS: u32 = 3;
const ROUNDS_VARIABLE: &str = "EXECUTOR_KILL_ROUNDS";
/// Submissions of a round, at most.
const PER_ROUND: usize = 12;
/// Time for an answer, and for the result of a submission.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Prints a text that no other execution prints: the name of its user.
const PROGRAM: &str = r#"{"language":"python","code":"import os; print(os.environ['USER'])"}"#;

/// The submissions, and the output of each whose result was seen.
#[derive(Debug, Default)]
struct Record {
    accepted: Vec<Uuid>,
    outputs: BTreeMap<Uuid, String>,
}

/// Sends a request. `None` if webd was killed before it answered completely.
async fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.parse().ok()?))
    };
    timeout(TIMEOUT, exchange).await.expect("webd answers or is killed")
}

async fn submit_until_killed(address: SocketAddr, record: Arc<Mutex<Record>>) {
    for _ in 0..PER_ROUND {
        let id = Uuid::new_v4();
        let Some((status, answer)) =
            request(address, "PUT", &format!("/api/submissions/{id}"), PROGRAM).await
        else {
            return;
        };
        assert_eq!(status, 202, "{answer}");
        record.lock().unwrap().accepted.push(id);
    }
}

/// Notes the state of a submission, and returns whether it has a result.
fn note(record: &Mutex<Record>, id: Uuid, status: u16, answer: &Value) -> bool {
    assert_eq!(status, 200, "an accepted submission is lost: {id} {answer}");
    let mut record = record.lock().unwrap();
    if answer["status"] != "finished" {
        assert!(["queued", "running"].contains(&answer["status"].as_str().unwrap_or_default()), "{answer}");
        assert!(!record.outputs.contains_key(&id), "a stored result is gone: {answer}");
        return false;
    }
    let output = answer["result"]["stdout"].as_str().unwrap_or_default().to_owned();
    assert!(output.starts_with("exec_") && answer["result"]["status"] == "ok", "{answer}");
    let first = record.outputs.entry(id).or_insert_with(|| output.clone());
    assert_eq!(*first, output, "ran again after its result was stored");
    true
}

async fn fetch_until_killed(address: SocketAddr, record: Arc<Mutex<Record>>) {
    loop {
        let known = record.lock().unwrap().accepted.clone();
        // The latest ones, which are running, and some of the others.
        for id in known.iter().rev().take(PER_ROUND).chain(known.iter().step_by(7)) {
            match request(address, "GET", &format!("/api/submissions/{id}"), "").await {
                Some((status, answer)) => note(&record, *id, status, &answer),
                None => return,
            };
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_submission_is_lost_and_none_runs_again_after_its_result_was_stored() {
    let rounds = std::env::var(ROUNDS_VARIABLE).map_or(ROUNDS, |number| number.parse().unwrap());
    let mut server = KeyServer::start().await.expect("both daemons start");
    let address = server.daemons.address();
    let record = Arc::new(Mutex::new(Record::default()));
    for round in 0..rounds {
        let clients = [
            tokio::spawn(submit_until_killed(address, Arc::clone(&record))),
            tokio::spawn(fetch_until_killed(address, Arc::clone(&record))),
        ];
        // Another phase of its work each time.
        sleep(Duration::from_millis(u64::from(20 + round * 137 % 397))).await;
        server.daemons.kill_webd().expect("webd runs");
        for client in clients {
            timeout(TIMEOUT, client).await.expect("its connections are closed").unwrap();
        }
        server.daemons.restart_webd().await.expect("webd starts");
    }
    let accepted = record.lock().unwrap().accepted.clone();
    assert!(accepted.len() >= usize::try_from(rounds).unwrap(), "{}", accepted.len());
    for id in &accepted {
        let (status, answer) =
            request(address, "GET", &format!("/api/submissions/{id}?wait=30"), "").await.expect("an answer");
        assert!(note(&record, *id, status, &answer), "{answer}\n{}", server.daemons.log_tail());
    }
    let outputs = record.lock().unwrap().outputs.clone();
    let different: std::collections::BTreeSet<_> = outputs.values().collect();
    assert_eq!((outputs.len(), different.len()), (accepted.len(), accepted.len()));
}
