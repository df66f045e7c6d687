//! A session: a WebSocket on which executions run one after the other, each of them interactive.
//!
//! As in a live answer, the next event is read from the daemon only when the connection has taken the last one.
//! Messages of the client are forwarded as they arrive. Input that the program does not read is buffered by the daemon
//! up to a limit; beyond that, webd stops reading from the client. Dropping a session cancels its execution.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::api::executor::event_encoder::{EventEncoder, EventFormat, error_event};
use crate::api::executor::request::ParsedRequest;
use crate::api::executor::session_end::SessionEnd;
use crate::api::executor::session_reader::{Liveness, SessionReader};
use crate::api::executor::unknown_language::explained;
use crate::api::websocket_session::WebSocketSession;
use crate::app_state::AppState;
use crate::domain::budget::Budget;
use crate::domain::caller::Caller;
use crate::domain::daemon_info::DaemonInfo;
use crate::domain::execution::EventReceiver;
use crate::http::connection_guard::ConnectionGuard;
use crate::http::error::ApiError;
use crate::http::websocket::{Socket, open_socket};
use crate::ops::metrics::CountedGuard;

/// Memory of a session without an execution: its buffers.
const IDLE_MEMORY: usize = 64 * 1024;
/// Additional memory of an execution: the largest event as bytes, as JSON, and in the frame that is being written.
const EXECUTION_MEMORY: usize = 1024 * 1024;
/// Pings without any sign of life after which a client is considered gone.
const MAX_UNANSWERED_PINGS: u32 = 3;
/// Timeout for the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// Timeout for the whole end of a session that is closed to make room.
const MADE_ROOM_TIMEOUT: Duration = Duration::from_millis(100);

/// An open session.
pub(crate) struct Session {
    state: Arc<AppState>,
    guard: Arc<ConnectionGuard>,
    caller: Caller,
    budget: Budget,
    reader: SessionReader,
    writer: SessionWriter,
    _counted: CountedGuard,
}

/// The writing half.
struct SessionWriter {
    socket: SplitSink<Socket, Message>,
    ping_interval: Interval,
    unanswered_pings: u32,
    liveness: Arc<Liveness>,
}

impl WebSocketSession for Session {
    const MEMORY: usize = IDLE_MEMORY;

    async fn serve(upgraded: Upgraded, state: Arc<AppState>, caller: Caller, guard: Arc<ConnectionGuard>) {
        Self::new(upgraded, state, caller, guard).await.run().await;
    }
}

impl Session {
    /// Creates a session on a connection whose handshake is complete.
    async fn new(
        upgraded: Upgraded,
        state: Arc<AppState>,
        caller: Caller,
        guard: Arc<ConnectionGuard>,
    ) -> Self {
        let budget = state.budgets.of(&caller);
        let (socket, unprocessed) =
            open_socket(upgraded, state.config.max_body_length(), budget.reservation()).await;
        let (sink, stream) = socket.split();
        let reader = SessionReader::new(stream, unprocessed);
        let writer = SessionWriter::new(sink, state.config.timeouts.ping, reader.liveness());
        let counted = state.metrics.session();
        Self { state, guard, caller, budget, reader, writer, _counted: counted }
    }

    /// Runs executions until one side ends the session, then closes it.
    async fn run(mut self) {
        let max_age = self.state.config.timeouts.session;
        let end = tokio::select! {
            end = self.serve_requests() => end,
            () = sleep(max_age) => SessionEnd::Expired,
        };
        tracing::debug!(?end, "session ended");
        self.close(end).await;
    }

