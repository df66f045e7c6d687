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

use crate::pool::sandbox_pool::SandboxPool;
use crate::pool::slot::{LostSlot, SlotFactory};

/// How long to wait before what failed is tried again: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Something to repair.
#[derive(Debug)]
pub(crate) enum ReapJob {
    /// Remove what is left of a slot.
    CleanUp(LostSlot),
    /// Make a slot in place of one that was lost.
    Replace,
    /// Stop when all before this was tried.
    Stop,
}

/// Who repairs.
#[derive(Debug)]
pub(crate) struct Reaper {
    orders: Sender<ReapJob>,
    thread: JoinHandle<()>,
}

impl Reaper {
    /// Begin. `orders` is the other end of `work`.
    pub(crate) fn begin(
        orders: Sender<ReapJob>,
        work: Receiver<ReapJob>,
        slot_factory: Arc<SlotFactory>,
        pool: Arc<SandboxPool>,
    ) -> io::Result<Self> {
        let place = Place { slot_factory, pool, runtime: Handle::current() };
        let thread =
            std::thread::Builder::new().name("reaper".to_owned()).spawn(move || place.work_off(&work))?;
        Ok(Self { orders, thread })
    }

    /// Wait until all that was ordered was tried, and stop.
    pub(crate) fn stop(self) {
        let _ = self.orders.send(ReapJob::Stop);
        let _ = self.thread.join();
    }
}

struct Place {
    slot_factory: Arc<SlotFactory>,
    pool: Arc<SandboxPool>,
    /// Watches the supervisors' sockets.
    runtime: Handle,
}

impl Place {
    fn work_off(&self, work: &Receiver<ReapJob>) {
        let _entered = self.runtime.enter();
        let mut failed: Vec<ReapJob> = Vec::new();
        let (mut pause, mut again_at) = (PAUSE.0, Instant::now());
        loop {
            let next = match failed.is_empty() {
                true => work.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => work.recv_timeout(again_at.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(ReapJob::Stop) | Err(RecvTimeoutError::Disconnected) => return,
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

    fn succeeds(&self, work: &mut ReapJob) -> bool {
        match work {
            ReapJob::CleanUp(lost) => match lost.remove() {
                Ok(()) => true,
                Err(error) => {
                    warn!(%error, "what a lost slot left stays for now");
                    false
                }
            },
            ReapJob::Replace if self.pool.is_closed() => true,
            ReapJob::Replace => match self.slot_factory.slot() {
                Ok(slot) => {
                    debug!("a lost slot was made anew");
                    self.pool.give_back(slot);
                    true
                }
                Err(error) => {
                    warn!(%error, "a lost slot cannot be made anew for now");
                    false
                }
            },
            ReapJob::Stop => true,
        }
    }
}
