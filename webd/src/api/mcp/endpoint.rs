//! `POST /mcp` and `DELETE /mcp`: streamable HTTP, with one response for each request.
//!
//! A session is only a name under which a client can cancel its calls ([`RunningCalls`]); no message needs one, and nothing is
//! kept between two messages. A client that closes the connection cancels its call, too.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use uuid::Uuid;

use crate::api::mcp::backend::{CallBackend, CallMemory};
use crate::api::mcp::message::{MEMORY_PER_VALUE, Message, SESSION_ID, count_values, session_id};
use crate::app_state::AppState;
use crate::domain::caller::Caller;
use crate::domain::running_calls::{CallKey, RunningCall};
use crate::http::body_with::BodyWith;
use crate::http::error::ApiError;
use crate::http::request_body::{self, BodyLimits};
use crate::http::websocket::check_origin;

/// Memory for one byte of a message, besides that of the body: the copy that the SDK reads, its tree, and the request to the
/// daemon.
const MEMORY_PER_BYTE: usize = 3;

/// Answers one message.
///
/// # Errors
/// [`ApiError`] if the message cannot be read, or if a page of another origin sent it.
pub(crate) async fn post(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    check_origin(&head.headers, &state.config.allowed_origins)?;
    request_body::require_json(&head.headers)?;
    let mut reservation = state.budgets.of(&caller).reservation();
    let body = request_body::read(body, BodyLimits::new(&state.config), &mut reservation).await?;
    let message = Message::parse(&body)?;
    reservation.grow(body.len() * MEMORY_PER_BYTE + count_values(&body) * MEMORY_PER_VALUE)?;
    let session = session_id(&head.headers)?.unwrap_or_default();
    let key =
        |call: &str| CallKey { caller: caller.tag(), session: session.to_owned(), call: call.to_owned() };
    if let Some(call) = message.cancelled_request() {
        state.mcp_calls.cancel(&key(call));
    }
    let call = message.request_id().map(|id| state.mcp_calls.begin(key(id)));
    let begins_session = message.is_initialize();
    let memory = CallMemory::new(reservation);
    let cancelled = call.as_ref().map(RunningCall::cancelled).unwrap_or_default();
    let backend = CallBackend { state, caller: caller.clone(), memory: memory.clone(), cancelled };
    let mut response = answer(backend, &head, body.clone()).await;
    if begins_session && response.status().is_success() {
        let id = HeaderValue::try_from(Uuid::new_v4().to_string());
        response.headers_mut().extend(id.ok().map(|id| (SESSION_ID, id)));
    }
    Ok(BodyWith::wrap(response, (memory, call)))
}

/// Ends a session: cancels its calls.
///
/// # Errors
/// [`ApiError`] if the request names no session, or if a page of another origin sent it.
pub(crate) async fn delete(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let headers = request.headers();
    check_origin(headers, &state.config.allowed_origins)?;
    let Some(session) = session_id(headers)? else {
        return Err(ApiError::invalid_request(format!("the {SESSION_ID} header is required")));
    };
    state.mcp_calls.cancel_session(&caller.tag(), session);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Lets the crate `mcp` answer. It gets the headers alone: what the middleware attached to the request stays here.
async fn answer(backend: CallBackend, head: &Parts, body: Bytes) -> Response {
    let mut request = axum::http::Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.headers_mut() = head.headers.clone();
    mcp::http::answer(backend, request).await.map(Body::new)
}
