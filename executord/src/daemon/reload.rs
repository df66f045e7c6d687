//! Reading the language files: at startup and on SIGHUP.

use std::sync::Arc;

use tracing::{error, info};

use crate::config::Config;
use crate::config_check;
use crate::daemon::error::DaemonError;
use crate::daemon::probes::{log_availability, probe};
use crate::daemon::state::{Daemon, Settings};
use crate::languages::load;
use crate::languages::registry::Registry;

/// Reads the languages and limits again. Running executions keep the limits they were admitted with.
///
/// # Errors
/// A message for the administrator, who made a mistake; nothing has changed then.
pub(crate) async fn reload(daemon: &Arc<Daemon>) -> Result<(), String> {
    let path = daemon.config_path.lock().await;
    let outcome = match Config::load(path.as_deref()) {
        Ok(mut config) => {
            // Zygotes need supervisors that were started for them, so a reload cannot switch them on or off.
            config.pool.zygotes = Some(daemon.slot_factory.has_zygotes());
            match read_languages(&config) {
                Ok(languages) => {
                    config_check::check(&config).log();
                    config_check::check_languages(&config, &languages).log();
                    probe(daemon, languages.all()).await;
                    languages.all().for_each(|toolchain| log_availability(toolchain));
                    replace_settings(daemon, &config, languages);
                    Ok(())
                }
                Err(error) => Err(error.to_string()),
            }
        }
        Err(error) => Err(error.to_string()),
    };
    match &outcome {
        Ok(()) => info!("languages and limits reloaded"),
        Err(message) => error!("reload failed, nothing was changed: {message}"),
    }
    outcome
}

/// Reads the language files.
///
/// # Errors
/// [`DaemonError::Refused`] if one is invalid, or if there is none.
pub(super) fn read_languages(config: &Config) -> Result<Arc<Registry>, DaemonError> {
    let registry = load::registry(config).map_err(|error| DaemonError::Refused(error.to_string()))?;
    if registry.all().next().is_none() {
        let directories: Vec<_> = config.languages.iter().map(|path| path.display().to_string()).collect();
        return Err(DaemonError::Refused(format!("no language file in {}", directories.join(" or "))));
    }
    Ok(Arc::new(registry))
}

/// Replaces the languages and limits of the requests that are admitted from now on.
pub(super) fn replace_settings(daemon: &Daemon, config: &Config, languages: Arc<Registry>) {
    daemon.pool.set_languages(&languages);
    daemon.executor.build_cache.clear();
    daemon.executor.kept_programs.set_languages(&languages);
    daemon.set_settings(Settings { languages, bounds: config.request_bounds() });
}
