//! `kill -9` of webd under submissions, with the real executord: none is lost, and none runs again after its result was
//! stored. `make submission-kills` runs more rounds. `webd/tests/submission_crash.rs` counts runs exactly, with a daemon
//! that records them.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::daemons::eventually;
use e2e::http::{self, Answer};
use e2e::key_server::KeyServer;
use hyper::Uri;
use serde_json::json;
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
const PROGRAM: &str = "import os; print(os.environ['USER'])";

/// The submissions, and the output of each whose result was seen.
#[derive(Debug, Default)]
struct Record {
    accepted: Vec<Uuid>,
    outputs: BTreeMap<Uuid, String>,
}

fn url(submissions: &str, id: Uuid, query: &str) -> Uri {
    format!("{submissions}/{id}{query}").parse().expect("a URL")
}

/// Submits programs until webd is killed: then a request has no complete answer.
async fn submit_until_killed(submissions: String, record: Arc<Mutex<Record>>) {
    let body = json!({"language": "python", "code": PROGRAM});
    for _ in 0..PER_ROUND {
        let id = Uuid::new_v4();
        let Ok(status) = http::put(&url(&submissions, id, ""), &body, TIMEOUT).await else { return };
        assert_eq!(status, 202);
        record.lock().unwrap().accepted.push(id);
    }
}

/// Notes the state of a submission, and returns whether it has a result.
fn note(record: &Mutex<Record>, id: Uuid, answer: &Answer) -> bool {
    let Answer { status, json: answer, .. } = answer;
    assert_eq!(*status, 200, "an accepted submission is lost: {id} {answer}");
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

async fn fetch_until_killed(submissions: String, record: Arc<Mutex<Record>>) {
    let list: Uri = submissions.parse().expect("a URL");
    // The list tells that webd was killed, also while no submission is known.
    while http::get(&list, TIMEOUT).await.is_ok() {
        let known = record.lock().unwrap().accepted.clone();
        // The latest ones, which are running, and some of the others.
        for id in known.iter().rev().take(PER_ROUND).chain(known.iter().step_by(7)) {
            let Ok(answer) = http::get(&url(&submissions, *id, ""), TIMEOUT).await else { return };
            note(&record, *id, &answer);
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_submission_is_lost_and_none_runs_again_after_its_result_was_stored() {
    let rounds = std::env::var(ROUNDS_VARIABLE).map_or(ROUNDS, |number| number.parse().unwrap());
    let mut server = KeyServer::start().await.expect("both daemons start");
    let submissions = server.daemons.url("/api/submissions").to_string();
    let record = Arc::new(Mutex::new(Record::default()));
    for round in 0..rounds {
        let clients = [
            tokio::spawn(submit_until_killed(submissions.clone(), Arc::clone(&record))),
            tokio::spawn(fetch_until_killed(submissions.clone(), Arc::clone(&record))),
        ];
        // Another phase of its work each time.
        sleep(Duration::from_millis(u64::from(20 + round * 137 % 397))).await;
        // A busy host may have accepted none yet. Of the rounds before, there may be more than one each.
        let enough = usize::try_from(round).unwrap() + 1;
        let is_enough = || async { record.lock().unwrap().accepted.len() >= enough };
        assert!(eventually(is_enough).await, "{}", server.daemons.log_tail());
        server.daemons.kill_webd().expect("webd runs");
        for client in clients {
            timeout(TIMEOUT, client).await.expect("its connections are closed").unwrap();
        }
        server.daemons.restart_webd().await.expect("webd starts");
    }
    let accepted = record.lock().unwrap().accepted.clone();
    for id in &accepted {
        let answer = http::get(&url(&submissions, *id, "?wait=30"), TIMEOUT).await.expect("an answer");
        assert!(note(&record, *id, &answer), "{answer:?}\n{}", server.daemons.log_tail());
    }
    let outputs = record.lock().unwrap().outputs.clone();
    let different: std::collections::BTreeSet<_> = outputs.values().collect();
    assert_eq!((outputs.len(), different.len()), (accepted.len(), accepted.len()));
}
