//! The store of a single server: a SQLite database in webd's state directory.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use keys::sha256;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::domain::submissions::callback_queue::{CallbackQueue, NextCallback};
use crate::domain::submissions::order::Turns;
use crate::domain::submissions::sqlite_callbacks;
use crate::domain::submissions::sqlite_rows::{COLUMNS, now, state, submission, uuid, with_result};
use crate::domain::submissions::sqlite_statistics::{self, ReachedStates};
use crate::domain::submissions::sqlite_thread::SqliteThread;
use crate::domain::submissions::store::{
    Change, Inserted, StoreFuture, StoreStatistics, SubmissionQueue, SubmissionStore,
};
use crate::domain::submissions::submission::{
    ClaimedSubmission, NewSubmission, Owner, Submission, SubmissionState,
};

/// Name of the database in the state directory.
pub(crate) const DATABASE: &str = "submissions.sqlite";
/// Part of all submissions, and of their bytes, that one owner may have, as a divisor.
const OWNER_SHARE: u64 = 4;
/// Size of the database in relation to the bytes of requests and results: pages are not full, and results of submissions
/// that run while the bound is reached are still stored.
const FILE_FACTOR: u64 = 2;
/// Smallest bound on the size of the database.
const MIN_FILE: u64 = 64 * 1024 * 1024;
/// Changes that a reader may not have read yet. One that missed some reads the store.
const MAX_CHANGES: usize = 1024;

/// `size` is the length of the request and of the result. A request is deleted when its submission is in a final state.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS submissions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    id BLOB NOT NULL,
    address TEXT NOT NULL,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    started INTEGER,
    finished INTEGER,
    digest BLOB NOT NULL,
    body BLOB,
    result BLOB,
    size INTEGER NOT NULL,
    UNIQUE (owner, id)
) STRICT;
CREATE INDEX IF NOT EXISTS by_state ON submissions (state, owner, number);
CREATE INDEX IF NOT EXISTS by_owner ON submissions (owner, size);
-- What ran when the last webd ended has no result, and runs again.
UPDATE submissions SET state = 0 WHERE state = 1;
PRAGMA user_version = 1;
";

/// Bounds of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreBounds {
    /// Submissions, in whatever state.
    pub(crate) count: u64,
    /// Bytes of their requests and results.
    pub(crate) bytes: u64,
}

/// The store.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    thread: SqliteThread,
    bounds: StoreBounds,
    turns: Arc<Mutex<Turns>>,
    changes: broadcast::Sender<Change>,
    reached: ReachedStates,
}

impl SqliteStore {
    /// Opens the database in a directory, or creates it. Submissions that were running are queued again.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn open(directory: &Path, bounds: StoreBounds) -> Result<Self, String> {
        let max_file = (bounds.bytes.saturating_mul(FILE_FACTOR)).max(MIN_FILE);
        let schema = [SCHEMA, sqlite_callbacks::SCHEMA].concat();
        let thread = SqliteThread::start(&directory.join(DATABASE), &schema, max_file)?;
        let (turns, changes) = (Arc::default(), broadcast::Sender::new(MAX_CHANGES));
        Ok(Self { thread, bounds, turns, changes, reached: ReachedStates::default() })
    }

    fn publish(&self, id: Uuid, number: Option<i64>, state: SubmissionState) {
        self.reached.count(state);
        // Fails only if nobody waits.
        let _ = self.changes.send(Change { id, number, state });
    }
}

impl SubmissionStore for SqliteStore {
    fn insert(&self, new: Vec<NewSubmission>) -> StoreFuture<'_, Inserted> {
        Box::pin(async move {
            let bounds = self.bounds;
            let ids: Vec<Uuid> = new.iter().map(|submission| submission.id).collect();
            let inserted = self.thread.run(move |connection| insert_all(connection, &new, bounds)).await?;
            if inserted == Inserted::New {
                ids.into_iter().for_each(|id| self.publish(id, None, SubmissionState::Queued));
            }
            Ok(inserted)
        })
    }

    fn find(&self, owner: Owner, id: Uuid, body: Bytes) -> StoreFuture<'_, Option<Inserted>> {
        Box::pin(self.thread.run(move |connection| {
            let found = existing(connection, owner.0.as_str(), id)?;
            Ok(found.map(|(state, digest)| compared(state, &digest, &body)))
        }))
    }

    fn get(&self, Owner(owner): Owner, id: Uuid) -> StoreFuture<'_, Option<Submission>> {
        Box::pin(self.thread.run(move |connection| {
            let query = format!("SELECT {COLUMNS}, result FROM submissions WHERE owner = ?1 AND id = ?2");
            connection
                .prepare_cached(&query)?
                .query_row(params![owner.as_str(), id.as_bytes()], with_result)
                .optional()
        }))
    }

    fn list(
        &self,
        Owner(owner): Owner,
        before: Option<Uuid>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<Submission>> {
        Box::pin(self.thread.run(move |connection| {
            let query = format!(
                "SELECT {COLUMNS} FROM submissions WHERE owner = ?1 AND (?2 IS NULL OR number < \
                 (SELECT number FROM submissions WHERE owner = ?1 AND id = ?2)) ORDER BY number DESC LIMIT ?3"
            );
            let before = before.map(|id| id.as_bytes().to_vec());
            let mut statement = connection.prepare_cached(&query)?;
            statement.query_map(params![owner.as_str(), before, limit], submission)?.collect()
        }))
    }

    fn cancel(&self, Owner(owner): Owner, id: Uuid) -> StoreFuture<'_, Option<SubmissionState>> {
        Box::pin(async move {
            let found = self.thread.run(move |connection| cancel(connection, owner.as_str(), id)).await?;
            if let Some((number, before)) = found
                && !before.is_final()
            {
                self.publish(id, Some(number), SubmissionState::Cancelled);
            }
            Ok(found.map(|(_, before)| before))
        })
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    fn keeps_callbacks(&self) -> bool {
        true
    }

    fn statistics(&self) -> StoreFuture<'_, Option<StoreStatistics>> {
        Box::pin(async move {
            let stored = self.thread.run(sqlite_statistics::read).await?;
            Ok(Some(StoreStatistics { reached: self.reached.counts(), ..stored }))
        })
    }
}

