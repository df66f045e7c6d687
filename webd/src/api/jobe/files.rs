//! `files/ID`: files that the client uploads before the runs that use them.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Extension, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::api::jobe::error::JobeError;
use crate::api::jobe::run_spec::is_file_id;
use crate::api::lenient_json::{self, Scalar};
use crate::app_state::AppState;
use crate::domain::caller::Caller;
use crate::domain::lenient_base64;
use crate::http::error::ApiError;
use crate::http::request_body::{self, BodyLimits};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Upload {
    file_contents: Scalar,
}

/// Stores a file for its caller.
///
/// # Errors
/// 400 for a request that is not valid, 413 for a file that is too large.
pub(crate) async fn put(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut reservation = state.budgets.of(&caller).reservation();
    let body =
        request_body::read(request.into_body(), BodyLimits::new(&state.config), &mut reservation).await?;
    if !is_file_id(&id) {
        let message = "put: the file ID must be 8 or more letters and digits";
        return Ok(JobeError::invalid(message).into_response());
    }
    let contents = match lenient_json::parse(&body) {
        Ok(Upload { file_contents: Scalar::Text(contents) }) => contents,
        Ok(_) => return Ok(JobeError::invalid("put: missing file_contents parameter").into_response()),
        Err(message) => return Ok(JobeError::invalid(format!("put: {message}")).into_response()),
    };
    let Some(content) = lenient_base64::decode_or_refuse(&contents) else {
        let message = format!("put: contents of file {id} are not valid base-64");
        return Ok(JobeError::invalid(message).into_response());
    };
    let stored = state.jobe_files.put(&caller.tag(), &id, content.into(), Instant::now());
    Ok(match stored {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            let message = format!("put: {error}");
            JobeError { status: StatusCode::PAYLOAD_TOO_LARGE, message }.into_response()
        }
    })
}

/// Returns whether a file is stored.
pub(crate) async fn head(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> StatusCode {
    match state.jobe_files.get(&caller.tag(), &id, Instant::now()) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

/// Answers a request for the methods of a path.
pub(crate) async fn options() -> StatusCode {
    StatusCode::NO_CONTENT
}
