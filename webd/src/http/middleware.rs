//! Middleware around every route: metrics, the request log, security headers, and checks of the request head.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::sleep;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::app_state::AppState;
use crate::http::authentication::{AnsweredKey, KEY_HEADERS, RATE_HEADERS, limited_caller};
use crate::http::body_with::BodyWith;
use crate::http::connection_guard::ConnectionGuard;
use crate::http::error::{ApiError, ErrorBody, ErrorCode};
use crate::http::peer::Peer;
use crate::http::request_id::{X_REQUEST_ID, request_id};
use crate::ops::metrics::RequestLabels;
use crate::ops::origin::Origin;

/// Headers of every response that does not set them itself.
const SECURITY_HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];
/// The header by which a client marks requests that are the same.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header with the name of this node behind a load balancer.
const X_EXECUTOR_NODE: HeaderName = HeaderName::from_static("x-executor-node");
/// Headers of the Model Context Protocol that a page may send.
const MCP_HEADERS: [HeaderName; 4] = [
    HeaderName::from_static("mcp-session-id"),
    HeaderName::from_static("mcp-protocol-version"),
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("mcp-name"),
];
/// Routes that probes request every second: their answers are logged only if they report a problem.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];
/// Time for which a browser caches the answer to a preflight request.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(3600);

/// Counts and logs a request. The log has its path, but nothing of its query, headers or body.
pub(crate) async fn observe(State(state): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let id = request_id(request.headers());
    let in_flight = state.metrics.request();
    let mut response = with_security_headers(next.run(request).await);
    let status = response.status().as_u16();
    let labels = RequestLabels::new(route.as_ref().map(MatchedPath::as_str), method.as_str(), status);
    let key = response.extensions().get::<AnsweredKey>().map(|key| key.0.as_str()).unwrap_or_default();
    // Debug formatting escapes line feeds and terminal escape sequences, so that a client cannot forge log lines.
    let request_id = id.to_str().unwrap_or_default();
    let ms = started.elapsed().as_millis();
    if PROBES.contains(&path.as_str()) && response.status().is_success() {
        tracing::debug!(?peer, key, request_id, %method, ?path, status, ms, "request");
    } else {
        tracing::info!(?peer, key, request_id, %method, ?path, status, ms, "request");
    }
    response.headers_mut().insert(X_REQUEST_ID, id);
    if let Some(node) = &state.config.node {
        response.headers_mut().insert(X_EXECUTOR_NODE, node.header());
    }
    BodyWith::wrap(response, in_flight.answered(labels, started))
}

/// Holds back a response that executord is unavailable: a load balancer that prefers the node with the fewest requests would
/// send all requests to a node that refuses them at once.
pub(crate) async fn hold_unavailable(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let error = response.extensions().get::<ErrorBody>();
    if error.is_some_and(|error| error.code == ErrorCode::Unavailable) {
        sleep(state.config.timeouts.unavailable).await;
    }
    response
}

/// Identifies the client and its API key for all that follows, refuses the request if one of them has too many connections, and
/// marks the connection as in use until the response was sent.
pub(crate) async fn limit_client(
    State(state): State<Arc<AppState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let (Some(peer), Some(guard)) =
        (extensions.get::<Peer>().copied(), extensions.get::<Arc<ConnectionGuard>>().cloned())
    else {
        return next.run(request).await;
    };
    let client = peer.client(request.headers(), &state.config.trusted_proxies);
    let (caller, holder) = limited_caller(&state, request.headers(), client);
    request.extensions_mut().insert(caller);
    match guard.begin_request(holder) {
        Ok(in_progress) => BodyWith::wrap(next.run(request).await, in_progress),
        Err(reason) => ApiError::from(reason).into_response(),
    }
}

/// Refuses requests that different servers would interpret differently, and requests for other hosts.
pub(crate) async fn check_head(State(state): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    if let Err(error) = check(&state.config.allowed_hosts, &request) {
        let mut response = error.into_response();
        // Where the next request on this connection begins is in doubt.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    with_json_error(next.run(request).await)
}

/// Returns the layer that lets pages of these origins use the API.
pub(crate) fn cors(origins: &[Origin]) -> CorsLayer {
    let allowed = match origins {
        [any] if any.is_any() => AllowOrigin::any(),
        listed => AllowOrigin::list(listed.iter().map(|origin| origin.0.clone())),
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(
            [header::CONTENT_TYPE, header::ACCEPT, header::AUTHORIZATION, X_REQUEST_ID, IDEMPOTENCY_KEY]
                .into_iter()
                .chain(KEY_HEADERS)
                .chain(MCP_HEADERS)
                .collect::<Vec<_>>(),
        )
        .expose_headers(
            [header::RETRY_AFTER, X_REQUEST_ID, X_EXECUTOR_NODE, HeaderName::from_static("mcp-session-id")]
                .into_iter()
                .chain(RATE_HEADERS)
                .collect::<Vec<_>>(),
        )
        .max_age(PREFLIGHT_MAX_AGE)
}

/// Gives the answer to a preflight request, which has no content, the status that says so. Clients of Jobe expect it.
pub(crate) async fn preflight_without_content(request: Request, next: Next) -> Response {
    let is_options = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if is_options && response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}

fn check(allowed_hosts: &[String], request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    if headers.contains_key(header::TRANSFER_ENCODING) && headers.contains_key(header::CONTENT_LENGTH) {
        let message = "Content-Length and Transfer-Encoding must not be used together";
        return Err(ApiError::invalid_request(message));
    }
    for name in [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        if headers.get_all(&name).iter().count() > 1 {
            return Err(ApiError::invalid_request(format!("the {name} header must not be repeated")));
        }
    }
    let host = host(request, headers);
    if host.is_none() && request.version() == Version::HTTP_11 {
        return Err(ApiError::invalid_request("the host header is required"));
    }
    let is_allowed = |host: &str| allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
    if allowed_hosts.is_empty() || host.is_some_and(is_allowed) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::WrongHost, "this server does not serve the requested host"))
}

/// Returns the host of the request, without its port.
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

/// Adds the JSON of an error where the router answers with a status alone.
fn with_json_error(response: Response) -> Response {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let message = "the method is not allowed for this path";
    let mut error = ApiError::new(ErrorCode::MethodNotAllowed, message).into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        error.headers_mut().insert(header::ALLOW, allow.clone());
    }
    error
}

fn with_security_headers(mut response: Response) -> Response {
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
