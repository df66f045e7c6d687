//! One end of a dialogue between two programs: each program's stdin is the stdout of the other.
//!
//! The daemon relays instead of giving both sandboxes the ends of one pipe. So sandboxes share nothing, pre-warmed ones
//! can be used, the output limit counts, and a program that writes to one that has ended is not killed by SIGPIPE for
//! it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use protocol::Party;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use crate::execution::judge::Recorder;

/// Chunks of at most [`protocol::bounds::MAX_OUTPUT_CHUNK`] that wait for a program to read them. When there are more,
/// the program that writes them blocks, as it does on a full pipe.
const BACKLOG: usize = 4;

/// A transcript that both ends of a dialogue write to.
pub(crate) type SharedRecorder = Arc<Mutex<Recorder>>;

/// A program's end of a dialogue.
#[derive(Debug)]
pub(crate) struct Link {
    /// The output of the other program. Locked while the program runs.
    input: tokio::sync::Mutex<mpsc::Receiver<Bytes>>,
    /// `None` when the other program reads the end of its input.
    output: Mutex<Option<LinkSender>>,
}

/// Where a program's stdout goes.
#[derive(Clone, Debug)]
pub(super) struct LinkSender {
    chunks: mpsc::Sender<Bytes>,
    party: Party,
    recorder: Option<SharedRecorder>,
}

/// Creates the ends of a solution and of its interactor.
pub(crate) fn links(recorder: Option<SharedRecorder>) -> (Link, Link) {
    let (to_interactor, from_solution) = mpsc::channel(BACKLOG);
    let (to_solution, from_interactor) = mpsc::channel(BACKLOG);
    let sender = |chunks, party| LinkSender { chunks, party, recorder: recorder.clone() };
    let link =
        |input, output| Link { input: tokio::sync::Mutex::new(input), output: Mutex::new(Some(output)) };
    (
        link(from_interactor, sender(to_interactor, Party::Solution)),
        link(from_solution, sender(to_solution, Party::Interactor)),
    )
}

impl Link {
    /// Returns where the program's stdout goes, if the end of it was not sent yet.
    pub(super) fn sender(&self) -> Option<LinkSender> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the other program read the end of its input, after what was sent, once all clones of the sender are
    /// dropped.
    pub(super) fn close(&self) {
        *self.output.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Ends the dialogue for a program that is gone: the other one reads the end of its input, and what it still writes
    /// is discarded.
    pub(crate) fn end(&self) {
        self.close();
        // Nothing else has the lock when the program is gone.
        if let Ok(mut input) = self.input.try_lock() {
            input.close();
        }
    }

    /// Writes the output of the other program to the program's stdin, and closes it. When the program has closed its
    /// stdin, the rest is discarded: the other program must not block.
    pub(super) async fn write_to(&self, mut stdin: pipe::Sender) {
        let mut input = self.input.lock().await;
        while let Some(bytes) = input.recv().await {
            if stdin.write_all(&bytes).await.is_err() {
                while input.recv().await.is_some() {}
                break;
            }
        }
    }
}

impl LinkSender {
    /// Waits until a chunk can be sent. If the other program has ended, the chunk is discarded. Cancel safe.
    pub(super) async fn wait_for_room(&self) {
        drop(self.chunks.reserve().await);
    }

    /// Sends a chunk after [`LinkSender::wait_for_room`].
    pub(super) fn send(&self, bytes: Bytes) {
        if let Some(recorder) = &self.recorder {
            recorder.lock().unwrap_or_else(PoisonError::into_inner).record(self.party, &bytes);
        }
        // Only this end sends, so there is room. Without a receiver the chunk is discarded.
        let _ = self.chunks.try_send(bytes);
    }
}
