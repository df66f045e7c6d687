//! What was lost is made anew and what it left is removed, as often as it takes.
//!
//! By a thread that is there from the start: when something is to be repaired, the host may have none to give.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tracing::{debug, warn};

use crate::pool::Stock;
use crate::pool::slot::{Leftovers, Workshop};

/// How long to wait before what failed is tried again: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Something to repair.
#[derive(Debug)]
pub(crate) enum Work {
    /// Remove what is left of a slot.
    Remove(Leftovers),
    /// Make a slot in place of one that was lost.
    Make,
    /// Stop when all before this was tried.
    Stop,
}

/// Who repairs.
#[derive(Debug)]
pub(crate) struct Repairs {
    orders: Sender<Work>,
    thread: JoinHandle<()>,
}

impl Repairs {
    /// Begin. `orders` is the other end of `work`.
    pub(crate) fn begin(
        orders: Sender<Work>,
        work: Receiver<Work>,
        workshop: Arc<Workshop>,
        stock: Arc<Stock>,
    ) -> io::Result<Self> {
        let place = Place { workshop, stock, runtime: Handle::current() };
        let thread =
            std::thread::Builder::new().name("repairs".to_owned()).spawn(move || place.work_off(&work))?;
        Ok(Self { orders, thread })
    }

    /// Wait until all that was ordered was tried, and stop.
    pub(crate) fn stop(self) {
        let _ = self.orders.send(Work::Stop);
        let _ = self.thread.join();
    }
}

struct Place {
    workshop: Arc<Workshop>,
    stock: Arc<Stock>,
    /// Watches the supervisors' sockets.
    runtime: Handle,
}

impl Place {
    fn work_off(&self, work: &Receiver<Work>) {
        let _entered = self.runtime.enter();
        let mut failed: Vec<Work> = Vec::new();
        let (mut pause, mut again_at) = (PAUSE.0, Instant::now());
        loop {
            let next = match failed.is_empty() {
                true => work.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => work.recv_timeout(again_at.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(Work::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(mut one) => {
                    if !self.succeeds(&mut one) {
                        (pause, again_at) = (PAUSE.0, Instant::now() + PAUSE.0);
                        failed.push(one);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    failed.retain_mut(|one| !self.succeeds(one));
                    pause = (pause * 2).min(PAUSE.1);
                    again_at = Instant::now() + pause;
                }
            }
        }
    }

    fn succeeds(&self, work: &mut Work) -> bool {
        match work {
            Work::Remove(leftovers) => match leftovers.remove() {
                Ok(()) => true,
                Err(error) => {
                    warn!(%error, "what a lost slot left stays for now");
                    false
                }
            },
            Work::Make if self.stock.is_closed() => true,
            Work::Make => match self.workshop.slot() {
                Ok(slot) => {
                    debug!("a lost slot was made anew");
                    self.stock.give_back(slot);
                    true
                }
                Err(error) => {
                    warn!(%error, "a lost slot cannot be made anew for now");
                    false
                }
            },
            Work::Stop => true,
        }
    }
}
