//! `GET /api/session`: from an HTTP request to a WebSocket (RFC 6455, section 4.2).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, Version, header};
use axum::response::{IntoResponse, Response};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::api::executor::execute::Peer;
use crate::api::executor::session::{IDLE_COST, Session};
use crate::api::routes::Front;
use crate::http::error::ApiError;
use crate::http::server::Place;
use crate::ops::config;

/// The only version there is.
const PROTOCOL_VERSION: &str = "13";
/// Characters of a client's key: 16 bytes in base64.
const KEY_LENGTH: usize = 24;

/// Open a session. It goes on after this answer, in a task of its own that keeps the connection's place.
///
/// # Errors
/// 400, 403 or 426, and 503 if all connections together hold too much memory.
pub(crate) async fn session(
    State(front): State<Arc<Front>>,
    Extension(Peer(peer)): Extension<Peer>,
    Extension(place): Extension<Arc<Place>>,
    mut request: Request,
) -> Result<Response, Response> {
    let key = key(&request).map_err(|error| {
        let hints = [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, PROTOCOL_VERSION)];
        let names = HeaderMap::from_iter(hints.map(|(name, value)| (name, HeaderValue::from_static(value))));
        (names, error).into_response()
    })?;
    let refused = |error: ApiError| error.into_response();
    insist_on_origin(request.headers(), &front.config.allowed_origins).map_err(refused)?;
    let mut share = front.budget.share();
    share.grow(IDLE_COST).map_err(refused)?;
    let accepted = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
    let accepted = accepted.map_err(|_| refused(ApiError::invalid_request("the key is not one")))?;

    let client = front.tag(peer, request.headers());
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let _share = share;
        match upgrade.await {
            Ok(upgraded) => Session::new(upgraded, front, client, &place).await.go_on().await,
            Err(error) => tracing::debug!(%peer, %error, "a session did not begin"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().extend([
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accepted),
    ]);
    Ok(response)
}

/// The client's key, if it asks for a WebSocket at all.
fn key(request: &Request) -> Result<String, ApiError> {
    let headers = request.headers();
    let upgrades = request.version() == Version::HTTP_11
        && has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket");
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    if !upgrades || version.is_none_or(|version| version != PROTOCOL_VERSION) {
        let words = "a session is a WebSocket of version 13";
        return Err(ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", words));
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    match (keys.next().and_then(|key| key.to_str().ok()), keys.next()) {
        (Some(key), None) if key.len() == KEY_LENGTH => Ok(key.to_owned()),
        _ => Err(ApiError::invalid_request("Sec-WebSocket-Key is 16 bytes in base64, once")),
    }
}

/// A WebSocket is no subject of the rules by which a browser keeps sites apart: any page may open one to anywhere. So
/// the page's origin must be ours or an allowed one. What is not a browser has none.
fn insist_on_origin(headers: &HeaderMap, allowed: &[config::Origin]) -> Result<(), ApiError> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let is_welcome = match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => {
            allowed.iter().any(|allowed| allowed.is_any() || allowed.0 == origin) || is_ours(origin, headers)
        }
        (Some(_), Some(_)) => false,
    };
    if is_welcome {
        return Ok(());
    }
    let words = "pages of this origin may not open sessions here";
    Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden_origin", words))
}

/// The page came from the host that is asked now. The scheme is not compared: before a proxy it is another.
fn is_ours(origin: &HeaderValue, headers: &HeaderMap) -> bool {
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
