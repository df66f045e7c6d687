//! The reasons why a request is not authenticated, or an execution not admitted.

use std::num::NonZeroU32;
use std::time::Duration;

use keys::{Rate, Timestamp};

/// The request names no key that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthenticationError {
    /// There is no key, and anonymous requests are not allowed.
    #[error("an API key is required: send it as `Authorization: Bearer KEY`")]
    Missing,
    /// The key does not exist.
    #[error("the API key is not valid")]
    Unknown,
    /// The key has expired.
    #[error("the API key has expired")]
    Expired,
    /// Several headers name different keys.
    #[error("the request has several different API keys")]
    Ambiguous,
    /// The token of a session does not exist, was used already, or has expired.
    #[error("the session token is not valid; get a new one from `POST /api/token`")]
    Token,
}

/// The key does not allow an execution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The key is no longer accepted.
    #[error(transparent)]
    Key(#[from] AuthenticationError),
    /// The key does not allow the language.
    #[error("the API key does not allow this language, only {}", allowed.join(", "))]
    Language {
        /// The language that was requested.
        requested: String,
        /// Those that are allowed.
        allowed: Vec<String>,
    },
    /// As many executions are in progress as the key allows.
    #[error("the API key allows {0} executions at one time")]
    Concurrent(NonZeroU32),
    /// The key used all the CPU time of the day.
    #[error("the API key has used its CPU time of {} s for today; the day ends at 00:00 UTC", limit.as_secs())]
    CpuPerDay {
        /// The quota.
        limit: Duration,
        /// Time until the next day.
        retry_after: Duration,
    },
    /// The executions come too fast.
    #[error("the API key allows {rate} executions, and no more at this time")]
    Rate {
        /// The allowed rate.
        rate: Rate,
        /// Time until the execution is allowed; `None` if a batch is larger than the rate.
        retry_after: Option<Duration>,
    },
}

/// Reasons that are counted separately.
pub(crate) const REASONS: [&str; 5] = ["key", "language", "concurrent", "cpu_per_day", "rate"];

impl Refusal {
    /// Returns the refusal of a key whose CPU time is used up.
    pub(crate) const fn cpu_per_day(limit: Duration, now: Timestamp) -> Self {
        Self::CpuPerDay { limit, retry_after: now.until_tomorrow() }
    }

    /// Returns the time after which a retry may succeed.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Key(_) | Self::Language { .. } => None,
            Self::Concurrent(_) => Some(Duration::from_secs(1)),
            Self::CpuPerDay { retry_after, .. } => Some(*retry_after),
            Self::Rate { retry_after, .. } => *retry_after,
        }
    }

    /// Returns the index of the reason in [`REASONS`].
    pub(crate) const fn reason_index(&self) -> usize {
        match self {
            Self::Key(_) => 0,
            Self::Language { .. } => 1,
            Self::Concurrent(_) => 2,
            Self::CpuPerDay { .. } => 3,
            Self::Rate { .. } => 4,
        }
    }
}
