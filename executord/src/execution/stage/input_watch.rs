//! Looks now and then whether a program waits for live input.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};

use super::deadlines::passed;
use crate::pool::sandbox::InputProbe;

/// Time from the start of a program, or from input, to the first look: many programs read their input within it.
const FIRST_LOOK: Duration = Duration::from_millis(30);
/// Time between two looks. One takes about 20 µs for each thread of the program.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What was seen of the input of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputEvent {
    /// The client sent input.
    Arrived,
    /// Whether the program waits.
    Looked { waits: bool },
}

/// The input of one program, while that is live.
#[derive(Debug)]
pub(super) struct InputWatch {
    /// Notified when input is taken for the program.
    arrived: Arc<Notify>,
    /// What looks; `None` before the start, and if nobody wants to know.
    probe: Option<Arc<InputProbe>>,
    next_look: Option<Instant>,
    /// A look that takes place on another thread: the kernel may let it wait for a tick.
    look: Option<JoinHandle<bool>>,
}

impl InputWatch {
    pub(super) fn new(arrived: Arc<Notify>) -> Self {
        Self { arrived, probe: None, next_look: None, look: None }
    }

    /// Begins to look.
    pub(super) fn start(&mut self, probe: InputProbe) {
        self.probe = Some(Arc::new(probe));
        self.next_look = Some(Instant::now() + FIRST_LOOK);
    }

    /// Ends looking: no input will come.
    pub(super) fn stop(&mut self) {
        (self.probe, self.next_look, self.look) = (None, None, None);
    }

    /// Waits for the next event, forever if the program is not looked at. Cancel safe.
    pub(super) async fn next(&mut self) -> InputEvent {
        if self.probe.is_none() {
            return std::future::pending().await;
        }
        loop {
            tokio::select! {
                biased;
                () = self.arrived.notified() => {
                    // A look that has begun may be too early.
                    self.look = None;
                    self.next_look = Some(Instant::now() + FIRST_LOOK);
                    return InputEvent::Arrived;
                }
                waits = ended(&mut self.look) => {
                    self.look = None;
                    self.next_look = Some(Instant::now() + LOOK_INTERVAL);
                    return InputEvent::Looked { waits };
                }
                () = passed(self.next_look) => {
                    self.next_look = None;
                    let probe = self.probe.clone();
                    self.look = Some(spawn_blocking(move || probe.is_some_and(|probe| probe.look())));
                }
            }
        }
    }
}

/// Waits for the end of a look. One that failed saw nothing.
async fn ended(look: &mut Option<JoinHandle<bool>>) -> bool {
    match look {
        Some(look) => look.await.unwrap_or(false),
        None => std::future::pending().await,
    }
}
