//! webd as a service, from the command line to the last connection.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
#[cfg(feature = "cluster")]
use cluster::{connection::Connection, subjects::Name, submitter::Submitter};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::interval;
use tracing_subscriber::EnvFilter;

#[cfg(feature = "cluster")]
use crate::api::executor::recorded_answer;
use crate::api::executor::{submission_attempt, submission_callback};
use crate::api::routes;
use crate::app_state::AppState;
use crate::domain::submissions::callback_queue::CallbackQueue;
use crate::domain::submissions::sqlite::{SqliteStore, StoreBounds};
use crate::domain::submissions::store::{SubmissionQueue, SubmissionStore};
use crate::domain::submissions::{callback_runner, runner};
#[cfg(feature = "cluster")]
use crate::domain::submissions::{cluster::ClusterStore, cluster_callbacks::ClusterCallbacks};
use crate::http::server;
#[cfg(feature = "cluster")]
use crate::ops::cluster_sync::ClusterSync;
use crate::ops::config::{Config, LogFormat, Options};
use crate::ops::config_check;
use crate::ops::drain::stop_time_usec;
use crate::ops::key_files::{self, KeyFiles};
use crate::ops::privilege::Privileges;

/// The variable with the log filter, in the syntax of `tracing_subscriber::EnvFilter`.
const LOG_VARIABLE: &str = "EXECUTOR_LOG";
/// Connections that wait in the kernel while the connection limit is reached (listen(2)).
const BACKLOG: u32 = 4096;
/// File descriptors for everything that is not a connection, connections that are being refused among them.
const OTHER_DESCRIPTORS: u64 = 128;
/// Connections at the address for metrics.
const MAX_SCRAPERS: usize = 16;
/// File descriptors of a connection: itself, and the one to the daemon.
const DESCRIPTORS_PER_CONNECTION: u64 = 2;

