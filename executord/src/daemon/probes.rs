//! Asking toolchains for their versions: each when it is first needed, so that the daemon is ready before they have answered.

use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::info;

use crate::daemon::state::Daemon;
use crate::execution::internal_jobs;
use crate::languages::registry::Registry;
use crate::languages::toolchain::Toolchain;

/// Asks the toolchains that were not asked before, all at one time, and waits for their answers.
pub(crate) async fn probe(daemon: &Arc<Daemon>, toolchains: impl IntoIterator<Item = &Arc<Toolchain>>) {
    let mut probes = JoinSet::new();
    for toolchain in toolchains.into_iter().filter(|toolchain| !toolchain.is_probed()) {
        let (daemon, toolchain) = (Arc::clone(daemon), Arc::clone(toolchain));
        probes.spawn(async move { toolchain.probe(ask_version(&daemon, &toolchain)).await });
    }
    while probes.join_next().await.is_some() {}
}

/// Asks all toolchains and pre-warms them. One is asked at a time, which leaves the CPU to the first requests after a start.
pub(super) async fn probe_after_start(daemon: Arc<Daemon>, started_with: Arc<Registry>) {
    for toolchain in started_with.all() {
        probe(&daemon, [toolchain]).await;
        // No reload takes effect until this lock is dropped.
        let _lock = daemon.config_path.lock().await;
        if daemon.draining.is_cancelled() || !Arc::ptr_eq(&daemon.languages(), &started_with) {
            return;
        }
        log_availability(toolchain);
        daemon.pool.add_language(toolchain);
        started_with.sets_of(toolchain).for_each(|with_set| daemon.pool.add_language(with_set));
    }
}

/// Logs whether a language can be used, or why it cannot.
pub(super) fn log_availability(toolchain: &Toolchain) {
    match toolchain.version() {
        Ok(version) => info!(version, "language {} is available", toolchain.id()),
        Err(reason) => info!(reason, "language {} is not available", toolchain.id()),
    }
}

async fn ask_version(daemon: &Daemon, toolchain: &Arc<Toolchain>) -> Result<String, String> {
    let printed = daemon.run_internal(&internal_jobs::version_job(toolchain)).await?;
    let both = format!("{}\n{}", printed.stdout, printed.stderr);
    toolchain.version_in(&both).ok_or_else(|| {
        format!("its version command ended with {} and printed {:?}", printed.status, both.trim())
    })
}
