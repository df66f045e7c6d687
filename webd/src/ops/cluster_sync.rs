//! What this webd exchanges with the rest of the cluster every few seconds: what keys use, and the status of nodes. It also checks
//! at that time that all stored submissions are delivered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cluster::ClusterError;
use cluster::subjects::Name;
use cluster::submitter::Submitter;
use cluster::usage::{SYNC_INTERVAL, UsageReader, UsageWriter};
use keys::Timestamp;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::domain::keys::key_store::KeyStore;
use crate::ops::cluster_metrics::ClusterMetrics;

/// Time without an exchange after which what runs on other servers does not count any more.
const FORGET_AFTER: Duration = Duration::from_secs(15);
/// Time for one exchange, and for the checks.
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
        let (mut writer, mut reader) = self.counters();
        let mut repair = self.front.repair();
        let mut last = Instant::now();
        let mut ticks = interval(SYNC_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => return,
                _ = ticks.tick() => {}
            }
            match in_time(self.exchange(&mut writer, &mut reader)).await {
                Ok(()) => last = Instant::now(),
                Err(error) => tracing::debug!(%error, "cannot exchange with the cluster"),
            }
            if let Err(error) = in_time(repair.check()).await {
                tracing::debug!(%error, "cannot check whether all submissions are delivered");
            }
            if last.elapsed() >= FORGET_AFTER {
                self.keys.forget_running_elsewhere();
            }
        }
    }

    fn counters(&self) -> (UsageWriter, UsageReader) {
        let connection = self.front.connection();
        let writer = UsageWriter::new(connection, self.name.clone(), SESSION);
        (writer, UsageReader::new(connection, self.name.clone()))
    }

    async fn exchange(&self, writer: &mut UsageWriter, reader: &mut UsageReader) -> Result<(), ClusterError> {
        let now = Timestamp::now();
        writer.write(now.day(), &self.keys.counters(now)).await?;
        self.keys.set_elsewhere(now.day(), &reader.read(now.day()).await?);
        let (nodes, waiting) = (self.front.nodes().await?, self.front.waiting().await?);
        let metrics = ClusterMetrics { nodes, waiting, is_connected: true };
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = metrics;
        Ok(())
    }
}

async fn in_time<T>(exchange: impl Future<Output = Result<T, ClusterError>>) -> Result<T, ClusterError> {
    let late = |_| ClusterError::Unavailable("no answer in time".to_owned());
    timeout(TIMEOUT, exchange).await.map_err(late)?
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use cluster::administration;
    use cluster::connection::Connection;
    use cluster::test_server::{NatsServer, ServerOptions};
    use keys::{ApiKey, KeyEntry, KeyFile, KeyLimits};

    use super::*;
    use crate::domain::caller::Caller;
    use crate::domain::client_identity::ClientIdentity;
    use crate::domain::keys::refusal::Refusal;

    /// A webd of several.
    struct TestFront {
        sync: ClusterSync,
        writer: UsageWriter,
        reader: UsageReader,
        caller: Caller,
    }

    impl TestFront {
        async fn start(server: &NatsServer, name: &str, key: &ApiKey, limits: &KeyLimits) -> Self {
            let entry = KeyEntry { hash: Some(key.hash()), limits: limits.clone(), ..KeyEntry::default() };
            let file = KeyFile { keys: [("alice".parse().unwrap(), entry)].into() };
            let keys = Arc::new(KeyStore::new(&file, None));
            let client = ClientIdentity::new("192.0.2.1".parse().unwrap(), &[], &[]);
            let caller = keys.authenticate(Some(key.text()), client).unwrap();
            let settings = server.settings(name, None);
            let front = Submitter::new(Connection::open(&settings).await.unwrap(), "main".parse().unwrap());
            let sync = ClusterSync::new(front, settings.name, keys);
            let (writer, reader) = sync.counters();
            Self { sync, writer, reader, caller }
        }

        async fn exchange(&mut self) {
            self.sync.exchange(&mut self.writer, &mut self.reader).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_key_has_its_limits_on_all_servers_together() {
        let server = NatsServer::start(&ServerOptions::default()).unwrap();
        administration::create(&server.settings("admin", None), &"main".parse().unwrap(), 1).await.unwrap();
        let key = ApiKey::generate().unwrap();
        let limits = KeyLimits {
            rate: Some("6/h".parse().unwrap()),
            concurrent: NonZeroU32::new(2),
            cpu_per_day: Some(Duration::from_secs(10)),
            ..KeyLimits::default()
        };
        let mut first = TestFront::start(&server, "webd-1", &key, &limits).await;
        let mut second = TestFront::start(&server, "webd-2", &key, &limits).await;
        let admit = |front: &TestFront| front.sync.keys.admit(&front.caller);
        first.exchange().await;
        second.exchange().await;
        let running = (admit(&first).unwrap(), admit(&first).unwrap());
        assert!(admit(&second).is_ok(), "nothing was exchanged");
        first.exchange().await;
        second.exchange().await;
        assert!(matches!(admit(&second), Err(Refusal::Concurrent(_))));
        running.0.charge(Duration::from_secs(4));
        drop(running);
        first.exchange().await;
        second.exchange().await;
        // Two were counted there, and one here: three are left.
        for _ in 0..3 {
            admit(&second).unwrap().charge(Duration::from_secs(1));
        }
        assert!(matches!(admit(&second), Err(Refusal::Rate { .. })));
        second.exchange().await;
        first.exchange().await;
        assert!(matches!(admit(&first), Err(Refusal::Rate { .. })));
        second.sync.keys.accept(&second.caller, NonZeroU32::MIN).unwrap_err();
        let account =
            |front: &TestFront| front.sync.keys.usage(Timestamp::now()).keys.values().next().copied();
        assert_eq!(account(&second).unwrap().cpu_us, 3_000_000);
        // Running executions of a server that is gone count no longer.
        first.sync.keys.set_elsewhere(0, &[("alice".parse().unwrap(), running_elsewhere(2))].into());
        assert!(matches!(admit(&first), Err(Refusal::Concurrent(_))));
        first.sync.keys.forget_running_elsewhere();
        assert!(matches!(admit(&first), Err(Refusal::Rate { .. })));
    }

    fn running_elsewhere(running: u32) -> cluster::usage::Elsewhere {
        cluster::usage::Elsewhere { running, ..cluster::usage::Elsewhere::default() }
    }
}