/// Runs webd as the command line says.
pub fn main() -> ExitCode {
    let options = Options::parse();
    let only_check = options.check_config;
    let config = options.configuration();
    start_log(config.as_ref().map(|config| config.log_format).unwrap_or_default());
    let result = match config {
        Ok(config) => run(config, only_check),
        Err(error) => Err(error.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

fn run(config: Config, only_check: bool) -> Result<(), String> {
    let findings = config_check::check(&config);
    findings.log();
    if only_check {
        return report(findings.problems.len());
    }
    key_files::check(&config.keys.file)?;
    require_no_privileges()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?
        .block_on(run_until_signal(fit_descriptor_limit(config)))
}

/// Prints that the configuration has no problems, or returns how many it has.
#[expect(clippy::print_stdout, reason = "the result of --check-config")]
fn report(problems: usize) -> Result<(), String> {
    match problems {
        0 => {
            println!("ok");
            Ok(())
        }
        1 => Err("the configuration has a problem".to_owned()),
        many => Err(format!("the configuration has {many} problems")),
    }
}

fn require_no_privileges() -> Result<(), String> {
    let privileges = Privileges::of_this_process()?;
    if let Some(message) = privileges.refusal() {
        return Err(message);
    }
    if !privileges.no_new_privileges {
        tracing::warn!(
            "no_new_privs is not set, start webd with NoNewPrivileges=yes or setpriv --no-new-privs"
        );
    }
    Ok(())
}

async fn run_until_signal(config: Config) -> Result<(), String> {
    let listener = listen(&config).map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
    let metrics = match config.metrics_listen {
        Some(address) => {
            Some(bind(address).map_err(|error| format!("cannot listen on {address} for metrics: {error}"))?)
        }
        None => None,
    };
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let timeouts = config.timeouts;
    let shutdown = shutdown_signal(stop_time_usec(timeouts.drain, timeouts.stop))
        .map_err(|error| format!("cannot install signal handlers: {error}"))?;
    tracing::info!(%address, socket = ?config.socket, "listening");
    notify_systemd(&[NotifyState::Ready]);
    tokio::spawn(watchdog());
    serve(listener, metrics, config, shutdown).await
}

/// Serves the API and the page on `listener`, and metrics on `metrics` if they have an address of their own, until
/// `shutdown` is ready.
///
/// # Errors
/// If the key file or the store of submissions cannot be used.
pub async fn serve(
    listener: TcpListener,
    metrics: Option<TcpListener>,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), String> {
    let max_connections = config.max_connections.get();
    let key_files =
        KeyFiles::load(&config).map_err(|message| format!("cannot use the key file: {message}"))?;
    let opened = open_submissions(&config).await;
    let Submissions {
        store,
        queue,
        callbacks,
        #[cfg(feature = "cluster")]
        cluster,
    } = opened.map_err(|message| format!("cannot use the store of submissions: {message}"))?;
    let (concurrent, keep) = (config.submissions.concurrent.get(), config.submissions.keep);
    let drain_time = config.timeouts.drain;
    #[cfg(feature = "cluster")]
    let cluster = cluster.map(|(front, name)| Arc::new(ClusterSync::new(front, name, key_files.store())));
    let state = AppState::new(config, key_files.store(), store);
    #[cfg(feature = "cluster")]
    let state = AppState { cluster: cluster.clone(), ..state };
    let state = Arc::new(state);
    #[cfg(feature = "cluster")]
    let cluster = cluster.map(|cluster| tokio::spawn(cluster.run(std::future::pending())));
    let (stop_runner, runner_stopped) = oneshot::channel::<()>();
    let (stop_callbacks, callbacks_stopped) = oneshot::channel::<()>();
    let callbacks = callbacks.map(|queue| {
        let deliver = submission_callback::deliver(Arc::clone(&state));
        tokio::spawn(callback_runner::run(queue, deliver, async {
            let _ = callbacks_stopped.await;
        }))
    });
    let runner = queue.map(|queue| {
        let attempt = submission_attempt::attempt(Arc::clone(&state));
        tokio::spawn(runner::run(queue, concurrent, keep, attempt, async {
            let _ = runner_stopped.await;
        }))
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let key_files = tokio::spawn(key_files.keep_current(async {
        let _ = stopped.await;
    }));
    let metrics = metrics.map(|listener| {
        let router = routes::metrics_router(Arc::clone(&state));
        // Metrics can be read until the last request is finished.
        tokio::spawn(server::serve(
            listener,
            router,
            Arc::clone(&state),
            MAX_SCRAPERS,
            std::future::pending(),
        ))
    });
    let draining = Arc::clone(&state);
    let shutdown = draining.drain.after(shutdown, drain_time);
    server::serve(listener, routes::router(Arc::clone(&state)), state, max_connections, shutdown).await;
    if let Some(metrics) = metrics {
        metrics.abort();
    }
    drop(stop_runner);
    if let Some(runner) = runner {
        let _ = runner.await;
    }
    drop(stop_callbacks);
    if let Some(callbacks) = callbacks {
        let _ = callbacks.await;
    }
    #[cfg(feature = "cluster")]
    if let Some(cluster) = cluster {
        cluster.abort();
    }
    drop(stop);
    let _ = key_files.await;
    Ok(())
}

/// The store of submissions, if they are enabled.
#[derive(Default)]
struct Submissions {
    store: Option<Arc<dyn SubmissionStore>>,
    /// The same store, if this process runs its submissions.
    queue: Option<Arc<dyn SubmissionQueue>>,
    /// The same store, if this process delivers its callbacks.
    callbacks: Option<Arc<dyn CallbackQueue>>,
    /// The connection to the servers that run them, and the name of this webd there.
    #[cfg(feature = "cluster")]
    cluster: Option<(Submitter, Name)>,
}

/// Opens the store of submissions, if they are enabled.
#[cfg_attr(not(feature = "cluster"), expect(clippy::unused_async, reason = "only a cluster is connected to"))]
async fn open_submissions(config: &Config) -> Result<Submissions, String> {
    let settings = &config.submissions;
    if !settings.enabled {
        return Ok(Submissions::default());
    }
    #[cfg(feature = "cluster")]
    if config.cluster.is_enabled() {
        let settings = config.cluster.settings()?;
        let front = Submitter::new(Connection::start(&settings).await?, config.cluster.pool()?);
        let store = ClusterStore::new(front.clone(), recorded_answer::parse);
        let callbacks: Arc<dyn CallbackQueue> = ClusterCallbacks::new(front.clone());
        return Ok(Submissions {
            store: Some(store),
            callbacks: Some(callbacks),
            cluster: Some((front, settings.name)),
            ..Submissions::default()
        });
    }
    let bounds = StoreBounds { count: settings.max_count.get(), bytes: settings.max_bytes.bytes() };
    let store = Arc::new(SqliteStore::open(&config.state, bounds)?);
    Ok(Submissions {
        store: Some(Arc::clone(&store) as Arc<dyn SubmissionStore>),
        queue: Some(Arc::clone(&store) as Arc<dyn SubmissionQueue>),
        callbacks: Some(store),
        ..Submissions::default()
    })
}

/// Returns the socket that systemd passed (sd_listen_fds(3)), or a new one.
fn listen(config: &Config) -> io::Result<TcpListener> {
    if let Some(passed) = listenfd::ListenFd::from_env().take_tcp_listener(0)? {
        passed.set_nonblocking(true)?;
        return TcpListener::from_std(passed);
    }
    bind(config.listen)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Raises the limit on open files to its hard limit, and lowers the connection limit to what it allows: without
/// descriptors, connections would fail instead of waiting.
fn fit_descriptor_limit(mut config: Config) -> Config {
    let limit = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() => hard,
        Ok((soft, _)) => soft,
        Err(_) => return config,
    };
    let fitting = limit.saturating_sub(OTHER_DESCRIPTORS) / DESCRIPTORS_PER_CONNECTION;
    let fitting = usize::try_from(fitting).unwrap_or(usize::MAX).max(1);
    if config.max_connections.get() > fitting {
        tracing::warn!(fitting, "max_connections lowered, the limit on open files allows no more");
        config.max_connections = std::num::NonZeroUsize::MIN.saturating_add(fitting - 1);
    }
    config
}

/// Returns a future that is ready after SIGTERM or SIGINT, and tells systemd how many microseconds the end takes at most.
fn shutdown_signal(stop_time: u32) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        notify_systemd(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(stop_time)]);
    })
}

/// Notifies the watchdog of systemd, twice as often as it requires (sd_watchdog_enabled(3)).
async fn watchdog() {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    let mut ticks = interval((period / 2).max(Duration::from_millis(1)));
    loop {
        ticks.tick().await;
        notify_systemd(&[NotifyState::Watchdog]);
    }
}

fn notify_systemd(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot notify systemd");
    }
}
