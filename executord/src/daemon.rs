//! The daemon as a whole: start in order, serve, stop in order.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::time::{Duration, Instant};

use nix::sys::stat::{Mode, umask};
use protocol::{Limits, ServerStatus};
use sandbox::cgroup::{Controllers, kill_and_remove_children};
use sd_notify::NotifyState;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use crate::admission::job::Job;
use crate::audit::Audit;
use crate::config::Config;
use crate::execution::Executor;
use crate::execution::build_cache::BuildCache;
use crate::execution::internal_jobs::{self, JobOutput};
use crate::execution::plan::Planner;
use crate::identity::{self, IdentityPool};
use crate::languages::{self, Registry, Toolchain};
use crate::metrics::{Metrics, TimedStep};
use crate::pool::reaper::Reaper;
use crate::pool::sandbox_pool::{Activity, SandboxPool};
use crate::pool::slot::SlotFactory;
use crate::queue::Queue;
use crate::server::peer::Door;
use crate::server::place::{
    Origin, listen, listen_again, lock, number_of, prepare_directory, remove_socket, socket_group,
};
use crate::{janitor, privileges, server};

/// Connections at one time, beside one for each execution that may wait for its turn: of who waits before the door nobody
/// sees whose request it is. webd needs one for each request that it forwards.
const MAX_CONNECTIONS: usize = 256;
/// How long the accept loop rests after an error such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often it is looked at whether our socket is still where clients look for it.
const LOOK_FOR_SOCKET: Duration = Duration::from_secs(1);
/// How long cancelled executions may take to clean up when the daemon stops.
const CLEANUP_WITHIN: Duration = Duration::from_secs(5);
/// Threads that carry connections; the programs have the rest of the machine.
const WORKERS: usize = 2;

/// What every connection needs.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) executor: Executor,
    pub(crate) queue: Arc<Queue>,
    pub(crate) door: Door,
    pub(crate) audit: Audit,
    /// Cancelled when executions may run no longer.
    pub(crate) stop: CancellationToken,
    pool: Arc<SandboxPool>,
    identities: IdentityPool,
    slot_factory: Arc<SlotFactory>,
    probe: Arc<Toolchain>,
    settings: RwLock<Settings>,
    degraded: Vec<String>,
    slots: u32,
    queue_capacity: u32,
    started: Instant,
    draining: CancellationToken,
    /// Held by who reads the languages.
    reloading: tokio::sync::Mutex<()>,
}

/// What a reload replaces.
#[derive(Clone, Debug)]
struct Settings {
    languages: Arc<Registry>,
    maxima: Limits,
}

/// Why the daemon does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DaemonError {
    #[error("{0}")]
    Refused(String),
    #[error("{deed}: {source}")]
    Io { deed: String, source: io::Error },
}

pub(crate) fn doing(deed: impl Into<String>) -> impl FnOnce(io::Error) -> DaemonError {
    let deed = deed.into();
    |source| DaemonError::Io { deed, source }
}

