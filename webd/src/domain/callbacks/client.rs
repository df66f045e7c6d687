//! Sends one callback: resolves the host once, checks the addresses, connects to one of them, and reads the status.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::domain::callbacks::address::is_public;
use crate::domain::callbacks::tls::Tls;
use crate::domain::callbacks::url::{CallbackHost, CallbackUrl};

/// Time for everything: the resolver, the connection, TLS, the request, and the head of the response.
pub(crate) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(15);
/// Time for the connection to one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Addresses of a host that are tried.
const MAX_ATTEMPTS: usize = 3;
/// Bytes of the head of a response. The body is not read.
const MAX_HEAD: usize = 16 * 1024;
/// Header lines of a response.
const MAX_HEADERS: usize = 64;
/// Value of the `User-Agent` header.
const AGENT: &str = concat!("executor/", env!("CARGO_PKG_VERSION"));

/// Sends callbacks.
#[derive(Debug)]
pub(crate) struct CallbackClient {
    hosts: Vec<CallbackHost>,
    tls: Tls,
}

/// A request to send.
#[derive(Clone, Debug)]
pub(crate) struct CallbackRequest {
    /// Where it goes.
    pub(crate) url: CallbackUrl,
    /// `POST`, or another method with a body.
    pub(crate) method: Method,
    /// Its headers, without those of the connection.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub(crate) body: Bytes,
}

/// Why a callback was not delivered. No text of the receiver is in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// The resolver knows no address.
    #[error("cannot resolve the host: {0}")]
    Resolve(io::Error),
    /// The host has an address that is not public, or is this host.
    #[error("the host has an address that is not public, and is not in callback_hosts")]
    NotPublic,
    /// No address accepts the connection.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The certificate authorities cannot be read.
    #[error("cannot read callback_ca: {0}")]
    Authorities(String),
    /// The handshake failed: usually the certificate is not valid for the host.
    #[error("TLS failed: {0}")]
    Tls(io::Error),
    /// The response is not HTTP, or too large.
    #[error("the response is not valid: {0}")]
    Http(hyper::Error),
    /// The request cannot be written as HTTP.
    #[error("the request is not valid: {0}")]
    Request(hyper::http::Error),
    /// The receiver did not accept the callback. Redirects are not followed.
    #[error("the receiver answered {0}")]
    Status(StatusCode),
    /// [`DELIVERY_TIMEOUT`] has passed.
    #[error("the receiver did not answer within {} s", DELIVERY_TIMEOUT.as_secs())]
    Timeout,
}

impl CallbackClient {
    /// Creates a client. `hosts` may have private addresses; `authorities` is a file in PEM.
    pub(crate) fn new(hosts: Vec<CallbackHost>, authorities: PathBuf) -> Self {
        Self { hosts, tls: Tls::new(authorities) }
    }

    /// Checks a URL that a client named. Nothing is resolved yet.
    ///
    /// # Errors
    /// The requirement; the caller names the field before it.
    pub(crate) fn check(&self, url: &str) -> Result<CallbackUrl, String> {
        CallbackUrl::parse(url, &self.hosts)
    }

    /// Sends a callback once. Any status from 200 to 299 is success.
    ///
    /// # Errors
    /// [`DeliveryError`]
    pub(crate) async fn deliver(&self, request: CallbackRequest) -> Result<(), DeliveryError> {
        let status = timeout(DELIVERY_TIMEOUT, self.send(request));
        match status.await.unwrap_or(Err(DeliveryError::Timeout))? {
            status if status.is_success() => Ok(()),
            status => Err(DeliveryError::Status(status)),
        }
    }

    async fn send(&self, request: CallbackRequest) -> Result<StatusCode, DeliveryError> {
        let stream = connect(&request.url).await?;
        if !request.url.is_tls() {
            return exchange(stream, request).await;
        }
        let invalid = |error| DeliveryError::Tls(io::Error::new(io::ErrorKind::InvalidInput, error));
        let name = ServerName::try_from(request.url.host().to_owned()).map_err(invalid)?;
        let connector = self.tls.connector().await.map_err(DeliveryError::Authorities)?;
        let stream = connector.connect(name, stream).await.map_err(DeliveryError::Tls)?;
        exchange(stream, request).await
    }
}

