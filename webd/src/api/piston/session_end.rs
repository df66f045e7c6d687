//! The reasons why a WebSocket is closed, with the codes of Piston.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::CapacityError::MessageTooLong;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Why a session ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionEnd {
    /// The client is gone.
    Disconnected,
    /// The execution has ended.
    Completed,
    /// A second `init`.
    AlreadyInitialized,
    /// No `init` in time.
    InitializationTimeout,
    /// The message was, or is to be, sent as an error.
    Error(String),
    /// Another message before `init`.
    NotInitialized,
    /// Data for another stream.
    OnlyStdin,
    /// A signal that cannot be sent.
    InvalidSignal,
    /// A message that is too long.
    TooLarge,
    /// The server stops, or closes idle connections to make room.
    Stopping,
}

impl SessionEnd {
    /// Returns the close frame; `None` if the client is gone.
    pub(super) fn close_frame(&self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Disconnected => return None,
            Self::Completed => (4999, "Job Completed"),
            Self::AlreadyInitialized => (4000, "Already Initialized"),
            Self::InitializationTimeout => (4001, "Initialization Timeout"),
            Self::Error(_) => (4002, "Notified Error"),
            Self::NotInitialized => (4003, "Not yet initialized"),
            Self::OnlyStdin => (4004, "Can only write to stdin"),
            Self::InvalidSignal => (4005, "Invalid signal"),
            Self::TooLarge => (1009, "message too long"),
            Self::Stopping => (1001, "the server is stopping"),
        };
        Some(CloseFrame { code: CloseCode::from(code), reason: reason.into() })
    }
}

impl From<Error> for SessionEnd {
    fn from(error: Error) -> Self {
        match error {
            Error::Capacity(MessageTooLong { .. }) => Self::TooLarge,
            Error::Io(error) if error.kind() == std::io::ErrorKind::FileTooLarge => Self::TooLarge,
            Error::Io(error) if error.kind() == std::io::ErrorKind::OutOfMemory => {
                Self::Error("all requests together hold too much memory".to_owned())
            }
            _ => Self::Disconnected,
        }
    }
}
