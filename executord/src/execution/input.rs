//! What a client says to its program while it runs: input in order and bounded, signals, the terminal's size.

use std::sync::Arc;

use bytes::Bytes;
use protocol::bounds::MAX_UNREAD_INPUT;
use protocol::{ProgramSignal, TerminalSize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

/// What a piece of input is counted for beside its bytes, so that many small ones do not pile up either.
const CHUNK_OVERHEAD: usize = 256;
/// Signals on their way to the program; what does not fit is as lost as a signal that was pending already.
const SIGNAL_BACKLOG: usize = 16;

/// The client's end.
#[derive(Debug)]
pub(crate) struct InputSender {
    chunks: mpsc::UnboundedSender<Chunk>,
    room: Arc<Semaphore>,
    signals: mpsc::Sender<ProgramSignal>,
    size: watch::Sender<Option<TerminalSize>>,
}

/// The program's end.
#[derive(Debug)]
pub(crate) struct InputReceiver {
    pub(crate) chunks: InputChunks,
    pub(crate) control: ControlMessages,
}

/// What is said beside it.
#[derive(Debug)]
pub(crate) struct ControlMessages {
    signals: mpsc::Receiver<ProgramSignal>,
    size: watch::Receiver<Option<TerminalSize>>,
}

/// One word of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ControlMessage {
    Signal(ProgramSignal),
    Resize(TerminalSize),
}

/// Input by itself.
#[derive(Debug)]
pub(crate) struct InputChunks {
    chunks: mpsc::UnboundedReceiver<Chunk>,
    room: Arc<Semaphore>,
    /// Of the piece that was handed out last: it counts until the next is asked for.
    handed_out: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct Chunk {
    bytes: Option<Bytes>,
    room: OwnedSemaphorePermit,
}

/// A way from a client to its program. What waits in it is bounded by [`MAX_UNREAD_INPUT`].
pub(crate) fn channel() -> (InputSender, InputReceiver) {
    let room = Arc::new(Semaphore::new(MAX_UNREAD_INPUT));
    let (chunks, taken) = mpsc::unbounded_channel();
    let (signals, sent) = mpsc::channel(SIGNAL_BACKLOG);
    let (size, known) = watch::channel(None);
    let sender = InputSender { chunks, room: Arc::clone(&room), signals, size };
    let chunks = InputChunks { chunks: taken, room, handed_out: None };
    (sender, InputReceiver { chunks, control: ControlMessages { signals: sent, size: known } })
}

impl InputSender {
    /// Pass a piece on, or with `None` the end of input. Waits while too much is there that nobody took. When nobody
    /// takes any more it is dropped.
    pub(crate) async fn send(&self, bytes: Option<Bytes>) {
        let cost = CHUNK_OVERHEAD + bytes.as_ref().map_or(0, Bytes::len);
        let Ok(cost) = u32::try_from(cost.min(MAX_UNREAD_INPUT)) else { return };
        if let Ok(room) = Arc::clone(&self.room).acquire_many_owned(cost).await {
            let _ = self.chunks.send(Chunk { bytes, room });
        }
    }

    /// Pass a signal on.
    pub(crate) fn signal(&self, signal: ProgramSignal) {
        let _ = self.signals.try_send(signal);
    }

    /// Tell how large the terminal is now.
    pub(crate) fn resize(&self, size: TerminalSize) {
        self.size.send_replace(Some(size));
    }
}

impl ControlMessages {
    /// The next word; never if the client says no more. Safe to drop before it is ready.
    pub(crate) async fn next(&mut self) -> ControlMessage {
        tokio::select! {
            Some(signal) = self.signals.recv() => ControlMessage::Signal(signal),
            Some(size) = changed(&mut self.size) => ControlMessage::Resize(size),
            else => std::future::pending().await,
        }
    }

    /// Another program begins: what was meant for the one before is not for it, but the terminal is as large as it is.
    pub(crate) fn reset_for_next_program(&mut self) {
        while self.signals.try_recv().is_ok() {}
        if self.size.borrow().is_some() {
            self.size.mark_changed();
        }
    }
}

async fn changed(size: &mut watch::Receiver<Option<TerminalSize>>) -> Option<TerminalSize> {
    size.changed().await.ok()?;
    *size.borrow_and_update()
}

impl InputChunks {
    /// The next piece; `None` in it is the end of input, `None` instead of it that the client says no more.
    pub(crate) async fn recv(&mut self) -> Option<Option<Bytes>> {
        self.handed_out = None;
        let Chunk { bytes, room } = self.chunks.recv().await?;
        self.handed_out = Some(room);
        Some(bytes)
    }
}

impl Drop for InputChunks {
    fn drop(&mut self) {
        // Whoever waits for room waits for nobody.
        self.room.close();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use protocol::bounds::MAX_INPUT_CHUNK;

    use super::*;

    #[tokio::test]
    async fn as_much_waits_as_may_and_no_more() {
        let (sender, mut receiver) = channel();
        let largest = Bytes::from(vec![0; MAX_INPUT_CHUNK]);
        sender.send(Some(largest.clone())).await;
        let mut second = Box::pin(sender.send(Some(largest.clone())));
        assert_eq!((&mut second).now_or_never(), None, "two and what they cost are more than may wait");
        assert_eq!(receiver.chunks.recv().await, Some(Some(largest.clone())));
        assert_eq!((&mut second).now_or_never(), None, "what is in hand was not taken yet");
        let mut next = Box::pin(receiver.chunks.recv());
        assert_eq!((&mut next).now_or_never(), None);
        second.await;
        assert_eq!(next.await, Some(Some(largest)));
        sender.send(None).await;
        assert_eq!(receiver.chunks.recv().await, Some(None));
    }

    #[tokio::test]
    async fn signals_are_for_the_program_that_runs_and_a_size_is_for_all() {
        let (sender, mut receiver) = channel();
        let size = TerminalSize::default();
        sender.resize(size);
        sender.signal(ProgramSignal::Kill);
        for _ in 0..2 {
            receiver.control.reset_for_next_program();
            assert_eq!(receiver.control.next().await, ControlMessage::Resize(size));
        }
        for _ in 0..2 * SIGNAL_BACKLOG {
            sender.signal(ProgramSignal::Interrupt);
        }
        for _ in 0..SIGNAL_BACKLOG {
            assert_eq!(receiver.control.next().await, ControlMessage::Signal(ProgramSignal::Interrupt));
        }
        drop(sender);
        assert_eq!(receiver.control.next().now_or_never(), None);
    }

    #[tokio::test]
    async fn many_small_pieces_are_bounded_too() {
        let (sender, receiver) = channel();
        let mut sent = 0;
        while sender.send(Some(Bytes::from_static(b"x"))).now_or_never().is_some() {
            sent += 1;
        }
        assert!(sent < MAX_UNREAD_INPUT / CHUNK_OVERHEAD);
        let waiting = sender.send(None);
        drop(receiver);
        waiting.await;
    }
}