impl SubmissionQueue for SqliteStore {
    fn claim(&self) -> StoreFuture<'_, Option<ClaimedSubmission>> {
        let turns = Arc::clone(&self.turns);
        Box::pin(async move {
            let claimed = self.thread.run(move |connection| claim(connection, &turns)).await?;
            if let Some(claimed) = &claimed {
                self.publish(claimed.id, None, SubmissionState::Running);
            }
            Ok(claimed)
        })
    }

    fn requeue(&self, number: i64, counts: bool) -> StoreFuture<'_, ()> {
        Box::pin(self.thread.run(move |connection| {
            let update =
                "UPDATE submissions SET state = 0, attempts = attempts - ?2 WHERE number = ?1 AND state = 1";
            connection.prepare_cached(update)?.execute([number, i64::from(!counts)]).map(|_| ())
        }))
    }

    fn finish(&self, number: i64, state: SubmissionState, result: Bytes) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let update = "UPDATE submissions SET state = ?2, result = ?3, size = length(?3), finished = ?4, body = NULL \
                          WHERE number = ?1 AND state IN (0, 1) RETURNING id";
            let id = self
                .thread
                .run(move |connection| {
                    let values = params![number, state.number(), result.as_ref(), now()];
                    connection.prepare_cached(update)?.query_row(values, |row| uuid(row, 0)).optional()
                })
                .await?;
            if let Some(id) = id {
                self.publish(id, None, state);
            }
            Ok(())
        })
    }

    fn expire(&self, keep: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
            let expired: Vec<Uuid> = self
                .thread
                .run(move |connection| {
                    let oldest = now().saturating_sub(keep);
                    connection
                        .execute("DELETE FROM submissions WHERE state >= 2 AND finished < ?1", [oldest])?;
                    let update = "UPDATE submissions SET state = 5, finished = ?2, body = NULL, size = 0 \
                                  WHERE state = 0 AND created < ?1 RETURNING id";
                    let mut statement = connection.prepare_cached(update)?;
                    statement.query_map(params![oldest, now()], |row| uuid(row, 0))?.collect()
                })
                .await?;
            expired.into_iter().for_each(|id| self.publish(id, None, SubmissionState::Expired));
            Ok(())
        })
    }
}

impl CallbackQueue for SqliteStore {
    fn claim_callback(&self, busy: Vec<Owner>) -> StoreFuture<'_, NextCallback> {
        Box::pin(self.thread.run(move |connection| sqlite_callbacks::claim(connection, &busy)))
    }

    fn retry_callback(&self, number: i64, after: Duration, counts: bool) -> StoreFuture<'_, ()> {
        Box::pin(
            self.thread.run(move |connection| sqlite_callbacks::retry(connection, number, after, counts)),
        )
    }

    fn end_callback(&self, number: i64) -> StoreFuture<'_, ()> {
        Box::pin(self.thread.run(move |connection| sqlite_callbacks::end(connection, number)))
    }

    fn submission_changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

