//! Reasons for which a connection ends.

use protocol::codec::CodecError;

/// Reason for which a connection ends. None of them is an error of the daemon; they appear in the log at level `debug`.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionEnd {
    #[error("the client disconnected")]
    Disconnected,
    #[error("{0}")]
    Codec(#[from] CodecError),
    #[error("the client sends nothing, or does not read")]
    TimedOut,
    #[error("the client speaks another protocol, or another version of it")]
    WrongProtocol,
    #[error("the client sent a request while an execution was active")]
    OutOfTurn,
}
