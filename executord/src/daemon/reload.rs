//! Reading the language files: at startup and on SIGHUP.

use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::{error, info};

use crate::config::Config;
use crate::daemon::error::DaemonError;
use crate::daemon::state::{Daemon, Settings};
use crate::execution::internal_jobs;
use crate::languages::load;
use crate::languages::toolchain::Toolchain;

/// Reads the languages and limits again. Running executions keep the limits they were admitted with.
///
/// # Errors
/// A message for the administrator, who made a mistake; nothing has changed then.
pub(crate) async fn reload(daemon: &Arc<Daemon>) -> Result<(), String> {
    let path = daemon.config_path.lock().await;
    let outcome = match Config::load(path.as_deref()) {
        Ok(mut config) => {
            // Zygotes need supervisors that were started for them, so a reload cannot switch them on or off.
            config.pool.zygotes = daemon.slot_factory.has_zygotes();
            load_languages(daemon, &config).await.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    match &outcome {
        Ok(()) => info!("languages and limits reloaded"),
        Err(message) => error!("reload failed, nothing was changed: {message}"),
    }
    outcome
}

/// Reads the language files and asks each toolchain for its version.
pub(super) async fn load_languages(daemon: &Arc<Daemon>, config: &Config) -> Result<(), DaemonError> {
    let mut registry = load::registry(config).map_err(|error| DaemonError::Refused(error.to_string()))?;
    if registry.all().next().is_none() {
        let directories: Vec<_> = config.languages.iter().map(|path| path.display().to_string()).collect();
        return Err(DaemonError::Refused(format!("no language file in {}", directories.join(" or "))));
    }
    let mut probes = JoinSet::new();
    for toolchain in registry.all().filter(|toolchain| toolchain.is_complete()) {
        let (daemon, toolchain) = (Arc::clone(daemon), Arc::clone(toolchain));
        probes.spawn(async move { (toolchain.id(), version_of(&daemon, &toolchain).await) });
    }
    while let Some(answer) = probes.join_next().await {
        if let Ok((name, version)) = answer {
            registry.set_version(&name, version);
        }
    }
    for toolchain in registry.all() {
        match &toolchain.version {
            Ok(version) => info!(version, "language {} is available", toolchain.id()),
            Err(reason) => info!(reason, "language {} is not available", toolchain.id()),
        }
    }
    daemon.pool.set_languages(&registry);
    daemon.executor.build_cache.clear();
    daemon.executor.kept_programs.set_languages(&registry);
    daemon.set_settings(Settings { languages: Arc::new(registry), bounds: config.request_bounds() });
    Ok(())
}

async fn version_of(daemon: &Daemon, toolchain: &Arc<Toolchain>) -> Result<String, String> {
    let printed = daemon.run_internal(&internal_jobs::version_job(toolchain)).await?;
    let both = format!("{}\n{}", printed.stdout, printed.stderr);
    toolchain.version_in(&both).ok_or_else(|| {
        format!("its version command ended with {} and printed {:?}", printed.status, both.trim())
    })
}
