//! Cleans up after lost slots and replaces them, retrying until it succeeds.
//!
//! The thread is started with the daemon: when a slot is lost, the host may be unable to start one.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tracing::{debug, warn};

use crate::pool::reap_job::ReapJob;
use crate::pool::sandbox_pool::SandboxPool;
use crate::pool::slot_factory::SlotFactory;

/// Pause before failed jobs are retried: the first, doubled with each failure up to the second.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The reaper's thread.
#[derive(Debug)]
pub(crate) struct Reaper {
    jobs: Sender<ReapJob>,
    thread: JoinHandle<()>,
}

impl Reaper {
    /// Starts the thread. `sender` and `jobs` are the two ends of one channel.
    pub(crate) fn start(
        sender: Sender<ReapJob>,
        jobs: Receiver<ReapJob>,
        slot_factory: Arc<SlotFactory>,
        pool: Arc<SandboxPool>,
    ) -> io::Result<Self> {
        let worker = Worker { slot_factory, pool, runtime: Handle::current() };
        let thread = thread::Builder::new().name("reaper".to_owned()).spawn(move || worker.work(&jobs))?;
        Ok(Self { jobs: sender, thread })
    }

    /// Waits until every job sent so far was tried, and stops the thread.
    pub(crate) fn stop(self) {
        let _ = self.jobs.send(ReapJob::Stop);
        let _ = self.thread.join();
    }
}

struct Worker {
    slot_factory: Arc<SlotFactory>,
    pool: Arc<SandboxPool>,
    /// Polls the sockets of the supervisors of new slots.
    runtime: Handle,
}

impl Worker {
    fn work(&self, jobs: &Receiver<ReapJob>) {
        let _entered = self.runtime.enter();
        let mut failed: Vec<ReapJob> = Vec::new();
        let (mut pause, mut retry_at) = (RETRY_PAUSE.0, Instant::now());
        loop {
            let next = match failed.is_empty() {
                true => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => jobs.recv_timeout(retry_at.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(ReapJob::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(mut job) => {
                    if !self.succeeds(&mut job) {
                        (pause, retry_at) = (RETRY_PAUSE.0, Instant::now() + RETRY_PAUSE.0);
                        failed.push(job);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    failed.retain_mut(|job| !self.succeeds(job));
                    pause = (pause * 2).min(RETRY_PAUSE.1);
                    retry_at = Instant::now() + pause;
                }
            }
        }
    }

    fn succeeds(&self, job: &mut ReapJob) -> bool {
        match job {
            ReapJob::CleanUp(slot) => match slot.clean_up() {
                Ok(()) => true,
                Err(error) => {
                    warn!(%error, "cannot clean up after lost slot, will retry");
                    false
                }
            },
            ReapJob::Replace if self.pool.is_closed() => true,
            ReapJob::Replace => match self.slot_factory.create() {
                Ok(slot) => {
                    debug!("lost slot replaced");
                    self.pool.release(slot);
                    true
                }
                Err(error) => {
                    warn!(%error, "cannot replace lost slot, will retry");
                    false
                }
            },
            ReapJob::Stop => true,
        }
    }
}
