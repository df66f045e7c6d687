//! The store of a single server: a SQLite database in webd's state directory.

mod callbacks;
mod insert;
mod rows;
mod statistics;
mod thread;
mod transitions;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{OptionalExtension, params};
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::domain::submissions::callback_queue::{CallbackQueue, NextCallback};
use crate::domain::submissions::order::Turns;
pub(crate) use crate::domain::submissions::sqlite::insert::StoreBounds;
use crate::domain::submissions::sqlite::rows::{COLUMNS, submission, with_result};
use crate::domain::submissions::sqlite::statistics::ReachedStates;
use crate::domain::submissions::sqlite::thread::SqliteThread;
use crate::domain::submissions::store::{
    Change, Inserted, StoreFuture, StoreStatistics, SubmissionQueue, SubmissionStore,
};
use crate::domain::submissions::submission::{
    ClaimedSubmission, NewSubmission, Owner, Submission, SubmissionState,
};

/// Name of the database in the state directory.
pub(crate) const DATABASE: &str = "submissions.sqlite";
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
DROP INDEX IF EXISTS by_state;
-- With all columns that a claim reads, which passes over all queued submissions.
CREATE INDEX IF NOT EXISTS by_turn ON submissions (state, owner, number, attempts, started);
CREATE INDEX IF NOT EXISTS by_owner ON submissions (owner, size);
-- Submissions that were running when the last webd ended have no result, and run again.
UPDATE submissions SET state = 0 WHERE state = 1;
PRAGMA user_version = 1;
";

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
        let schema = [SCHEMA, callbacks::SCHEMA].concat();
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
            let inserted =
                self.thread.run(move |connection| insert::insert_all(connection, &new, bounds)).await?;
            if inserted == Inserted::New {
                ids.into_iter().for_each(|id| self.publish(id, None, SubmissionState::Queued));
            }
            Ok(inserted)
        })
    }

    fn find(&self, owner: Owner, id: Uuid, body: Bytes) -> StoreFuture<'_, Option<Inserted>> {
        Box::pin(self.thread.run(move |connection| {
            let found = insert::existing(connection, owner.0.as_str(), id)?;
            Ok(found.map(|(state, digest)| insert::compared(state, &digest, &body)))
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
            let found = self
                .thread
                .run(move |connection| transitions::cancel(connection, owner.as_str(), id))
                .await?;
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
            let stored = self.thread.run(statistics::read).await?;
            Ok(Some(StoreStatistics { reached: self.reached.counts(), ..stored }))
        })
    }
}

impl SubmissionQueue for SqliteStore {
    fn claim(&self) -> StoreFuture<'_, Option<ClaimedSubmission>> {
        let turns = Arc::clone(&self.turns);
        Box::pin(async move {
            let claimed = self.thread.run(move |connection| transitions::claim(connection, &turns)).await?;
            if let Some(claimed) = &claimed {
                self.publish(claimed.id, None, SubmissionState::Running);
            }
            Ok(claimed)
        })
    }

    fn requeue(&self, number: i64, counts: bool) -> StoreFuture<'_, ()> {
        Box::pin(self.thread.run(move |connection| transitions::requeue(connection, number, counts)))
    }

    fn finish(&self, number: i64, state: SubmissionState, result: Bytes) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let finished = self
                .thread
                .run(move |connection| transitions::finish(connection, number, state, &result))
                .await?;
            if let Some(id) = finished {
                self.publish(id, None, state);
            }
            Ok(())
        })
    }

    fn expire(&self, keep: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let expired = self.thread.run(move |connection| transitions::expire(connection, keep)).await?;
            expired.into_iter().for_each(|id| self.publish(id, None, SubmissionState::Expired));
            Ok(())
        })
    }
}

impl CallbackQueue for SqliteStore {
    fn claim_callback(&self, busy: Vec<Owner>) -> StoreFuture<'_, NextCallback> {
        Box::pin(self.thread.run(move |connection| callbacks::claim(connection, &busy)))
    }

    fn retry_callback(&self, number: i64, after: Duration, counts: bool) -> StoreFuture<'_, ()> {
        Box::pin(self.thread.run(move |connection| callbacks::retry(connection, number, after, counts)))
    }

    fn end_callback(&self, number: i64) -> StoreFuture<'_, ()> {
        Box::pin(self.thread.run(move |connection| callbacks::end(connection, number)))
    }

    fn submission_changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

#[cfg(test)]
mod tests;
