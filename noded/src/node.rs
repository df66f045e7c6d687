//! Takes work while there is capacity.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cluster::ClusterError;
use cluster::connection::Connection;
use cluster::nodes::{NodeStatus, REPORT_INTERVAL};
use cluster::record;
use cluster::subjects::Name;
use cluster::usage::UsageWriter;
use cluster::worker::{Announcements, WorkItem, Worker};
use futures_util::StreamExt;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::capacity::{Capacity, Load};
use crate::config::Config;
use crate::executord::Executord;
use crate::job;
use crate::shared::Shared;

/// Interval at which executord is asked whether it has an idle slot again.
const BUSY_INTERVAL: Duration = Duration::from_millis(20);
/// Time until the next attempt if executord or NATS does not answer.
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// Interval at which all buckets are looked at even if nothing was announced.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Time in which submissions that are interrupted return their work.
const RETURN_TIMEOUT: Duration = Duration::from_secs(3);

/// Takes work and runs it until `shutdown` is ready, then waits for `drain`.
///
/// # Errors
/// If the configuration is not valid. An executord or a NATS that does not answer is no error: noded waits for it.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), String> {
    let name = config.node_name()?;
    let connection = Connection::start(&config.settings()?).await?;
    let shared = Shared::new(config.socket.clone());
    let worker = Worker::new(connection.clone(), config.cluster.pool.clone(), name.clone());
    let reporter = tokio::spawn(report(connection, config.clone(), name.clone(), Arc::clone(&shared)));
    let mut node = Node {
        async_slots: config.async_slots,
        executord: Executord::default(),
        announcements: None,
        announced: None,
        jobs: JoinSet::new(),
        shared,
        worker,
    };
    let canceller = node.spawn_canceller().await;
    node.take_until(shutdown).await;
    reporter.abort();
    node.report_draining(&config, &name).await;
    node.drain(config.drain).await;
    canceller.abort();
    Ok(())
}

struct Node {
    shared: Arc<Shared>,
    worker: Worker,
    executord: Executord,
    async_slots: u32,
    /// `None` while this node takes no work: announcements are for those that do.
    announcements: Option<Announcements>,
    /// Bucket of the last announced work, until it was looked at.
    announced: Option<u8>,
    jobs: JoinSet<()>,
}

