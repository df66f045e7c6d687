//! The opening handshake of a WebSocket (RFC 6455, section 4.2), and the check of the page that opens it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, Version, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::Upgraded;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::domain::budget::Reservation;
use crate::http::authentication::{SUBPROTOCOL, offers_subprotocol};
use crate::http::connection_guard::ConnectionGuard;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::peer::Peer;
use crate::ops::config::Origin;

/// The version of the WebSocket protocol; there is only this one.
const WEBSOCKET_VERSION: &str = "13";
/// Characters of a client's key: 16 bytes in base64.
const KEY_LENGTH: usize = 24;

/// A request that asks for a WebSocket, and that a page of this server, a page of an allowed origin or no page sent.
#[derive(Debug)]
pub(crate) struct Handshake {
    accept: HeaderValue,
    selects_subprotocol: bool,
}

impl Handshake {
    /// Checks a request.
    ///
    /// # Errors
    /// 400, 403 or 426.
    pub(crate) fn check(request: &Request, allowed_origins: &[Origin]) -> Result<Self, Response> {
        let key = websocket_key(request).map_err(|error| {
            let hints = [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, WEBSOCKET_VERSION)];
            let hints =
                HeaderMap::from_iter(hints.map(|(name, value)| (name, HeaderValue::from_static(value))));
            (hints, error).into_response()
        })?;
        check_origin(request.headers(), allowed_origins).map_err(IntoResponse::into_response)?;
        let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
        let selects_subprotocol = offers_subprotocol(request.headers());
        Ok(Self { accept: accept.map_err(|_| invalid_key().into_response())?, selects_subprotocol })
    }

    /// Accepts the WebSocket. `serve` runs in a task of its own, which keeps `reservation`.
    ///
    /// # Errors
    /// 429 if the client has too many sessions.
    pub(crate) fn accept<F: Future<Output = ()> + Send + 'static>(
        self,
        mut request: Request,
        peer: Peer,
        guard: &Arc<ConnectionGuard>,
        reservation: Reservation,
        serve: impl FnOnce(Upgraded) -> F + Send + 'static,
    ) -> Result<Response, Response> {
        guard.entry.open_session().map_err(|reason| ApiError::from(reason).into_response())?;
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let _reservation = reservation;
            match upgrade.await {
                Ok(upgraded) => serve(upgraded).await,
                Err(error) => tracing::debug!(peer = %peer.0, %error, "WebSocket handshake failed"),
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().extend([
            (header::CONNECTION, HeaderValue::from_static("upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_ACCEPT, self.accept),
        ]);
        if self.selects_subprotocol {
            let name = HeaderValue::from_static(SUBPROTOCOL);
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, name);
        }
        Ok(response)
    }
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
pub(crate) fn check_origin(headers: &HeaderMap, allowed: &[Origin]) -> Result<(), ApiError> {
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
