//! What is stored about a submission: the record in the header of its state, its work and its result.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Header with a [`Record`] in JSON.
pub const RECORD_HEADER: &str = "Executor-Record";
/// Header of work and of callbacks with the key of the submission.
pub(crate) const KEY_HEADER: &str = "Executor-Submission";
/// Header with the version of the protocol in which the body is encoded.
pub const VERSION_HEADER: &str = "Executor-Version";
/// Deliveries of work after which it is given up: it may be what ended the nodes that took it. The number leaves room for
/// deliveries that end for another reason: nodes that are killed or stopped again and again, and deliveries that a slow
/// network loses on their way.
pub const MAX_DELIVERIES: u64 = 20;
/// Deliveries after which a node no longer returns work that it cannot run, because another version stored it, or because it
/// does not have its language.
pub const MAX_RETURNS: u64 = 5;
/// Time after its last change after which the work of a submission without a result is looked for.
pub const LOST_AFTER: Duration = Duration::from_secs(60);
/// Time for which work waits at most.
pub const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a submission is in its life. The last four are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is stored and waits.
    Queued,
    /// A node runs it.
    Running,
    /// It ran, and its events are stored.
    Finished,
    /// It has no outcome: the last event is the reason, or [`Record::failure`] is.
    Failed,
    /// The client cancelled it.
    Cancelled,
    /// It waited for too long.
    Expired,
}

impl State {
    /// Returns whether the state never changes.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A submission without its program and its output. Times are in microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where it is in its life.
    pub state: State,
    /// Name of the API key that submitted it.
    pub key: String,
    /// SHA-256 of the client's request, as hexadecimal digits.
    pub digest: String,
    /// How webd writes the answer. Nobody else reads it.
    pub format: String,
    /// When it was stored. It orders the submissions of a key.
    pub created: u64,
    /// When it was last started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
    /// When it reached its final state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<u64>,
    /// Sequence number of its work in the stream of its pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<u64>,
    /// Node that last started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Whether a front sends its result to a URL. The URL is not here: no node needs it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub callback: bool,
    /// Why there is no outcome, if no event says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// Why a submission has no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The nodes that took it ended, or could not run it, [`MAX_DELIVERIES`] times.
    GivenUp,
    /// Its request cannot be read: it was stored by another version.
    Unreadable,
    /// Its work is gone, and it has no result.
    Lost,
}

/// What a front does about a submission without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing: it is as its record says.
    Current,
    /// Look whether this message of the work stream is there. If it is not, the submission is lost.
    WorkMessage(u64),
    /// Store that it expired.
    Expired,
}

impl Record {
    /// Returns the record with another state, at a time.
    #[must_use]
    pub fn with_state(&self, state: State, now: u64) -> Self {
        let mut record = Self { state, ..self.clone() };
        match state {
            State::Queued => {}
            State::Running => record.started = Some(now),
            _ => record.finished = Some(now),
        }
        record
    }

    /// Returns the record as the value of [`RECORD_HEADER`].
    #[must_use]
    pub fn header(&self) -> String {
        // Serializing texts and numbers into memory cannot fail. JSON escapes line feeds; the names of keys are ASCII.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the value of [`RECORD_HEADER`].
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        serde_json::from_str(header).ok()
    }

    /// Returns what a front does if there is no result.
    #[must_use]
    pub fn check(&self, now: u64) -> Check {
        let age = |since: u64| Duration::from_micros(now.saturating_sub(since));
        if self.state.is_final() || age(self.started.unwrap_or(self.created)) < LOST_AFTER {
            return Check::Current;
        }
        match self.work {
            Some(sequence) => Check::WorkMessage(sequence),
            // The front that stored it ended before it stored the work, or before it noted the number.
            None if age(self.created) > MAX_WAIT => Check::Expired,
            None => Check::Current,
        }
    }

    /// Returns the final state of a submission whose work is gone and that has no result.
    #[must_use]
    pub fn after_loss(&self, now: u64) -> Self {
        let has_expired = Duration::from_micros(now.saturating_sub(self.created)) > MAX_WAIT;
        if has_expired && self.state == State::Queued {
            return self.with_state(State::Expired, now);
        }
        Self { failure: Some(Failure::Lost), ..self.with_state(State::Failed, now) }
    }
}

impl Failure {
    /// Returns the message for the client.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::GivenUp => "the server ended several times while this submission was running",
            Self::Unreadable => "this submission was stored by another version of the server",
            Self::Lost => "the server lost this submission",
        }
    }
}

/// Returns the time in microseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;
    const DAY: u64 = 86_400 * SECOND;

    fn record(state: State) -> Record {
        Record {
            state,
            key: "alice".to_owned(),
            digest: "00".to_owned(),
            format: "utf8".to_owned(),
            created: 1000 * SECOND,
            started: None,
            finished: None,
            work: None,
            node: None,
            callback: false,
            failure: None,
        }
    }

    #[test]
    fn a_record_is_read_as_it_is_written() {
        let full = Record {
            work: Some(7),
            node: Some("node-1".to_owned()),
            callback: true,
            failure: Some(Failure::Lost),
            ..record(State::Queued).with_state(State::Running, 5).with_state(State::Failed, 6)
        };
        assert_eq!((full.started, full.finished), (Some(5), Some(6)));
        for record in [full, record(State::Queued)] {
            let header = record.header();
            assert!(!header.contains('\n') && header.is_ascii());
            assert_eq!(Record::parse(&header), Some(record));
        }
        assert_eq!(Record::parse("{}"), None);
    }

    #[test]
    fn only_a_submission_without_news_is_looked_for() {
        let created = 1000 * SECOND;
        let with_work = |state| Record { work: Some(9), ..record(state) };
        assert_eq!(with_work(State::Queued).check(created + 59 * SECOND), Check::Current);
        assert_eq!(with_work(State::Queued).check(created + 60 * SECOND), Check::WorkMessage(9));
        let running = with_work(State::Queued).with_state(State::Running, created + 100 * SECOND);
        assert_eq!(running.check(created + 159 * SECOND), Check::Current);
        assert_eq!(running.check(created + 160 * SECOND), Check::WorkMessage(9));
        assert_eq!(record(State::Queued).check(created + DAY), Check::Current);
        assert_eq!(record(State::Queued).check(created + DAY + 1), Check::Expired);
        assert_eq!(with_work(State::Finished).check(created + 9 * DAY), Check::Current);
        // A clock that is set back makes nothing old.
        assert_eq!(with_work(State::Queued).check(0), Check::Current);
    }

    #[test]
    fn lost_work_has_failed_unless_it_waited_for_too_long() {
        let now = 1000 * SECOND + DAY + 1;
        assert_eq!(record(State::Queued).after_loss(now).state, State::Expired);
        let early = record(State::Queued).after_loss(now - 2);
        assert_eq!((early.state, early.failure), (State::Failed, Some(Failure::Lost)));
        assert_eq!(record(State::Running).after_loss(now).state, State::Failed);
    }
}
