//! Domain errors as responses of this API.

use protocol::codec::CodecError;
use protocol::{ClientError, Rejection};

use crate::domain::collected_execution::CollectError;
use crate::domain::execution::ExecutionError;
use crate::http::error::{ApiError, ErrorCode};

impl From<ExecutionError> for ApiError {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::Rejected(rejection) => rejection.into(),
            ExecutionError::Failed { id, message } => Self::failed(id, message),
            ExecutionError::Daemon(error) => error.into(),
        }
    }
}

impl From<CollectError> for ApiError {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Execution(error) => error.into(),
            CollectError::Budget(error) => error.into(),
        }
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        match rejection {
            // The dispatching code knows the requested name, and replaces this error by one with that name.
            Rejection::UnknownLanguage => Self::new(ErrorCode::UnsupportedLanguage, message),
            Rejection::LanguageUnavailable { .. } => Self::new(ErrorCode::LanguageUnavailable, message),
            Rejection::Invalid(_) => Self::invalid_request(message),
            Rejection::Busy { retry_after } => {
                let mut error = Self::new(ErrorCode::Busy, message);
                error.body.retry_after = Some(retry_after.as_secs().max(1));
                error
            }
            Rejection::Forbidden(_) => {
                tracing::error!(%message, "executord does not accept requests from this webd");
                Self::new(ErrorCode::Forbidden, message)
            }
        }
    }
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        if let ClientError::Codec(CodecError::TooLong(_)) = error {
            let max = protocol::bounds::MAX_FRAME;
            let message = format!("`files`, `stdin` and `args` together are longer than {max} bytes");
            return Self::new(ErrorCode::TooLarge, message);
        }
        tracing::error!(%error, "cannot use executord");
        let message = "the execution service is unavailable, try again later";
        Self::new(ErrorCode::Unavailable, message)
    }
}
