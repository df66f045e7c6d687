//! The WebSocket of one interactive execution. Dropping it cancels the execution.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use protocol::{StageReport, Status, Stdin, StreamName};
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::api::piston::answer::Ending;
use crate::api::piston::message::{ClientMessage, ServerMessage, stage_name};
use crate::api::piston::request::{Checked, Execute};
use crate::api::piston::runtimes::available;
use crate::api::piston::session_end::SessionEnd;
use crate::api::websocket_session::WebSocketSession;
use crate::app_state::AppState;
use crate::domain::caller::Caller;
use crate::domain::execution::{ControlSender, EventReceiver, ExecutionEvent, is_cut};
use crate::domain::frame_budget::FrameBudget;
use crate::domain::utf8_decoder::Utf8Decoder;
use crate::http::connection_guard::ConnectionGuard;
use crate::http::counting_stream::UnprocessedBytes;
use crate::http::error::ApiError;
use crate::http::websocket::{Socket, open_socket};
use crate::ops::metrics::CountedGuard;

/// Time within which a client must send `init`.
const INIT_TIMEOUT: Duration = Duration::from_secs(1);
/// Timeout for the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Memory of a session: its buffers, and the largest event as bytes, as JSON, and in the frame that is being written.
const MEMORY: usize = 1024 * 1024;

/// An open session.
pub(crate) struct Session {
    state: Arc<AppState>,
    guard: Arc<ConnectionGuard>,
    caller: Caller,
    reader: Reader,
    writer: Writer,
    _counted: CountedGuard,
}

struct Reader {
    socket: SplitStream<Socket>,
    unprocessed: UnprocessedBytes,
    budget: FrameBudget,
}

struct Writer(SplitSink<Socket, Message>);

impl WebSocketSession for Session {
    const MEMORY: usize = MEMORY;

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
        let reservation = state.budgets.of(&caller).reservation();
        let (socket, unprocessed) = open_socket(upgraded, state.config.max_body_length(), reservation).await;
        let (sink, stream) = socket.split();
        let reader = Reader { socket: stream, unprocessed, budget: FrameBudget::new(Instant::now()) };
        let counted = state.metrics.session();
        Self { state, guard, caller, reader, writer: Writer(sink), _counted: counted }
    }

    /// Runs the execution, then closes the session.
    async fn run(mut self) {
        self.guard.entry.set_idle(false);
        let Err(end) = self.serve().await;
        tracing::debug!(?end, "session ended");
        self.guard.entry.set_idle(true);
        self.close(end).await;
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, SessionEnd> {
        let init = self.init().await?;
        let runtimes = available(&self.state).await.map_err(SessionEnd::from)?;
        let checked = init.check(&runtimes, &self.state.config.piston).map_err(SessionEnd::Error)?;
        let Checked { mut request, runtime } = checked;
        for run in &mut request.runs {
            run.stdin = Stdin::Live;
        }
        // A run_timeout of Piston includes the time for which the program waits for input.
        request.limits.input_idle = Some(Duration::ZERO);
        let execution = self.state.dispatcher.execute_interactive(&self.caller, request).await;
        let (events, control) = execution.map_err(|error| SessionEnd::from(ApiError::from(error)))?.split();
        let version = runtime.version.to_string();
        self.writer.send(&ServerMessage::Runtime { language: &runtime.name, version }).await?;
        tokio::select! {
            end = self.writer.send_events(events) => end,
            end = self.reader.forward(control) => end,
        }
    }

    /// Waits for the request.
    async fn init(&mut self) -> Result<Execute, SessionEnd> {
        let next = async {
            loop {
                match self.reader.recv().await? {
                    ClientMessage::Init(init) => return Ok(*init),
                    ClientMessage::Unknown => {}
                    _ => return Err(SessionEnd::NotInitialized),
                }
            }
        };
        tokio::select! {
            init = timeout(INIT_TIMEOUT, next) => init.unwrap_or(Err(SessionEnd::InitializationTimeout)),
            () = self.guard.stopping() => Err(SessionEnd::Stopping),
        }
    }

    /// Sends the reason to the client, then waits for its side of the closing handshake.
    async fn close(self, end: SessionEnd) {
        let Self { mut reader, mut writer, .. } = self;
        let Some(frame) = end.close_frame() else { return };
        if let SessionEnd::Error(message) = end
            && writer.send(&ServerMessage::Error { message }).await.is_err()
        {
            return;
        }
        if writer.0.send(Message::Close(Some(frame))).await.is_ok() {
            let _ = timeout(CLOSE_TIMEOUT, reader.drain()).await;
        }
    }
}

