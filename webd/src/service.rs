//! webd as a service: from the command line to the last connection.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::interval;
use tracing_subscriber::EnvFilter;

use crate::api::routes::Front;
use crate::http::server;
use crate::ops::config::{Config, Options};
use crate::ops::privilege::Privileges;

/// Connections that the kernel holds for us while all places are taken.
const BACKLOG: u32 = 4096;
/// Descriptors for everything that is not a connection.
const OTHER_DESCRIPTORS: u64 = 64;
/// Of one connection: itself, and its way to the daemon.
const DESCRIPTORS_PER_CONNECTION: u64 = 2;

/// Run webd as the command line says.
pub fn main() -> ExitCode {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            tracing::error!("{words}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), String> {
    let only_check = options.check_config;
    let config = options.configuration().map_err(|error| error.to_string())?;
    if only_check {
        return Ok(());
    }
    insist_on_no_privilege()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("start the runtime: {error}"))?
        .block_on(serve(within_descriptors(config)))
}

fn insist_on_no_privilege() -> Result<(), String> {
    let privileges = Privileges::of_this_process()?;
    if let Some(words) = privileges.refusal() {
        return Err(words);
    }
    if !privileges.no_new_privileges {
        tracing::warn!("no_new_privs is not set; start with NoNewPrivileges=yes or setpriv --no-new-privs");
    }
    Ok(())
}

async fn serve(config: Config) -> Result<(), String> {
    let listener = listen(&config).map_err(|error| format!("listen on {}: {error}", config.listen))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let stop = told_to_stop().map_err(|error| format!("wait for signals: {error}"))?;
    tracing::info!(%address, socket = ?config.socket, "listening");
    tell(&[NotifyState::Ready]);
    tokio::spawn(watchdog());
    server::serve(listener, Arc::new(Front::new(config)), stop).await;
    Ok(())
}

/// On the socket that systemd passed, or on our own.
fn listen(config: &Config) -> io::Result<TcpListener> {
    if let Some(passed) = listenfd::ListenFd::from_env().take_tcp_listener(0)? {
        passed.set_nonblocking(true)?;
        return TcpListener::from_std(passed);
    }
    let socket = if config.listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(config.listen)?;
    socket.listen(BACKLOG)
}

/// More connections than there are descriptors for would end in errors instead of in waiting.
fn within_descriptors(mut config: Config) -> Config {
    let allowed = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() => hard,
        Ok((soft, _)) => soft,
        Err(_) => return config,
    };
    let fitting = allowed.saturating_sub(OTHER_DESCRIPTORS) / DESCRIPTORS_PER_CONNECTION;
    let fitting = usize::try_from(fitting).unwrap_or(usize::MAX).max(1);
    if config.max_connections.get() > fitting {
        tracing::warn!(fitting, "max_connections is lowered to what the limit on open files has room for");
        config.max_connections = std::num::NonZeroUsize::MIN.saturating_add(fitting - 1);
    }
    config
}

fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tell(&[NotifyState::Stopping]);
    })
}

/// Tell systemd that we live, twice as often as it wants to hear it.
async fn watchdog() {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    let mut ticks = interval((period / 2).max(Duration::from_millis(1)));
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "tell systemd");
    }
}
