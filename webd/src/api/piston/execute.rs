//! `POST /api/v2/execute`: runs a program and returns its output in one piece.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::lenient_json;
use crate::api::piston::answer::Answer;
use crate::api::piston::error;
use crate::api::piston::request::{Checked, Execute};
use crate::api::piston::runtimes::available;
use crate::app_state::AppState;
use crate::domain::caller::Caller;
use crate::domain::collected_execution::CollectedExecution;
use crate::http::chunked_body::json_response;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::request_body::{self, BodyLimits};
use crate::http::websocket::check_origin;

/// Runs a program. If the client disconnects, this future is dropped, which cancels the program.
///
/// # Errors
/// [`ApiError`] if the execution does not start, or if it fails.
pub(crate) async fn execute(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let budget = state.budgets.of(&caller);
    let mut reservation = budget.reservation();
    let body =
        request_body::read(request.into_body(), BodyLimits::new(&state.config), &mut reservation).await?;
    let parsed: Execute = match lenient_json::parse(&body) {
        Ok(parsed) => parsed,
        Err(message) => return Ok(error::invalid(message)),
    };
    drop(body);
    let Checked { request, runtime } = match parsed.check(&available(&state).await?, &state.config.piston) {
        Ok(checked) => checked,
        Err(message) => return Ok(error::invalid(message)),
    };
    let execution = state.dispatcher.execute(&caller, request).await?;
    drop(reservation);
    let collected = CollectedExecution::collect(execution, &budget).await?;
    let Some(answer) = Answer::new(&collected, runtime) else {
        return Err(ApiError::new(ErrorCode::Unavailable, "the execution was cancelled"));
    };
    Ok(json_response(&answer, collected.reservation))
}

/// Refuses requests with a body that is not JSON, before anything else is looked at.
pub(super) async fn require_json(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return next.run(request).await;
    }
    let headers = request.headers();
    let is_accepted = match content_type(headers) {
        Some(kind) if kind.starts_with("application/json") => true,
        // Some libraries send this type by default. A browser sends it without asking the
        // server first, so a page of another origin must not.
        Some(kind) if is_unspecific(&kind) => check_origin(headers, &state.config.allowed_origins).is_ok(),
        _ => false,
    };
    if !is_accepted || headers.contains_key(header::CONTENT_ENCODING) {
        let message = "requests must be of type application/json";
        return ApiError::new(ErrorCode::UnsupportedMediaType, message).into_response();
    }
    next.run(request).await
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.trim().to_ascii_lowercase())
}

fn is_unspecific(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    ["text/plain", "application/octet-stream"].contains(&essence)
}
