//! What the jobs of a node share: which submissions run, and counters.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cluster::nodes::Ends;
use cluster::subjects::SubmissionKey;
use cluster::worker::Acknowledgement;
use keys::{KeyName, KeyUsage, Timestamp};
use tokio::sync::watch;

use crate::unacknowledged::Unacknowledged;

/// The state that all jobs share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Socket of executord.
    pub(crate) socket: PathBuf,
    running: Mutex<HashMap<SubmissionKey, Arc<Running>>>,
    /// Submissions that were taken and that executord does not count yet.
    starting: AtomicU32,
    counters: Mutex<Counters>,
    /// Submissions whose results are stored, and whose work may be delivered again.
    pub(crate) unacknowledged: Unacknowledged,
}

/// A submission that runs on this node.
#[derive(Debug)]
pub(crate) struct Running {
    acknowledgement: Mutex<Acknowledgement>,
    end: watch::Sender<Option<Interruption>>,
}

/// Why a submission stops before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// Its client cancelled it.
    Cancelled,
    /// This node stops.
    Stopping,
}

#[derive(Debug, Default)]
struct Counters {
    ends: Ends,
    redelivered: u64,
    day: u64,
    usage: BTreeMap<KeyName, KeyUsage>,
}

/// Removes a submission from those that run when it is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    shared: Arc<Shared>,
    key: SubmissionKey,
    /// The submission.
    pub(crate) running: Arc<Running>,
}

/// Counts a submission as starting until it is dropped.
#[derive(Debug)]
pub(crate) struct Starting(Arc<Shared>);

impl Shared {
    pub(crate) fn new(socket: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            socket,
            running: Mutex::default(),
            starting: AtomicU32::new(0),
            counters: Mutex::default(),
            unacknowledged: Unacknowledged::default(),
        })
    }

    /// Registers a submission. `None` if it already runs here, because its work was delivered again: the new delivery is
    /// then acknowledged in place of the old one.
    pub(crate) fn register(
        self: &Arc<Self>,
        key: SubmissionKey,
        acknowledgement: Acknowledgement,
    ) -> Option<Registration> {
        let mut running = lock(&self.running);
        if let Some(known) = running.get(&key) {
            *lock(&known.acknowledgement) = acknowledgement;
            return None;
        }
        let new =
            Arc::new(Running { acknowledgement: Mutex::new(acknowledgement), end: watch::Sender::new(None) });
        running.insert(key, Arc::clone(&new));
        Some(Registration { shared: Arc::clone(self), key, running: new })
    }

    /// Interrupts a submission, if it runs here.
    pub(crate) fn cancel(&self, key: SubmissionKey) {
        if let Some(running) = lock(&self.running).get(&key) {
            running.end.send_replace(Some(Interruption::Cancelled));
        }
    }

    /// Interrupts all submissions.
    pub(crate) fn stop(&self) {
        for running in lock(&self.running).values() {
            running.end.send_replace(Some(Interruption::Stopping));
        }
    }

    pub(crate) fn starting(self: &Arc<Self>) -> Starting {
        self.starting.fetch_add(1, Ordering::Relaxed);
        Starting(Arc::clone(self))
    }

    /// Returns the numbers of submissions that run, and of those among them that start.
    pub(crate) fn load(&self) -> (u32, u32) {
        let running = u32::try_from(lock(&self.running).len()).unwrap_or(u32::MAX);
        (running, self.starting.load(Ordering::Relaxed))
    }

    /// Counts a delivery.
    pub(crate) fn count_delivery(&self, delivered: u64) {
        lock(&self.counters).redelivered += u64::from(delivered > 1);
    }

    /// Counts an end.
    pub(crate) fn count(&self, end: impl FnOnce(&mut Ends) -> &mut u64) {
        *end(&mut lock(&self.counters).ends) += 1;
    }

    /// Returns the counters of ends and of deliveries that were not the first.
    pub(crate) fn counts(&self) -> (Ends, u64) {
        let counters = lock(&self.counters);
        (counters.ends, counters.redelivered)
    }

    /// Counts executions and CPU time of a key. Ignores a text that is not the name of a key.
    pub(crate) fn charge(&self, key: &str, executions: u64, cpu_time: Duration) {
        let Ok(name) = key.parse::<KeyName>() else { return };
        let mut counters = lock(&self.counters);
        counters.begin_day(Timestamp::now().day());
        let usage = counters.usage.entry(name).or_default();
        usage.executions += executions;
        let micros = u64::try_from(cpu_time.as_micros()).unwrap_or(u64::MAX);
        usage.cpu_us = usage.cpu_us.saturating_add(micros);
    }

    /// Returns what keys used today, and the day.
    pub(crate) fn usage(&self) -> (u64, BTreeMap<KeyName, KeyUsage>) {
        let mut counters = lock(&self.counters);
        counters.begin_day(Timestamp::now().day());
        (counters.day, counters.usage.clone())
    }
}

impl Counters {
    fn begin_day(&mut self, day: u64) {
        if day > self.day {
            self.day = day;
            self.usage.clear();
        }
    }
}

impl Running {
    /// Returns the delivery to acknowledge.
    pub(crate) fn acknowledgement(&self) -> Acknowledgement {
        lock(&self.acknowledgement).clone()
    }

    /// Waits until the submission is interrupted.
    pub(crate) async fn interrupted(&self) -> Interruption {
        let mut end = self.end.subscribe();
        // The sender lives as long as `self`.
        let interrupted = end.wait_for(Option::is_some).await.map(|end| *end);
        interrupted.ok().flatten().unwrap_or(Interruption::Stopping)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.shared.running).remove(&self.key);
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.starting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
