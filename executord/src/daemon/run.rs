//! Start in order, serve until a signal, stop in order.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use nix::sys::stat::{Mode, umask};
use sandbox::cgroup::{Controllers, kill_and_remove_children};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::cgroup_remover::CgroupRemover;
use crate::config::{Config, host_memory};
use crate::daemon::error::{Context, DaemonError};
use crate::daemon::probes::probe_after_start;
use crate::daemon::reload::{read_languages, reload, replace_settings};
use crate::daemon::state::Daemon;
use crate::daemon::systemd::{notify, watchdog_period};
use crate::identity::{self, ZygoteUserPool};
use crate::metrics::TimedStep;
use crate::pool::slot::Slot;
use crate::pool::{self, Activity, Reaper, SlotFactory};
use crate::queue::Counts;
use crate::server::connection;
use crate::server::listener::{SocketOwner, SocketWatch, accept, listen, remove_socket};
use crate::server::runtime_dir::{self, lock, socket_group};
use crate::{config_check, janitor, privileges};

/// Concurrent connections, in addition to one for each execution that may run or wait in the queue. A connection that is not
/// accepted yet cannot be attributed to a client, so the bound has to leave room for all requests that webd forwards:
/// it opens one connection for each.
const MAX_CONNECTIONS: usize = 256;
/// Pause of the accept loop after an error such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Interval between checks that our socket is still at the path where clients look for it. Each wakes an idle daemon.
const SOCKET_CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Time that cancelled executions may take to clean up when the daemon stops.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(5);
/// Threads that serve connections. The other cores are left to the programs.
const WORKERS: usize = 2;

