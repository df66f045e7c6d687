//! The store of a single server.

use super::*;

const BOUNDS: StoreBounds = StoreBounds { count: 40, bytes: 4000 };

fn owner(name: &str) -> Owner {
    Owner(name.parse().unwrap())
}

fn new(owner_name: &str, id: u128, body: &str) -> NewSubmission {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let address = "192.0.2.1".parse().unwrap();
    NewSubmission { id: Uuid::from_u128(id), owner: owner(owner_name), address, body, callback: None }
}

async fn state_of(store: &SqliteStore, name: &str, id: u128) -> Option<SubmissionState> {
    store.get(owner(name), Uuid::from_u128(id)).await.unwrap().map(|submission| submission.state)
}

#[tokio::test]
async fn a_submission_lives_from_queued_to_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), BOUNDS).unwrap();
    let mut changes = store.changes();
    assert_eq!(store.insert(vec![new("alice", 1, "a")]).await, Ok(Inserted::New));
    let queued = Inserted::Existing(SubmissionState::Queued);
    assert_eq!(store.insert(vec![new("alice", 1, "a")]).await, Ok(queued));
    assert_eq!(store.insert(vec![new("alice", 1, "b")]).await, Ok(Inserted::Conflict));
    assert_eq!(store.insert(vec![new("bob", 1, "b")]).await, Ok(Inserted::New), "ids belong to an owner");
    assert_eq!(state_of(&store, "carol", 1).await, None);
    let claimed = store.claim().await.unwrap().unwrap();
    assert_eq!((&claimed.owner, &*claimed.body, claimed.attempts), (&owner("alice"), &b"a"[..], 1));
    store.finish(claimed.number, SubmissionState::Finished, "{}".into()).await.unwrap();
    // The first result stands.
    store.finish(claimed.number, SubmissionState::Failed, "[]".into()).await.unwrap();
    let finished = store.get(owner("alice"), Uuid::from_u128(1)).await.unwrap().unwrap();
    assert_eq!((finished.state, finished.result.as_deref()), (SubmissionState::Finished, Some(&b"{}"[..])));
    assert!(finished.started >= Some(finished.created) && finished.finished >= finished.started);
    let states = [
        SubmissionState::Queued,
        SubmissionState::Queued,
        SubmissionState::Running,
        SubmissionState::Finished,
    ];
    for state in states {
        assert_eq!(changes.recv().await.unwrap(), Change { id: Uuid::from_u128(1), number: None, state });
    }
    let cancelled = store.cancel(owner("alice"), Uuid::from_u128(1)).await;
    assert_eq!(cancelled, Ok(Some(SubmissionState::Finished)));
    assert_eq!(state_of(&store, "alice", 1).await, None);
    assert_eq!(store.cancel(owner("alice"), Uuid::from_u128(1)).await, Ok(None));
}

#[tokio::test]
async fn what_ran_during_a_crash_runs_again_and_what_has_a_result_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), BOUNDS).unwrap();
    store.insert(vec![new("a", 1, "1"), new("a", 2, "2"), new("a", 3, "3")]).await.unwrap();
    let first = store.claim().await.unwrap().unwrap();
    store.finish(first.number, SubmissionState::Finished, "{}".into()).await.unwrap();
    let second = store.claim().await.unwrap().unwrap();
    assert_eq!(second.id, Uuid::from_u128(2));
    drop(store);
    let store = SqliteStore::open(directory.path(), BOUNDS).unwrap();
    assert_eq!(state_of(&store, "a", 1).await, Some(SubmissionState::Finished));
    let again = store.claim().await.unwrap().unwrap();
    assert_eq!((again.id, again.attempts), (Uuid::from_u128(2), 2));
    store.requeue(again.number, false).await.unwrap();
    assert_eq!(store.claim().await.unwrap().unwrap().attempts, 2, "what could not start does not count");
    assert_eq!(store.claim().await.unwrap().unwrap().id, Uuid::from_u128(3));
    assert!(store.claim().await.unwrap().is_none());
}

