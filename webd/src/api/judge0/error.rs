//! Errors as Judge0 reports them.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::http::error::{ErrorBody, ErrorCode};

/// What is wrong with each attribute of a submission.
pub(crate) type AttributeErrors = BTreeMap<&'static str, Vec<String>>;

/// Returns an error of this server as Judge0 reports it. Errors of authentication have no body.
pub(crate) fn response(error: &ErrorBody) -> Response {
    match error.code {
        ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED.into_response(),
        ErrorCode::Busy => with_message(StatusCode::SERVICE_UNAVAILABLE, "queue is full"),
        code => with_message(code.status(), &error.error),
    }
}

/// Returns an error with a message.
pub(crate) fn with_message(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}

/// Returns the errors of the attributes of a submission.
pub(crate) fn unprocessable(errors: &AttributeErrors) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(errors)).into_response()
}

/// Returns the error of something that does not exist. Only a client that asks for JSON gets a body.
pub(crate) fn not_found(headers: &HeaderMap) -> Response {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if accepted.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("application/json")) {
        return (StatusCode::NOT_FOUND, Json(json!({"status": 404, "error": "Not Found"}))).into_response();
    }
    StatusCode::NOT_FOUND.into_response()
}
