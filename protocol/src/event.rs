//! Messages from the daemon.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{MAX_ITEMS, MAX_OUTPUT_CHUNK, MAX_OUTPUT_NAME, MAX_TEXT};
use crate::build_id::BuildId;
use crate::language::Language;
use crate::limits::Limits;
use crate::outcome::{ExecutionId, Outcome};
use crate::server_status::ServerStatus;
use crate::stage::{StageName, StageReport, StreamName};

/// One frame from the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The execution waits for a slot. Sent again when the position changes.
    Queued {
        /// Number of executions that are ahead; 0 means next.
        position: u32,
    },
    /// The execution has a slot and starts.
    Started {
        /// Id of the execution.
        id: ExecutionId,
        /// Limits of each run, after defaults and maxima.
        limits: Box<Limits>,
        /// Limits of the compilation; `None` for a language that is not compiled.
        compile_limits: Option<Box<Limits>>,
    },
    /// A stage starts.
    StageStarted(StageName),
    /// Output of a program. Several runs of one execution may be active concurrently; their output then alternates.
    Output {
        /// Stream to which the program wrote.
        stream: StreamName,
        /// Output: not necessarily text, and split anywhere.
        #[serde(deserialize_with = "bounded::bytes::<_, MAX_OUTPUT_CHUNK>")]
        bytes: Bytes,
        /// Stage whose program wrote it. The stage has started and has not finished.
        stage: StageName,
    },
    /// A stage ended.
    StageFinished(StageReport),
    /// All stages ended. The daemon may still be cleaning up: its slot becomes free only when no process of the
    /// execution is left.
    Finished(Outcome),
    /// The request was not executed: it is invalid, or the daemon is busy.
    Rejected(Rejection),
    /// The daemon could not execute the request. The causes are in its log.
    Failed {
        /// Id to search for in the log.
        id: ExecutionId,
        /// Message for the client.
        #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
        message: String,
    },
    /// Languages of this host, ordered by name.
    Languages(#[serde(deserialize_with = "bounded::list::<_, _, MAX_ITEMS>")] Vec<Language>),
    /// Status of the daemon.
    Status(Box<ServerStatus>),
    /// Result of one item of the host check.
    Checked(CheckResult),
    /// The host check is complete.
    CheckDone,
    /// A file that the program of a stage left behind, and that the client asked for. Its content follows in
    /// [`Event::OutputFileChunk`]s of the same stage; if it is shorter than `size`, the file was cut.
    OutputFile {
        /// Stage whose program has ended.
        stage: StageName,
        /// Path of the file, relative to the directory that was searched.
        #[serde(deserialize_with = "bounded::string::<_, MAX_OUTPUT_NAME>")]
        name: String,
        /// Size of the file in bytes.
        size: u64,
    },
    /// A part of the content of the last output file of a stage.
    OutputFileChunk {
        /// Stage of the file.
        stage: StageName,
        /// The next bytes of the file.
        #[serde(deserialize_with = "bounded::bytes::<_, MAX_OUTPUT_CHUNK>")]
        bytes: Bytes,
    },
    /// All output files of a stage were sent. Follows them in each stage for which the client asked for files.
    OutputFilesEnd {
        /// Stage that was searched.
        stage: StageName,
        /// Files that matched a pattern and were not sent.
        omitted: OmittedFiles,
    },
    /// The program of the execution is kept under this id. Sent at most once, before `Finished`.
    BuildKept(BuildId),
    /// The program of this stage waits for [`crate::Request::Input`]. Sent each time that it begins to wait.
    WaitingForInput(StageName),
    /// The answer to [`crate::Request::Reload`].
    Reloaded {
        /// The mistake for which nothing changed; `None` if the new configuration is in effect.
        #[serde(deserialize_with = "bounded::optional_string::<_, MAX_TEXT>")]
        problem: Option<String>,
    },
}

/// Numbers of files that matched a pattern and were not returned, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OmittedFiles {
    /// There were more files than the limit.
    pub too_many: u32,
    /// There were more bytes in all files together than the limit.
    pub too_large: u32,
    /// They are links, directories, pipes or sockets.
    pub not_regular: u32,
    /// Their names are not UTF-8, or longer than [`MAX_OUTPUT_NAME`].
    pub invalid_name: u32,
    /// The program made them unreadable for its own user.
    pub unreadable: u32,
    /// The search ended early: too many directories, or directories that are nested too deeply.
    pub is_incomplete: bool,
}

/// Reason why a request was not executed. The message is for the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// No language has this name.
    #[error("Unsupported language")]
    UnknownLanguage,
    /// The language is known, but its toolchain is not installed on this host.
    #[error("{language} is not available: {reason}")]
    LanguageUnavailable {
        /// Name of the language.
        #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
        language: String,
        /// What is missing.
        #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
        reason: String,
    },
    /// The request is invalid.
    #[error("{0}")]
    Invalid(#[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")] String),
    /// All slots are taken and the queue is full, or the daemon is about to stop.
    #[error("too busy, try again in {} s", retry_after.as_secs().max(1))]
    Busy {
        /// Time after which to try again.
        retry_after: Duration,
    },
    /// This peer is not allowed to send this request.
    #[error("{0}")]
    Forbidden(#[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")] String),
    /// The uploads of the request are too large.
    #[error("{0}")]
    TooLarge(#[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")] String),
    /// The client has no kept program with this id.
    #[error("build not found or expired")]
    BuildNotFound,
}

/// Result of one item of a host check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Item that was checked.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub name: String,
    /// Whether the host passed.
    pub passed: bool,
    /// Whether programs can run without it, with weaker limits or in fewer languages.
    pub optional: bool,
    /// The observation of the check.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub detail: String,
    /// Advice for the administrator.
    #[serde(deserialize_with = "bounded::optional_string::<_, MAX_TEXT>")]
    pub advice: Option<String>,
}
