//! What went wrong on our side. The log gets all of it, the client a sentence.

use std::io;

use sandbox::SetupError;

/// Why an execution could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// All user ids are in use or withheld.
    #[error("no free user id")]
    NoFreeUid,
    /// There is none to run in.
    #[error("no slot")]
    NoSlot,
    /// The sandbox could not be set up.
    #[error("set up the sandbox: {0}")]
    Setup(SetupError),
    /// Something of ours failed.
    #[error("{operation}: {source}")]
    Io {
        /// What was being done.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// After all was killed, something was still there.
    #[error("processes of the run stay although they were killed")]
    NotEmptied,
}

/// `result.context("operation")`.
pub(crate) trait Context<T> {
    fn context(self, operation: &'static str) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, operation: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure::Io { operation, source: error.into() })
    }
}