impl DeliveryError {
    /// Returns whether the receiver wants no such callback again.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Status(StatusCode::GONE))
    }
}

/// Connects to the host. Its addresses are resolved once, and the connection goes to an address that was checked, so
/// that changing the name's addresses in between has no effect (DNS rebinding).
async fn connect(url: &CallbackUrl) -> Result<TcpStream, DeliveryError> {
    let addresses: Vec<SocketAddr> =
        lookup_host((url.host(), url.port())).await.map_err(DeliveryError::Resolve)?.collect();
    if !url.is_listed() && !addresses.iter().all(|address| is_public(address.ip())) {
        return Err(DeliveryError::NotPublic);
    }
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address");
    for address in addresses.into_iter().take(MAX_ATTEMPTS) {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) if !url.is_listed() && is_own(&stream) => return Err(DeliveryError::NotPublic),
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(elapsed) => last = elapsed.into(),
        }
    }
    Err(DeliveryError::Connect(last))
}

/// Returns whether a connection leads to this host, which may offer more to itself than to others: the kernel then uses
/// the same address at both ends.
fn is_own(stream: &TcpStream) -> bool {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) => local.ip().to_canonical() == peer.ip().to_canonical(),
        _ => true,
    }
}

/// Sends the request and returns the status of the response. The connection is closed after the head of the response.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: CallbackRequest,
) -> Result<StatusCode, DeliveryError> {
    let CallbackRequest { url, method, headers, body } = request;
    let mut http = Request::builder()
        .method(method)
        .uri(url.path_and_query())
        .header(HOST, url.authority())
        .header(USER_AGENT, AGENT)
        .header(CONNECTION, "close")
        .body(Full::new(body))
        .map_err(DeliveryError::Request)?;
    http.headers_mut().extend(headers);
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(DeliveryError::Http)?;
    let mut response = pin!(sender.send_request(http));
    let response = tokio::select! {
        response = &mut response => response,
        // Drives the connection. If it fails, the response fails with the same error.
        _ = connection => response.await,
    };
    response.map(|response| response.status()).map_err(DeliveryError::Http)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn client(hosts: &[String]) -> CallbackClient {
        let hosts = hosts.iter().map(|host| CallbackHost::try_from(host.clone()).unwrap()).collect();
        CallbackClient::new(hosts, "/nonexistent".into())
    }

    fn request(url: CallbackUrl) -> CallbackRequest {
        CallbackRequest { url, method: Method::POST, headers: Vec::new(), body: Bytes::new() }
    }

    #[tokio::test]
    async fn a_name_with_a_private_address_is_not_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = client(&[]);
        // Forms of 127.0.0.1 that the resolver understands, and no parser of addresses.
        for host in ["localhost", "127.1", "0x7f.1", "2130706433", "017700000001"] {
            let url = client.check(&format!("https://{host}:{port}/")).unwrap();
            let error = client.deliver(request(url)).await.unwrap_err();
            assert!(matches!(error, DeliveryError::NotPublic | DeliveryError::Resolve(_)), "{host}: {error}");
        }
        let connected = timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(connected.is_err(), "nothing connected");
    }

    #[tokio::test]
    async fn the_end_of_a_connection_at_this_host_is_recognized() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(is_own(&stream));
    }

    #[tokio::test]
    async fn an_endless_head_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let line = [b"x".as_slice(); 4096].concat();
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nX: ").await;
            while tokio::io::AsyncWriteExt::write_all(&mut stream, &line).await.is_ok() {}
        });
        let client = client(&[format!("127.0.0.1:{port}")]);
        let url = client.check(&format!("http://127.0.0.1:{port}/")).unwrap();
        let error = client.deliver(request(url)).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Http(_)), "{error}");
    }
}
