//! What the daemon tells a client.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{MAX_ITEMS, MAX_OUTPUT_CHUNK, MAX_TEXT};
use crate::language::Language;
use crate::limits::Limits;
use crate::outcome::{ExecutionId, Outcome};
use crate::server_status::ServerStatus;
use crate::stage::{StageName, StageReport, StreamName};

/// One frame from the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// All slots are taken; this many executions are before this one. Told again when it changes.
    Queued {
        /// 0 means next.
        position: u32,
    },
    /// The execution has a slot and begins.
    Started {
        /// What it is called from now on.
        id: ExecutionId,
        /// What each run may use, after defaults and maxima.
        limits: Box<Limits>,
    },
    /// A stage begins.
    StageStarted(StageName),
    /// The program of the current stage wrote this.
    Output {
        /// Where it wrote.
        stream: StreamName,
        /// What it wrote; not necessarily text, and cut anywhere.
        #[serde(deserialize_with = "bounded::bytes::<_, MAX_OUTPUT_CHUNK>")]
        bytes: Bytes,
    },
    /// A stage ended.
    StageFinished(StageReport),
    /// The execution is over and nothing of it is left.
    Finished(Outcome),
    /// It was not executed, by the client's mistake or for want of room.
    Rejected(Rejection),
    /// It could not be carried out, by our fault. The log has the causes.
    Failed {
        /// What to look for in the log, where one was given.
        id: Option<ExecutionId>,
        /// What the client may know.
        #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
        message: String,
    },
    /// The languages of this host, ordered by name.
    Languages(#[serde(deserialize_with = "bounded::list::<_, _, MAX_ITEMS>")] Vec<Language>),
    /// How the daemon is.
    Status(Box<ServerStatus>),
    /// One thing that was checked.
    Checked(CheckResult),
    /// All was checked.
    CheckDone,
}

/// Why a request was not carried out, in words for the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// No language has that name.
    #[error("Unsupported language")]
    UnknownLanguage,
    /// There is such a language, but not on this host.
    #[error("{language} is not available: {reason}")]
    LanguageUnavailable {
        /// Its name.
        #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
        language: String,
        /// What is missing.
        #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
        reason: String,
    },
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(#[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")] String),
    /// All slots and all places in the queue are taken, or the daemon is about to stop.
    #[error("too busy, try again in {} s", retry_after.as_secs().max(1))]
    Busy {
        /// When there may be room.
        retry_after: Duration,
    },
    /// This peer may not ask that.
    #[error("{0}")]
    Forbidden(#[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")] String),
}

/// One item of a host check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// What was checked.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub name: String,
    /// Whether it holds.
    pub passed: bool,
    /// Programs can run all the same, less well bounded or in fewer languages.
    pub optional: bool,
    /// What was seen.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub detail: String,
    /// What the administrator can do about it.
    #[serde(deserialize_with = "bounded::optional_text::<_, MAX_TEXT>")]
    pub advice: Option<String>,
}
