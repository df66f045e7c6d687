//! What every request passes on its way in and every answer on its way out.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::api::executor::execute::Peer;
use crate::api::routes::Front;
use crate::http::error::ApiError;
use crate::ops::config::Origin;
use crate::ops::metrics::Labels;

/// On every answer that does not say otherwise.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Count and log a request; nothing of its query, head or body is written down.
pub(crate) async fn observe(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("other", |path| front.route(path.as_str()));
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let in_flight = front.metrics.request();
    let response = with_headers(next.run(request).await);
    let labels = Labels::new(route, &method, response.status());
    // Debug formatting: no line feed and no escape sequence of a client gets into the log.
    tracing::info!(?peer, %method, ?path, status = response.status().as_u16(), ms = began.elapsed().as_millis(), "request");
    in_flight.until_sent(response, labels, began)
}

/// Refuse requests that mean different things to different servers, and those for hosts that are not ours.
pub(crate) async fn guard(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    if let Err(error) = check(&front.config.allowed_hosts, &request) {
        let mut response = error.into_response();
        // Whatever else is on this connection is not to be trusted.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    in_words(next.run(request).await)
}

/// Pages of which origins may read our answers.
pub(crate) fn cors(origins: &[Origin]) -> CorsLayer {
    let allowed = match origins {
        [any] if any.is_any() => AllowOrigin::any(),
        listed => AllowOrigin::list(listed.iter().map(|origin| origin.0.clone())),
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([axum::http::Method::GET, axum::http::Method::POST])
        .allow_headers([header::CONTENT_TYPE, header::ACCEPT])
        .expose_headers([header::RETRY_AFTER])
        .max_age(std::time::Duration::from_secs(3600))
}

fn check(allowed_hosts: &[String], request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let twice = |name: HeaderName| headers.get_all(name).iter().count() > 1;
    if headers.contains_key(header::TRANSFER_ENCODING) && headers.contains_key(header::CONTENT_LENGTH) {
        return Err(ApiError::invalid_request("Content-Length and Transfer-Encoding exclude each other"));
    }
    if twice(header::HOST) || twice(header::CONTENT_LENGTH) || twice(header::TRANSFER_ENCODING) {
        return Err(ApiError::invalid_request("a header that may stand once stands twice"));
    }
    let host = host(request, headers);
    if host.is_none() && request.version() == Version::HTTP_11 {
        return Err(ApiError::invalid_request("the Host header is needed"));
    }
    let ours = |host: &str| allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
    if allowed_hosts.is_empty() || host.is_some_and(ours) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::MISDIRECTED_REQUEST,
        "wrong_host",
        "this server does not answer for that host",
    ))
}

/// The host that is asked for, without its port.
fn host<'a>(request: &'a Request, headers: &'a HeaderMap) -> Option<&'a str> {
    let host = match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST)?.to_str().ok()?,
    };
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(name),
        _ => Some(host),
    }
}

/// Say in JSON what the router says with a status alone.
fn in_words(response: Response) -> Response {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let words = "this method is not allowed here";
    let mut worded =
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", words).into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        worded.headers_mut().insert(header::ALLOW, allow.clone());
    }
    worded
}

fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