fn insert_all(
    connection: &Connection,
    new: &[NewSubmission],
    bounds: StoreBounds,
) -> rusqlite::Result<Inserted> {
    let Some(NewSubmission { owner: Owner(owner), .. }) = new.first() else { return Ok(Inserted::New) };
    if let [single] = new
        && let Some((state, digest)) = existing(connection, owner.as_str(), single.id)?
    {
        return Ok(compared(state, &digest, &single.body));
    }
    let count = new.len() as u64;
    let bytes: u64 = new.iter().map(|submission| submission.body.len() as u64).sum();
    let fits = |(used_count, used_bytes): (u64, u64), share: u64| {
        used_count + count <= (bounds.count / share).max(1) && used_bytes + bytes <= bounds.bytes / share
    };
    let all = used(connection, "SELECT count(*), coalesce(sum(size), 0) FROM submissions", [])?;
    let of_owner = "SELECT count(*), coalesce(sum(size), 0) FROM submissions WHERE owner = ?1";
    let of_owner = used(connection, of_owner, [owner.as_str()])?;
    if !fits(all, 1) || !fits(of_owner, OWNER_SHARE) {
        return Ok(Inserted::Full);
    }
    let insert = "INSERT INTO submissions (owner, id, address, state, created, digest, body, size) \
                  VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, length(?6))";
    let mut statement = connection.prepare_cached(insert)?;
    for NewSubmission { id, owner: Owner(owner), address, body, callback } in new {
        let digest = sha256(body);
        statement.execute(params![
            owner.as_str(),
            id.as_bytes(),
            address.to_string(),
            now(),
            digest,
            body.as_ref()
        ])?;
        if let Some(url) = callback {
            sqlite_callbacks::insert(connection, url)?;
        }
    }
    Ok(Inserted::New)
}

fn compared(state: SubmissionState, digest: &[u8; 32], body: &[u8]) -> Inserted {
    if *digest == sha256(body) { Inserted::Existing(state) } else { Inserted::Conflict }
}

fn existing(
    connection: &Connection,
    owner: &str,
    id: Uuid,
) -> rusqlite::Result<Option<(SubmissionState, [u8; 32])>> {
    let query = "SELECT state, digest FROM submissions WHERE owner = ?1 AND id = ?2";
    let mut statement = connection.prepare_cached(query)?;
    statement.query_row(params![owner, id.as_bytes()], |row| Ok((state(row, 0)?, row.get(1)?))).optional()
}

fn used(connection: &Connection, query: &str, values: impl rusqlite::Params) -> rusqlite::Result<(u64, u64)> {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    connection
        .prepare_cached(query)?
        .query_row(values, |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))))
}

fn cancel(
    connection: &Connection,
    owner: &str,
    id: Uuid,
) -> rusqlite::Result<Option<(i64, SubmissionState)>> {
    let key = params![owner, id.as_bytes()];
    let query = "SELECT number, state FROM submissions WHERE owner = ?1 AND id = ?2";
    let read = |row: &Row| Ok((row.get(0)?, state(row, 1)?));
    let before = connection.prepare_cached(query)?.query_row(key, read).optional()?;
    let change = match before {
        None => return Ok(None),
        Some((_, state)) if state.is_final() => "DELETE FROM submissions WHERE owner = ?1 AND id = ?2",
        Some(_) => {
            "UPDATE submissions SET state = 4, body = NULL, size = 0, finished = unixepoch() * 1000 \
             WHERE owner = ?1 AND id = ?2"
        }
    };
    connection.prepare_cached(change)?.execute(key)?;
    Ok(before)
}

fn claim(connection: &Connection, turns: &Mutex<Turns>) -> rusqlite::Result<Option<ClaimedSubmission>> {
    let query = "SELECT owner, min(number) FROM submissions WHERE state = 0 GROUP BY owner ORDER BY 2";
    let mut statement = connection.prepare_cached(query)?;
    let read = |row: &Row| {
        let owner: String = row.get(0)?;
        // Only valid names are ever stored.
        let owner = owner.parse().map_err(|_| rusqlite::Error::InvalidQuery)?;
        Ok((Owner(owner), row.get::<_, i64>(1)?))
    };
    let (owners, numbers): (Vec<Owner>, Vec<i64>) =
        statement.query_map([], read)?.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().unzip();
    let chosen = turns.lock().unwrap_or_else(PoisonError::into_inner).choose(&owners);
    let Some((owner, number)) = chosen.and_then(|index| Some((owners.get(index)?, *numbers.get(index)?)))
    else {
        return Ok(None);
    };
    let update = "UPDATE submissions SET state = 1, attempts = attempts + 1, started = ?2 WHERE number = ?1 \
                  RETURNING id, address, body, attempts";
    let read = |row: &Row| {
        let address: String = row.get(1)?;
        let body: Option<Vec<u8>> = row.get(2)?;
        Ok(ClaimedSubmission {
            number,
            id: uuid(row, 0)?,
            owner: owner.clone(),
            address: address.parse().map_err(|_| rusqlite::Error::InvalidQuery)?,
            body: body.unwrap_or_default().into(),
            attempts: row.get(3)?,
        })
    };
    connection.prepare_cached(update)?.query_row(params![number, now()], read).map(Some)
}

#[cfg(test)]
mod tests {
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
        assert_eq!(
            (finished.state, finished.result.as_deref()),
            (SubmissionState::Finished, Some(&b"{}"[..]))
        );
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
        store
            .insert(vec![new("a", 1, "12345"), NewSubmission { callback, ..new("a", 2, "6") }])
            .await
            .unwrap();
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
}
