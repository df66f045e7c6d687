//! `POST /api/execute`: check the request, hand it to the daemon, answer in one piece or live.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use protocol::{Client, ClientError, Event, Limits};

use crate::api::executor::answer::with_answer;
use crate::api::executor::request::{self, Asked, Encoding};
use crate::api::executor::stream::{self, Form};
use crate::api::routes::Front;
use crate::domain::forwarded;
use crate::domain::kept::Kept;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::pieces::Pieces;

/// The address of the connection's other end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Execute a program. When the client goes, this future or the body it returned is dropped and with it the
/// connection to the daemon, which ends the execution.
///
/// # Errors
/// Whatever is said before the execution begins.
pub(crate) async fn execute(
    State(front): State<Arc<Front>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    body::insist_on_json(&head.headers)?;
    let mut share = front.budget.share();
    let body = body::read(body, front.body_bounds(), &mut share).await?;
    let Asked { request, encoding } = request::read(&body, Some(front.tag(peer, &head.headers)))?;
    drop(body);

    let (client, first) = front.connections.execute(request).await?;
    drop(share);
    match wanted(&head.headers) {
        None => answer_whole(client, first, encoding, &front).await,
        Some(form) => answer_live(client, first, encoding, form),
    }
}

impl Front {
    fn body_bounds(&self) -> body::Bounds {
        body::Bounds { bytes: self.config.max_body_bytes.get(), time: self.config.timeouts.body() }
    }

    /// By what the daemon tells this client from others.
    pub(crate) fn tag(&self, peer: IpAddr, headers: &HeaderMap) -> String {
        forwarded::tag(forwarded::client(peer, headers, &self.config.trusted_proxies))
    }
}

/// Wait for the end.
async fn answer_whole(
    mut client: Client,
    first: Event,
    encoding: Encoding,
    front: &Front,
) -> Result<Response, ApiError> {
    let mut kept = Kept::new(encoding, &front.budget);
    let mut allowed: Option<Box<Limits>> = None;
    let mut next = first;
    loop {
        match next {
            Event::Queued { .. } => {}
            Event::Started { limits, .. } => allowed = Some(limits),
            Event::StageStarted(stage) => kept.begin(stage),
            Event::Output { stream, bytes } => kept.write(stream, &bytes)?,
            Event::StageFinished(_) => kept.end(),
            Event::Finished(outcome) => {
                front.connections.give_back(client);
                kept.end();
                let json = with_answer(&outcome, allowed.as_deref(), Some(&kept), |answer| {
                    serde_json::to_vec(answer)
                });
                let json = json.map_err(|error| ApiError::failed(Some(outcome.id), error.to_string()))?;
                let body = Body::new(Pieces::new(json, kept.into_share()));
                return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
            }
            Event::Rejected(rejection) => {
                front.connections.give_back(client);
                return Err(rejection.into());
            }
            Event::Failed { id, message } => return Err(ApiError::failed(id, message)),
            Event::Languages(_) | Event::Status(_) | Event::Checked(_) | Event::CheckDone => {
                return Err(ClientError::Unexpected.into());
            }
        }
        next = client.event().await?;
    }
}

/// Tell each event as it comes. A refusal in place of the first event is still a plain error.
fn answer_live(client: Client, first: Event, encoding: Encoding, form: Form) -> Result<Response, ApiError> {
    let first = match first {
        Event::Rejected(rejection) => return Err(rejection.into()),
        Event::Failed { id, message } => return Err(ApiError::failed(id, message)),
        first => first,
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(form.content_type())),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, stream::body(client, first, encoding, form)).into_response())
}

/// In which form the client wants events; `None` is all in one JSON. The first of those it prefers most.
fn wanted(headers: &HeaderMap) -> Option<Form> {
    let mut best = (0.0, None);
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "text/event-stream" => Some(Form::Sse),
            "application/x-ndjson" | "application/ndjson" => Some(Form::Ndjson),
            "application/json" => None,
            _ => continue,
        };
        let weight =
            parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
        if weight > best.0 {
            best = (weight, form);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &'static str, form: Option<Form>) {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        assert_eq!(wanted(&headers), form, "{accept}");
    }

    #[test]
    fn accept_says_whether_the_answer_is_live() {
        check("*/*", None);
        check("application/json", None);
        check("text/event-stream", Some(Form::Sse));
        check("Application/X-NDJSON", Some(Form::Ndjson));
        check("application/json, text/event-stream", None);
        check("application/json;q=0.5, text/event-stream;q=0.9, */*", Some(Form::Sse));
        check("text/event-stream;q=0", None);
        assert_eq!(wanted(&HeaderMap::new()), None);
    }
}
