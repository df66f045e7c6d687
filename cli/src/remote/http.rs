//! HTTP/1.1 to a remote server: one connection per request, and WebSockets.

use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, HOST, HeaderMap, HeaderValue, LOCATION, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::remote::error::{ApiError, RemoteError};
use crate::remote::tls::Authorities;
use crate::remote::url::ServerUrl;

/// Time for the resolver, the connection and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Time for the head of a response, and for a body that is read whole.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of an error response that are read.
const MAX_ERROR: usize = 64 * 1024;
/// Bytes of a WebSocket message: the largest event is an output file of 8 MiB, which is longer as base64.
const MAX_MESSAGE: usize = 17 * 1024 * 1024;
/// Bytes of a file that holds a key.
const MAX_KEY_FILE: u64 = 4096;
/// Value of the `User-Agent` header.
const AGENT: &str = concat!("executor-cli/", env!("CARGO_PKG_VERSION"));

/// The WebSocket of a session.
pub(crate) type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// API key. Its `Debug` does not show it.
#[derive(Clone)]
pub(crate) struct ServerKey(HeaderValue);

impl FromStr for ServerKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let header = HeaderValue::try_from(format!("Bearer {text}")).ok().filter(|_| is_visible);
        let mut header = header.ok_or("an API key consists of visible ASCII characters")?;
        header.set_sensitive(true);
        Ok(Self(header))
    }
}

impl ServerKey {
    /// Reads the key in a file: one line.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let invalid = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|error| invalid(&error))?;
        file.take(MAX_KEY_FILE).read_to_string(&mut text).map_err(|error| invalid(&error))?;
        text.trim().parse().map_err(|error: &str| invalid(&error))
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("ServerKey")
    }
}

/// Client of one server.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    url: ServerUrl,
    key: Option<ServerKey>,
    authorities: Authorities,
}

/// A connection, with or without TLS.
trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

impl HttpClient {
    /// Creates a client. Nothing is sent yet.
    pub(crate) const fn new(url: ServerUrl, key: Option<ServerKey>, authorities: Authorities) -> Self {
        Self { url, key, authorities }
    }

    /// Returns the body of a resource, which may have at most `max_length` bytes.
    ///
    /// # Errors
    /// [`RemoteError`], also for any status but 200.
    pub(crate) async fn get(&self, path: &str, max_length: usize) -> Result<Bytes, RemoteError> {
        let response = self.send(self.request(path)).await?;
        if response.status() != StatusCode::OK {
            return Err(self.error_of(response).await);
        }
        let body = timeout(ANSWER_TIMEOUT, read_body(response.into_body(), max_length));
        body.await.map_err(|_| self.timeout(ANSWER_TIMEOUT))?
    }

    /// Opens a WebSocket.
    ///
    /// # Errors
    /// [`RemoteError`], also for any status but 101.
    pub(crate) async fn open_socket(&self, path: &str) -> Result<Socket, RemoteError> {
        let key = generate_key();
        let request = self
            .request(path)
            .header(CONNECTION, "upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key);
        let response = self.send(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(self.error_of(response).await);
        }
        let accept = response.headers().get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
        if accept != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
            return Err(RemoteError::Answer("it opens no WebSocket".to_owned()));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(connection_error)?;
        let config =
            WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        Ok(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(config)).await)
    }

    /// Returns the URL of the server, for messages.
    pub(crate) fn url(&self) -> String {
        self.url.to_string()
    }

    fn request(&self, path: &str) -> hyper::http::request::Builder {
        let request = Request::builder()
            .uri(self.url.path(path))
            .header(HOST, self.url.authority())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "application/json");
        match &self.key {
            Some(ServerKey(key)) => request.header(AUTHORIZATION, key),
            None => request,
        }
    }

    async fn send(&self, request: hyper::http::request::Builder) -> Result<Response<Incoming>, RemoteError> {
        let request =
            request.body(Empty::<Bytes>::new()).map_err(|error| RemoteError::Answer(error.to_string()))?;
        let connected = timeout(CONNECT_TIMEOUT, self.connect()).await;
        let stream = connected.map_err(|_| self.timeout(CONNECT_TIMEOUT))??;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(connection_error)?;
        // Drives the connection. If it fails, the response fails with the same error.
        tokio::spawn(connection.with_upgrades());
        let response = timeout(ANSWER_TIMEOUT, sender.send_request(request)).await;
        response.map_err(|_| self.timeout(ANSWER_TIMEOUT))?.map_err(connection_error)
    }

    async fn connect(&self) -> Result<Box<dyn Connection>, RemoteError> {
        let failed = |source| RemoteError::Connect { url: self.url(), source };
        let stream = TcpStream::connect((self.url.host(), self.url.port())).await.map_err(failed)?;
        // Each key of an interactive program is a small message.
        stream.set_nodelay(true).map_err(failed)?;
        if !self.url.is_tls() {
            return Ok(Box::new(stream));
        }
        let connector = self.authorities.connector()?;
        let failed = |source| RemoteError::Tls { url: self.url(), source };
        let name = ServerName::try_from(self.url.host().to_owned())
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        Ok(Box::new(connector.connect(name, stream).await.map_err(failed)?))
    }

    /// Reads the error of a response. Errors of webd are JSON; those of a proxy may be anything.
    async fn error_of(&self, response: Response<Incoming>) -> RemoteError {
        let status = response.status();
        if let Some(location) = redirect(status, response.headers()) {
            return RemoteError::Redirect(location);
        }
        let body = timeout(ANSWER_TIMEOUT, read_body(response.into_body(), MAX_ERROR)).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        match serde_json::from_slice::<ApiError>(&body) {
            Ok(error) if !error.error.is_empty() => RemoteError::Api(error),
            _ => RemoteError::Status(status.to_string()),
        }
    }

    fn timeout(&self, time: Duration) -> RemoteError {
        RemoteError::Timeout { url: self.url(), seconds: time.as_secs() }
    }
}

/// Returns where a response sends the client.
fn redirect(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    let location = headers.get(LOCATION).filter(|_| status.is_redirection())?;
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}

async fn read_body(mut body: Incoming, max_length: usize) -> Result<Bytes, RemoteError> {
    let mut content = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(connection_error)?.into_data() else { continue };
        if content.len() + data.len() > max_length {
            return Err(RemoteError::Answer(format!("it is longer than {max_length} bytes")));
        }
        content.extend_from_slice(&data);
        if body.is_end_stream() {
            break;
        }
    }
    Ok(content.freeze())
}

fn connection_error(error: hyper::Error) -> RemoteError {
    // The cause says more than hyper's own words, such as "connection reset by peer".
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    RemoteError::Connection(cause.unwrap_or_else(|| error.to_string()))
}
