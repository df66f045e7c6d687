//! Rows of the database of a single server.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rusqlite::Row;
use uuid::Uuid;

use crate::domain::submissions::submission::{Submission, SubmissionState};

/// The columns of a [`Submission`], without the result.
pub(super) const COLUMNS: &str = "id, state, created, started, finished";

/// Reads [`COLUMNS`].
pub(super) fn submission(row: &Row) -> rusqlite::Result<Submission> {
    let time = |index: usize| -> rusqlite::Result<Option<u64>> {
        let time: Option<i64> = row.get(index)?;
        Ok(time.map(|time| u64::try_from(time).unwrap_or(0)))
    };
    Ok(Submission {
        id: uuid(row, 0)?,
        state: state(row, 1)?,
        created: time(2)?.unwrap_or(0),
        started: time(3)?,
        finished: time(4)?,
        result: None,
        #[cfg(feature = "cluster")]
        recording: None,
    })
}

/// Reads [`COLUMNS`] and the result after them.
pub(super) fn with_result(row: &Row) -> rusqlite::Result<Submission> {
    let result: Option<Vec<u8>> = row.get(5)?;
    Ok(Submission { result: result.map(Bytes::from), ..submission(row)? })
}

/// Reads a state.
pub(super) fn state(row: &Row, index: usize) -> rusqlite::Result<SubmissionState> {
    let number: i64 = row.get(index)?;
    SubmissionState::from_number(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(index, number))
}

/// Reads an id.
pub(super) fn uuid(row: &Row, index: usize) -> rusqlite::Result<Uuid> {
    row.get::<_, [u8; 16]>(index).map(Uuid::from_bytes)
}

/// Returns the milliseconds since 1970.
pub(super) fn now() -> i64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
