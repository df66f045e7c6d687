//! Messages of a client to its running program: input, in order and bounded, signals, and the size of the terminal.

use std::sync::Arc;

use bytes::Bytes;
use protocol::bounds::MAX_UNREAD_INPUT;
use protocol::{ProgramSignal, TerminalSize};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore, broadcast, mpsc, watch};

/// Bytes that a chunk counts for in addition to its length, so that many small ones are bounded too.
const CHUNK_OVERHEAD: usize = 256;
/// Signals on their way to a program. Of more, the first are dropped, as the kernel drops a signal that is already pending.
const SIGNAL_BACKLOG: usize = 16;

/// The client's end.
#[derive(Debug)]
pub(crate) struct InputSender {
    chunks: mpsc::UnboundedSender<Chunk>,
    /// Bytes that may still be sent before the program reads.
    room: Arc<Semaphore>,
    signals: broadcast::Sender<ProgramSignal>,
    size: watch::Sender<Option<TerminalSize>>,
}

/// The end of the execution's programs.
#[derive(Debug)]
pub(crate) struct InputReceiver {
    /// Locked while a program with live input runs. An execution has no other program then.
    pub(crate) chunks: Mutex<InputChunks>,
    /// Notified when a chunk is taken for the program.
    pub(crate) chunk_taken: Arc<Notify>,
    signals: broadcast::Receiver<ProgramSignal>,
    size: watch::Receiver<Option<TerminalSize>>,
}

/// The signals and sizes that the client sends to one program.
#[derive(Debug)]
pub(crate) struct ControlMessages {
    signals: broadcast::Receiver<ProgramSignal>,
    size: watch::Receiver<Option<TerminalSize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ControlMessage {
    Signal(ProgramSignal),
    Resize(TerminalSize),
}

/// The input that the client sends.
#[derive(Debug)]
pub(crate) struct InputChunks {
    chunks: mpsc::UnboundedReceiver<Chunk>,
    room: Arc<Semaphore>,
    taken: Arc<Notify>,
    /// The room of the last chunk. It is free again when the next one is requested, which means that the last was written.
    being_written: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct Chunk {
    /// `None` is the end of input.
    bytes: Option<Bytes>,
    room: OwnedSemaphorePermit,
}

/// Creates a channel from a client to its program, which buffers at most [`MAX_UNREAD_INPUT`] bytes of input.
pub(crate) fn channel() -> (InputSender, InputReceiver) {
    let room = Arc::new(Semaphore::new(MAX_UNREAD_INPUT));
    let (chunk_sender, chunks) = mpsc::unbounded_channel();
    let (signal_sender, signals) = broadcast::channel(SIGNAL_BACKLOG);
    let (size_sender, size) = watch::channel(None);
    let chunk_taken = Arc::<Notify>::default();
    let chunks =
        InputChunks { chunks, room: Arc::clone(&room), taken: Arc::clone(&chunk_taken), being_written: None };
    let sender = InputSender { chunks: chunk_sender, room, signals: signal_sender, size: size_sender };
    (sender, InputReceiver { chunks: Mutex::new(chunks), chunk_taken, signals, size })
}

impl InputSender {
    /// Sends a chunk, or with `None` the end of input. Waits until there is room for it. If the receiver is gone, the chunk
    /// is discarded.
    pub(crate) async fn send(&self, bytes: Option<Bytes>) {
        let cost = CHUNK_OVERHEAD + bytes.as_ref().map_or(0, Bytes::len);
        let Ok(cost) = u32::try_from(cost.min(MAX_UNREAD_INPUT)) else { return };
        if let Ok(room) = Arc::clone(&self.room).acquire_many_owned(cost).await {
            let _ = self.chunks.send(Chunk { bytes, room });
        }
    }

    /// Sends a signal to each running program.
    pub(crate) fn signal(&self, signal: ProgramSignal) {
        let _ = self.signals.send(signal);
    }

    /// Sends the size of the client's terminal. Only the last one counts.
    pub(crate) fn resize(&self, size: TerminalSize) {
        self.size.send_replace(Some(size));
    }
}

impl InputReceiver {
    /// Returns the messages for a program that starts now: the size of the terminal if it is known, and what the client
    /// sends from now on.
    pub(crate) fn control(&self) -> ControlMessages {
        let mut size = self.size.clone();
        if size.borrow().is_some() {
            size.mark_changed();
        }
        ControlMessages { signals: self.signals.resubscribe(), size }
    }
}

impl ControlMessages {
    /// Returns the next message, or waits forever if the client sends no more. Cancel safe.
    pub(crate) async fn next(&mut self) -> ControlMessage {
        tokio::select! {
            Some(signal) = next_signal(&mut self.signals) => ControlMessage::Signal(signal),
            Some(size) = changed(&mut self.size) => ControlMessage::Resize(size),
            else => std::future::pending().await,
        }
    }
}

async fn next_signal(signals: &mut broadcast::Receiver<ProgramSignal>) -> Option<ProgramSignal> {
    loop {
        match signals.recv().await {
            Ok(signal) => return Some(signal),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

async fn changed(size: &mut watch::Receiver<Option<TerminalSize>>) -> Option<TerminalSize> {
    size.changed().await.ok()?;
    *size.borrow_and_update()
}

impl InputChunks {
    /// Returns the next chunk, or `Some(None)` for the end of input. `None` means that the client is gone.
    pub(crate) async fn recv(&mut self) -> Option<Option<Bytes>> {
        self.being_written = None;
        let Chunk { bytes, room } = self.chunks.recv().await?;
        self.taken.notify_one();
        self.being_written = Some(room);
        Some(bytes)
    }
}

impl Drop for InputChunks {
    fn drop(&mut self) {
        // A sender that waits for room would wait forever.
        self.room.close();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use protocol::bounds::MAX_INPUT_CHUNK;

    use super::*;

    #[tokio::test]
    async fn unread_input_is_bounded() {
        let (sender, receiver) = channel();
        let mut chunks = receiver.chunks.lock().await;
        let largest = Bytes::from(vec![0; MAX_INPUT_CHUNK]);
        sender.send(Some(largest.clone())).await;
        let mut second = Box::pin(sender.send(Some(largest.clone())));
        assert_eq!((&mut second).now_or_never(), None, "two chunks and their overhead exceed the bound");
        assert_eq!(chunks.recv().await, Some(Some(largest.clone())));
        assert_eq!((&mut second).now_or_never(), None, "the first chunk is not written yet");
        let mut next = Box::pin(chunks.recv());
        assert_eq!((&mut next).now_or_never(), None);
        second.await;
        assert_eq!(next.await, Some(Some(largest)));
        sender.send(None).await;
        assert_eq!(chunks.recv().await, Some(None));
    }

    #[tokio::test]
    async fn a_signal_reaches_only_running_programs_and_a_size_reaches_all() {
        let (sender, receiver) = channel();
        let size = TerminalSize::default();
        sender.resize(size);
        sender.signal(ProgramSignal::Kill);
        let mut programs = [receiver.control(), receiver.control()];
        for program in &mut programs {
            assert_eq!(program.next().await, ControlMessage::Resize(size));
        }
        for _ in 0..2 * SIGNAL_BACKLOG {
            sender.signal(ProgramSignal::Interrupt);
        }
        drop(sender);
        for program in &mut programs {
            for _ in 0..SIGNAL_BACKLOG {
                assert_eq!(program.next().await, ControlMessage::Signal(ProgramSignal::Interrupt));
            }
            assert_eq!(program.next().now_or_never(), None);
        }
    }

    #[tokio::test]
    async fn many_small_chunks_are_bounded() {
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
