//! A session: executions one after the other on a WebSocket, each talked to while it runs.
//!
//! As in a stream, the next event is read from the daemon only when the connection took the last one. What the client
//! says is passed on as it comes; what the program does not take waits in the daemon, and when that has enough, here:
//! then nothing more is read from the client either. Dropping a session ends what it executes.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use protocol::bounds::MAX_INPUT_CHUNK;
use protocol::codec::CodecError;
use protocol::{ClientError, Request};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, Interval, interval_at, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::api::executor::frames::Frame;
use crate::api::executor::request::Asked;
use crate::api::executor::stream::{Form, Telling, error_line, is_followed};
use crate::api::routes::Front;
use crate::http::error::ApiError;
use crate::http::metered::{Meter, Metered};
use crate::http::server::Place;
use crate::ops::metrics::Counted;

/// What a session costs of the memory of all requests: its buffers.
pub(crate) const IDLE_COST: usize = 64 * 1024;
/// What an execution costs beside: the largest event in bytes, in JSON, and in the frame that is being written.
const RUNNING_COST: usize = 1024 * 1024;
/// Bytes that are read of a connection at a time.
const READ_BUFFER: usize = 16 * 1024;
/// Bytes that wait to be written. Events are written one by one, so this is about the largest and some pongs.
const WRITE_BUFFER: usize = 1024 * 1024;
/// Pings without any sign of life, before a client is taken for gone.
const MAX_SILENT_PINGS: u32 = 3;
/// How long a client may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(3);

type Socket = WebSocketStream<Metered<TokioIo<Upgraded>>>;
type Sender = SplitSink<Socket, Message>;

/// A client that is talked to.
pub(crate) struct Session {
    front: Arc<Front>,
    place: Arc<Place>,
    sender: Sender,
    ears: Ears,
    heart: Interval,
    silent_pings: u32,
    _counted: Counted,
}

/// The half that hears the client.
struct Ears {
    socket: SplitStream<Socket>,
    meter: Meter,
    client: String,
    pulse: Arc<Pulse>,
}

/// Signs of life.
#[derive(Debug, Default)]
struct Pulse {
    /// Something came since this was last looked at.
    heard: AtomicBool,
    /// The client is not listened to, and so cannot give any.
    deaf: AtomicBool,
}

/// Why a session ends.
#[derive(Debug)]
enum End {
    /// The client went, or its connection broke.
    Gone,
    /// It said what is no frame of ours, or said it out of turn.
    Malformed(ApiError),
    /// It said what is no frame of a WebSocket at all.
    NoWebSocket,
    /// It said that something is text which is none.
    NoText,
    /// It said more at once than it may.
    TooLarge(usize),
    /// All requests together hold too much.
    Overloaded,
    /// It asked for nothing for too long.
    Idle,
    /// It is as old as a session may become.
    TooOld,
    /// We are about to stop.
    Stopping,
}

