//! What this webd exchanges with the rest of the cluster every few seconds: what keys used, and the status of nodes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cluster::ClusterError;
use cluster::subjects::Name;
use cluster::submitter::Submitter;
use cluster::usage::{SYNC_INTERVAL, UsageWriter, of_others};
use keys::Timestamp;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::domain::keys::key_store::KeyStore;
use crate::ops::cluster_metrics::ClusterMetrics;

/// Time for one exchange.
const TIMEOUT: Duration = Duration::from_secs(20);
/// A webd remembers what keys used today, so its counters go on after a restart.
const SESSION: u64 = 0;

/// The exchange, and what was last read.
#[derive(Debug)]
pub(crate) struct ClusterSync {
    front: Submitter,
    name: Name,
    keys: Arc<KeyStore>,
    latest: Mutex<ClusterMetrics>,
}

impl ClusterSync {
    /// Creates the exchange for a webd with this name.
    pub(crate) fn new(front: Submitter, name: Name, keys: Arc<KeyStore>) -> Self {
        Self { front, name, keys, latest: Mutex::default() }
    }

    /// Returns the metrics of the cluster as they were a few seconds ago.
    pub(crate) fn metrics(&self) -> ClusterMetrics {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ClusterMetrics { is_connected: self.front.connection().is_up(), ..latest }
    }

    /// Exchanges until `stop` is ready.
    pub(crate) async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut writer = UsageWriter::new(self.front.connection(), self.name.clone(), SESSION);
        let mut ticks = interval(SYNC_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => return,
                _ = ticks.tick() => {}
            }
            let exchanged = timeout(TIMEOUT, self.exchange(&mut writer)).await;
            match exchanged.map_err(|_| ClusterError::Unavailable("no answer in time".to_owned())) {
                Ok(Ok(())) => {}
                Ok(Err(error)) | Err(error) => tracing::debug!(%error, "cannot exchange with the cluster"),
            }
        }
    }

    async fn exchange(&self, writer: &mut UsageWriter) -> Result<(), ClusterError> {
        let day = Timestamp::now().day();
        let used = self.keys.usage(Timestamp::now());
        if used.day.day() == day {
            writer.write(day, &used.keys).await?;
        }
        let others = of_others(self.front.connection(), day, &self.name).await?;
        self.keys.set_usage_of_others(day, &others);
        let (nodes, waiting) = (self.front.nodes().await?, self.front.waiting().await?);
        let metrics = ClusterMetrics { nodes, waiting, is_connected: true };
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = metrics;
        Ok(())
    }
}
