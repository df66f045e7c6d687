//! Interactive executions over `GET /api/session`.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::daemons::DEADLINE;

/// Reason why a session failed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Connecting failed.
    #[error("connect: {0}")]
    Connect(std::io::Error),
    /// The connection broke.
    #[error("WebSocket: {0}")]
    WebSocket(Box<tungstenite::Error>),
    /// The server closed the session, with its reason.
    #[error("the server closed the session: {0}")]
    Closed(String),
    /// A message was not an event.
    #[error("not an event: {0}")]
    NoEvent(String),
    /// The execution ended before the expected output.
    #[error("the execution ended too early: {0:#}")]
    TooEarly(Value),
    /// No event before the deadline.
    #[error("no event for {} s", DEADLINE.as_secs())]
    Late,
}

/// A session and the output of its current execution.
#[derive(Debug)]
pub struct Session<S = TcpStream> {
    socket: WebSocketStream<S>,
    /// Unread stdout since the last start.
    pub stdout: String,
    /// stderr since the last start.
    pub stderr: String,
}

impl Session {
    /// Opens a session.
    ///
    /// # Errors
    /// If the server does not accept it.
    pub async fn open(address: SocketAddr) -> Result<Self, SessionError> {
        let stream = TcpStream::connect(address).await.map_err(SessionError::Connect)?;
        Self::over(stream, &address.to_string()).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Opens a session over a connection to `host`.
    ///
    /// # Errors
    /// If the server does not accept it.
    pub async fn over(stream: S, host: &str) -> Result<Self, SessionError> {
        let (socket, _) = client_async(format!("ws://{host}/api/session"), stream).await?;
        Ok(Self { socket, stdout: String::new(), stderr: String::new() })
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// If the connection broke.
    pub async fn send(&mut self, frame: &Value) -> Result<(), SessionError> {
        if frame["type"] == "start" {
            self.stdout.clear();
            self.stderr.clear();
        }
        Ok(self.socket.send(Message::text(frame.to_string())).await?)
    }

    /// Sends text to stdin.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub async fn type_in(&mut self, text: &str) -> Result<(), SessionError> {
        self.send(&json!({"type": "stdin", "data": text})).await
    }

    /// Returns the next event.
    ///
    /// # Errors
    /// If there is none in time.
    pub async fn event(&mut self) -> Result<Value, SessionError> {
        loop {
            let next = timeout(DEADLINE, self.socket.next()).await.map_err(|_| SessionError::Late)?;
            match next.transpose()? {
                Some(Message::Text(text)) => {
                    let event: Value = serde_json::from_str(&text)
                        .map_err(|error| SessionError::NoEvent(error.to_string()))?;
                    let data = event["data"].as_str().unwrap_or_default();
                    match event["stream"].as_str() {
                        Some("stdout") => self.stdout.push_str(data),
                        Some(_) => self.stderr.push_str(data),
                        None => {}
                    }
                    return Ok(event);
                }
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => return Err(SessionError::Closed(format!("{other:?}"))),
            }
        }
    }

    /// Waits for this text on stdout, and returns everything up to its end.
    ///
    /// # Errors
    /// If the execution ends before that.
    pub async fn until_written(&mut self, text: &str) -> Result<String, SessionError> {
        loop {
            if let Some(begin) = self.stdout.find(text) {
                return Ok(self.stdout.drain(..begin + text.len()).collect());
            }
            let event = self.event().await?;
            if matches!(event["type"].as_str(), Some("finished" | "error")) {
                let received =
                    json!({"event": event, "stdout": self.stdout, "stderr": self.stderr, "waited_for": text});
                return Err(SessionError::TooEarly(received));
            }
        }
    }

    /// Waits for the last event of the execution.
    ///
    /// # Errors
    /// If there is none in time.
    pub async fn end(&mut self) -> Result<Value, SessionError> {
        loop {
            let event = self.event().await?;
            if matches!(event["type"].as_str(), Some("finished" | "error")) {
                return Ok(event);
            }
        }
    }
}

impl From<tungstenite::Error> for SessionError {
    fn from(error: tungstenite::Error) -> Self {
        Self::WebSocket(Box::new(error))
    }
}
