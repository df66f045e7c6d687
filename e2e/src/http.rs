//! JSON over HTTP/1.1, one connection a request, bounded in time and size.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::http::response::Parts;
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// Bytes of an answer: output of each kind, in JSON where a byte may become six, with room to spare.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is not one of `http://host[:port]/path`.
    #[error("{0} is no address of the form http://host:port/path")]
    Address(String),
    /// Nobody listens there.
    #[error("connect to {0}: {1}")]
    Connect(String, std::io::Error),
    /// The conversation broke.
    #[error("talk HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The answer is too long, or broke off.
    #[error("read the answer: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// The answer is not JSON.
    #[error("the answer (HTTP {status}) is not JSON: {error}: {excerpt:?}")]
    Json {
        /// HTTP status.
        status: u16,
        /// What is wrong.
        error: serde_json::Error,
        /// How it begins.
        excerpt: String,
    },
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// What `Retry-After` says, if it is there.
    pub retry_after: Option<Duration>,
    /// The JSON.
    pub json: Value,
}

/// `POST` a JSON body. Dropping the future hangs up.
///
/// # Errors
/// [`HttpError`] if no JSON comes back before the deadline, whatever the HTTP status.
pub async fn post(address: &Uri, body: &Value, deadline: Duration) -> Result<Answer, HttpError> {
    within(deadline, exchange(Method::POST, address, Bytes::from(body.to_string()), None)).await
}

/// [`post`] from another address of this host, for a server that tells clients apart by it.
///
/// # Errors
/// As [`post`].
pub async fn post_from(
    from: Ipv4Addr,
    address: &Uri,
    body: &Value,
    deadline: Duration,
) -> Result<Answer, HttpError> {
    within(deadline, exchange(Method::POST, address, Bytes::from(body.to_string()), Some(from))).await
}

/// [`post_from`], and do not look into what comes back: its HTTP status. A client on another host would cost this one
/// nothing.
///
/// # Errors
/// As [`post`], but for what the answer says.
pub async fn post_unread(
    from: Ipv4Addr,
    address: &Uri,
    body: &Value,
    deadline: Duration,
) -> Result<u16, HttpError> {
    let response = round_trip(Method::POST, address, Bytes::from(body.to_string()), Some(from));
    Ok(within(deadline, response).await?.0.status.as_u16())
}

/// `GET` a JSON answer.
///
/// # Errors
/// As [`post`].
pub async fn get(address: &Uri, deadline: Duration) -> Result<Answer, HttpError> {
    within(deadline, exchange(Method::GET, address, Bytes::new(), None)).await
}

/// `GET` text.
///
/// # Errors
/// [`HttpError`] if none comes back before the deadline, whatever the HTTP status.
pub async fn get_text(address: &Uri, deadline: Duration) -> Result<String, HttpError> {
    let (_, body) = within(deadline, round_trip(Method::GET, address, Bytes::new(), None)).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

async fn connect(peer: (&str, u16), from: Option<Ipv4Addr>) -> io::Result<TcpStream> {
    let Some(from) = from else { return TcpStream::connect(peer).await };
    let address =
        lookup_host(peer).await?.find(SocketAddr::is_ipv4).ok_or(io::ErrorKind::AddrNotAvailable)?;
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    socket.connect(address).await
}

async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    tokio::time::timeout(deadline, work).await.map_err(|_| HttpError::Late(deadline))?
}

async fn exchange(
    method: Method,
    address: &Uri,
    body: Bytes,
    from: Option<Ipv4Addr>,
) -> Result<Answer, HttpError> {
    let (head, body) = round_trip(method, address, body, from).await?;
    let status = head.status.as_u16();
    let json = serde_json::from_slice(&body).map_err(|error| {
        let excerpt = String::from_utf8_lossy(&body).chars().take(200).collect();
        HttpError::Json { status, error, excerpt }
    })?;
    let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), json })
}

async fn round_trip(
    method: Method,
    address: &Uri,
    body: Bytes,
    from: Option<Ipv4Addr>,
) -> Result<(Parts, Bytes), HttpError> {
    let malformed = || HttpError::Address(address.to_string());
    let authority = address.authority().ok_or_else(malformed)?;
    if address.scheme_str() != Some("http") {
        return Err(malformed());
    }
    let peer = (authority.host(), authority.port_u16().unwrap_or(80));
    let stream =
        connect(peer, from).await.map_err(|error| HttpError::Connect(authority.to_string(), error))?;
    let (mut requests, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(method)
        .uri(address.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, authority.as_str())
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(|_| malformed())?;

    let response = async {
        let answer = requests.send_request(request).await?;
        let (head, body) = answer.into_parts();
        Ok((head, Limited::new(body, MAX_ANSWER).collect().await.map_err(HttpError::Body)?.to_bytes()))
    };
    let drive = async {
        // What goes wrong with the connection the conversation says as well.
        let _ = connection.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        answered = response => answered,
        never = drive => match never {},
    }
}
