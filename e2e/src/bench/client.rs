//! A client of HTTP/1.1 that keeps its connection and costs next to nothing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A server may close a connection that idles longer.
const FRESH: Duration = Duration::from_secs(5);
/// No program here takes so long.
const DEADLINE: Duration = Duration::from_secs(120);

/// A client.
#[derive(Debug)]
pub struct Client {
    server: SocketAddr,
    connection: Option<(BufReader<TcpStream>, Instant)>,
}

impl Client {
    /// Of this server.
    #[must_use]
    pub const fn new(server: SocketAddr) -> Self {
        Self { server, connection: None }
    }

    /// `POST /api/execute`: how long it took, and the answer.
    ///
    /// # Errors
    /// If there is no answer, or one that refuses.
    pub fn execute(&mut self, body: &str) -> io::Result<(Duration, Value)> {
        let kept = self.connection.take().filter(|(_, used)| used.elapsed() < FRESH);
        let mut stream = match kept {
            Some((stream, _)) => stream,
            None => self.connect()?,
        };
        let begun = Instant::now();
        let request = format!(
            "POST /api/execute HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.server,
            body.len()
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let (status, answer) = read_answer(&mut stream)?;
        let took = begun.elapsed();
        self.connection = Some((stream, Instant::now()));
        if status != 200 {
            let words = String::from_utf8_lossy(&answer).into_owned();
            return Err(io::Error::other(format!("HTTP {status}: {words}")));
        }
        Ok((took, serde_json::from_slice(&answer)?))
    }

    fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(self.server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(BufReader::with_capacity(64 * 1024, stream))
    }
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<(u16, Vec<u8>)> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let mut length = None;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
    let (Some(status), Some(length)) = (status, length) else {
        return Err(io::Error::other("the server does not say how long its answer is"));
    };
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    Ok((status, answer))
}