#[tokio::test]
async fn after_three_attempts_a_submission_waits_and_others_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), BOUNDS).unwrap();
    store.insert(vec![new("a", 1, "1")]).await.unwrap();
    let attempt = async || {
        let claimed = store.claim().await.unwrap()?;
        store.requeue(claimed.number, true).await.unwrap();
        Some(claimed.attempts)
    };
    // Instead of waiting.
    let begin_earlier = |ms: i64| {
        let update = "UPDATE submissions SET started = started - ?1";
        store.thread.run(move |connection| connection.execute(update, [ms]))
    };
    for number in 1..=3 {
        assert_eq!(attempt().await, Some(number));
    }
    for (number, seconds) in [(4, 1), (5, 2), (6, 4), (7, 8), (8, 16), (9, 16), (10, 16)] {
        begin_earlier(seconds * 1000 - 500).await.unwrap();
        assert_eq!(attempt().await, None, "attempt {number}");
        begin_earlier(500).await.unwrap();
        assert_eq!(attempt().await, Some(number));
    }
    store.insert(vec![new("a", 2, "2")]).await.unwrap();
    assert_eq!(attempt().await, Some(1), "the other one");
    // The clock is set back.
    begin_earlier(-3_600_000).await.unwrap();
    assert_eq!(attempt().await, Some(11));
}

#[tokio::test]
async fn a_callback_is_due_when_its_submission_has_ended_until_it_is_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), BOUNDS).unwrap();
    let with_callback = |name: &str, id| NewSubmission {
        callback: Some(format!("https://example.org/{id}")),
        ..new(name, id, "x")
    };
    store.insert(vec![with_callback("a", 1), new("a", 2, "x"), with_callback("a", 3)]).await.unwrap();
    store.insert(vec![with_callback("b", 4)]).await.unwrap();
    assert_eq!(store.claim_callback(vec![]).await, Ok(NextCallback::None));
    while let Some(claimed) = store.claim().await.unwrap() {
        store.finish(claimed.number, SubmissionState::Finished, "{}".into()).await.unwrap();
    }
    let due = async |store: &SqliteStore, busy: &[&str]| match store
        .claim_callback(busy.iter().copied().map(owner).collect())
        .await
        .unwrap()
    {
        NextCallback::Due(claimed) => Some(*claimed),
        _ => None,
    };
    let first = due(&store, &[]).await.unwrap();
    assert_eq!((first.url.as_str(), first.attempts), ("https://example.org/1", 1));
    assert_eq!(first.submission.result.as_deref(), Some(&b"{}"[..]));
    let of_other = due(&store, &["a"]).await.unwrap();
    assert_eq!((&of_other.owner, of_other.url.as_str()), (&owner("b"), "https://example.org/4"));
    store.end_callback(of_other.number).await.unwrap();
    store.retry_callback(first.number, Duration::from_secs(60), true).await.unwrap();
    let third = due(&store, &[]).await.unwrap();
    assert_eq!(third.url, "https://example.org/3");
    // A callback that was taken is taken again after a crash; one that was delivered is not.
    drop(store);
    let store = SqliteStore::open(directory.path(), BOUNDS).unwrap();
    let again = due(&store, &[]).await.unwrap();
    assert_eq!((again.number, again.attempts), (third.number, 2));
    store.retry_callback(again.number, Duration::ZERO, false).await.unwrap();
    assert_eq!(due(&store, &[]).await.unwrap().attempts, 2, "an attempt that does not count");
    let waiting = store.claim_callback(vec![]).await.unwrap();
    assert!(matches!(waiting, NextCallback::In(wait) if wait > Duration::from_secs(30)), "{waiting:?}");
    // A submission that is deleted takes its callback with it.
    assert!(store.cancel(owner("a"), Uuid::from_u128(1)).await.unwrap().is_some());
    assert_eq!(store.claim_callback(vec![]).await, Ok(NextCallback::None));
}

#[tokio::test]
async fn a_cancelled_submission_is_not_run_and_gets_no_result() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), BOUNDS).unwrap();
    store.insert(vec![new("a", 1, "1"), new("a", 2, "2")]).await.unwrap();
    let running = store.claim().await.unwrap().unwrap();
    for (id, before) in [(1, SubmissionState::Running), (2, SubmissionState::Queued)] {
        assert_eq!(store.cancel(owner("a"), Uuid::from_u128(id)).await, Ok(Some(before)));
    }
    store.finish(running.number, SubmissionState::Finished, "{}".into()).await.unwrap();
    store.requeue(running.number, false).await.unwrap();
    assert_eq!(state_of(&store, "a", 1).await, Some(SubmissionState::Cancelled));
    assert!(store.claim().await.unwrap().is_none());
}

