//! The statuses of submissions.

use protocol::Status;
use serde::Serialize;

/// All statuses, in the order of their ids, which begin with 1.
const DESCRIPTIONS: [&str; 14] = [
    "In Queue",
    "Processing",
    "Accepted",
    "Wrong Answer",
    "Time Limit Exceeded",
    "Compilation Error",
    "Runtime Error (SIGSEGV)",
    "Runtime Error (SIGXFSZ)",
    "Runtime Error (SIGFPE)",
    "Runtime Error (SIGABRT)",
    "Runtime Error (NZEC)",
    "Runtime Error (Other)",
    "Internal Error",
    "Exec Format Error",
];

/// A status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum SubmissionStatus {
    InQueue = 1,
    Processing = 2,
    Accepted = 3,
    WrongAnswer = 4,
    TimeLimitExceeded = 5,
    CompilationError = 6,
    SegmentationFault = 7,
    FileSizeExceeded = 8,
    FloatingPointError = 9,
    Aborted = 10,
    NonzeroExit = 11,
    OtherRuntimeError = 12,
    InternalError = 13,
}

/// A status as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StatusJson {
    id: u8,
    description: &'static str,
}

impl SubmissionStatus {
    /// Returns the status of a run, regardless of its output.
    pub(crate) const fn of_run(status: &Status) -> Self {
        match status {
            Status::Exited(0) => Self::Accepted,
            Status::Exited(_) => Self::NonzeroExit,
            Status::Signaled(11) => Self::SegmentationFault,
            Status::Signaled(25) | Status::OutputExceeded { .. } => Self::FileSizeExceeded,
            Status::Signaled(8) => Self::FloatingPointError,
            Status::Signaled(6) => Self::Aborted,
            Status::Signaled(_) | Status::MemoryExceeded { .. } => Self::OtherRuntimeError,
            Status::TimedOut { .. } => Self::TimeLimitExceeded,
            _ => Self::InternalError,
        }
    }

    /// Returns the id.
    pub(crate) const fn id(self) -> u8 {
        self as u8
    }

    /// Returns the status as JSON.
    pub(crate) fn json(self) -> StatusJson {
        StatusJson { id: self.id(), description: DESCRIPTIONS[usize::from(self.id()) - 1] }
    }
}

/// Returns all statuses as JSON.
pub(crate) fn all() -> Vec<StatusJson> {
    (1..).zip(DESCRIPTIONS).map(|(id, description)| StatusJson { id, description }).collect()
}
