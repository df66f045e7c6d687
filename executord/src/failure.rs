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
    #[error("{deed}: {source}")]
    Io {
        /// What was being done.
        deed: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// After all was killed, something was still there.
    #[error("processes of the run stay although they were killed")]
    NotEmptied,
}

/// `result.doing("deed")`.
pub(crate) trait Doing<T> {
    fn doing(self, deed: &'static str) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, deed: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure::Io { deed, source: error.into() })
    }
}
