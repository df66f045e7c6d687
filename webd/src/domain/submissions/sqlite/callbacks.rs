//! The callbacks in the database of a single server.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::domain::submissions::callback_queue::{ClaimedCallback, NextCallback};
use crate::domain::submissions::sqlite::rows::{COLUMNS, now, with_result};
use crate::domain::submissions::submission::Owner;

/// `due` is in milliseconds since 1970. A callback is taken when that time has come and its submission is in a final
/// state. One that was taken when the last webd ended is taken again.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS callbacks (
    number INTEGER PRIMARY KEY REFERENCES submissions (number) ON DELETE CASCADE,
    url TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL DEFAULT 0,
    taken INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS by_due ON callbacks (taken, due);
UPDATE callbacks SET taken = 0 WHERE taken = 1;
";

/// Callbacks that wait, of owners that are not in the JSON array `?1`.
const WAITING: &str = "FROM callbacks JOIN submissions USING (number) WHERE taken = 0 AND state >= 2 \
                       AND owner NOT IN (SELECT value FROM json_each(?1))";

/// Adds the callback of the submission that was inserted last.
pub(super) fn insert(connection: &Connection, url: &str) -> rusqlite::Result<()> {
    let insert = "INSERT INTO callbacks (number, url) VALUES (last_insert_rowid(), ?1)";
    connection.prepare_cached(insert)?.execute([url]).map(|_| ())
}

/// See [`crate::domain::submissions::callback_queue::CallbackQueue::claim_callback`].
pub(super) fn claim(connection: &Connection, busy: &[Owner]) -> rusqlite::Result<NextCallback> {
    let names: Vec<&str> = busy.iter().map(|Owner(name)| name.as_str()).collect();
    // Serializing texts into memory cannot fail.
    let busy = serde_json::to_string(&names).unwrap_or_default();
    let query = format!("SELECT number, owner, due {WAITING} ORDER BY due LIMIT 1");
    let first = connection
        .prepare_cached(&query)?
        .query_row([&busy], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    let Some((number, owner, due)) = first else { return Ok(NextCallback::None) };
    if let Ok(wait @ 1..) = u64::try_from(due - now()) {
        return Ok(NextCallback::In(Duration::from_millis(wait)));
    }
    // Only valid names are ever stored.
    let owner = Owner(owner.parse().map_err(|_| rusqlite::Error::InvalidQuery)?);
    let update =
        "UPDATE callbacks SET taken = 1, attempts = attempts + 1 WHERE number = ?1 RETURNING url, attempts";
    let (url, attempts) =
        connection.prepare_cached(update)?.query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let query = format!("SELECT {COLUMNS}, result FROM submissions WHERE number = ?1");
    let submission = connection.prepare_cached(&query)?.query_row([number], with_result)?;
    Ok(NextCallback::Due(Box::new(ClaimedCallback { number, owner, url, attempts, submission })))
}

/// See [`crate::domain::submissions::callback_queue::CallbackQueue::retry_callback`].
pub(super) fn retry(
    connection: &Connection,
    number: i64,
    after: Duration,
    counts: bool,
) -> rusqlite::Result<()> {
    let due = now().saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
    let update = "UPDATE callbacks SET taken = 0, due = ?2, attempts = attempts - ?3 WHERE number = ?1";
    connection.prepare_cached(update)?.execute(params![number, due, i64::from(!counts)]).map(|_| ())
}

/// See [`crate::domain::submissions::callback_queue::CallbackQueue::end_callback`].
pub(super) fn end(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM callbacks WHERE number = ?1")?.execute([number]).map(|_| ())
}
