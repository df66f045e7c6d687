//! Storing submissions, within the bounds of the store and of their owner.

use keys::sha256;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::domain::submissions::sqlite::callbacks;
use crate::domain::submissions::sqlite::rows::{now, state};
use crate::domain::submissions::store::Inserted;
use crate::domain::submissions::submission::{NewSubmission, Owner, SubmissionState};

/// Part of all submissions, and of their bytes, that one owner may have, as a divisor.
const OWNER_SHARE: u64 = 4;

/// Bounds of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreBounds {
    /// Submissions, in whatever state.
    pub(crate) count: u64,
    /// Bytes of their requests and results.
    pub(crate) bytes: u64,
}

/// Stores new submissions, all or none. A single one may exist already.
pub(super) fn insert_all(
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
            callbacks::insert(connection, url)?;
        }
    }
    Ok(Inserted::New)
}

/// Returns whether a submission that exists has the same body as a new one.
pub(super) fn compared(state: SubmissionState, digest: &[u8; 32], body: &[u8]) -> Inserted {
    if *digest == sha256(body) { Inserted::Existing(state) } else { Inserted::Conflict }
}

/// Returns the state and the digest of the body of a submission.
pub(super) fn existing(
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