impl Reader {
    /// Forwards messages to the running execution until the session ends.
    async fn forward(&mut self, mut control: ControlSender) -> Result<std::convert::Infallible, SessionEnd> {
        loop {
            match self.recv().await? {
                ClientMessage::Control(message) => control.send(message).await,
                ClientMessage::Init(_) => return Err(SessionEnd::AlreadyInitialized),
                ClientMessage::OtherStream => return Err(SessionEnd::OnlyStdin),
                ClientMessage::UnknownSignal => return Err(SessionEnd::InvalidSignal),
                ClientMessage::Unknown => {}
            }
        }
    }

    async fn recv(&mut self) -> Result<ClientMessage, SessionEnd> {
        loop {
            self.unprocessed.release();
            sleep_until(self.budget.next_at().into()).await;
            let message = self.socket.next().await.ok_or(SessionEnd::Disconnected)??;
            self.budget.take(Instant::now());
            let text = match &message {
                Message::Text(text) => text.as_bytes(),
                Message::Binary(bytes) => bytes,
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => continue,
            };
            return ClientMessage::parse(text).map_err(SessionEnd::Error);
        }
    }

    async fn drain(&mut self) {
        while let Some(Ok(_)) = self.socket.next().await {
            self.unprocessed.release();
        }
    }
}

impl Writer {
    async fn send(&mut self, message: &ServerMessage<'_>) -> Result<(), SessionEnd> {
        Ok(self.0.send(Message::text(message.to_json())).await?)
    }

    /// Sends every event until the last one.
    async fn send_events(
        &mut self,
        mut events: EventReceiver,
    ) -> Result<std::convert::Infallible, SessionEnd> {
        let mut decoders = [Utf8Decoder::default(), Utf8Decoder::default()];
        loop {
            let event = events.next_event().await;
            match event.map_err(|error| SessionEnd::from(ApiError::from(error)))? {
                ExecutionEvent::StageStarted(stage) => {
                    decoders = Default::default();
                    self.send(&ServerMessage::Stage { stage: stage_name(stage) }).await?;
                }
                ExecutionEvent::Output { stream, bytes, .. } => {
                    let text = decoders[usize::from(stream == StreamName::Stderr)].push(&bytes);
                    self.send_data(stream, text).await?;
                }
                ExecutionEvent::StageFinished(report) => self.finish_stage(&report, &mut decoders).await?,
                ExecutionEvent::Finished(_) => return Err(SessionEnd::Completed),
                // This API has no output files and no kept programs, and its requests ask for none.
                ExecutionEvent::Queued { .. }
                | ExecutionEvent::Started { .. }
                | ExecutionEvent::BuildKept(_)
                | ExecutionEvent::WaitingForInput(_)
                | ExecutionEvent::OutputFile { .. }
                | ExecutionEvent::OutputFileChunk { .. }
                | ExecutionEvent::OutputFilesEnd { .. } => {}
            }
        }
    }

    async fn finish_stage(
        &mut self,
        report: &StageReport,
        [stdout, stderr]: &mut [Utf8Decoder; 2],
    ) -> Result<(), SessionEnd> {
        for (stream, decoder) in [(StreamName::Stdout, stdout), (StreamName::Stderr, stderr)] {
            let rest = decoder.finish(is_cut(report, stream));
            self.send_data(stream, rest).await?;
        }
        // A cancelled stage is of an execution that the server ends.
        match report.status {
            Status::Cancelled | Status::Skipped => Ok(()),
            ref status => self.send(&ServerMessage::exit(report.stage, Ending::of(status))).await,
        }
    }

    async fn send_data(&mut self, stream: StreamName, text: String) -> Result<(), SessionEnd> {
        if text.is_empty() {
            return Ok(());
        }
        self.send(&ServerMessage::data(stream, text)).await
    }
}

impl From<ApiError> for SessionEnd {
    fn from(error: ApiError) -> Self {
        Self::Error(error.body.error)
    }
}
