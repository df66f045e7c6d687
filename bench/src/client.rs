//! HTTP/1.1 client with a persistent connection and very little overhead.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn};
use serde_json::Value;

/// A server may close a connection that is idle for longer.
const FRESH: Duration = Duration::from_secs(5);
/// Longer than any program of the benchmark.
const DEADLINE: Duration = Duration::from_secs(120);

/// A client.
#[derive(Debug)]
pub struct Client {
    server: SocketAddr,
    from: Option<Ipv4Addr>,
    /// The header with the API key, and its end of line; empty for none.
    authorization: String,
    connection: Option<(BufReader<TcpStream>, Instant)>,
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Value of `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Time that the client waited.
    pub took: Duration,
    body: Vec<u8>,
}

impl Client {
    /// Creates a client of this server.
    #[must_use]
    pub const fn new(server: SocketAddr) -> Self {
        Self { server, from: None, authorization: String::new(), connection: None }
    }

    /// Creates a client of this server with another address of this host.
    #[must_use]
    pub const fn at(server: SocketAddr, from: Ipv4Addr) -> Self {
        Self { server, from: Some(from), authorization: String::new(), connection: None }
    }

    /// Sends requests with an API key.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        Self { authorization: format!("Authorization: Bearer {key}\r\n"), ..self }
    }

    /// Sends `POST /api/execute`, and returns its duration and the response.
    ///
    /// # Errors
    /// If there is no response, or its status is not 200.
    pub fn execute(&mut self, body: &str) -> io::Result<(Duration, Value)> {
        let answer = self.ask(body)?;
        Ok((answer.took, answer.json()?))
    }

    /// Sends `POST /api/execute`, and returns any response.
    ///
    /// # Errors
    /// If there is no response.
    pub fn ask(&mut self, body: &str) -> io::Result<Answer> {
        let kept = self.connection.take().filter(|(_, used)| used.elapsed() < FRESH);
        let mut stream = match kept {
            Some((stream, _)) => stream,
            None => self.connect()?,
        };
        let begun = Instant::now();
        let request = format!(
            "POST /api/execute HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{}\r\n{body}",
            self.server,
            body.len(),
            self.authorization,
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let (head, body) = read_answer(&mut stream)?;
        let took = begun.elapsed();
        self.connection = Some((stream, Instant::now()));
        Ok(Answer { status: head.status, retry_after: head.retry_after, took, body })
    }

    fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = match self.from {
            None => TcpStream::connect(self.server)?,
            Some(from) => connect_from(from, self.server)?,
        };
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(BufReader::with_capacity(64 * 1024, stream))
    }
}

impl Answer {
    /// Returns the outcome of the execution.
    ///
    /// # Errors
    /// If the status is not 200.
    pub fn json(&self) -> io::Result<Value> {
        if self.status != 200 {
            let message = String::from_utf8_lossy(&self.body);
            return Err(io::Error::other(format!("HTTP {}: {message}", self.status)));
        }
        Ok(serde_json::from_slice(&self.body)?)
    }
}

fn connect_from(from: Ipv4Addr, server: SocketAddr) -> io::Result<TcpStream> {
    let SocketAddr::V4(server) = server else { return Err(io::ErrorKind::AddrNotAvailable.into()) };
    let [a, b, c, d] = from.octets();
    let socket = socket::socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    socket::bind(socket.as_raw_fd(), &SockaddrIn::new(a, b, c, d, 0))?;
    socket::connect(socket.as_raw_fd(), &SockaddrIn::from(server))?;
    Ok(TcpStream::from(socket))
}

/// Head of a response.
struct Head {
    status: u16,
    retry_after: Option<Duration>,
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<(Head, Vec<u8>)> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let (mut length, mut retry_after) = (None, None);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("retry-after") {
            retry_after = value.trim().parse().ok().map(Duration::from_secs);
        }
    }
    let (Some(status), Some(length)) = (status, length) else {
        return Err(io::Error::other("the response has no content-length"));
    };
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    Ok((Head { status, retry_after }, answer))
}
