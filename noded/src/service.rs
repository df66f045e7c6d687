//! noded as a service, from the command line to its end.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use nix::unistd::Uid;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::interval;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat, Options};
use crate::node;

/// The variable with the log filter, in the syntax of `tracing_subscriber::EnvFilter`.
const LOG_VARIABLE: &str = "EXECUTOR_LOG";

/// Runs noded as the command line says.
pub fn main() -> ExitCode {
    let options = Options::parse();
    let config = options.configuration();
    start_log(config.as_ref().map(|config| config.log_format).unwrap_or_default());
    match config.and_then(|config| run(config, options.check_config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn start_log(format: LogFormat) {
    let filter =
        EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new("info,async_nats=warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

fn run(config: Config, only_check: bool) -> Result<(), String> {
    config.settings()?.check()?;
    if only_check {
        return Ok(());
    }
    if Uid::effective().is_root() || Uid::current().is_root() {
        return Err(
            "noded must not run as root: start it as a dedicated user (systemd: User=, or setpriv --reuid)"
                .to_owned(),
        );
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?
        .block_on(run_until_signal(config))
}

async fn run_until_signal(config: Config) -> Result<(), String> {
    let shutdown = shutdown_signal().map_err(|error| format!("cannot install signal handlers: {error}"))?;
    tracing::info!(name = %config.node_name()?, pool = %config.cluster.pool, socket = ?config.socket, "started");
    notify_systemd(NotifyState::Ready);
    tokio::spawn(watchdog());
    node::run(config, shutdown).await
}

/// Returns a future that is ready after SIGTERM or SIGINT.
fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        notify_systemd(NotifyState::Stopping);
    })
}

/// Notifies the watchdog of systemd, twice as often as it requires (sd_watchdog_enabled(3)).
async fn watchdog() {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    let mut ticks = interval((period / 2).max(Duration::from_millis(1)));
    loop {
        ticks.tick().await;
        notify_systemd(NotifyState::Watchdog);
    }
}

fn notify_systemd(state: NotifyState) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "cannot notify systemd");
    }
}
