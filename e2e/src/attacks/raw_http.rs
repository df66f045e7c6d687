//! Minimal HTTP/1.1 client that can send any bytes and returns every byte of a response.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Maximum size of a response in bytes.
const MAX_ANSWER: usize = 64 << 20;
/// Default timeout.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(150);

/// A response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, with chunks joined.
    pub body: Vec<u8>,
}

impl Answer {
    /// Parses the body as JSON.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Returns the value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }
}

/// A connection with its read buffer.
#[derive(Debug)]
pub struct Connection<Stream = TcpStream> {
    /// Stream for writing.
    pub stream: Stream,
    unread: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// As connect(2).
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(TcpStream::connect(address).await?))
    }
}

impl<Stream: AsyncWrite + Unpin> Connection<Stream> {
    /// Sends bytes.
    ///
    /// # Errors
    /// As write(2); the server may have closed the connection.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        within(ANSWER_TIMEOUT, self.stream.write_all(bytes)).await
    }
}

impl<Stream: AsyncRead + Unpin> Connection<Stream> {
    /// Uses an open stream.
    #[must_use]
    pub const fn over(stream: Stream) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Returns the next response, or `None` if the connection was closed.
    ///
    /// # Errors
    /// If the response is invalid, or nothing is received before the timeout.
    pub async fn answer(&mut self, limit: Duration) -> io::Result<Option<Answer>> {
        within(limit, self.read_answer()).await
    }

    async fn read_answer(&mut self) -> io::Result<Option<Answer>> {
        loop {
            let Some((status, headers, head)) = self.head()? else {
                if !self.more().await? {
                    return if self.unread.is_empty() { Ok(None) } else { Err(cut("head")) };
                }
                continue;
            };
            self.unread.drain(..head);
            if status == 100 {
                continue;
            }
            let mut answer = Answer { status, headers, body: Vec::new() };
            let length = answer.header("content-length").and_then(|length| length.parse().ok());
            answer.body = if answer.header("transfer-encoding") == Some("chunked") {
                self.chunks().await?
            } else if let Some(length) = length {
                self.exactly(length).await?
            } else if status == 204 || status == 304 {
                Vec::new()
            } else {
                while self.more().await? {}
                std::mem::take(&mut self.unread)
            };
            return Ok(Some(answer));
        }
    }

    /// Returns whether the server closes the connection in time; earlier data is dropped.
    pub async fn is_closed_within(&mut self, limit: Duration) -> bool {
        let closed = async {
            while self.more().await.unwrap_or(false) {
                self.unread.clear();
            }
        };
        timeout(limit, closed).await.is_ok()
    }

    #[expect(clippy::type_complexity, reason = "the three parts of a head, for its one caller")]
    fn head(&self) -> io::Result<Option<(u16, Vec<(String, String)>, usize)>> {
        let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&self.unread[..end]);
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status line: {text:.80}")))?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Some((status, headers, end + 4)))
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < length {
            if !self.more().await? {
                return Err(cut("body"));
            }
        }
        Ok(self.unread.drain(..length).collect())
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(at) = self.unread.windows(2).position(|window| window == b"\r\n") {
                    break self.unread.drain(..at + 2).collect::<Vec<_>>();
                }
                if !self.more().await? {
                    return Err(cut("chunk"));
                }
            };
            let length = String::from_utf8_lossy(&line);
            let length = usize::from_str_radix(length.trim(), 16).map_err(io::Error::other)?;
            let chunk = self.exactly(length + 2).await?;
            if length == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..length]);
        }
    }

    async fn more(&mut self) -> io::Result<bool> {
        if self.unread.len() > MAX_ANSWER {
            return Err(io::Error::other("the response does not end"));
        }
        self.unread.reserve(64 << 10);
        Ok(self.stream.read_buf(&mut self.unread).await? > 0)
    }
}

fn cut(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the {what} of a response is cut off"))
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, work).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// Returns an ordinary request with a body.
#[must_use]
pub fn request(method: &str, path: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    let has = |name: &str| headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    for (name, value) in
        [("host", "127.0.0.1"), ("content-type", "application/json"), ("connection", "close")]
    {
        if !has(name) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The address of the client of [`execute`], if the server is on this host. Connections that attack webd directly come from
/// 127.0.0.1, which may use up its own share.
const OTHER_CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Sends `POST /api/execute`, and repeats it while the server is busy.
///
/// # Errors
/// If there is no response.
pub async fn execute(address: SocketAddr, body: &Value) -> io::Result<Answer> {
    const ATTEMPTS: u32 = 20;
    let request = request("POST", "/api/execute", &[], body.to_string().as_bytes());
    let mut attempt = 0;
    loop {
        let mut connection = Connection::over(connect_as(OTHER_CLIENT, address).await?);
        connection.send(&request).await?;
        let answer = connection.answer(ANSWER_TIMEOUT).await?;
        let answer = answer.ok_or_else(|| cut("beginning"))?;
        attempt += 1;
        if answer.status != 429 || attempt == ATTEMPTS {
            return Ok(answer);
        }
        let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse().ok()).unwrap_or(1);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// Connects from a loopback address, if the server is on this host.
pub(super) async fn connect_as(client: Ipv4Addr, address: SocketAddr) -> io::Result<TcpStream> {
    if !address.is_ipv4() || !address.ip().is_loopback() {
        return TcpStream::connect(address).await;
    }
    let socket = TcpSocket::new_v4()?;
    socket.bind((client, 0).into())?;
    socket.connect(address).await
}
