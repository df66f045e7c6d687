//! Consumers that do not deliver what their stream has, and sequence numbers that a stream uses twice.

use std::fs;
use std::time::Duration;

use cluster::callbacks::DueCallbacks;
use cluster::record::{Failure, LOST_AFTER, Record, State, now};
use cluster::submitter::{NewSubmission, Stored, Submitter};
use cluster::test_observer::Observer;
use cluster::test_server::NatsServer;
use cluster::worker::{WorkItem, Worker};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{TIMEOUT, cluster, finished, front, new, record, state, take, take_due, with_callback, worker};

/// Checks after which a stuck consumer must have been created again.
const CHECKS: u32 = 5;
/// The server for which [`cluster::repair`] was written. Newer ones repair some of its faults themselves.
const FAULTY: &str = "2.9.10";

/// Returns the version of a server.
pub(super) fn version(server: &NatsServer) -> String {
    server.log().lines().find_map(|line| line.split_once("Version:")).unwrap().1.trim().to_owned()
}

/// Returns whether a server has the faults that are repaired.
pub(super) fn is_faulty(server: &NatsServer) -> bool {
    version(server) == FAULTY
}

pub(super) async fn observer(server: &NatsServer) -> Observer {
    Observer::start(&server.settings("admin", None), &[]).await.unwrap()
}

/// Stores submissions of one tenant, and lets a node finish them.
async fn finish(front: &Submitter, worker: &mut Worker, ids: std::ops::Range<u128>) {
    for id in ids {
        assert_eq!(front.store(&[new(id, "a")]).await, Ok(Stored::New));
        let work = take(worker).await;
        assert!(work.finish(&finished("x"), TIMEOUT).await.unwrap());
        work.done(&work.acknowledgement()).await.unwrap();
    }
}

/// Leaves streams as a server does that is killed while it removes the last message: it has deleted the files of the message,
/// and has not created the next ones.
fn forget_sequence_numbers(server: &mut NatsServer, streams: &[&str]) {
    // Not killed: consumers store their state with a delay.
    server.stop().unwrap();
    for stream in streams {
        let directory = server.store().join("$G/streams").join(stream);
        let files: Vec<_> =
            fs::read_dir(directory.join("msgs")).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty(), "{}", directory.display());
        files.iter().for_each(|file| fs::remove_file(file).unwrap());
    }
    server.restart().unwrap();
}

async fn wait_until_connected(front: &Submitter, worker: &Worker) {
    let connected = async {
        while !front.connection().is_up() || !worker.connection().is_up() || front.holdings().await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TIMEOUT, connected).await.unwrap();
}

/// Checks until a consumer is created again. Returns how many are.
async fn repair(front: &Submitter) -> u32 {
    let mut repair = front.repair();
    for _ in 0..CHECKS {
        let repaired = repair.check().await.unwrap();
        if repaired > 0 {
            return repaired;
        }
    }
    0
}

/// Checks, and takes work, until there is some.
async fn take_repaired(front: &Submitter, worker: &mut Worker) -> WorkItem {
    let mut repair = front.repair();
    timeout(TIMEOUT, async {
        loop {
            // A consumer that does not deliver what it counts as waiting does not answer.
            if let Ok(Some(work)) = worker.take().await {
                return work;
            }
            repair.check().await.unwrap();
        }
    })
    .await
    .unwrap()
}

async fn last_sequence(observer: &Observer, stream: &str) -> Value {
    observer.request(&format!("STREAM.INFO.{stream}"), &json!({})).await.unwrap()["state"]["last_seq"].clone()
}

#[tokio::test]
async fn a_stream_that_forgot_its_sequence_numbers_delivers_new_submissions() {
    let mut server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    let mut due = DueCallbacks::new(front.connection());
    finish(&front, &mut worker, 0..9).await;
    for id in 10..13 {
        front.store(&[with_callback(id)]).await.unwrap();
        let work = take(&mut worker).await;
        assert!(work.finish(&finished("x"), TIMEOUT).await.unwrap());
        work.done(&work.acknowledgement()).await.unwrap();
        take_due(&mut due).await.done().await.unwrap();
    }
    forget_sequence_numbers(&mut server, &["WORK_main", "CALL"]);
    wait_until_connected(&front, &worker).await;
    let observer = observer(&server).await;
    assert_eq!(last_sequence(&observer, "WORK_main").await, 0);
    assert_eq!(repair(&front).await, 0, "nothing is stored");
    let submission = with_callback(100);
    assert_eq!(front.store(std::slice::from_ref(&submission)).await, Ok(Stored::New));
    let is_faulty = is_faulty(&server);
    assert!(!is_faulty || repair(&front).await == 1);
    let work = take_repaired(&front, &mut worker).await;
    assert_eq!((work.key, work.delivered), (submission.key, 1));
    assert!(work.finish(&finished("x"), TIMEOUT).await.unwrap());
    work.done(&work.acknowledgement()).await.unwrap();
    let repaired = repair(&front).await;
    assert!(!is_faulty || repaired == 1, "callbacks");
    assert_eq!(take_due(&mut due).await.key, submission.key);
    assert_eq!(repair(&front).await, 0);
}

