//! Errors as Piston reports them.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::http::error::{ErrorBody, ErrorCode};

/// The JSON of an error.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PistonError {
    pub(crate) message: String,
}

/// Returns an error of this server as Piston reports it. An internal failure has no body.
pub(crate) fn response(error: &ErrorBody) -> Response {
    match error.code {
        ErrorCode::Failed => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        code => (code.status(), Json(PistonError { message: error.error.clone() })).into_response(),
    }
}

/// Returns the error of a path that Piston does not have.
pub(crate) async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Json(PistonError { message: "Not Found".to_owned() })).into_response()
}

/// Returns the error of a request that is not valid.
pub(crate) fn invalid(message: String) -> Response {
    (StatusCode::BAD_REQUEST, Json(PistonError { message })).into_response()
}
