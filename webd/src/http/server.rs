//! The connection loop: a limited number of connections, each with timeouts for its heads, its responses and its end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower::Service;

use crate::app_state::AppState;
use crate::http::connection_guard::ConnectionGuard;
use crate::http::connection_refusal::Refusals;
use crate::http::connection_table::ConnectionTable;
use crate::http::peer::Peer;
use crate::http::quiet_stream::{QuietProbe, QuietStream};
use crate::http::write_timeout::WriteTimeout;

/// Header lines of a request; more get 431.
const MAX_HEADERS: usize = 64;
/// Bytes of an incomplete request head from which it gets 431. One more read may complete it, so a head is less than twice
/// as long.
const MAX_HEAD: usize = 64 * 1024;
/// Bytes of a response that the kernel buffers for a client. The default grows to megabytes, and a client that reads
/// nothing would go unnoticed.
const SEND_BUFFER: usize = 128 * 1024;
/// Time without an acknowledgement after which the kernel drops a connection, even one that is already closed.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
/// Delay after `accept` failed for want of descriptors: retrying at once would only use CPU time.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Interval at which an idle connection is closed while a new one waits for a slot.
const MAKE_ROOM_INTERVAL: Duration = Duration::from_millis(100);
/// Timeout for the end of an idle connection that is closed to make room.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(100);

/// Serves `router` on at most `max_connections` connections until `shutdown` is ready, then lets running requests finish within the stop timeout.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    state: Arc<AppState>,
    max_connections: usize,
    shutdown: impl Future<Output = ()>,
) {
    let slots = Arc::new(Semaphore::new(max_connections));
    let table = Arc::new(ConnectionTable::new(&state.config));
    let refusals = Refusals::new();
    let (stop, stopping) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let client = Peer(peer.ip()).direct_client(&state.config.trusted_proxies);
                let entry = match table.open(client) {
                    Ok(entry) => entry,
                    Err(reason) => {
                        tracing::debug!(%peer, %reason, "connection refused");
                        refusals.refuse(stream, reason);
                        continue;
                    }
                };
                let permit = tokio::select! {
                    permit = slot(&slots, &table) => permit,
                    () = &mut shutdown => break,
                };
                let Some(permit) = permit else { break };
                let state = Arc::clone(&state);
                let router = router.clone();
                let guard = ConnectionGuard::new(entry, permit, state.metrics.connection(), stopping.clone());
                tokio::spawn(serve_connection(stream, peer, Arc::new(guard), router, state));
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections, will retry");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
    drop(listener);
    tracing::info!(connections = max_connections - slots.available_permits(), "stopping");
    stop.send_replace(true);
    let ended = slots.acquire_many(u32::try_from(max_connections).unwrap_or(u32::MAX));
    if timeout(state.config.timeouts.stop, ended).await.is_err() {
        tracing::warn!("some requests did not finish within the stop timeout, dropping them");
    }
}

/// Waits for a free slot. While there is none, idle connections are closed.
async fn slot(slots: &Arc<Semaphore>, table: &ConnectionTable) -> Option<OwnedSemaphorePermit> {
    loop {
        if let Ok(permit) = Arc::clone(slots).try_acquire_owned() {
            return Some(permit);
        }
        table.make_room();
        if let Ok(permit) = timeout(MAKE_ROOM_INTERVAL, Arc::clone(slots).acquire_owned()).await {
            // The semaphore is never closed.
            return permit.ok();
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    guard: Arc<ConnectionGuard>,
    router: Router,
    state: Arc<AppState>,
) {
    let probe = QuietProbe::default();
    let mut connection = pin!(connection(stream, peer, Arc::clone(&guard), router, &state, probe.clone()));
    guard.entry.set_idle(true);
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            () = guard.stopping() => {
                connection.as_mut().graceful_shutdown();
                break connection.await;
            }
            () = guard.entry.closing() => {}
        }
        probe.ask();
        if let Some(ended) = connection.as_mut().now_or_never() {
            break ended;
        }
        if !probe.is_quiet() {
            guard.entry.keep();
            continue;
        }
        connection.as_mut().graceful_shutdown();
        match timeout(CLOSE_TIMEOUT, connection.as_mut()).await {
            Ok(ended) => break ended,
            Err(_) if guard.entry.is_idle() => return,
            // A request is in progress.
            Err(_) => break connection.await,
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    guard: Arc<ConnectionGuard>,
    router: Router,
    state: &AppState,
    probe: QuietProbe,
) -> http1::UpgradeableConnection<
    TokioIo<QuietStream<WriteTimeout>>,
    impl hyper::service::Service<
        hyper::Request<Incoming>,
        Response = axum::response::Response,
        Error = std::convert::Infallible,
        Future: Send,
    > + use<>,
> {
    if let Err(error) = configure(&stream) {
        tracing::debug!(%peer, %error, "cannot set socket options");
    }
    let peer = Peer(peer.ip());
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Arc::clone(&guard));
        router.clone().call(request)
    });
    let stream = QuietStream::new(WriteTimeout::new(stream, state.config.timeouts.stall), probe);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(state.config.timeouts.head)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
}

fn configure(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
    // Detects a client that disappeared without closing its connection while its program still runs.
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(15))
        .with_interval(Duration::from_secs(5))
        .with_retries(3);
    socket.set_tcp_keepalive(&keepalive)
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
