//! Fronts and workers with a real nats-server.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

#[path = "jetstream/repair.rs"]
mod repair;
#[path = "jetstream/undelivered.rs"]
mod undelivered;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use cluster::ClusterError;
use cluster::administration;
use cluster::callbacks::{DueCallback, DueCallbacks};
use cluster::connection::Connection;
use cluster::layout::MAX_REQUEST;
use cluster::nodes::NodeStatus;
use cluster::permissions::{Role, server_configuration};
use cluster::record::{Failure, MAX_DELIVERIES, Record, State, now};
use cluster::subjects::{Digest, Name, SubmissionKey};
use cluster::submitter::{NewSubmission, Stored, Submitter};
use cluster::test_observer::Observer;
use cluster::test_server::{NatsServer, ServerOptions};
use cluster::usage::{Counters, UsageReader, UsageWriter};
use cluster::worker::{WorkItem, WorkResult, Worker, decode_events, encode_events};
use futures_util::StreamExt;
use keys::KeyName;
use protocol::{Event, ExecuteRequest, ExecutionId, codec};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

/// Time after which a test fails.
const TIMEOUT: Duration = Duration::from_secs(30);

fn pool() -> Name {
    "main".parse().unwrap()
}

async fn cluster() -> NatsServer {
    let server = NatsServer::start(&ServerOptions::default()).unwrap();
    administration::create(&server.settings("admin", None), &pool(), 1).await.unwrap();
    server
}

async fn front(server: &NatsServer) -> Submitter {
    let connection = Connection::start(&server.settings("front", None)).await.unwrap();
    Submitter::new(connection, pool())
}

async fn worker(server: &NatsServer, name: &str) -> Worker {
    let connection = Connection::start(&server.settings(name, None)).await.unwrap();
    Worker::new(connection, pool(), name.parse().unwrap())
}

fn record(digest: &str) -> Record {
    Record {
        state: State::Queued,
        key: "alice".to_owned(),
        digest: digest.to_owned(),
        format: "utf8".to_owned(),
        created: now(),
        started: None,
        finished: None,
        work: None,
        node: None,
        callback: false,
        failure: None,
    }
}

fn new(id: u128, tenant: &str) -> NewSubmission {
    let request = ExecuteRequest { language: format!("language {id}"), ..ExecuteRequest::default() };
    NewSubmission {
        key: SubmissionKey::new("alice", Uuid::from_u128(id)),
        record: record("d"),
        tenant: Digest::of(tenant),
        request: codec::encode(&request).unwrap().into(),
        callback: None,
    }
}

const URL: &str = "https://example.org/done";

fn with_callback(id: u128) -> NewSubmission {
    let record = Record { callback: true, ..record("d") };
    NewSubmission { record, callback: Some(URL.to_owned()), ..new(id, "a") }
}

fn events(message: &str) -> Bytes {
    encode_events(&[Event::Failed { id: ExecutionId::default(), message: message.to_owned() }]).unwrap()
}

fn finished(message: &str) -> WorkResult {
    WorkResult::Finished(events(message))
}

async fn state(front: &Submitter, key: SubmissionKey) -> Option<State> {
    front.get(key).await.unwrap().map(|found| found.record.state)
}

