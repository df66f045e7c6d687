//! The transitions of a stored submission: it is claimed, queued again, finished, cancelled, or it expires.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::domain::submissions::attempts::MAY_BE_CLAIMED;
use crate::domain::submissions::order::Turns;
use crate::domain::submissions::sqlite::rows::{now, state, uuid};
use crate::domain::submissions::submission::{ClaimedSubmission, Owner, SubmissionState};

/// Claims the oldest queued submission of the owner whose turn it is.
pub(super) fn claim(
    connection: &Connection,
    turns: &Mutex<Turns>,
) -> rusqlite::Result<Option<ClaimedSubmission>> {
    let query = format!(
        "SELECT owner, min(number) FROM submissions WHERE {MAY_BE_CLAIMED} GROUP BY owner ORDER BY 2"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let read = |row: &Row| {
        let owner: String = row.get(0)?;
        // Only valid names are ever stored.
        let owner = owner.parse().map_err(|_| rusqlite::Error::InvalidQuery)?;
        Ok((Owner(owner), row.get::<_, i64>(1)?))
    };
    let (owners, numbers): (Vec<Owner>, Vec<i64>) =
        statement.query_map([now()], read)?.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().unzip();
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

/// Queues a running submission again. `counts` says whether the attempt counts.
pub(super) fn requeue(connection: &Connection, number: i64, counts: bool) -> rusqlite::Result<()> {
    let update = "UPDATE submissions SET state = 0, attempts = attempts - ?2 WHERE number = ?1 AND state = 1";
    connection.prepare_cached(update)?.execute([number, i64::from(!counts)]).map(|_| ())
}

/// Ends a submission with a result. Returns its id, or `None` if it was in a final state and is unchanged.
pub(super) fn finish(
    connection: &Connection,
    number: i64,
    state: SubmissionState,
    result: &[u8],
) -> rusqlite::Result<Option<Uuid>> {
    let update = "UPDATE submissions SET state = ?2, result = ?3, size = length(?3), finished = ?4, body = NULL \
                  WHERE number = ?1 AND state IN (0, 1) RETURNING id";
    let values = params![number, state.number(), result, now()];
    connection.prepare_cached(update)?.query_row(values, |row| uuid(row, 0)).optional()
}

/// Cancels a submission, or deletes one in a final state. Returns its number and the state that it had.
pub(super) fn cancel(
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

/// Deletes submissions that ended more than `keep` ago, and ends those that have waited for longer. Returns the latter.
pub(super) fn expire(connection: &Connection, keep: Duration) -> rusqlite::Result<Vec<Uuid>> {
    let oldest = now().saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX));
    connection.execute("DELETE FROM submissions WHERE state >= 2 AND finished < ?1", [oldest])?;
    let update = "UPDATE submissions SET state = 5, finished = ?2, body = NULL, size = 0 \
                  WHERE state = 0 AND created < ?1 RETURNING id";
    let mut statement = connection.prepare_cached(update)?;
    statement.query_map(params![oldest, now()], |row| uuid(row, 0))?.collect()
}
