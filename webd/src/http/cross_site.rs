//! Requests that a page of another origin makes a browser send without a preflight request.
//!
//! A browser sends a body of a type such as `text/plain` to any server. The page cannot read the response, but the request
//! has been carried out. APIs that take bodies of any type refuse such requests by their `Origin`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app_state::AppState;
use crate::http::websocket::check_origin;
use crate::ops::origin::Origin;

/// Refuses a request with a body that a browser sends for a page of an origin that is not allowed.
pub(crate) async fn refuse_cross_site(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if !is_safe && let Err(error) = check(request.headers(), &state.config.allowed_origins) {
        return error.into_response();
    }
    next.run(request).await
}

/// Checks the origin, unless the type of the body makes a browser ask the server first.
fn check(headers: &HeaderMap, allowed: &[Origin]) -> Result<(), crate::http::error::ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.trim().to_ascii_lowercase().starts_with("application/json") {
        return Ok(());
    }
    check_origin(headers, allowed)
}
