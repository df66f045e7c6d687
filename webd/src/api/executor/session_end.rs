//! The reasons why a session ends, and how each is reported to the client.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::CapacityError::MessageTooLong;
use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::domain::budget::BudgetExceeded;
use crate::http::error::{ApiError, ErrorCode};

/// Why a session ends.
#[derive(Debug)]
pub(crate) enum SessionEnd {
    /// The client closed the session, or its connection broke.
    Disconnected,
    /// The client sent a message that is not a valid frame, or is not allowed at this point.
    InvalidFrame(ApiError),
    /// The client violated the WebSocket protocol.
    ProtocolError,
    /// The client sent a text message that is not UTF-8.
    InvalidText,
    /// The client sent a message longer than this many bytes.
    TooLarge(usize),
    /// The client sent a message in too many fragments.
    TooManyFragments,
    /// All requests together hold too much memory.
    Overloaded,
    /// The client started no execution for too long.
    Idle,
    /// The session reached its maximum age.
    Expired,
    /// The server is full, and the session was idle.
    MadeRoom,
    /// The server stops.
    Stopping,
}

impl SessionEnd {
    /// Returns the error event and the close frame for the client; `None` if the client is gone.
    pub(crate) fn report(self) -> Option<(Option<ApiError>, CloseFrame)> {
        let (error, code, reason) = match self {
            Self::Disconnected => return None,
            Self::InvalidFrame(error) => (Some(error), CloseCode::Policy, "invalid frame"),
            Self::ProtocolError => (None, CloseCode::Protocol, ""),
            Self::InvalidText => (None, CloseCode::Invalid, ""),
            Self::TooLarge(max) => {
                let message = format!("the message is longer than {max} bytes");
                (Some(ApiError::new(ErrorCode::TooLarge, message)), CloseCode::Size, "message too long")
            }
            Self::TooManyFragments => {
                let message = "the message consists of too many small fragments";
                (Some(ApiError::new(ErrorCode::TooLarge, message)), CloseCode::Size, "too many fragments")
            }
            Self::Overloaded => (Some(BudgetExceeded.into()), CloseCode::Again, "out of memory"),
            Self::Idle => (None, CloseCode::Normal, "idle timeout"),
            Self::Expired => (None, CloseCode::Normal, "maximum session time reached"),
            Self::MadeRoom => {
                let message = "the server has too many connections, and this session was idle";
                (Some(ApiError::new(ErrorCode::Busy, message)), CloseCode::Again, "closed to make room")
            }
            Self::Stopping => (None, CloseCode::Away, "the server is stopping"),
        };
        Some((error, CloseFrame { code, reason: reason.into() }))
    }
}

impl From<Error> for SessionEnd {
    fn from(error: Error) -> Self {
        match error {
            Error::Capacity(MessageTooLong { max_size, .. }) => Self::TooLarge(max_size),
            Error::Io(error) if error.kind() == std::io::ErrorKind::OutOfMemory => Self::Overloaded,
            Error::Io(error) if error.kind() == std::io::ErrorKind::FileTooLarge => Self::TooManyFragments,
            Error::Protocol(ResetWithoutClosingHandshake) => Self::Disconnected,
            Error::Protocol(_) => Self::ProtocolError,
            Error::Utf8(_) => Self::InvalidText,
            _ => Self::Disconnected,
        }
    }
}
