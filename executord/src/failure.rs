//! Failures of the service itself. The log gets all of it, the client one sentence.

use std::io;

use sandbox::SetupError;

/// The reason why an execution could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// All user ids are in use or quarantined.
    #[error("no free user id")]
    NoFreeUid,
    /// Lost slots were not replaced in time.
    #[error("no slot became free in time")]
    SlotTimeout,
    /// A sandbox serves one program.
    #[error("a program was started in the sandbox already")]
    AlreadyStarted,
    /// The sandbox could not be set up.
    #[error("set up the sandbox: {0}")]
    Setup(SetupError),
    /// An operation of the daemon failed.
    #[error("{operation}: {source}")]
    Io { operation: &'static str, source: io::Error },
    /// Processes are left, although all were killed.
    #[error("processes of the run are still there after they were killed")]
    NotEmptied,
}

/// Adds the operation that failed to an error: `file.read().context("read the file")`.
pub(crate) trait Context<T> {
    fn context(self, operation: &'static str) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, operation: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure::Io { operation, source: error.into() })
    }
}
