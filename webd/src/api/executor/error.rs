//! Domain errors as responses of this API.

use std::time::Duration;

use protocol::codec::CodecError;
use protocol::{ClientError, Rejection};

use crate::domain::collected_execution::CollectError;
use crate::domain::execution::ExecutionError;
use crate::domain::keys::refusal::Refusal;
use crate::http::error::{ApiError, ErrorCode};

impl From<ExecutionError> for ApiError {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::Refused(refusal) => refusal.into(),
            ExecutionError::Rejected(rejection) => rejection.into(),
            ExecutionError::Failed { id, message } => Self::failed(id, message),
            ExecutionError::Daemon(error) => error.into(),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Key(error) => return error.into(),
            Refusal::Language { .. } => ErrorCode::LanguageForbidden,
            Refusal::Concurrent(_) | Refusal::Rate { .. } => ErrorCode::RateLimited,
            Refusal::CpuPerDay { .. } => ErrorCode::QuotaExceeded,
        };
        let mut error = Self::new(code, refusal.to_string());
        // Rounded up: an execution that is retried earlier would be refused again.
        let seconds =
            |time: Duration| u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
        error.body.retry_after = refusal.retry_after().map(seconds);
        if let Refusal::Language { requested, allowed } = refusal {
            error.body.requested = Some(requested);
            error.body.available = Some(allowed);
        }
        error
    }
}

impl From<CollectError> for ApiError {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Execution(error) => error.into(),
            CollectError::Budget(error) => error.into(),
            CollectError::NotStarted => Self::new(ErrorCode::Busy, error.to_string()),
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
            Rejection::BuildNotFound => Self::new(ErrorCode::NotFound, message),
            Rejection::Invalid(_) => Self::invalid_request(message),
            Rejection::TooLarge(_) => Self::new(ErrorCode::TooLarge, message),
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
