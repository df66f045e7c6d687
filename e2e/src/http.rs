//! JSON over HTTP/1.1 with one connection per request, and limits on time and size.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use hyper::http::response::Parts;
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// Maximum size of a response in bytes: three outputs in JSON, where one byte may become six, and some reserve.
const MAX_ANSWER: usize = 64 * 1024 * 1024;
/// Boundary of multipart bodies, which no part may contain, and their content type.
const BOUNDARY: &str = "e2e-boundary-7f1c";
const MULTIPART: &str = "multipart/form-data; boundary=e2e-boundary-7f1c";

/// The header with the name of a node behind a load balancer.
const NODE: &str = "x-executor-node";

/// Reason why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address does not have the form `http://host[:port]/path`.
    #[error("{0} must have the form http://host:port/path")]
    Address(String),
    /// Connecting failed.
    #[error("connect to {0}: {1}")]
    Connect(String, std::io::Error),
    /// The connection broke.
    #[error("talk HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The response is too long or incomplete.
    #[error("read the response: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// The response is not JSON.
    #[error("the response (HTTP {status}) is not JSON: {error}: {excerpt:?}")]
    Json {
        /// HTTP status.
        status: u16,
        /// Parser error.
        error: serde_json::Error,
        /// Beginning of the body.
        excerpt: String,
    },
    /// No response before the deadline.
    #[error("no response within {} s", .0.as_secs())]
    Late(Duration),
}

/// A JSON response.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Value of `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Value of `X-Executor-Node`.
    pub node: Option<String>,
    /// Body.
    pub json: Value,
}

/// Sends a JSON body with `POST`. Dropping the future closes the connection.
///
/// # Errors
/// [`HttpError`] if no JSON is received before the deadline, whatever the HTTP status.
pub async fn post(address: &Uri, body: &Value, deadline: Duration) -> Result<Answer, HttpError> {
    within(deadline, exchange(Method::POST, address, Bytes::from(body.to_string()), None)).await
}

/// Sends a multipart body of parts with their names, as [`post`] sends JSON.
///
/// # Errors
/// As [`post`].
pub async fn post_parts(
    address: &Uri,
    parts: &[(&str, Vec<u8>)],
    deadline: Duration,
) -> Result<Answer, HttpError> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend([head.as_bytes(), content, b"\r\n"].concat());
    }
    body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    let mut request = request(Method::POST, address, body.into())?;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MULTIPART));
    within(deadline, async { answer(send(request, address, None).await?) }).await
}

/// Like [`post`], from another address of this host, for a server that distinguishes clients by address.
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

/// Like [`post`], to one node behind a load balancer.
///
/// # Errors
/// As [`post`].
pub async fn post_to_node(
    node: &str,
    address: &Uri,
    body: &Value,
    deadline: Duration,
) -> Result<Answer, HttpError> {
    let mut request = request(Method::POST, address, Bytes::from(body.to_string()))?;
    let node = HeaderValue::from_str(node).map_err(|_| HttpError::Address(node.to_owned()))?;
    request.headers_mut().insert(NODE, node);
    within(deadline, async { answer(send(request, address, None).await?) }).await
}

/// Like [`post_from`], but returns only the HTTP status and does not parse the body: a client on another host would not
/// use this host's CPU time either.
///
/// # Errors
/// As [`post`], except that the body may be anything.
pub async fn post_unread(
    from: Ipv4Addr,
    address: &Uri,
    body: &Value,
    deadline: Duration,
) -> Result<u16, HttpError> {
    let response = round_trip(Method::POST, address, Bytes::from(body.to_string()), Some(from));
    Ok(within(deadline, response).await?.0.status.as_u16())
}

/// Sends JSON with `PUT`, and returns the HTTP status.
///
/// # Errors
/// [`HttpError`] if nothing is received before the deadline.
pub async fn put(address: &Uri, body: &Value, deadline: Duration) -> Result<u16, HttpError> {
    let body = Bytes::from(body.to_string());
    let (head, _) = within(deadline, round_trip(Method::PUT, address, body, None)).await?;
    Ok(head.status.as_u16())
}

/// Sends `DELETE`.
///
/// # Errors
/// As [`post`].
pub async fn delete(address: &Uri, deadline: Duration) -> Result<Answer, HttpError> {
    within(deadline, exchange(Method::DELETE, address, Bytes::new(), None)).await
}

/// Requests JSON with `GET`.
///
/// # Errors
/// As [`post`].
pub async fn get(address: &Uri, deadline: Duration) -> Result<Answer, HttpError> {
    within(deadline, exchange(Method::GET, address, Bytes::new(), None)).await
}

/// Requests text with `GET`.
///
/// # Errors
/// [`HttpError`] if nothing is received before the deadline, whatever the HTTP status.
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
    answer(round_trip(method, address, body, from).await?)
}

fn answer((head, body): (Parts, Bytes)) -> Result<Answer, HttpError> {
    let status = head.status.as_u16();
    let json = serde_json::from_slice(&body).map_err(|error| {
        let excerpt = String::from_utf8_lossy(&body).chars().take(200).collect();
        HttpError::Json { status, error, excerpt }
    })?;
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let retry_after = header(RETRY_AFTER.as_str()).and_then(|value| value.parse().ok());
    let node = header(NODE).map(str::to_owned);
    Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), node, json })
}

async fn round_trip(
    method: Method,
    address: &Uri,
    body: Bytes,
    from: Option<Ipv4Addr>,
) -> Result<(Parts, Bytes), HttpError> {
    send(request(method, address, body)?, address, from).await
}

fn request(method: Method, address: &Uri, body: Bytes) -> Result<Request<Full<Bytes>>, HttpError> {
    let malformed = || HttpError::Address(address.to_string());
    let authority = address.authority().ok_or_else(malformed)?;
    if address.scheme_str() != Some("http") {
        return Err(malformed());
    }
    Request::builder()
        .method(method)
        .uri(address.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, authority.as_str())
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(|_| malformed())
}

async fn send(
    request: Request<Full<Bytes>>,
    address: &Uri,
    from: Option<Ipv4Addr>,
) -> Result<(Parts, Bytes), HttpError> {
    let authority = address.authority().ok_or_else(|| HttpError::Address(address.to_string()))?;
    let peer = (authority.host(), authority.port_u16().unwrap_or(80));
    let stream =
        connect(peer, from).await.map_err(|error| HttpError::Connect(authority.to_string(), error))?;
    let (mut requests, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let response = async {
        let answer = requests.send_request(request).await?;
        let (head, body) = answer.into_parts();
        Ok((head, Limited::new(body, MAX_ANSWER).collect().await.map_err(HttpError::Body)?.to_bytes()))
    };
    let drive = async {
        // The request reports errors of the connection too.
        let _ = connection.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        answered = response => answered,
        never = drive => match never {},
    }
}
