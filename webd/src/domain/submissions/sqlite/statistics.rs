//! Numbers about the database of a single server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use crate::domain::submissions::sqlite::rows::now;
use crate::domain::submissions::store::StoreStatistics;
use crate::domain::submissions::submission::SubmissionState;

/// Submissions that reached each state since this process started.
#[derive(Debug, Default)]
pub(super) struct ReachedStates([AtomicU64; SubmissionState::ALL.len()]);

impl ReachedStates {
    /// Counts a submission.
    pub(super) fn count(&self, state: SubmissionState) {
        if let Some(count) = self.0.get(state.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the counts.
    pub(super) fn counts(&self) -> [Option<u64>; SubmissionState::ALL.len()] {
        self.0.each_ref().map(|count| Some(count.load(Ordering::Relaxed)))
    }
}

/// Reads what is stored. Both queries over all submissions use an index, and read no request and no result.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<StoreStatistics> {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    let mut statistics =
        StoreStatistics { stored: [Some(0); SubmissionState::ALL.len()], ..StoreStatistics::default() };
    let mut counts = connection.prepare_cached("SELECT state, count(*) FROM submissions GROUP BY state")?;
    let mut rows = counts.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(state) = SubmissionState::from_number(row.get(0)?) {
            statistics.set_stored(state, unsigned(row.get(1)?));
        }
    }
    let number = |query| connection.prepare_cached(query)?.query_row([], |row| row.get::<_, Option<i64>>(0));
    statistics.bytes = number("SELECT sum(size) FROM submissions")?.map_or(0, unsigned);
    statistics.callbacks = number("SELECT count(*) FROM callbacks")?.map_or(0, unsigned);
    let oldest = number("SELECT min(created) FROM submissions WHERE state = 0")?;
    let waited = oldest.map_or(0, |created| unsigned(now() - created));
    statistics.oldest_queued = Duration::from_millis(waited);
    Ok(statistics)
}
