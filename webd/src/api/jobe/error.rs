//! Errors as Jobe reports them: the body is a JSON text.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::domain::keys::refusal::AuthenticationError;
use crate::http::error::{ErrorBody, ErrorCode};

/// An error response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobeError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl JobeError {
    /// Creates an error for a request that is not valid.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }
}

impl IntoResponse for JobeError {
    fn into_response(self) -> Response {
        (self.status, Json(self.message)).into_response()
    }
}

/// Returns an error of this server as Jobe reports it.
pub(crate) fn response(error: &ErrorBody) -> Response {
    let is_missing = || error.error == AuthenticationError::Missing.to_string();
    let (status, message) = match error.code {
        ErrorCode::NotFound => (StatusCode::NOT_FOUND, ""),
        ErrorCode::Unauthorized if is_missing() => (StatusCode::FORBIDDEN, "Missing API key"),
        ErrorCode::Unauthorized => (StatusCode::FORBIDDEN, "Unknown API key"),
        ErrorCode::RateLimited | ErrorCode::QuotaExceeded => {
            (StatusCode::TOO_MANY_REQUESTS, "Max RUN rate for this server exceeded")
        }
        code => (code.status(), &*error.error),
    };
    JobeError { status, message: message.to_owned() }.into_response()
}

/// Returns the error of a path that Jobe does not have.
pub(crate) async fn not_found() -> Response {
    JobeError { status: StatusCode::NOT_FOUND, message: String::new() }.into_response()
}
