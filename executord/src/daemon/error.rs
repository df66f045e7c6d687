//! Errors that keep the daemon from starting, or stop it.

use std::io;

/// Reason for which the daemon does not start or stops early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DaemonError {
    /// The configuration, the host or another daemon does not permit it.
    #[error("{0}")]
    Refused(String),
    /// An operation failed.
    #[error("{operation}: {source}")]
    Io { operation: String, source: io::Error },
}

/// Adds the name of the operation to an I/O error: `result.context("lock executord.lock")`.
pub(crate) trait Context<T> {
    /// Converts the error into a [`DaemonError`] that names `operation`.
    fn context(self, operation: impl Into<String>) -> Result<T, DaemonError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, operation: impl Into<String>) -> Result<T, DaemonError> {
        self.map_err(|error| DaemonError::Io { operation: operation.into(), source: error.into() })
    }
}
