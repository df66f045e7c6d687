//! Errors as clients see them: a message for people and a code for programs.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::bounds::MAX_LANGUAGE_NAME;
use protocol::{ExecutionId, Rejection};
use serde::Serialize;

use crate::domain::budget::BudgetExceeded;

/// The header of a response to a request without an accepted key (RFC 6750).
const CHALLENGE: &str = "Bearer realm=\"executor\"";
/// Bytes of a message. It may quote the request, which may be long.
const MAX_MESSAGE: usize = 500;

/// The version of the WebSocket protocol; there is only this one.
pub(crate) const WEBSOCKET_VERSION: &str = "13";

/// A response that reports an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// Its JSON.
    pub(crate) body: ErrorBody,
}

/// The JSON of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ErrorBody {
    /// Message for people.
    pub(crate) error: String,
    /// Code for programs, which does not change.
    pub(crate) code: ErrorCode,
    /// The execution, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(crate) id: Option<ExecutionId>,
    /// Seconds after which a retry may succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
    /// The name of the language that was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requested: Option<String>,
    /// The names of the languages that are available on this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) available: Option<Vec<String>>,
}

/// What went wrong. Clients depend on the codes and on their statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The body is not JSON.
    InvalidJson,
    /// The body is JSON, but not a valid request; or the request is not valid HTTP.
    InvalidRequest,
    /// No language has the requested name.
    UnsupportedLanguage,
    /// The language exists, but not on this host.
    LanguageUnavailable,
    /// Nothing is at this path.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The body, or something that it requests, is too large.
    TooLarge,
    /// The body is not JSON in UTF-8.
    UnsupportedMediaType,
    /// The request is for another host.
    WrongHost,
    /// All slots and all places in the queue are taken.
    Busy,
    /// All requests together need too much memory.
    Overloaded,
    /// The daemon cannot be reached.
    Unavailable,
    /// The daemon does not accept requests from this webd.
    Forbidden,
    /// Pages of the origin may not open sessions.
    ForbiddenOrigin,
    /// The request does not ask for a WebSocket.
    UpgradeRequired,
    /// The daemon failed to carry out the execution.
    Failed,
    /// The request has no API key that is accepted.
    Unauthorized,
    /// The API key does not allow the language.
    LanguageForbidden,
    /// The API key allows no more executions at this time.
    RateLimited,
    /// The API key has used its CPU time of the day.
    QuotaExceeded,
    /// Another resource has this id.
    Conflict,
    /// The formatter does not accept the code.
    NotFormatted,
}

impl ErrorCode {
    /// All codes.
    pub const ALL: [Self; 23] = [
        Self::InvalidJson,
        Self::InvalidRequest,
        Self::UnsupportedLanguage,
        Self::LanguageUnavailable,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::WrongHost,
        Self::Busy,
        Self::Overloaded,
        Self::Unavailable,
        Self::Forbidden,
        Self::ForbiddenOrigin,
        Self::UpgradeRequired,
        Self::Failed,
        Self::Unauthorized,
        Self::LanguageForbidden,
        Self::RateLimited,
        Self::QuotaExceeded,
        Self::Conflict,
        Self::NotFormatted,
    ];

    /// Returns the HTTP status of the code.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidJson
            | Self::InvalidRequest
            | Self::UnsupportedLanguage
            | Self::LanguageUnavailable => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Self::Busy | Self::RateLimited | Self::QuotaExceeded => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::Unavailable | Self::Forbidden => StatusCode::SERVICE_UNAVAILABLE,
            Self::ForbiddenOrigin | Self::LanguageForbidden => StatusCode::FORBIDDEN,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::NotFormatted => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

impl ApiError {
    /// Creates an error. A message that is too long is truncated.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let error = truncated(message.into(), MAX_MESSAGE);
        let (id, retry_after, requested, available) = (None, None, None, None);
        Self { body: ErrorBody { error, code, id, retry_after, requested, available } }
    }

    /// Creates an error for a request that is not valid.
    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// Creates an error for a language that does not exist. The caller adds the names of those that do.
    pub(crate) fn unsupported_language(requested: &str) -> Self {
        let mut error = Self::new(ErrorCode::UnsupportedLanguage, Rejection::UnknownLanguage.to_string());
        error.body.requested = Some(truncated(requested.to_owned(), MAX_LANGUAGE_NAME));
        error
    }

    /// Creates an error for a path that does not exist.
    pub(crate) fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "not found")
    }

    /// Creates an error for an execution that could not be carried out.
    pub(crate) fn failed(id: ExecutionId, message: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorCode::Failed, message);
        error.body.id = Some(id);
        error
    }
}

impl From<BudgetExceeded> for ApiError {
    fn from(_: BudgetExceeded) -> Self {
        let message = "the server is out of memory for large requests, try again in 1 s";
        let mut error = Self::new(ErrorCode::Overloaded, message);
        error.body.retry_after = Some(1);
        error
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after = self.body.retry_after;
        let is_unauthorized = self.body.code == ErrorCode::Unauthorized;
        let mut response = (self.body.code.status(), Json(&self.body)).into_response();
        if self.body.code == ErrorCode::UpgradeRequired {
            response.headers_mut().extend([
                (header::UPGRADE, HeaderValue::from_static("websocket")),
                (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(WEBSOCKET_VERSION)),
            ]);
        }
        // The APIs that are compatible with other servers write the error in their own form.
        response.extensions_mut().insert(self.body);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if is_unauthorized {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        response
    }
}

fn truncated(mut message: String, max_length: usize) -> String {
    if message.len() > max_length {
        let end = (0..=max_length).rev().find(|&end| message.is_char_boundary(end)).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    message
}