/// Run until told to stop.
pub(crate) fn run(config_path: Option<PathBuf>, config: Config) -> Result<(), DaemonError> {
    umask(Mode::from_bits_truncate(0o077));
    identity::check_range(config.uids).map_err(DaemonError::Refused)?;
    let group = socket_group(&config);
    prepare_directory(&config, group)
        .map_err(doing(format!("prepare {}", config.runtime_directory.display())))?;
    let _lock = lock(&config)?;
    janitor::clean(&config).map_err(doing("clean up after the last daemon"))?;
    let (controllers, degraded) = Controllers::detect(&config.cgroup);
    janitor::note_groups(&config, &controllers.roots()).map_err(doing("note our cgroups"))?;
    // Until here nothing came from outside; making our groups at the top of a hierarchy needs more than the
    // rest of our life does.
    privileges::drop_all_but_kept().map_err(DaemonError::Refused)?;
    for words in &degraded {
        warn!("{words}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(doing("start the runtime"))?;
    let roots = controllers.roots();
    let result = runtime.block_on(serve(config_path, &config, controllers, degraded, group));
    // Ends what is left of tasks; slots end their supervisors when they are dropped.
    drop(runtime);
    for root in roots {
        if let Err(error) = kill_and_remove_children(&root) {
            warn!(%error, "a cgroup of ours stays");
        }
    }
    if let Err(error) = janitor::empty_slots_directory(&config) {
        warn!(%error, "directories of slots stay");
    }
    result
}

async fn serve(
    config_path: Option<PathBuf>,
    config: &Config,
    controllers: Controllers,
    degraded: Vec<String>,
    group: Option<u32>,
) -> Result<(), DaemonError> {
    let (orders, work) = mpsc::channel();
    let directory = janitor::slots_directory(config);
    let slot_factory =
        SlotFactory::new(config.helper.clone(), directory, controllers, config.pool.zygotes, orders.clone());
    let daemon = Arc::new(Daemon::new(config, slot_factory, degraded)?);
    let reaper = Reaper::begin(orders, work, Arc::clone(&daemon.slot_factory), Arc::clone(&daemon.pool))
        .map_err(doing("start a thread"))?;
    let result = serve_until_told(config_path, config, &daemon, group).await;
    daemon.pool.close();
    daemon.executor.build_cache.clear();
    reaper.stop();
    result
}

async fn serve_until_told(
    config_path: Option<PathBuf>,
    config: &Config,
    daemon: &Arc<Daemon>,
    group: Option<u32>,
) -> Result<(), DaemonError> {
    // First, so that a signal while we start is heard when we have.
    let mut terminate = signal(SignalKind::terminate()).map_err(doing("listen for SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(doing("listen for SIGINT"))?;
    let mut reload = signal(SignalKind::hangup()).map_err(doing("listen for SIGHUP"))?;
    info!(cgroups = daemon.slot_factory.controllers().describe(), slots = daemon.slots, "starting");
    for _ in 0..daemon.pool.reserve() {
        daemon.pool.add(daemon.slot_factory.slot().map_err(doing("make a slot"))?);
    }
    daemon.load_languages(config).await?;
    let keeper = AbortOnDropHandle::new(tokio::spawn(keep(Arc::clone(daemon))));
    let (mut listener, origin) = listen(config, group)?;
    let mut socket = number_of(&config.socket_path());
    let mut connections = JoinSet::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS + daemon.queue_capacity as usize));
    tell_systemd(&[NotifyState::Ready]);
    info!(socket = %config.socket_path().display(), "ready");
    let mut alive = tokio::time::interval(watchdog_period());
    let mut look = tokio::time::interval(LOOK_FOR_SOCKET);
    loop {
        tokio::select! {
            accepted = accept(&listener, &permits) => match accepted {
                Ok((stream, permit)) => {
                    let daemon = Arc::clone(daemon);
                    connections.spawn(async move {
                        server::serve(&daemon, stream).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    warn!(%error, "accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = alive.tick() => tell_systemd(&[NotifyState::Watchdog]),
            _ = look.tick(), if origin == Origin::Ours => {
                if number_of(&config.socket_path()) != socket {
                    match listen_again(config, group) {
                        Ok(again) => (listener, socket) = (again, number_of(&config.socket_path())),
                        Err(error) => warn!(%error, "the socket is gone, and cannot be made again for now"),
                    }
                }
            }
            _ = reload.recv() => {
                let (daemon, path) = (Arc::clone(daemon), config_path.clone());
                connections.spawn(async move { daemon.reload(path.as_deref()).await });
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tell_systemd(&[NotifyState::Stopping]);
    drop(listener);
    if origin == Origin::Ours {
        remove_socket(&config.socket_path());
    }
    daemon.drain(config.drain.0, &mut connections).await;
    drop(keeper);
    Ok(())
}

/// Keep sandboxes prepared.
async fn keep(daemon: Arc<Daemon>) {
    let make = || async {
        let slot_factory = Arc::clone(&daemon.slot_factory);
        let made = tokio::task::spawn_blocking(move || slot_factory.slot()).await;
        made.map_err(io::Error::other)
            .flatten()
            .inspect_err(|error| warn!(%error, "no slot can be made to prepare a sandbox in"))
            .ok()
    };
    let activity = || match daemon.queue.counts() {
        (0, 0) => Activity::None,
        (_, 0) => Activity::Some,
        _ => Activity::Full,
    };
    let prepared = |took| daemon.executor.metrics.time(TimedStep::Prepare, took);
    daemon.pool.keep(make, activity, prepared).await;
}

async fn accept(
    listener: &UnixListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(tokio::net::UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    // Beyond the bound, who wants to connect waits in the kernel's queue.
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

impl Daemon {
    fn new(config: &Config, slot_factory: SlotFactory, degraded: Vec<String>) -> Result<Self, DaemonError> {
        let probe = languages::probe(config).map_err(|error| DaemonError::Refused(error.to_string()))?;
        let slots = config.slots();
        let planner = Planner::new(&config.toolchains, config.cpu_millis());
        let identities = IdentityPool::new(config);
        let pool = Arc::new(SandboxPool::new(slots, identities.clone(), planner.clone(), config.pool));
        Ok(Self {
            executor: Executor {
                pool: Arc::clone(&pool),
                build_cache: BuildCache::new(config.cache),
                planner,
                grace: config.grace.0,
                metrics: Metrics::default(),
            },
            queue: Queue::new(slots as usize, config.queue as usize),
            door: Door::new(config),
            audit: Audit::begin(),
            stop: CancellationToken::new(),
            pool,
            identities,
            slot_factory: Arc::new(slot_factory),
            probe: Arc::new(probe),
            settings: RwLock::new(Settings { languages: Arc::default(), maxima: config.maxima() }),
            degraded,
            slots,
            queue_capacity: config.queue,
            started: Instant::now(),
            draining: CancellationToken::new(),
            reloading: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn languages(&self) -> Arc<Registry> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner).languages)
    }

    pub(crate) fn maxima(&self) -> Limits {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).maxima.clone()
    }

    pub(crate) const fn probe(&self) -> &Arc<Toolchain> {
        &self.probe
    }

    /// Run a job of our own, waiting for a slot like everybody.
    pub(crate) async fn run_internal(&self, job: &Job) -> Result<JobOutput, String> {
        let ticket = self.queue.enter_internal().map_err(|_| "the daemon is about to stop")?;
        let permit = internal_jobs::wait_for_permit(ticket).await.ok_or("the daemon is about to stop")?;
        internal_jobs::run(&self.executor, job, permit).await
    }

    pub(crate) fn status(&self) -> ServerStatus {
        let (running, queued) = self.queue.counts();
        let (free_uids, quarantined_uids) = self.identities.counts();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        ServerStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime: self.started.elapsed(),
            draining: self.draining.is_cancelled(),
            slots: self.slots,
            running: count(running),
            queued: count(queued),
            queue_capacity: self.queue_capacity,
            cgroups: self.slot_factory.controllers().describe().to_owned(),
            degraded: self.degraded.clone(),
            free_uids,
            quarantined_uids,
            executions: self.executor.metrics.executions(),
            steps: self.executor.metrics.steps(),
            warm: self.pool.counts(),
        }
    }

    /// Read the language files and ask each toolchain for its version.
    async fn load_languages(self: &Arc<Self>, config: &Config) -> Result<(), DaemonError> {
        let mut registry =
            languages::load(config).map_err(|error| DaemonError::Refused(error.to_string()))?;
        if registry.all().next().is_none() {
            let places: Vec<_> = config.languages.iter().map(|path| path.display().to_string()).collect();
            return Err(DaemonError::Refused(format!(
                "there is no language file in {}",
                places.join(" or ")
            )));
        }
        let mut asking = JoinSet::new();
        for toolchain in registry.all().filter(|toolchain| toolchain.is_complete()) {
            let (daemon, toolchain) = (Arc::clone(self), Arc::clone(toolchain));
            asking.spawn(async move { (toolchain.name.clone(), daemon.version_of(&toolchain).await) });
        }
        while let Some(answer) = asking.join_next().await {
            if let Ok((name, version)) = answer {
                registry.set_version(&name, version);
            }
        }
        for toolchain in registry.all() {
            match &toolchain.version {
                Ok(version) => info!(version, "language {}", toolchain.name),
                Err(reason) => info!(reason, "language {} is not available", toolchain.name),
            }
        }
        self.pool.set_languages(&registry);
        self.executor.build_cache.clear();
        let settings = Settings { languages: Arc::new(registry), maxima: config.maxima() };
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
        Ok(())
    }

    async fn version_of(&self, toolchain: &Arc<Toolchain>) -> Result<String, String> {
        let printed = self.run_internal(&internal_jobs::version_job(toolchain)).await?;
        let both = format!("{}\n{}", printed.stdout, printed.stderr);
        toolchain.version_in(&both).ok_or_else(|| {
            format!("its version command ended with {} and said {:?}", printed.ending, both.trim())
        })
    }

    /// Read languages and limits again. What runs goes on as it was admitted; a mistake changes nothing.
    async fn reload(self: &Arc<Self>, path: Option<&Path>) {
        let _alone = self.reloading.lock().await;
        let outcome = match Config::load(path) {
            Ok(mut config) => {
                // Supervisors were started for them, or not.
                config.pool.zygotes = self.slot_factory.has_zygotes();
                self.load_languages(&config).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match outcome {
            Ok(()) => info!("languages and limits were read again"),
            Err(words) => error!("nothing was changed: {words}"),
        }
    }

    /// Let what runs finish for a while, then end it; wait until it is cleaned up.
    async fn drain(&self, patience: Duration, connections: &mut JoinSet<()>) {
        self.draining.cancel();
        self.queue.close();
        self.pool.stop_preparing();
        let (running, _) = self.queue.counts();
        info!(running, "stopping");
        let idle = async {
            while self.queue.counts().0 > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(patience, idle).await.is_err() {
            warn!("ending what still runs");
        }
        self.stop.cancel();
        let all_done = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.executor.grace + CLEANUP_WITHIN, all_done).await.is_err() {
            warn!("some connections did not end in time");
        }
    }
}

fn tell_systemd(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "tell systemd");
    }
}

/// Half of what systemd waits, so that one tick may be late.
fn watchdog_period() -> Duration {
    sd_notify::watchdog_enabled().map_or(Duration::from_secs(3600), |period| period / 2)
}