#[tokio::test]
async fn the_store_is_bounded_for_all_and_for_each_owner() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), BOUNDS).unwrap();
    for id in 0..10 {
        assert_eq!(store.insert(vec![new("greedy", id, "x")]).await, Ok(Inserted::New));
    }
    assert_eq!(store.insert(vec![new("greedy", 10, "x")]).await, Ok(Inserted::Full));
    assert_eq!(store.insert(vec![new("large", 1, &"x".repeat(1001))]).await, Ok(Inserted::Full));
    assert_eq!(store.insert(vec![new("large", 1, &"x".repeat(1000))]).await, Ok(Inserted::New));
    let batch = (0..11).map(|id| new("batch", id, "x")).collect();
    assert_eq!(store.insert(batch).await, Ok(Inserted::Full));
    assert_eq!(state_of(&store, "batch", 0).await, None, "all of a batch or nothing");
    // A batch with an id that exists stores nothing.
    let batch = vec![new("batch", 1, "x"), new("batch", 1, "x")];
    assert!(store.insert(batch).await.is_err());
    assert_eq!(state_of(&store, "batch", 1).await, None);
}

#[tokio::test]
async fn the_statistics_are_those_of_what_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), BOUNDS).unwrap();
    let (none, numbers) = ([Some(0); 6], |numbers: [u64; 6]| numbers.map(Some));
    let empty = StoreStatistics { stored: none, reached: none, ..StoreStatistics::default() };
    assert_eq!(store.statistics().await, Ok(Some(empty)));
    let callback = Some("https://example.org".to_owned());
    store.insert(vec![new("a", 1, "12345"), NewSubmission { callback, ..new("a", 2, "6") }]).await.unwrap();
    let claimed = store.claim().await.unwrap().unwrap();
    store.finish(claimed.number, SubmissionState::Finished, "{}".into()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let statistics = store.statistics().await.unwrap().unwrap();
    assert_eq!((statistics.stored, statistics.bytes), (numbers([1, 0, 1, 0, 0, 0]), 3));
    assert_eq!((statistics.reached, statistics.callbacks), (numbers([2, 1, 1, 0, 0, 0]), 1));
    assert!(statistics.oldest_queued >= Duration::from_millis(5));
    store.cancel(owner("a"), Uuid::from_u128(2)).await.unwrap();
    let statistics = store.statistics().await.unwrap().unwrap();
    let expected = (numbers([0, 0, 1, 0, 1, 0]), numbers([2, 1, 1, 0, 1, 0]));
    assert_eq!((statistics.stored, statistics.reached), expected);
    assert_eq!(statistics.oldest_queued, Duration::ZERO);
}

#[tokio::test]
async fn old_submissions_expire_and_are_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), BOUNDS).unwrap();
    store.insert(vec![new("a", 1, "1"), new("a", 2, "2")]).await.unwrap();
    let running = store.claim().await.unwrap().unwrap();
    store.expire(Duration::from_secs(60)).await.unwrap();
    assert_eq!(state_of(&store, "a", 2).await, Some(SubmissionState::Queued));
    tokio::time::sleep(Duration::from_millis(5)).await;
    store.expire(Duration::ZERO).await.unwrap();
    assert_eq!(state_of(&store, "a", 1).await, Some(SubmissionState::Running), "it runs");
    assert_eq!(state_of(&store, "a", 2).await, Some(SubmissionState::Expired));
    store.finish(running.number, SubmissionState::Finished, "{}".into()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    store.expire(Duration::ZERO).await.unwrap();
    assert_eq!((state_of(&store, "a", 1).await, state_of(&store, "a", 2).await), (None, None));
}

#[tokio::test]
async fn a_list_has_the_newest_first_and_pages() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), BOUNDS).unwrap();
    store.insert((0..5).map(|id| new("a", id, "x")).collect()).await.unwrap();
    store.insert(vec![new("b", 9, "x")]).await.unwrap();
    let list = async |before: Option<u128>, limit| {
        let listed = store.list(owner("a"), before.map(Uuid::from_u128), limit).await.unwrap();
        listed.into_iter().map(|submission| submission.id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(list(None, 2).await, [4, 3]);
    assert_eq!(list(Some(3), 10).await, [2, 1, 0]);
    assert!(list(Some(9), 10).await.is_empty(), "of another owner");
}

#[tokio::test]
async fn owners_take_turns() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), BOUNDS).unwrap();
    store.insert((0..5).map(|id| new("many", id, "x")).collect()).await.unwrap();
    store.insert(vec![new("few", 0, "x"), new("few", 1, "x")]).await.unwrap();
    let mut order = vec![];
    while let Some(claimed) = store.claim().await.unwrap() {
        order.push(claimed.owner.0.to_string());
    }
    assert_eq!(order, ["many", "few", "many", "few", "many", "many", "many"]);
}