/// Waits for a callback: the server delivers a stored or returned message some time after it has confirmed it.
async fn take_due(due: &mut DueCallbacks) -> DueCallback {
    timeout(TIMEOUT, async {
        loop {
            if let Some(callback) = due.take(|_| false).await.unwrap() {
                return callback;
            }
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap()
}

async fn take(worker: &mut Worker) -> WorkItem {
    timeout(TIMEOUT, async {
        loop {
            if let Some(work) = worker.take().await.unwrap() {
                return work;
            }
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_submission_is_stored_taken_and_finished_once() {
    let server = cluster().await;
    let (front, mut first, mut second) =
        (front(&server).await, worker(&server, "node-1").await, worker(&server, "node-2").await);
    let submission = new(1, "a");
    let mut changes = Box::pin(front.changes().await.unwrap());
    assert_eq!(front.store(std::slice::from_ref(&submission)).await, Ok(Stored::New));
    assert_eq!(state(&front, submission.key).await, Some(State::Queued));
    let mut work = take(&mut first).await;
    assert_eq!((work.key, work.delivered), (submission.key, 1));
    assert_eq!(work.request().unwrap().language, "language 1");
    assert!(second.take().await.unwrap().is_none(), "one node has it");
    work.start().await.unwrap();
    let running = front.get(submission.key).await.unwrap().unwrap();
    assert_eq!((running.record.state, running.record.node.as_deref()), (State::Running, Some("node-1")));
    assert!(running.record.work.is_some() && running.events.is_none());
    assert!(work.finish(&finished("first"), TIMEOUT).await.unwrap());
    assert!(!work.finish(&finished("second"), TIMEOUT).await.unwrap(), "the first result stands");
    work.done(&work.acknowledgement()).await.unwrap();
    let found = front.get(submission.key).await.unwrap().unwrap();
    assert_eq!(found.record.state, State::Finished);
    assert!(found.record.started.is_some() && found.record.finished >= found.record.started);
    let stored = decode_events(&found.events.unwrap()).unwrap();
    assert_eq!(stored, [Event::Failed { id: ExecutionId::default(), message: "first".to_owned() }]);
    for expected in [State::Running, State::Finished] {
        let change = timeout(TIMEOUT, changes.next()).await.unwrap().unwrap();
        assert_eq!(change, (submission.key, expected));
    }
    sleep(Duration::from_millis(100)).await;
    assert!(first.take().await.unwrap().is_none() && second.take().await.unwrap().is_none());
    assert_eq!(front.waiting().await.unwrap().submissions, 0);
}

#[tokio::test]
async fn storing_again_has_no_effect_and_mends_what_a_crash_left() {
    let server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    let submission = new(1, "a");
    let store = async |new: &NewSubmission| front.store(std::slice::from_ref(new)).await;
    assert_eq!(store(&submission).await, Ok(Stored::New));
    assert_eq!(store(&submission).await, Ok(Stored::Existing(State::Queued)));
    let other = NewSubmission { record: record("other"), ..submission.clone() };
    assert_eq!(store(&other).await, Ok(Stored::Conflict));
    assert_eq!(front.waiting().await.unwrap().submissions, 1);
    let work = take(&mut worker).await;
    assert!(work.finish(&finished("x"), TIMEOUT).await.unwrap());
    work.done(&work.acknowledgement()).await.unwrap();
    assert_eq!(store(&submission).await, Ok(Stored::Existing(State::Finished)));
    // One that was forgotten can be stored again at once.
    assert_eq!(front.cancel(submission.key).await, Ok(Some(State::Finished)));
    assert_eq!(state(&front, submission.key).await, None);
    let again = NewSubmission { record: record("d"), ..submission };
    assert_eq!(store(&again).await, Ok(Stored::New));
    assert_eq!(take(&mut worker).await.key, again.key);
}

#[tokio::test]
async fn what_a_node_does_not_finish_is_delivered_again_and_given_up_at_last() {
    let server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    let submission = new(1, "a");
    front.store(std::slice::from_ref(&submission)).await.unwrap();
    for delivered in 1..=MAX_DELIVERIES {
        let work = take(&mut worker).await;
        assert_eq!((work.delivered, work.request().is_ok()), (delivered, true));
        work.give_back(&work.acknowledgement(), Duration::ZERO).await.unwrap();
    }
    let work = take(&mut worker).await;
    assert_eq!(work.request().err(), Some(Failure::GivenUp));
    assert!(work.finish(&WorkResult::NotRun(Failure::GivenUp), TIMEOUT).await.unwrap());
    work.done(&work.acknowledgement()).await.unwrap();
    let found = front.get(submission.key).await.unwrap().unwrap();
    assert_eq!((found.record.state, found.record.failure), (State::Failed, Some(Failure::GivenUp)));
    assert!(found.events.is_none());
}

#[tokio::test]
async fn a_cancelled_submission_is_not_taken_and_its_nodes_hear_of_it() {
    let server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    let (waiting, running) = (new(1, "a"), new(2, "b"));
    front.store(std::slice::from_ref(&running)).await.unwrap();
    let work = take(&mut worker).await;
    front.store(std::slice::from_ref(&waiting)).await.unwrap();
    let mut cancellations = Box::pin(worker.cancellations().await.unwrap());
    assert_eq!(front.cancel(waiting.key).await, Ok(Some(State::Queued)));
    assert_eq!(front.cancel(running.key).await, Ok(Some(State::Queued)));
    assert_eq!(timeout(TIMEOUT, cancellations.next()).await.unwrap(), Some(waiting.key));
    assert_eq!(timeout(TIMEOUT, cancellations.next()).await.unwrap(), Some(running.key));
    assert!(!work.finish(&finished("late"), TIMEOUT).await.unwrap());
    work.done(&work.acknowledgement()).await.unwrap();
    assert!(worker.take().await.unwrap().is_none());
    assert_eq!(state(&front, waiting.key).await, Some(State::Cancelled));
    assert_eq!(front.cancel(waiting.key).await, Ok(Some(State::Cancelled)));
    assert_eq!(front.cancel(waiting.key).await, Ok(None));
}

#[tokio::test]
async fn a_newcomer_does_not_wait_for_a_flood() {
    let server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    let newcomer = (0..100).map(|number| format!("newcomer {number}"));
    let newcomer =
        newcomer.into_iter().find(|name| Digest::of(name).bucket() != Digest::of("flood").bucket());
    for id in 0..100 {
        front.store(&[new(id, "flood")]).await.unwrap();
    }
    take(&mut worker).await;
    let late = new(1000, &newcomer.unwrap());
    front.store(std::slice::from_ref(&late)).await.unwrap();
    let keys = [take(&mut worker).await.key, take(&mut worker).await.key];
    assert!(keys.contains(&late.key), "within two turns");
    let waiting = front.waiting().await.unwrap();
    assert_eq!(waiting.submissions, 98);
    assert!(waiting.oldest > Duration::ZERO && waiting.oldest < TIMEOUT, "{:?}", waiting.oldest);
}

#[tokio::test]
async fn a_tenant_has_a_bound_and_the_others_go_on() {
    let server = cluster().await;
    let front = front(&server).await;
    for id in 0..1000 {
        assert_eq!(front.store(&[new(id, "a")]).await, Ok(Stored::New));
    }
    let batch = [new(2000, "b"), new(2001, "a")];
    assert_eq!(front.store(&batch).await, Ok(Stored::Full));
    for new in &batch {
        assert_eq!(state(&front, new.key).await, None, "all or none");
    }
    assert_eq!(front.store(&[new(2002, "b")]).await, Ok(Stored::New));
    let large = NewSubmission { request: vec![0; MAX_REQUEST + 1].into(), ..new(3000, "c") };
    assert_eq!(front.store(&[large]).await, Err(ClusterError::TooLarge));
}

#[tokio::test]
async fn the_largest_request_and_the_largest_result_are_stored() {
    let server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    let request = vec![0; MAX_REQUEST].into();
    let submission = NewSubmission { request, ..new(1, "a") };
    assert_eq!(front.store(std::slice::from_ref(&submission)).await, Ok(Stored::New));
    let work = take(&mut worker).await;
    let events = Bytes::from(vec![7; cluster::layout::MAX_RESULT]);
    assert!(work.finish(&WorkResult::Finished(events.clone()), TIMEOUT).await.unwrap());
    assert_eq!(front.get(submission.key).await.unwrap().unwrap().events, Some(events));
}

#[tokio::test]
async fn a_list_has_the_newest_first() {
    let server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    for id in 0..4 {
        front.store(&[new(id, "a")]).await.unwrap();
    }
    let work = take(&mut worker).await;
    work.finish(&finished("x"), TIMEOUT).await.unwrap();
    let list = async |before: Option<u128>, limit| {
        let listed = front.list(Digest::of("alice"), before.map(Uuid::from_u128), limit).await.unwrap();
        listed.into_iter().map(|(id, record)| (id.as_u128(), record.state)).collect::<Vec<_>>()
    };
    let queued = State::Queued;
    assert_eq!(list(None, 9).await, [(3, queued), (2, queued), (1, queued), (0, State::Finished)]);
    assert_eq!(list(Some(3), 1).await, [(2, queued)]);
    assert!(front.list(Digest::of("bob"), None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_callback_is_due_when_its_submission_has_ended_and_until_it_is_delivered() {
    let server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    let mut due = DueCallbacks::new(front.connection());
    let (finishing, cancelled) = (with_callback(1), with_callback(2));
    front.store(&[finishing.clone(), cancelled.clone(), new(3, "a")]).await.unwrap();
    assert!(due.take(|_| false).await.unwrap().is_none(), "nothing has ended");
    let work = take(&mut worker).await;
    assert!(work.finish(&finished("first"), TIMEOUT).await.unwrap());
    // The node was cut off, and stores the result again: its callback is due once.
    assert!(!work.finish(&finished("second"), TIMEOUT).await.unwrap());
    work.done(&work.acknowledgement()).await.unwrap();
    let first = take_due(&mut due).await;
    assert_eq!(
        (first.key, first.taken, first.url().await.unwrap().as_deref()),
        (finishing.key, 1, Some(URL))
    );
    assert!(due.take(|_| false).await.unwrap().is_none(), "one front has it");
    first.retry(Duration::ZERO).await.unwrap();
    let bucket = finishing.key.owner.bucket();
    assert!(due.take(|busy| busy == bucket).await.unwrap().is_none(), "its bucket is busy");
    let again = take_due(&mut due).await;
    assert_eq!((again.key, again.taken, again.sequence), (finishing.key, 2, first.sequence));
    again.done().await.unwrap();
    assert_eq!(front.holdings().await.unwrap().callbacks, 0);
    // What a front ends has a callback too.
    assert_eq!(front.cancel(cancelled.key).await, Ok(Some(State::Queued)));
    assert_eq!(take_due(&mut due).await.key, cancelled.key);
    assert_eq!(front.holdings().await.unwrap().work, 1);
    assert_eq!(front.list(Digest::of("alice"), None, 9).await.unwrap().len(), 3);
    // A submission that is forgotten has no URL any more.
    let listed = front.cancel(finishing.key).await;
    assert_eq!((listed, first.url().await), (Ok(Some(State::Finished)), Ok(None)));
}

#[tokio::test]
async fn a_killed_server_loses_nothing_and_fails_at_once_meanwhile() {
    let mut server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    let submission = new(1, "a");
    front.store(std::slice::from_ref(&submission)).await.unwrap();
    server.kill().unwrap();
    let started = Instant::now();
    let failed = timeout(TIMEOUT, async {
        while front.store(&[new(2, "a")]).await.is_ok() {}
        front.get(submission.key).await
    });
    assert!(matches!(failed.await.unwrap(), Err(ClusterError::Unavailable(_))));
    assert!(started.elapsed() < TIMEOUT / 2);
    server.restart().unwrap();
    let found = timeout(TIMEOUT, async {
        loop {
            match front.get(submission.key).await {
                Ok(found) => return found,
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    });
    assert_eq!(found.await.unwrap().unwrap().record.state, State::Queued);
    let work = timeout(TIMEOUT, async {
        loop {
            if let Ok(Some(work)) = worker.take().await {
                return work;
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
    assert_eq!(work.await.unwrap().key, submission.key);
}

#[tokio::test]
async fn usage_and_status_reach_the_other_processes() {
    let server = cluster().await;
    let (front, worker) = (front(&server).await, worker(&server, "node-1").await);
    let alice: KeyName = "alice.smith".parse().unwrap();
    let used = |cpu_us| BTreeMap::from([(alice.clone(), Counters { cpu_us, ..Counters::default() })]);
    let name = |text: &str| text.parse::<Name>().unwrap();
    for (writer, session, cpu_us) in [("front", 0, 5), ("node-1", 1, 10), ("node-1", 2, 20), ("front", 0, 7)]
    {
        let mut writer = UsageWriter::new(front.connection(), name(writer), session);
        writer.write(20_000, &used(cpu_us)).await.unwrap();
    }
    let of_others = async |except: &str| {
        let others = UsageReader::new(front.connection(), name(except)).read(20_000).await.unwrap();
        others.get(&alice).map(|elsewhere| elsewhere.usage.cpu_us)
    };
    assert_eq!(of_others("front").await, Some(30), "both sessions of the node");
    assert_eq!(of_others("node-1").await, Some(7), "the last value");
    let status = NodeStatus { name: "node-1".to_owned(), slots: 4, ..NodeStatus::default() };
    worker.report(&NodeStatus { slots: 3, ..status.clone() }).await.unwrap();
    worker.report(&status).await.unwrap();
    assert_eq!(front.nodes().await.unwrap(), [status]);
}

/// The clock of the front that stores a submission is an hour slow, or fast, for the front that reads it.
#[tokio::test]
async fn a_wrong_clock_loses_no_submission() {
    const HOUR: u64 = 3_600_000_000;
    let server = cluster().await;
    let (front, mut worker) = (front(&server).await, worker(&server, "node-1").await);
    for (id, created) in [(1, now() - HOUR), (2, now() + HOUR)] {
        let submission = NewSubmission { record: Record { created, ..record("d") }, ..new(id, "a") };
        assert_eq!(front.store(std::slice::from_ref(&submission)).await, Ok(Stored::New));
        assert_eq!(state(&front, submission.key).await, Some(State::Queued));
        let work = take(&mut worker).await;
        assert_eq!(state(&front, submission.key).await, Some(State::Queued), "its work exists");
        assert!(work.finish(&finished("x"), TIMEOUT).await.unwrap());
        work.done(&work.acknowledgement()).await.unwrap();
        assert_eq!(state(&front, submission.key).await, Some(State::Finished));
    }
}

#[tokio::test]
async fn a_server_with_too_little_storage_is_told_how_much_it_takes() {
    let server = NatsServer::start(&ServerOptions { storage: Some(1), ..ServerOptions::default() }).unwrap();
    let error = administration::create(&server.settings("admin", None), &pool(), 1).await.unwrap_err();
    assert!(error.contains("set max_file_store to 21GB or more"), "{error}");
}

#[tokio::test]
async fn each_process_may_do_its_work_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let name = |text: &str| text.parse::<Name>().unwrap();
    let roles = [
        ("admin", Role::Administrator),
        ("front", Role::Webd(name("front"))),
        ("node-1", Role::Noded(name("node-1"))),
    ];
    let users = roles.map(|(file, role)| {
        let key = administration::new_key().unwrap();
        std::fs::write(directory.path().join(file), &key.seed).unwrap();
        assert_eq!(administration::public_key(&key.seed), Ok(key.public_key.clone()));
        (role, key.public_key)
    });
    let options = ServerOptions { more: server_configuration(&pool(), &users), ..ServerOptions::default() };
    let server = NatsServer::start(&options).unwrap();
    let settings = |name: &str| server.settings(name, Some(directory.path().join(name)));
    assert!(Connection::open(&server.settings("anonymous", None)).await.is_err());
    administration::create(&settings("admin"), &pool(), 1).await.unwrap();
    let connection = Connection::open(&settings("front")).await.unwrap();
    let front = Submitter::new(connection, pool());
    let connection = Connection::open(&settings("node-1")).await.unwrap();
    let mut worker = Worker::new(connection.clone(), pool(), name("node-1"));
    let submission = new(1, "a");
    let mut changes = Box::pin(front.changes().await.unwrap());
    let mut announcements = worker.announcements().await.unwrap();
    let mut cancellations = Box::pin(worker.cancellations().await.unwrap());
    sleep(Duration::from_millis(100)).await;
    assert_eq!(front.store(std::slice::from_ref(&submission)).await, Ok(Stored::New));
    assert_eq!(timeout(TIMEOUT, announcements.next()).await.unwrap(), Some(Digest::of("a").bucket()));
    let mut work = take(&mut worker).await;
    work.start().await.unwrap();
    work.progress(&work.acknowledgement()).await.unwrap();
    assert!(timeout(TIMEOUT, changes.next()).await.unwrap().is_some());
    assert!(work.finish(&finished("x"), TIMEOUT).await.unwrap());
    work.done(&work.acknowledgement()).await.unwrap();
    worker.report(&NodeStatus::default()).await.unwrap();
    let mut usage = UsageWriter::new(&connection, name("node-1"), 1);
    usage.write(1, &BTreeMap::from([(KeyName::anonymous(), Counters::default())])).await.unwrap();
    assert_eq!(front.nodes().await.unwrap().len(), 1);
    assert_eq!(front.waiting().await.unwrap().submissions, 0);
    assert_eq!(front.list(Digest::of("alice"), None, 9).await.unwrap().len(), 1);
    let mut usage = UsageWriter::new(front.connection(), name("front"), 0);
    usage.write(1, &BTreeMap::from([(KeyName::anonymous(), Counters::default())])).await.unwrap();
    let mut others = UsageReader::new(front.connection(), name("front"));
    assert_eq!(others.read(1).await.unwrap().len(), 1);
    let mut due = DueCallbacks::new(front.connection());
    let mut announced = Box::pin(DueCallbacks::announcements(front.connection()).await.unwrap());
    let called = with_callback(7);
    front.store(std::slice::from_ref(&called)).await.unwrap();
    let work = take(&mut worker).await;
    assert!(work.finish(&finished("x"), TIMEOUT).await.unwrap());
    work.done(&work.acknowledgement()).await.unwrap();
    assert_eq!(timeout(TIMEOUT, announced.next()).await.unwrap(), Some(()));
    let callback = due.take(|_| false).await.unwrap().unwrap();
    assert_eq!(callback.url().await.unwrap().as_deref(), Some(URL));
    callback.done().await.unwrap();
    assert_eq!(front.holdings().await.unwrap().callbacks, 0);
    // A consumer that is gone is created again with the permissions of a front.
    let other = new(2, "b");
    front.store(std::slice::from_ref(&other)).await.unwrap();
    let administrator = Observer::start(&settings("admin"), &[]).await.unwrap();
    let consumer = format!("CONSUMER.DELETE.WORK_main.b{}", other.tenant.bucket());
    administrator.request(&consumer, &serde_json::json!({})).await.unwrap();
    assert_eq!(front.repair().check().await, Ok(1));
    assert_eq!(front.cancel(other.key).await, Ok(Some(State::Queued)));
    assert_eq!(timeout(TIMEOUT, cancellations.next()).await.unwrap(), Some(other.key));

    // The key of a node neither reads results nor submits work, and does not speak for another node.
    let as_front = Submitter::new(connection.clone(), pool());
    assert!(matches!(as_front.get(submission.key).await, Err(ClusterError::Unavailable(_))));
    assert!(matches!(as_front.store(&[new(3, "c")]).await, Err(ClusterError::Unavailable(_))));
    let other_node = Worker::new(connection.clone(), pool(), name("node-2"));
    assert!(other_node.report(&NodeStatus::default()).await.is_err());
    assert!(administration::create(&settings("node-1"), &pool(), 1).await.is_err());
    assert!(administration::create(&settings("front"), &pool(), 1).await.is_err());
    assert_eq!(front.waiting().await.unwrap().submissions, 0);
}
