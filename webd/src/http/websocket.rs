//! The opening handshake of a WebSocket (RFC 6455, section 4.2), and the check of the page that opens it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, Version, header};
use axum::response::Response;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::domain::budget::Reservation;
use crate::http::authentication::{SUBPROTOCOL, offers_subprotocol};
use crate::http::connection_guard::ConnectionGuard;
use crate::http::counting_stream::{CountingStream, UnprocessedBytes};
use crate::http::error::{ApiError, ErrorCode, WEBSOCKET_VERSION};
use crate::http::peer::Peer;
use crate::ops::origin::Origin;

/// Characters of a client's key: 16 bytes in base64.
const KEY_LENGTH: usize = 24;

/// Bytes that are read from a connection at a time.
const READ_BUFFER: usize = 16 * 1024;
/// Raw bytes of one message for each byte that it may have: room for the headers of its frames, if they are not tiny.
const RAW_BYTES_PER_BYTE: usize = 2;
/// Maximum number of bytes that wait to be written. Events are written one by one, so this holds the largest event, an
/// output file of 8 MiB that is twice as long as JSON, and some pongs.
const WRITE_BUFFER: usize = 17 * 1024 * 1024;

/// A WebSocket whose unprocessed bytes count as memory.
pub(crate) type Socket = WebSocketStream<CountingStream<TokioIo<Upgraded>>>;

/// Creates the socket of a connection whose handshake is complete. Messages have at most `max_message` bytes;
/// `reservation` grows by the bytes that were read, until they are released.
pub(crate) async fn open_socket(
    upgraded: Upgraded,
    max_message: usize,
    reservation: Reservation,
) -> (Socket, UnprocessedBytes) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message));
    let max_unprocessed = max_message.saturating_mul(RAW_BYTES_PER_BYTE).saturating_add(READ_BUFFER);
    let unprocessed = UnprocessedBytes::new(reservation, max_unprocessed);
    let stream = CountingStream::new(TokioIo::new(upgraded), unprocessed.clone());
    (WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await, unprocessed)
}

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
    pub(crate) fn check(request: &Request, allowed_origins: &[Origin]) -> Result<Self, ApiError> {
        let key = websocket_key(request)?;
        check_origin(request.headers(), allowed_origins)?;
        let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
        let selects_subprotocol = offers_subprotocol(request.headers());
        Ok(Self { accept: accept.map_err(|_| invalid_key())?, selects_subprotocol })
    }

    /// Accepts the WebSocket. `serve` runs in a new task, which keeps `reservation`.
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
    ) -> Result<Response, ApiError> {
        guard.entry.open_session()?;
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
    let message = "pages of this origin are not allowed to use this server (see allowed_origins)";
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
