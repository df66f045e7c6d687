//! Sends events to the client.

use std::time::Duration;

use futures_util::SinkExt;
use protocol::codec::Frames;
use protocol::{Event, Request};
use tokio::net::unix::OwnedWriteHalf;
use tokio::time::timeout;
use tokio_util::codec::FramedWrite;

use crate::server::connection_end::ConnectionEnd;

/// Time in which a client must read an event before its connection counts as dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The sending half of a connection.
#[derive(Debug)]
pub(super) struct EventEncoder(FramedWrite<OwnedWriteHalf, Frames<Request, Event>>);

impl EventEncoder {
    pub(super) fn new(socket: OwnedWriteHalf, frames: Frames<Request, Event>) -> Self {
        Self(FramedWrite::new(socket, frames))
    }

    /// Sends `first`, and what `next` returns until it has no more, with as few writes as possible.
    pub(super) async fn send_all(
        &mut self,
        first: Event,
        mut next: impl FnMut() -> Option<Event>,
    ) -> Result<(), ConnectionEnd> {
        let mut event = first;
        while let Some(following) = next() {
            let fed = timeout(WRITE_TIMEOUT, self.0.feed(event)).await;
            fed.map_err(|_| ConnectionEnd::TimedOut)??;
            event = following;
        }
        self.send(event).await
    }

    /// Sends an event. Waits for a slow client, but not longer than [`WRITE_TIMEOUT`].
    pub(super) async fn send(&mut self, event: Event) -> Result<(), ConnectionEnd> {
        timeout(WRITE_TIMEOUT, self.0.send(event)).await.map_err(|_| ConnectionEnd::TimedOut)??;
        if let Some(buffer) = self.0.encoder_mut().replace_large_buffer() {
            *self.0.write_buffer_mut() = buffer;
        }
        Ok(())
    }
}
