//! `GET /api/session`: the opening handshake of a WebSocket (RFC 6455, section 4.2).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, Version, header};
use axum::response::{IntoResponse, Response};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::api::executor::session::{IDLE_MEMORY, Session};
use crate::app_state::AppState;
use crate::domain::client_identity::ClientIdentity;
use crate::http::connection_guard::ConnectionGuard;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::peer::Peer;
use crate::ops::config::Origin;

/// The version of the WebSocket protocol; there is only this one.
const WEBSOCKET_VERSION: &str = "13";
/// Characters of a client's key: 16 bytes in base64.
const KEY_LENGTH: usize = 24;

/// Opens a session. It runs in a task of its own, which keeps the connection's guard.
///
/// # Errors
/// 400, 403 or 426, 429 if the client has too many sessions, and 503 if all connections together hold too much memory.
pub(crate) async fn session(
    State(state): State<Arc<AppState>>,
    Extension(peer): Extension<Peer>,
    Extension(client): Extension<ClientIdentity>,
    Extension(guard): Extension<Arc<ConnectionGuard>>,
    mut request: Request,
) -> Result<Response, Response> {
    let key = websocket_key(&request).map_err(|error| {
        let hints = [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, WEBSOCKET_VERSION)];
        let hints = HeaderMap::from_iter(hints.map(|(name, value)| (name, HeaderValue::from_static(value))));
        (hints, error).into_response()
    })?;
    check_origin(request.headers(), &state.config.allowed_origins).map_err(IntoResponse::into_response)?;
    let mut reservation = state.budgets.of(client).reservation();
    reservation.grow(IDLE_MEMORY).map_err(|error| ApiError::from(error).into_response())?;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
    let accept = accept.map_err(|_| invalid_key().into_response())?;

    guard.entry.open_session().map_err(|reason| ApiError::from(reason).into_response())?;
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let _reservation = reservation;
        match upgrade.await {
            Ok(upgraded) => Session::new(upgraded, state, client, &guard).await.run().await,
            Err(error) => tracing::debug!(peer = %peer.0, %error, "session handshake failed"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().extend([
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ]);
    Ok(response)
}

/// Returns the client's key, if the request asks for a WebSocket.
fn websocket_key(request: &Request) -> Result<String, ApiError> {
    let headers = request.headers();
    let upgrades = request.version() == Version::HTTP_11
        && has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket");
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    if !upgrades || version.is_none_or(|version| version != WEBSOCKET_VERSION) {
        let message = "a session requires a WebSocket handshake, version 13";
        return Err(ApiError::new(ErrorCode::UpgradeRequired, message));
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    match (keys.next().and_then(|key| key.to_str().ok()), keys.next()) {
        (Some(key), None) if key.len() == KEY_LENGTH => Ok(key.to_owned()),
        _ => Err(invalid_key()),
    }
}

fn invalid_key() -> ApiError {
    ApiError::invalid_request("Sec-WebSocket-Key must be one value of 16 bytes in base64")
}

/// Checks that the page that opens the session is one of this server or of an allowed origin. Browsers do not apply the
/// same-origin policy to WebSockets: any page may open one to any server. Clients that are not browsers send no origin.
fn check_origin(headers: &HeaderMap, allowed: &[Origin]) -> Result<(), ApiError> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let is_allowed = match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => {
            allowed.iter().any(|allowed| allowed.is_any() || allowed.0 == origin)
                || is_same_origin(origin, headers)
        }
        (Some(_), Some(_)) => false,
    };
    if is_allowed {
        return Ok(());
    }
    let message = "pages of this origin are not allowed to open sessions (see allowed_origins)";
    Err(ApiError::new(ErrorCode::ForbiddenOrigin, message))
}

/// Returns whether the page came from the host of the request. The scheme is not compared, because a proxy may use
/// another one.
fn is_same_origin(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let origin = origin.to_str().ok().and_then(|text| text.parse::<Uri>().ok());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (origin.as_ref().and_then(Uri::authority), host) {
        (Some(authority), Some(host)) => authority.as_str().eq_ignore_ascii_case(host),
        _ => false,
    }
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|found| found.trim().eq_ignore_ascii_case(token))
}