impl Session {
    /// Over a connection whose handshake is done.
    pub(crate) async fn new(
        upgraded: Upgraded,
        front: Arc<Front>,
        client: String,
        place: &Arc<Place>,
    ) -> Self {
        let largest = front.config.max_body_bytes.get();
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(largest))
            .max_frame_size(Some(largest));
        let meter = Meter::new(front.budget.share());
        let stream = Metered::new(TokioIo::new(upgraded), meter.clone());
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        let (sender, socket) = socket.split();
        let ears = Ears { socket, meter, client, pulse: Arc::default() };
        let period = front.config.timeouts.ping();
        let heart = interval_at(Instant::now() + period, period);
        let counted = front.metrics.session();
        let place = Arc::clone(place);
        Self { front, place, sender, ears, heart, silent_pings: 0, _counted: counted }
    }

    /// Talk until one side has enough, then part.
    pub(crate) async fn go_on(mut self) {
        let age = self.front.config.timeouts.session();
        let end = tokio::select! {
            end = self.converse() => end,
            () = sleep(age) => End::TooOld,
        };
        tracing::debug!(?end, "session ended");
        self.part(end).await;
    }

    async fn converse(&mut self) -> End {
        loop {
            let done = match self.next_start().await {
                Ok(Ok(asked)) => self.execute(asked).await,
                Ok(Err(error)) => self.refuse(error).await,
                Err(end) => Err(end),
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// What the client wants executed next; it may make no sense.
    async fn next_start(&mut self) -> Result<Result<Asked, ApiError>, End> {
        let Self { front, place, sender, ears, heart, silent_pings, .. } = self;
        let pulse = Arc::clone(&ears.pulse);
        let start = async {
            loop {
                match ears.hear().await? {
                    Frame::Start(asked) => return Ok(*asked),
                    // Left over from an execution that ended while they were on their way.
                    Frame::Input(_)
                    | Frame::EndOfInput
                    | Frame::Signal(_)
                    | Frame::Resize(_)
                    | Frame::Cancel => {}
                }
            }
        };
        let mut start = pin!(start);
        let mut idle = pin!(sleep(front.config.timeouts.session_idle()));
        loop {
            tokio::select! {
                start = &mut start => return start,
                () = &mut idle => return Err(End::Idle),
                () = place.stopping() => return Err(End::Stopping),
                _ = heart.tick() => beat(&pulse, silent_pings, sender).await?,
            }
        }
    }

    /// Execute, up to the last event. Only what ends the session is an error.
    async fn execute(&mut self, Asked { request, encoding }: Asked) -> Result<(), End> {
        let mut share = self.front.budget.share();
        if let Err(error) = share.grow(RUNNING_COST) {
            return self.refuse(error).await;
        }
        let (to_daemon, mut events) = match self.front.connections.begin(request).await {
            Ok(client) => client.split(),
            Err(error) => return self.refuse(error).await,
        };
        let Self { sender, ears, heart, silent_pings, .. } = self;
        let pulse = Arc::clone(&ears.pulse);
        // The last event is told when the client is not listened to any more: what it says after that is about the next.
        let telling = async {
            let mut telling = Telling::new(encoding, Form::Ndjson);
            loop {
                let event = tokio::select! {
                    event = events.next() => event,
                    _ = heart.tick() => {
                        beat(&pulse, silent_pings, sender).await?;
                        continue;
                    }
                };
                let event = event.unwrap_or(Err(CodecError::Io(std::io::ErrorKind::BrokenPipe.into())));
                let event = event.map_err(ClientError::from);
                let is_last = !is_followed(&event);
                let told = telling.tell(event);
                if is_last {
                    return Ok::<_, End>(told);
                }
                tell(sender, &told).await?;
            }
        };
        let last = tokio::select! {
            told = telling => told?,
            end = ears.pass_on(to_daemon) => return Err(end),
        };
        tell(&mut self.sender, &last).await
    }

    async fn refuse(&mut self, error: ApiError) -> Result<(), End> {
        tell(&mut self.sender, error_line(error.body).as_bytes()).await
    }

    /// Say why, then let the client say goodbye too.
    async fn part(mut self, end: End) {
        let (error, code, reason) = match end {
            End::Gone => return,
            End::Malformed(error) => (Some(error), CloseCode::Policy, "no frame of a session"),
            End::NoWebSocket => (None, CloseCode::Protocol, ""),
            End::NoText => (None, CloseCode::Invalid, ""),
            End::TooLarge(most) => {
                let words = format!("a message is longer than {most} bytes");
                (Some(ApiError::too_large(words)), CloseCode::Size, "too long a message")
            }
            End::Overloaded => (Some(ApiError::overloaded()), CloseCode::Again, "out of memory"),
            End::Idle => (None, CloseCode::Normal, "nothing was asked for too long"),
            End::TooOld => (None, CloseCode::Normal, "too old"),
            End::Stopping => (None, CloseCode::Away, "the server is about to stop"),
        };
        if let Some(error) = error
            && self.refuse(error).await.is_err()
        {
            return;
        }
        let close = CloseFrame { code, reason: reason.into() };
        if self.sender.send(Message::Close(Some(close))).await.is_err() {
            return;
        }
        let Ears { mut socket, meter, .. } = self.ears;
        let goodbye = async {
            while let Some(Ok(_)) = socket.next().await {
                meter.settle();
            }
        };
        let _ = timeout(GOODBYE, goodbye).await;
        // What still comes is taken for a while, so that our last words are not lost with it.
        if let Ok(mut socket) = self.sender.reunite(socket) {
            let _ = socket.get_mut().shutdown().await;
        }
    }
}

impl Ears {
    /// The next frame. Safe to drop before it is ready.
    async fn hear(&mut self) -> Result<Frame, End> {
        loop {
            self.meter.settle();
            let message = self.socket.next().await.ok_or(End::Gone)??;
            self.pulse.heard.store(true, Ordering::Relaxed);
            match message {
                Message::Text(text) => return Frame::read(&text, &self.client).map_err(End::Malformed),
                Message::Binary(bytes) => return Ok(Frame::Input(bytes)),
                // Answered already; after a close nothing comes.
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Pass on what the client says about its execution. A daemon that takes nothing any more says so in its events.
    async fn pass_on(&mut self, to_daemon: impl Sink<Request>) -> End {
        let mut to_daemon = pin!(to_daemon);
        loop {
            let request = match self.hear().await {
                Ok(Frame::Input(bytes)) => {
                    let pulse = Arc::clone(&self.pulse);
                    pulse.deaf.store(true, Ordering::Relaxed);
                    pass_input_on(bytes, &mut to_daemon).await;
                    pulse.deaf.store(false, Ordering::Relaxed);
                    continue;
                }
                Ok(Frame::EndOfInput) => Request::EndOfInput,
                Ok(Frame::Signal(signal)) => Request::Signal(signal),
                Ok(Frame::Resize(size)) => Request::Resize(size),
                Ok(Frame::Cancel) => Request::Cancel,
                Ok(Frame::Start(_)) => {
                    let words = "an execution is running; one at a time in a session";
                    return End::Malformed(ApiError::invalid_request(words));
                }
                Err(end) => return end,
            };
            let _ = to_daemon.send(request).await;
        }
    }
}

/// In pieces as large as the daemon takes them.
async fn pass_input_on(mut bytes: Bytes, to_daemon: &mut (impl Sink<Request> + Unpin)) {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(MAX_INPUT_CHUNK));
        if to_daemon.send(Request::Input(piece)).await.is_err() {
            return;
        }
    }
}

/// Tell events, a line each, in a frame each.
async fn tell(sender: &mut Sender, lines: &[u8]) -> Result<(), End> {
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let line = String::from_utf8_lossy(line).into_owned();
        sender.send(Message::text(line)).await?;
    }
    Ok(())
}

/// Ping the client, if it gave a sign of life not too long ago.
async fn beat(pulse: &Pulse, silent_pings: &mut u32, sender: &mut Sender) -> Result<(), End> {
    let lives = pulse.heard.swap(false, Ordering::Relaxed) || pulse.deaf.load(Ordering::Relaxed);
    *silent_pings = if lives { 0 } else { *silent_pings + 1 };
    if *silent_pings > MAX_SILENT_PINGS {
        return Err(End::Gone);
    }
    Ok(sender.send(Message::Ping(Bytes::new())).await?)
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        use tokio_tungstenite::tungstenite::error::CapacityError::MessageTooLong;
        use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
        match error {
            Error::Capacity(MessageTooLong { max_size, .. }) => Self::TooLarge(max_size),
            Error::Io(error) if error.kind() == std::io::ErrorKind::OutOfMemory => Self::Overloaded,
            Error::Protocol(ResetWithoutClosingHandshake) => Self::Gone,
            Error::Protocol(_) => Self::NoWebSocket,
            Error::Utf8(_) => Self::NoText,
            _ => Self::Gone,
        }
    }
}
