//! The half of a session that reads frames of the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::time::sleep_until;
use tokio_tungstenite::tungstenite::Message;

use crate::api::executor::frames::ClientFrame;
use crate::api::executor::request::ParsedRequest;
use crate::api::executor::session_end::SessionEnd;
use crate::domain::execution::{Control, ControlSender};
use crate::domain::frame_budget::FrameBudget;
use crate::http::counting_stream::UnprocessedBytes;
use crate::http::error::ApiError;
use crate::http::websocket::Socket;

/// The reading half.
pub(crate) struct SessionReader {
    socket: SplitStream<Socket>,
    unprocessed: UnprocessedBytes,
    budget: FrameBudget,
    liveness: Arc<Liveness>,
}

/// Signs that the client is still there. The reader sets them and the writer checks them before each ping.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    /// A message arrived since the last check.
    received: AtomicBool,
    /// The reader does not read the client's messages, pongs included: the program does not read its input, or the client
    /// sends messages too fast.
    backpressured: AtomicBool,
}

impl Liveness {
    /// Returns whether the client gave a sign of life since the last check, or could not give one.
    pub(crate) fn check(&self) -> bool {
        self.received.swap(false, Ordering::Relaxed) || self.backpressured.load(Ordering::Relaxed)
    }
}

impl SessionReader {
    /// Creates the reader of a socket whose bytes count in `unprocessed`.
    pub(crate) fn new(socket: SplitStream<Socket>, unprocessed: UnprocessedBytes) -> Self {
        let budget = FrameBudget::new(Instant::now());
        Self { socket, unprocessed, budget, liveness: Arc::default() }
    }

    /// Returns the signs of life.
    pub(crate) fn liveness(&self) -> Arc<Liveness> {
        Arc::clone(&self.liveness)
    }

    /// Waits for a request to run a program; the request may be invalid. Messages to an execution are skipped: the
    /// execution has ended since they were sent.
    ///
    /// # Errors
    /// [`SessionEnd`] if the session ends.
    pub(crate) async fn next_start(&mut self) -> Result<Result<ParsedRequest, ApiError>, SessionEnd> {
        loop {
            if let ClientFrame::Start(request) = self.recv().await? {
                return Ok(*request);
            }
        }
    }

    /// Forwards messages to the running execution until the session ends.
    pub(crate) async fn forward_control(&mut self, mut control: ControlSender) -> SessionEnd {
        loop {
            match self.recv().await {
                Ok(ClientFrame::Control(message @ Control::Input(_))) => {
                    self.liveness.backpressured.store(true, Ordering::Relaxed);
                    control.send(message).await;
                    self.liveness.backpressured.store(false, Ordering::Relaxed);
                }
                Ok(ClientFrame::Control(message)) => control.send(message).await,
                Ok(ClientFrame::Start(_)) => {
                    let message = "an execution is already running; a session runs one at a time";
                    return SessionEnd::InvalidFrame(ApiError::invalid_request(message));
                }
                Err(end) => return end,
            }
        }
    }

    /// Reads and ignores messages until the client closes the connection.
    pub(crate) async fn drain(&mut self) {
        while let Some(Ok(_)) = self.socket.next().await {
            self.unprocessed.release();
        }
    }

    /// Returns the socket.
    pub(crate) fn into_socket(self) -> SplitStream<Socket> {
        self.socket
    }

    /// Waits until the client may send a message. Reading the message first would hold it in memory.
    async fn wait_for_budget(&self) {
        let next_at = self.budget.next_at();
        if next_at > Instant::now() {
            self.liveness.backpressured.store(true, Ordering::Relaxed);
            sleep_until(next_at.into()).await;
        }
    }

    /// Waits for the next frame. No frame is lost if the future is dropped before it is ready.
    async fn recv(&mut self) -> Result<ClientFrame, SessionEnd> {
        loop {
            self.unprocessed.release();
            self.wait_for_budget().await;
            // Also after an earlier wait that was cancelled.
            self.liveness.backpressured.store(false, Ordering::Relaxed);
            let message = self.socket.next().await.ok_or(SessionEnd::Disconnected)??;
            self.budget.take(Instant::now());
            self.liveness.received.store(true, Ordering::Relaxed);
            match message {
                Message::Text(text) => {
                    return ClientFrame::parse(&text).map_err(SessionEnd::InvalidFrame);
                }
                Message::Binary(bytes) => return Ok(ClientFrame::binary(bytes)),
                // tungstenite has answered these already; nothing follows a close.
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
            }
        }
    }
}