    async fn serve_requests(&mut self) -> SessionEnd {
        loop {
            let result = match self.next_start().await {
                Ok(Ok(request)) => {
                    self.guard.entry.set_idle(false);
                    let result = self.execute(request).await;
                    self.guard.entry.set_idle(true);
                    result
                }
                Ok(Err(error)) => {
                    let error = explained(error, "", &self.state.daemon).await;
                    self.writer.send_error(error).await
                }
                Err(end) => Err(end),
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    /// Waits for the next request, which may be invalid.
    async fn next_start(&mut self) -> Result<Result<ParsedRequest, ApiError>, SessionEnd> {
        let mut start = pin!(self.reader.next_start());
        let mut idle = pin!(sleep(self.state.config.timeouts.session_idle));
        loop {
            tokio::select! {
                start = &mut start => return start,
                () = &mut idle => return Err(SessionEnd::Idle),
                () = self.guard.stopping() => return Err(SessionEnd::Stopping),
                () = self.guard.entry.closing() => return Err(SessionEnd::MadeRoom),
                _ = self.writer.ping_interval.tick() => self.writer.ping().await?,
            }
        }
    }

    /// Runs an execution until its last event. An error is what ends the session, not what ends the execution.
    async fn execute(
        &mut self,
        ParsedRequest { request, encoding, .. }: ParsedRequest,
    ) -> Result<(), SessionEnd> {
        let mut reservation = self.budget.reservation();
        if let Err(error) = reservation.grow(EXECUTION_MEMORY) {
            return self.writer.send_error(error.into()).await;
        }
        let language = request.language.clone();
        let (events, control) = match self.state.dispatcher.execute_interactive(&self.caller, request).await {
            Ok(execution) => execution.split(),
            Err(error) => return self.writer.send_error(error.into()).await,
        };
        let encoder = EventEncoder::new(encoding, EventFormat::Ndjson, &self.budget);
        // The last event is sent after reading from the client has stopped: messages that the client sends in reply to
        // it are for the next execution.
        let last_event = tokio::select! {
            last_event = self.writer.send_events(events, encoder, &language, &self.state.daemon) => last_event?,
            end = self.reader.forward_control(control) => return Err(end),
        };
        self.writer.send_lines(&last_event).await
    }

    /// Sends the reason to the client, then waits for its side of the closing handshake.
    async fn close(self, end: SessionEnd) {
        let is_closed_for_room = matches!(end, SessionEnd::MadeRoom);
        let Self { mut reader, mut writer, .. } = self;
        let Some((error, frame)) = end.report() else { return };
        let farewell = async move {
            if let Some(error) = error
                && writer.send_error(error).await.is_err()
            {
                return;
            }
            if writer.socket.send(Message::Close(Some(frame))).await.is_err() {
                return;
            }
            let _ = timeout(CLOSE_TIMEOUT, reader.drain()).await;
            // Shutting down reads for a while what still arrives: a reset would destroy the messages that were just
            // sent.
            if let Ok(mut socket) = writer.socket.reunite(reader.into_socket()) {
                let _ = socket.get_mut().shutdown().await;
            }
        };
        if is_closed_for_room {
            let _ = timeout(MADE_ROOM_TIMEOUT, farewell).await;
        } else {
            farewell.await;
        }
    }
}

impl SessionWriter {
    fn new(socket: SplitSink<Socket, Message>, ping_period: Duration, liveness: Arc<Liveness>) -> Self {
        let mut ping_interval = interval_at(Instant::now() + ping_period, ping_period);
        // Sending may have waited for the client for long. Pings in quick succession would leave no time for an answer.
        ping_interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { socket, ping_interval, unanswered_pings: 0, liveness }
    }

    /// Sends events, and pings in between. Returns the last event without sending it.
    async fn send_events(
        &mut self,
        mut events: EventReceiver,
        mut encoder: EventEncoder,
        language: &str,
        daemon: &DaemonInfo,
    ) -> Result<Vec<u8>, SessionEnd> {
        loop {
            let event = tokio::select! {
                event = events.next_event() => event,
                _ = self.ping_interval.tick() => {
                    self.ping().await?;
                    continue;
                }
            };
            let encoded = match event {
                Ok(event) => encoder.encode(Ok(event)),
                Err(error) => encoder.encode(Err(explained(error.into(), language, daemon).await)),
            };
            if encoded.is_last {
                return Ok(encoded.lines);
            }
            self.send_lines(&encoded.lines).await?;
        }
    }

    /// Sends an error event.
    async fn send_error(&mut self, error: ApiError) -> Result<(), SessionEnd> {
        self.send_lines(error_event(error.body).as_bytes()).await
    }

    /// Sends each line in a separate frame.
    async fn send_lines(&mut self, lines: &[u8]) -> Result<(), SessionEnd> {
        for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let line = String::from_utf8_lossy(line).into_owned();
            self.socket.send(Message::text(line)).await?;
        }
        Ok(())
    }

    /// Sends a ping, or ends the session if too many pings had no answer.
    async fn ping(&mut self) -> Result<(), SessionEnd> {
        self.unanswered_pings = if self.liveness.check() { 0 } else { self.unanswered_pings + 1 };
        if self.unanswered_pings > MAX_UNANSWERED_PINGS {
            return Err(SessionEnd::Disconnected);
        }
        Ok(self.socket.send(Message::Ping(Bytes::new())).await?)
    }
}
