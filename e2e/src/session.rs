//! Executions that are talked to over `GET /api/session`.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::daemons::DEADLINE;

/// Why a session does not go on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Nobody listens there.
    #[error("connect: {0}")]
    Connect(std::io::Error),
    /// The conversation broke.
    #[error("talk WebSocket: {0}")]
    WebSocket(Box<tungstenite::Error>),
    /// The server closed, and why.
    #[error("the server closed: {0}")]
    Closed(String),
    /// What came is no event.
    #[error("no event: {0}")]
    NoEvent(String),
    /// It ended before what was waited for.
    #[error("it ended too early: {0:#}")]
    TooEarly(Value),
    /// Nothing came in time.
    #[error("silence for {} s", DEADLINE.as_secs())]
    Late,
}

/// A session, and what was told of the execution that runs in it.
#[derive(Debug)]
pub struct Session {
    socket: WebSocketStream<TcpStream>,
    /// What was written to stdout since the last start and not taken yet.
    pub stdout: String,
    /// What was written to stderr since the last start.
    pub stderr: String,
}

impl Session {
    /// Open one.
    ///
    /// # Errors
    /// If it is not taken.
    pub async fn open(address: SocketAddr) -> Result<Self, SessionError> {
        let stream = TcpStream::connect(address).await.map_err(SessionError::Connect)?;
        let (socket, _) = client_async(format!("ws://{address}/api/session"), stream).await?;
        Ok(Self { socket, stdout: String::new(), stderr: String::new() })
    }

    /// Say something.
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

    /// Type this.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub async fn type_in(&mut self, text: &str) -> Result<(), SessionError> {
        self.send(&json!({"type": "stdin", "data": text})).await
    }

    /// The next event.
    ///
    /// # Errors
    /// If there is none.
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

    /// Listen until this was written to stdout, and take all up to its end.
    ///
    /// # Errors
    /// If the execution ends before.
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

    /// The last event of the execution.
    ///
    /// # Errors
    /// If there is none.
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