/// Runs the daemon until SIGTERM or SIGINT.
pub(crate) fn run(config_path: Option<PathBuf>, config: Config) -> Result<(), DaemonError> {
    umask(Mode::from_bits_truncate(0o077));
    // First, because what it finds may be the cause of an error below.
    config_check::check(&config).log();
    identity::check_range(config.uids).map_err(DaemonError::Refused)?;
    let group = socket_group(&config);
    runtime_dir::prepare(&config, group)?;
    let _lock = lock(&config)?;
    janitor::clean(&config).context("clean up after the previous daemon")?;
    let (mut controllers, mut degraded) = Controllers::detect(&config.cgroup);
    let zygote_users = ZygoteUserPool::new(&config);
    if let Some(users) = &zygote_users
        && let Err(error) = controllers.let_group_fork(users.group())
    {
        degraded.push(format!("zygotes cannot start processes in the cgroups of runs: {error}"));
    }
    let available = controllers.available_memory().unwrap_or(u64::MAX).min(host_memory());
    let memory = config.memory(available);
    if let Err(error) = controllers.limit_memory(memory) {
        degraded.push(format!("the memory of all programs together is not limited: {error}"));
    }
    janitor::record_cgroups(&config, &controllers.roots()).context("record our cgroups")?;
    let cgroups = controllers.clone();
    let remover = CgroupRemover::new(cgroups.to_remove());
    // Nothing has come from outside up to here. Creating cgroups at the top of a hierarchy needs more privileges than
    // the daemon needs afterwards.
    privileges::drop_all_but_retained().map_err(DaemonError::Refused)?;
    for message in &degraded {
        warn!("{message}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .context("start the async runtime")?;
    let result =
        runtime.block_on(serve(config_path, &config, controllers, zygote_users, degraded, memory, group));
    // Ends the remaining tasks. Slots end their supervisors when they are dropped.
    drop(runtime);
    for root in cgroups.roots() {
        if let Err(error) = kill_and_remove_children(&root) {
            warn!(%error, "cannot remove cgroup {}", root.display());
        }
    }
    cgroups.leave();
    remover.remove();
    if let Err(error) = janitor::remove_slot_directories(&config) {
        warn!(%error, "cannot remove directories of slots");
    }
    result
}

async fn serve(
    config_path: Option<PathBuf>,
    config: &Config,
    controllers: Controllers,
    zygote_users: Option<Arc<ZygoteUserPool>>,
    degraded: Vec<String>,
    memory: u64,
    group: Option<u32>,
) -> Result<(), DaemonError> {
    let (reap_jobs, reap_queue) = mpsc::channel();
    let directory = runtime_dir::slots_directory(config);
    let slot_factory =
        SlotFactory::new(config.helper.clone(), directory, controllers, zygote_users, reap_jobs.clone());
    let daemon = Arc::new(Daemon::new(config_path, config, slot_factory, degraded, memory)?);
    let reaper =
        Reaper::start(reap_jobs, reap_queue, Arc::clone(&daemon.slot_factory), Arc::clone(&daemon.pool))
            .context("start the reaper thread")?;
    let result = serve_until_signaled(config, &daemon, group).await;
    daemon.pool.close();
    daemon.executor.build_cache.clear();
    daemon.executor.kept_programs.clear();
    reaper.stop();
    result
}

async fn serve_until_signaled(
    config: &Config,
    daemon: &Arc<Daemon>,
    group: Option<u32>,
) -> Result<(), DaemonError> {
    // Before anything else, so that a signal that arrives during startup is handled after it.
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
    info!(cgroups = daemon.slot_factory.controllers().describe(), slots = daemon.slots, "starting");
    for _ in 0..daemon.pool.slot_numbers().spare {
        daemon.pool.add(daemon.slot_factory.create().context("create a slot")?);
    }
    let mut config = config.clone();
    if let Some(error) = daemon.slot_factory.zygote_error() {
        warn!(%error, "cannot create a user namespace, zygotes are off");
        config.pool.zygotes = Some(false);
    }
    let config = &config;
    let languages = read_languages(config)?;
    config_check::check_languages(config, &languages).log();
    replace_settings(daemon, config, Arc::clone(&languages));
    let background = [
        AbortOnDropHandle::new(tokio::spawn(refill_pool(Arc::clone(daemon)))),
        AbortOnDropHandle::new(tokio::spawn(keep_slots(Arc::clone(daemon)))),
        AbortOnDropHandle::new(tokio::spawn(drop_expired_programs(Arc::clone(daemon)))),
    ];
    let (mut listener, owner) = listen(config, group)?;
    let mut watch = SocketWatch::new(config);
    let mut connections = JoinSet::new();
    if config.pool.enabled {
        connections.spawn(probe_after_start(Arc::clone(daemon), languages));
    }
    let requests = daemon.queue_capacity as usize + config.most_executions() as usize;
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS + requests));
    notify(&[NotifyState::Ready]);
    info!(socket = %config.socket_path().display(), "ready");
    let mut watchdog = tokio::time::interval(watchdog_period());
    let mut socket_check = tokio::time::interval(SOCKET_CHECK_INTERVAL);
    loop {
        tokio::select! {
            accepted = accept(&listener, &permits) => match accepted {
                Ok((stream, permit)) => {
                    let daemon = Arc::clone(daemon);
                    connections.spawn(async move {
                        connection::serve(&daemon, stream).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = watchdog.tick() => notify(&[NotifyState::Watchdog]),
            _ = socket_check.tick(), if owner == SocketOwner::Executord => {
                match watch.listen_again_if_removed(config, group) {
                    Ok(Some(again)) => listener = again,
                    Ok(None) => {}
                    Err(error) => warn!(%error, "cannot create the removed socket again, will retry"),
                }
            }
            _ = hangup.recv() => {
                let daemon = Arc::clone(daemon);
                connections.spawn(async move { drop(reload(&daemon).await) });
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    notify(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(stop_time_usec(config))]);
    drop(listener);
    if owner == SocketOwner::Executord {
        remove_socket(&config.socket_path());
    }
    drain(daemon, config.drain.0, &mut connections).await;
    drop(background);
    Ok(())
}

/// Keeps pre-warmed sandboxes in the pool.
async fn refill_pool(daemon: Arc<Daemon>) {
    let create_slot = || create_slot(Arc::clone(&daemon.slot_factory));
    let activity = || match daemon.queue.counts() {
        Counts { waiting: 1.., .. } => Activity::Saturated,
        Counts { running, idle, .. } if running > idle => Activity::Running,
        _ => Activity::Idle,
    };
    let prepared = |elapsed| daemon.executor.metrics.time(TimedStep::Prepare, elapsed);
    pool::keep_warm(&daemon.pool, create_slot, activity, prepared).await;
}

/// Keeps enough slots in the pool.
async fn keep_slots(daemon: Arc<Daemon>) {
    pool::keep_slots(&daemon.pool, || create_slot(Arc::clone(&daemon.slot_factory))).await;
}

/// Drops kept programs when they expire.
async fn drop_expired_programs(daemon: Arc<Daemon>) {
    daemon.executor.kept_programs.keep_dropping_expired().await;
}

async fn create_slot(slot_factory: Arc<SlotFactory>) -> io::Result<Slot> {
    let created = tokio::task::spawn_blocking(move || slot_factory.create()).await;
    created.map_err(io::Error::other).flatten()
}

/// Returns the longest time from SIGTERM to the end in microseconds. systemd waits that long even if `TimeoutStopSec=` is
/// shorter (`EXTEND_TIMEOUT_USEC` of `sd_notify(3)`).
fn stop_time_usec(config: &Config) -> u32 {
    let time = config.drain.0.saturating_add(config.grace.0).saturating_add(CLEANUP_TIMEOUT * 2);
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// Lets running executions finish for `timeout`, cancels the others, and waits until all are cleaned up.
async fn drain(daemon: &Daemon, timeout: Duration, connections: &mut JoinSet<()>) {
    daemon.draining.cancel();
    daemon.queue.close();
    daemon.pool.stop_prewarming();
    let Counts { running, .. } = daemon.queue.counts();
    info!(running, "stopping");
    let idle = async {
        while daemon.queue.counts().running > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(timeout, idle).await.is_err() {
        warn!("cancelling executions that still run");
    }
    daemon.stop.cancel();
    let all_done = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(daemon.executor.grace + CLEANUP_TIMEOUT, all_done).await.is_err() {
        warn!("some connections did not end in time");
    }
}
