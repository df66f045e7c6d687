//! `POST /api/execute`: runs a program, and returns the answer in one piece or live.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::api::executor::collected_answer::collect_answer;
use crate::api::executor::event_encoder::{EventEncoder, EventFormat};
use crate::api::executor::idempotency;
use crate::api::executor::live_body;
use crate::api::executor::multipart_request::{Uploaded, upload};
use crate::api::executor::request::{self, ParsedRequest};
use crate::api::executor::unknown_language::explained;
use crate::app_state::AppState;
use crate::domain::budget::{Budget, Reservation};
use crate::domain::caller::Caller;
use crate::domain::encoding::Encoding;
use crate::domain::execution::Execution;
use crate::http::chunked_body::ChunkedBody;
use crate::http::connection_guard::ConnectionGuard;
use crate::http::error::ApiError;
use crate::http::multipart;
use crate::http::request_body::{self, BodyLimits};
use crate::http::websocket::check_origin;

/// Tells nginx not to buffer a live answer.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Runs a program. If the client disconnects, this future or the body it returned is dropped, and with it the
/// [`Execution`], which cancels the program.
///
/// # Errors
/// [`ApiError`] if the execution does not start, or if an answer in one piece cannot be made.
pub(crate) async fn execute(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Extension(guard): Extension<Arc<ConnectionGuard>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let budget = state.budgets.of(&caller);
    let mut reservation = budget.reservation();
    let live = live_format(&head.headers);
    if let Some(boundary) = multipart::boundary(&head.headers)? {
        // A browser sends such a body to any server without a preflight request, unlike JSON.
        check_origin(&head.headers, &state.config.allowed_origins)?;
        if state.submissions.is_some() && head.headers.contains_key("idempotency-key") {
            return Err(ApiError::invalid_request("Idempotency-Key requires a JSON body"));
        }
        let Uploaded { execution, language } = upload(body, boundary, &caller, reservation, &state).await;
        let answer = match execution {
            Ok((execution, parsed)) => respond(execution, &parsed, live, &budget).await,
            Err(error) => Err(error),
        };
        return match answer {
            Err(error) => Err(explained(error, &language, &state.daemon).await),
            answer => answer,
        };
    }
    request_body::require_json(&head.headers)?;
    let body = request_body::read(body, BodyLimits::new(&state.config), &mut reservation).await?;
    // Without submissions, and for live answers, nothing is stored that could answer again.
    if state.submissions.is_some()
        && live.is_none()
        && let Some(id) = idempotency::submission_id(&head.headers, &caller)?
    {
        return idempotency::execute(&state, &caller, &guard, id, body).await;
    }
    let parsed = match request::parse(&body) {
        Ok(parsed) => parsed,
        Err(error) => return Err(explained(error, "", &state.daemon).await),
    };
    drop(body);
    let language = parsed.request.language.clone();
    match answer(&caller, parsed, live, reservation, &budget, &state).await {
        Err(error) => Err(explained(error, &language, &state.daemon).await),
        answer => answer,
    }
}

/// Runs a program. The request holds `reservation` until the daemon has it.
async fn answer(
    caller: &Caller,
    parsed: ParsedRequest,
    live: Option<EventFormat>,
    reservation: Reservation,
    budget: &Budget,
    state: &AppState,
) -> Result<Response, ApiError> {
    let mut parsed = parsed;
    let request = std::mem::take(&mut parsed.request);
    let execution = state.dispatcher.execute(caller, request).await?;
    drop(reservation);
    respond(execution, &parsed, live, budget).await
}

/// Returns the answer of an execution, in one piece or live.
async fn respond(
    execution: Execution,
    parsed: &ParsedRequest,
    live: Option<EventFormat>,
    budget: &Budget,
) -> Result<Response, ApiError> {
    match live {
        None => buffered_answer(execution, parsed.encoding, parsed.is_compact, budget).await,
        Some(format) => live_answer(execution, EventEncoder::new(parsed.encoding, format, budget)).await,
    }
}

/// Waits for the end, and returns everything in one JSON object.
async fn buffered_answer(
    execution: Execution,
    encoding: Encoding,
    is_compact: bool,
    budget: &Budget,
) -> Result<Response, ApiError> {
    let (json, reservation) = collect_answer(execution, encoding, is_compact, budget).await?;
    let body = Body::new(ChunkedBody::new(json, reservation));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Returns each event when it happens. An error in place of the first event is still a plain error response.
async fn live_answer(mut execution: Execution, encoder: EventEncoder) -> Result<Response, ApiError> {
    let first = execution.next_event().await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(encoder.format().content_type())),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    Ok((headers, live_body::new(execution, first, encoder)).into_response())
}

/// Returns the format of a live answer, or `None` for an answer in one piece: the first one among those that the
/// client prefers most.
fn live_format(headers: &HeaderMap) -> Option<EventFormat> {
    let mut best = (0.0, None);
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let format = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "text/event-stream" => Some(EventFormat::Sse),
            "application/x-ndjson" | "application/ndjson" => Some(EventFormat::Ndjson),
            "application/json" => None,
            _ => continue,
        };
        let weight =
            parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
        if weight > best.0 {
            best = (weight, format);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &'static str, format: Option<EventFormat>) {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        assert_eq!(live_format(&headers), format, "{accept}");
    }

    #[test]
    fn the_accept_header_selects_a_live_answer() {
        check("*/*", None);
        check("application/json", None);
        check("text/event-stream", Some(EventFormat::Sse));
        check("Application/X-NDJSON", Some(EventFormat::Ndjson));
        check("application/json, text/event-stream", None);
        check("application/json;q=0.5, text/event-stream;q=0.9, */*", Some(EventFormat::Sse));
        check("text/event-stream;q=0", None);
        assert_eq!(live_format(&HeaderMap::new()), None);
    }
}
