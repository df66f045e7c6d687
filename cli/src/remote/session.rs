//! One execution in a WebSocket session.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{SplitStream, unfold};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use protocol::{Event, ExecuteRequest, ProgramSignal, Request};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::remote::error::RemoteError;
use crate::remote::events::EventDecoder;
use crate::remote::http::{HttpClient, Socket};
use crate::remote::start::start_message;

/// Path of a session.
const PATH: &str = "/api/session";
/// Time without a sign of life from the server, which sends a ping every 15 s unless it is configured otherwise.
const SILENCE: Duration = Duration::from_secs(120);

/// Opens a session and starts an execution. Dropping both halves closes the connection, which cancels the execution.
pub(crate) async fn execute(
    http: &HttpClient,
    request: ExecuteRequest,
) -> Result<
    (
        impl Sink<Request, Error = RemoteError> + Send + use<>,
        impl Stream<Item = Result<Event, RemoteError>> + Send + use<>,
    ),
    RemoteError,
> {
    let decoder =
        EventDecoder { wants_outputs: !request.outputs.is_empty(), wants_artifacts: request.artifacts };
    let (mut sink, stream) = http.open_socket(PATH).await?.split();
    sink.send(Message::text(start_message(&request).to_string())).await.map_err(socket_error)?;
    let sink =
        sink.with(async |request| message_of(request).ok_or(Error::AttackAttempt)).sink_map_err(socket_error);
    let reader = EventReader { stream, decoder, decoded: VecDeque::new() };
    let events = unfold(reader, |mut reader| async {
        let event = reader.next().await;
        Some((event, reader))
    });
    Ok((sink, events))
}

/// The events of the execution.
struct EventReader {
    stream: SplitStream<Socket>,
    decoder: EventDecoder,
    /// Events of a message that had several.
    decoded: VecDeque<Event>,
}

impl EventReader {
    async fn next(&mut self) -> Result<Event, RemoteError> {
        loop {
            if let Some(event) = self.decoded.pop_front() {
                return Ok(event);
            }
            let message = timeout(SILENCE, self.stream.next()).await;
            let silent = || RemoteError::Connection(format!("nothing received for {} s", SILENCE.as_secs()));
            match message.map_err(|_| silent())? {
                Some(Ok(Message::Text(text))) => self.decoded.extend(self.decoder.decode(&text)?),
                Some(Ok(Message::Close(frame))) => {
                    let reason =
                        frame.map(|frame| frame.reason.to_string()).filter(|reason| !reason.is_empty());
                    return Err(RemoteError::Closed(
                        reason.map(|reason| format!(": {reason}")).unwrap_or_default(),
                    ));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(socket_error(error)),
                None => return Err(RemoteError::Closed(String::new())),
            }
        }
    }
}

/// Returns the message for a running execution. Other requests have none.
fn message_of(request: Request) -> Option<Message> {
    let text = |object: Value| Some(Message::text(object.to_string()));
    match request {
        Request::Input(bytes) => Some(Message::binary(bytes)),
        Request::EndOfInput => text(json!({ "type": "end_of_input" })),
        Request::Cancel => text(json!({ "type": "cancel" })),
        Request::Signal(signal) => text(json!({ "type": "signal", "signal": signal_name(signal) })),
        Request::Resize(size) => {
            text(json!({ "type": "resize", "columns": size.columns, "rows": size.rows }))
        }
        _ => None,
    }
}

const fn signal_name(signal: ProgramSignal) -> &'static str {
    match signal {
        ProgramSignal::Interrupt => "INT",
        ProgramSignal::Terminate => "TERM",
        ProgramSignal::Quit => "QUIT",
        ProgramSignal::HangUp => "HUP",
        ProgramSignal::Kill => "KILL",
        ProgramSignal::User1 => "USR1",
        ProgramSignal::User2 => "USR2",
    }
}

fn socket_error(error: Error) -> RemoteError {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => RemoteError::Closed(String::new()),
        error => RemoteError::Connection(error.to_string()),
    }
}
