//! Receives requests from the client.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use protocol::bounds::FRAME_TIMEOUT;
use protocol::codec::Frames;
use protocol::{Event, Request};
use tokio::io::Interest;
use tokio::net::unix::OwnedReadHalf;
use tokio::time::{sleep, timeout};
use tokio_util::codec::FramedRead;
use tokio_util::sync::CancellationToken;

use crate::server::connection_end::ConnectionEnd;
use crate::streams::input::InputSender;

/// Time that a connection may be idle between requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);
/// Interval between checks that a frame that has begun arrives in time.
const FRAME_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// While a program leaves too much input unread, nothing is read from its client. This is the interval between checks
/// that the client is still connected.
const DISCONNECT_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Time in which a client that uploads must send its next message.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The receiving half of a connection.
#[derive(Debug)]
pub(super) struct SessionReader(FramedRead<OwnedReadHalf, Frames<Request, Event>>);

impl SessionReader {
    /// Creates a reader. `received` are bytes that arrived after the hello and were read with it.
    pub(super) fn new(socket: OwnedReadHalf, frames: Frames<Request, Event>, received: BytesMut) -> Self {
        let mut reader = FramedRead::new(socket, frames);
        *reader.read_buffer_mut() = received;
        Self(reader)
    }

    /// Returns the next request of a client that has no active execution, and may not be idle for too long.
    pub(super) async fn recv_when_idle(&mut self) -> Result<Request, ConnectionEnd> {
        timeout(IDLE_TIMEOUT, self.recv()).await.map_err(|_| ConnectionEnd::TimedOut)?
    }

    /// Waits for a message, or for the disconnect, of a client that was refused. Closing the socket at once would give
    /// the client a broken pipe when it sends its request, and it would not read why it was refused.
    pub(super) async fn wait_for_refused_client(&mut self) {
        let _ = timeout(FRAME_TIMEOUT, self.0.next()).await;
    }

    /// Returns the next message. There may be none for as long as an execution takes, but a frame that has begun must
    /// arrive within [`FRAME_TIMEOUT`].
    async fn recv(&mut self) -> Result<Request, ConnectionEnd> {
        let mut checks_within_frame = 0;
        loop {
            if self.0.read_buffer().is_empty() && !self.0.decoder().is_within_frame() {
                // No check wakes up for an idle connection. The next read returns an error again.
                drop(self.0.get_ref().readable().await);
            }
            match timeout(FRAME_CHECK_INTERVAL, self.0.next()).await {
                Ok(request) => return Ok(request.ok_or(ConnectionEnd::Disconnected)??),
                Err(_) if !self.0.decoder().is_within_frame() => checks_within_frame = 0,
                Err(_) => checks_within_frame += 1,
            }
            if FRAME_CHECK_INTERVAL * checks_within_frame >= FRAME_TIMEOUT {
                return Err(ConnectionEnd::TimedOut);
            }
        }
    }

    /// Returns the next message of a client that uploads.
    pub(super) async fn recv_upload(&mut self) -> Result<Request, ConnectionEnd> {
        timeout(UPLOAD_TIMEOUT, self.recv()).await.map_err(|_| ConnectionEnd::TimedOut)?
    }

    /// Forwards the input and the control messages of a client to its active execution, until the client disconnects
    /// or violates the protocol.
    pub(super) async fn forward_to_execution(
        &mut self,
        input: &InputSender,
        cancel: &CancellationToken,
    ) -> ConnectionEnd {
        loop {
            let request = match self.recv().await {
                Ok(request) => request,
                Err(end) => return end,
            };
            let chunk = match request {
                Request::Input(bytes) => Some(bytes),
                Request::EndOfInput => None,
                Request::Cancel => {
                    cancel.cancel();
                    continue;
                }
                Request::Signal(signal) => {
                    input.signal(signal);
                    continue;
                }
                Request::Resize(size) => {
                    input.resize(size);
                    continue;
                }
                Request::Execute(_)
                | Request::Languages
                | Request::Status
                | Request::Check
                | Request::CheckLanguages(_)
                | Request::Reload
                | Request::Upload { .. }
                | Request::EndOfUploads => return ConnectionEnd::OutOfTurn,
            };
            // The program may never read its input, and the client may disconnect meanwhile.
            tokio::select! {
                () = input.send(chunk) => {}
                () = self.wait_for_disconnect() => return ConnectionEnd::Disconnected,
            }
        }
    }

    /// Waits until the client disconnects, without reading the messages that it sent before.
    async fn wait_for_disconnect(&self) {
        let socket = self.0.get_ref();
        loop {
            sleep(DISCONNECT_POLL_INTERVAL).await;
            if socket.ready(Interest::READABLE).await.is_ok_and(|ready| ready.is_read_closed()) {
                return;
            }
        }
    }
}
