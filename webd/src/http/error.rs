//! What a client is told when its request is not carried out: words for people, a code for programs.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::codec::CodecError;
use protocol::{ClientError, ExecutionId, Rejection};
use serde::Serialize;

/// Bytes of the words of an error: they may quote the request, and the request may be long.
const MAX_WORDS: usize = 500;

/// An answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// What the client sees.
    pub(crate) body: ErrorBody,
}

/// The JSON of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorBody {
    /// In words.
    pub(crate) error: String,
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// The execution, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<ExecutionId>,
    /// Seconds after which there may be room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
}

impl ApiError {
    /// An error of this status and code, in these words.
    pub(crate) fn new(status: StatusCode, code: &'static str, words: impl Into<String>) -> Self {
        let error = shortened(words.into());
        Self { status, body: ErrorBody { error, code, id: None, retry_after: None } }
    }

    /// The body is not JSON.
    pub(crate) fn invalid_json(words: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_json", words)
    }

    /// The body is JSON, but not a request.
    pub(crate) fn invalid_request(words: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", words)
    }

    /// The body is longer than it may be.
    pub(crate) fn too_large(words: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", words)
    }

    /// Nothing is there.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
    }

    /// The daemon cannot be asked; why is in the log.
    pub(crate) fn unavailable() -> Self {
        let words = "the execution service does not answer at the moment, try again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", words)
    }

    /// What all requests may hold in memory together is taken.
    pub(crate) fn overloaded() -> Self {
        let words = "too many large requests at the moment, try again in 1 s";
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", words);
        error.body.retry_after = Some(1);
        error
    }

    /// The daemon could not carry the execution out.
    pub(crate) fn failed(id: Option<ExecutionId>, words: String) -> Self {
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", words);
        error.body.id = id;
        error
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let words = rejection.to_string();
        match rejection {
            Rejection::UnknownLanguage => Self::new(StatusCode::BAD_REQUEST, "unsupported_language", words),
            Rejection::LanguageUnavailable { .. } => {
                Self::new(StatusCode::BAD_REQUEST, "language_unavailable", words)
            }
            Rejection::Invalid(_) => Self::invalid_request(words),
            Rejection::Busy { retry_after } => {
                let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", words);
                error.body.retry_after = Some(retry_after.as_secs().max(1));
                error
            }
            Rejection::Forbidden(_) => {
                tracing::error!(%words, "executord refuses webd");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "forbidden", words)
            }
        }
    }
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        if let ClientError::Codec(CodecError::TooLong(_)) = error {
            return Self::too_large(format!(
                "files, stdin and arguments together are more than {} bytes",
                protocol::bounds::MAX_FRAME
            ));
        }
        tracing::error!(%error, "executord cannot be asked");
        Self::unavailable()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after = self.body.retry_after;
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn shortened(mut words: String) -> String {
    if words.len() > MAX_WORDS {
        let end = (0..=MAX_WORDS).rev().find(|&end| words.is_char_boundary(end)).unwrap_or(0);
        words.truncate(end);
        words.push('…');
    }
    words
}