#[tokio::test]
async fn submissions_that_a_consumer_skipped_are_delivered() {
    let mut server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    finish(&front, &mut worker, 0..3).await;
    forget_sequence_numbers(&mut server, &["WORK_main"]);
    wait_until_connected(&front, &worker).await;
    // The first three have numbers that the consumer has delivered.
    for id in 10..15 {
        assert_eq!(front.store(&[new(id, "a")]).await, Ok(Stored::New));
    }
    let running = take_repaired(&front, &mut worker).await;
    let mut keys = vec![running.key];
    repair(&front).await;
    while keys.len() < 5 {
        let work = take_repaired(&front, &mut worker).await;
        // Some are delivered again.
        if !keys.contains(&work.key) {
            keys.push(work.key);
        }
        work.finish(&finished("x"), TIMEOUT).await.unwrap();
        work.done(&work.acknowledgement()).await.unwrap();
    }
    running.finish(&finished("x"), TIMEOUT).await.unwrap();
    // Newer servers do not answer if the message is no longer there.
    let _ = running.done(&running.acknowledgement()).await;
    for id in 10..15 {
        assert_eq!(state(&front, new(id, "a").key).await, Some(State::Finished));
    }
    // One that was not acknowledged is delivered again.
    while front.holdings().await.unwrap().work > 0 {
        let work = take_repaired(&front, &mut worker).await;
        work.done(&work.acknowledgement()).await.unwrap();
    }
}

/// A submission runs while the server is killed, and another one gets its sequence number.
#[tokio::test]
async fn an_acknowledgement_does_not_remove_work_that_was_stored_later() {
    let mut server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    finish(&front, &mut worker, 0..3).await;
    front.store(&[new(3, "a")]).await.unwrap();
    let running = take(&mut worker).await;
    forget_sequence_numbers(&mut server, &["WORK_main"]);
    wait_until_connected(&front, &worker).await;
    let others: Vec<_> = (10..14).map(|id| new(id, "a")).collect();
    front.store(&others).await.unwrap();
    assert!(running.finish(&finished("x"), TIMEOUT).await.unwrap());
    let acknowledged = running.done(&running.acknowledgement()).await;
    assert_eq!(front.holdings().await.unwrap().work, 4, "{acknowledged:?}");
    acknowledged.unwrap_err();
}

#[tokio::test]
async fn a_consumer_that_was_deleted_is_created_again() {
    let server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    let submission = new(1, "a");
    front.store(std::slice::from_ref(&submission)).await.unwrap();
    let observer = observer(&server).await;
    let bucket = submission.tenant.bucket();
    let deleted = observer.request(&format!("CONSUMER.DELETE.WORK_main.b{bucket}"), &json!({})).await;
    assert_eq!(deleted.unwrap()["success"], true);
    assert_eq!(front.waiting().await.unwrap().submissions, 0);
    assert_eq!(repair(&front).await, 1);
    assert_eq!(take(&mut worker).await.key, submission.key);
}

#[tokio::test]
async fn consumers_of_a_busy_cluster_are_left_alone() {
    let server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    let mut checks = front.repair();
    let checking = async {
        let mut repaired = 0;
        loop {
            repaired += checks.check().await.unwrap();
            assert_eq!(repaired, 0);
        }
    };
    let working = async {
        for id in 0..100 {
            let tenant = format!("tenant {id}");
            assert_eq!(front.store(&[new(id, &tenant), new(1000 + id, "a")]).await, Ok(Stored::New));
            let work = take(&mut worker).await;
            match id % 4 {
                0 => work.give_back(&work.acknowledgement(), Duration::ZERO).await.unwrap(),
                // Neither finished nor returned.
                1 => {}
                _ => {
                    assert!(work.finish(&finished("x"), TIMEOUT).await.unwrap());
                    work.done(&work.acknowledgement()).await.unwrap();
                }
            }
        }
    };
    tokio::select! {
        () = checking => unreachable!(),
        () = working => {}
    }
}

/// Another submission has the sequence number of one whose work is gone.
#[tokio::test]
async fn work_is_not_taken_for_that_of_another_submission() {
    let mut server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    let created = now() - 2 * u64::try_from(LOST_AFTER.as_micros()).unwrap();
    let lost = NewSubmission { record: Record { created, ..record("d") }, ..new(1, "a") };
    let cancelled = new(2, "a");
    front.store(&[lost.clone(), cancelled.clone()]).await.unwrap();
    assert_eq!(state(&front, lost.key).await, Some(State::Queued), "its work exists");
    forget_sequence_numbers(&mut server, &["WORK_main"]);
    wait_until_connected(&front, &worker).await;
    let others = [new(3, "b"), new(4, "b")];
    front.store(&others).await.unwrap();
    let found = front.get(lost.key).await.unwrap().unwrap();
    assert_eq!((found.record.state, found.record.failure), (State::Failed, Some(Failure::Lost)));
    assert_eq!(front.cancel(cancelled.key).await, Ok(Some(State::Queued)));
    let keys = [take(&mut worker).await.key, take(&mut worker).await.key];
    assert_eq!(keys, others.map(|other| other.key));
}

#[tokio::test]
async fn a_submission_that_was_forgotten_does_not_come_back() {
    let server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    let submission = new(1, "a");
    front.store(std::slice::from_ref(&submission)).await.unwrap();
    // The node ends before it acknowledges the work.
    let mut work = take(&mut worker).await;
    work.start().await.unwrap();
    assert!(work.finish(&finished("x"), TIMEOUT).await.unwrap());
    assert_eq!(front.cancel(submission.key).await, Ok(Some(State::Finished)));
    assert_eq!(front.holdings().await.unwrap().work, 0);
    assert_eq!(state(&front, submission.key).await, None);
}