impl Node {
    async fn take_until(&mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            while self.jobs.try_join_next().is_some() {}
            // Never interrupted: work that the server has sent would be lost until it is delivered again.
            let wait = self.step().await;
            let waited = async {
                match wait {
                    Wait::No => {}
                    Wait::For(time) => sleep(time).await,
                    Wait::ForJob => {
                        self.jobs.join_next().await;
                    }
                    Wait::ForWork => self.wait_for_work().await,
                }
            };
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                () = waited => {}
            }
        }
    }

    /// Takes at most one submission. Returns what to wait for then.
    async fn step(&mut self) -> Wait {
        let capacity = match self.load().await {
            Ok(load) => load.capacity(self.async_slots),
            Err(error) => {
                tracing::warn!(%error, "executord does not answer, will retry");
                self.leave().await;
                return Wait::For(RETRY_DELAY);
            }
        };
        if capacity != Capacity::Free {
            self.leave().await;
            return if capacity == Capacity::Full { Wait::ForJob } else { Wait::For(BUSY_INTERVAL) };
        }
        match self.take().await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(%error, "cannot take a submission, will retry");
                Wait::For(RETRY_DELAY)
            }
        }
    }

    async fn load(&mut self) -> Result<Load, protocol::ClientError> {
        let status = self.executord.status(&self.shared.socket).await?;
        let (taken, starting) = self.shared.load();
        Ok(Load::new(&status, taken, starting))
    }

    async fn take(&mut self) -> Result<Wait, ClusterError> {
        if let Some(work) = self.worker.take().await? {
            self.spawn(work);
            return Ok(Wait::No);
        }
        if let Some(bucket) = self.announced.take()
            && let Some(work) = self.worker.take_announced(bucket).await?
        {
            self.spawn(work);
            return Ok(Wait::No);
        }
        if self.announcements.is_some() {
            return Ok(Wait::ForWork);
        }
        self.announcements = Some(self.worker.announcements().await?);
        // Looks again: work may have been announced before this node received announcements.
        Ok(Wait::No)
    }

    /// Waits until work may be there. The next step looks at all buckets,
    /// and waits at the announced one if the work is not there yet.
    async fn wait_for_work(&mut self) {
        let Some(announcements) = &mut self.announcements else { return };
        match timeout(LOOK_INTERVAL, announcements.next()).await {
            Ok(Some(bucket)) => self.announced = Some(bucket),
            Ok(None) => self.announcements = None,
            Err(_) => {}
        }
    }

    /// Leaves the nodes that wait for work. Another node takes the work that was announced to this one meanwhile.
    async fn leave(&mut self) {
        let Some(announcements) = self.announcements.take() else { return };
        for bucket in announcements.leave().await {
            if let Err(error) = self.worker.pass_on(bucket).await {
                tracing::debug!(%error, "cannot forward an announcement, other nodes find the submission later");
            }
        }
    }

    fn spawn(&mut self, work: WorkItem) {
        if self.shared.unacknowledged.contains(work.key, work.record.created) {
            self.jobs.spawn(job::acknowledge_again(Arc::clone(&self.shared), work));
            return;
        }
        let Some(registration) = self.shared.register(work.key, work.acknowledgement()) else {
            tracing::info!(submission = %work.key, "submission was delivered again while it runs here");
            return;
        };
        let starting = self.shared.starting();
        self.jobs.spawn(job::run(Arc::clone(&self.shared), registration, work, starting));
    }

    /// Interrupts submissions that are cancelled.
    async fn spawn_canceller(&self) -> tokio::task::JoinHandle<()> {
        let cancellations = self.worker.cancellations().await;
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            match cancellations {
                Ok(mut cancellations) => {
                    while let Some(key) = cancellations.next().await {
                        shared.cancel(key);
                    }
                }
                Err(error) => tracing::error!(%error, "cannot subscribe to cancelled submissions"),
            }
        })
    }

    async fn report_draining(&mut self, config: &Config, name: &Name) {
        self.leave().await;
        let status = status(&mut self.executord, &self.shared, config, name).await;
        let _ = self.worker.report(&NodeStatus { draining: true, ..status }).await;
    }

    /// Waits for running submissions, and returns the work of those that do not end in time.
    async fn drain(&mut self, time: Duration) {
        let running = self.jobs.len();
        if running > 0 {
            tracing::info!(running, "waiting for running submissions");
        }
        if timeout(time, all(&mut self.jobs)).await.is_err() {
            self.shared.stop();
            let _ = timeout(RETURN_TIMEOUT, all(&mut self.jobs)).await;
        }
        self.worker.connection().flush().await;
    }
}

/// Condition for the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    No,
    For(Duration),
    ForJob,
    ForWork,
}

async fn all(jobs: &mut JoinSet<()>) {
    while jobs.join_next().await.is_some() {}
}

/// Writes the status of this node, and what keys used, every few seconds.
async fn report(connection: Connection, config: Config, name: Name, shared: Arc<Shared>) {
    let worker = Worker::new(connection.clone(), config.cluster.pool.clone(), name.clone());
    let mut usage = UsageWriter::new(&connection, name.clone(), record::now());
    let mut executord = Executord::default();
    let mut ticks = interval(REPORT_INTERVAL);
    loop {
        ticks.tick().await;
        let status = status(&mut executord, &shared, &config, &name).await;
        let (day, keys) = shared.usage();
        let keys = keys.into_iter().map(|(key, used)| (key, used.into())).collect();
        let reported = async {
            worker.report(&status).await?;
            usage.write(day, &keys).await
        };
        if let Err(error) = reported.await {
            tracing::debug!(%error, "cannot report the status of this node");
        }
    }
}

async fn status(executord: &mut Executord, shared: &Shared, config: &Config, name: &Name) -> NodeStatus {
    let (taken, starting) = shared.load();
    let (ends, redelivered) = shared.counts();
    let socket: &Path = &shared.socket;
    let load = match executord.status(socket).await {
        Ok(status) => Load::new(&status, taken, starting),
        Err(_) => Load { taken, starting, ..Load::default() },
    };
    NodeStatus {
        name: name.to_string(),
        pool: config.cluster.pool.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        slots: load.slots,
        idle_slots: load.idle_slots(),
        running: taken,
        async_slots: load.async_slots(config.async_slots),
        languages: executord.languages(socket).await.unwrap_or_default(),
        draining: false,
        ends,
        redelivered,
    }
}
