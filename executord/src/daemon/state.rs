//! State that all connections share.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use protocol::ServerStatus;
use tokio_util::sync::CancellationToken;

use crate::admission::job::Job;
use crate::admission::limits::RequestBounds;
use crate::audit::Audit;
use crate::config::Config;
use crate::daemon::capacity;
use crate::daemon::error::DaemonError;
use crate::execution::Executor;
use crate::execution::build_cache::BuildCache;
use crate::execution::internal_jobs::{self, JobOutput};
use crate::execution::kept_programs::KeptPrograms;
use crate::identity::IdentityPool;
use crate::languages::load;
use crate::languages::registry::Registry;
use crate::languages::toolchain::Toolchain;
use crate::metrics::Metrics;
use crate::plan::planner::Planner;
use crate::pool::{SandboxPool, SlotFactory};
use crate::queue::{Counts, Queue};
use crate::server::peer::PeerPolicy;
use crate::uploads::UploadBudget;

/// State that all connections share.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) executor: Executor,
    pub(crate) queue: Arc<Queue>,
    pub(crate) peers: PeerPolicy,
    pub(crate) uploads: Arc<UploadBudget>,
    pub(crate) audit: Audit,
    /// Cancelled when running executions must end.
    pub(crate) stop: CancellationToken,
    pub(super) pool: Arc<SandboxPool>,
    pub(crate) slot_factory: Arc<SlotFactory>,
    pub(super) slots: u32,
    pub(super) max_executions: u32,
    pub(super) queue_capacity: u32,
    pub(super) draining: CancellationToken,
    /// The configuration file of the command line. The lock is held while files are read, so that two reloads do not overlap.
    pub(super) config_path: tokio::sync::Mutex<Option<PathBuf>>,
    identities: IdentityPool,
    probe: Arc<Toolchain>,
    settings: RwLock<Settings>,
    degraded: Vec<String>,
    started: Instant,
}

/// Settings that a reload replaces.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) languages: Arc<Registry>,
    pub(super) bounds: RequestBounds,
}

impl Daemon {
    pub(super) fn new(
        config_path: Option<PathBuf>,
        config: &Config,
        slot_factory: SlotFactory,
        degraded: Vec<String>,
        memory: u64,
    ) -> Result<Self, DaemonError> {
        let probe = load::sandbox_probe(config).map_err(|error| DaemonError::Refused(error.to_string()))?;
        let slots = config.slots();
        let bounds = capacity::execution_bounds(config, memory);
        // A path that does not exist is left out of sandboxes: then programs with an archive cannot start.
        let unpacker = std::env::current_exe().unwrap_or_default();
        let planner = Planner::new(&config.toolchains, config.cpu_millis()).with_unpacker(unpacker);
        let identities = IdentityPool::new(config);
        let pool = Arc::new(SandboxPool::new(
            capacity::slot_numbers(config),
            identities.clone(),
            planner.clone(),
            config.pool,
        ));
        Ok(Self {
            executor: Executor {
                pool: Arc::clone(&pool),
                build_cache: BuildCache::new(config.build_cache),
                kept_programs: KeptPrograms::new(config.kept_builds),
                planner,
                grace: config.grace.0,
                metrics: Metrics::default(),
            },
            queue: Queue::new(bounds, config.queue as usize),
            peers: PeerPolicy::new(config),
            uploads: capacity::upload_budget(config),
            audit: Audit::connect(),
            stop: CancellationToken::new(),
            pool,
            slot_factory: Arc::new(slot_factory),
            slots,
            max_executions: config.max_executions(),
            queue_capacity: config.queue,
            draining: CancellationToken::new(),
            config_path: tokio::sync::Mutex::new(config_path),
            identities,
            probe: Arc::new(probe),
            settings: RwLock::new(Settings { languages: Arc::default(), bounds: config.request_bounds() }),
            degraded,
            started: Instant::now(),
        })
    }

    pub(crate) fn languages(&self) -> Arc<Registry> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner).languages)
    }

    pub(crate) fn bounds(&self) -> RequestBounds {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).bounds.clone()
    }

    pub(super) fn set_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Returns the program that checks a sandbox from the inside.
    pub(crate) const fn probe(&self) -> &Arc<Toolchain> {
        &self.probe
    }

    /// Runs an internal job, which waits for a slot like a client's.
    pub(crate) async fn run_internal(&self, job: &Job) -> Result<JobOutput, String> {
        let ticket = self.queue.enter_internal(job.demand()).map_err(|_| "the daemon is stopping")?;
        let permit = internal_jobs::wait_for_permit(ticket).await.ok_or("the daemon is stopping")?;
        internal_jobs::run(&self.executor, job, permit).await
    }

    pub(crate) fn status(&self) -> ServerStatus {
        let Counts { running, idle, waiting, .. } = self.queue.counts();
        let (free_uids, quarantined_uids) = self.identities.counts();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        ServerStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime: self.started.elapsed(),
            draining: self.draining.is_cancelled(),
            slots: self.slots,
            running: count(running),
            queued: count(waiting),
            queue_capacity: self.queue_capacity,
            cgroups: self.slot_factory.controllers().describe().to_owned(),
            degraded: self.degraded.clone(),
            free_uids,
            quarantined_uids,
            executions: self.executor.metrics.executions(),
            steps: self.executor.metrics.steps(),
            warm: self.pool.counts(),
            idle: count(idle),
            max_executions: self.max_executions,
        }
    }
}
