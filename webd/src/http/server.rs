//! The connection loop: so many connections at a time, each with a clock over its head, its answer and its end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower::Service;

use crate::api::executor::execute::Peer;
use crate::api::routes::{self, Front};
use crate::http::pace::Paced;
use crate::ops::metrics::Counted;

/// Header lines of a request; more is 431.
const MAX_HEADERS: usize = 64;
/// Bytes that are read ahead of what was asked for, and of a request's head; more is 431.
const MAX_HEAD: usize = 64 * 1024;
/// Bytes of an answer that the kernel takes from us before the client takes them. Left alone it grows to megabytes, and
/// a client that reads nothing would go unnoticed.
const SEND_BUFFER: usize = 128 * 1024;
/// After so long without an acknowledgement the kernel gives a connection up, also one that we closed already.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// How long to wait when there is no descriptor for a connection: trying at once would only burn the processor.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// A connection's place among all, until the last who speaks on it is done.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
    _counted: Counted,
    stopping: watch::Receiver<bool>,
}

impl Place {
    /// Wait until we are told to stop.
    pub(crate) async fn stopping(&self) {
        // Who tells is gone only together with everybody who listens.
        let _ = self.stopping.clone().wait_for(|stopping| *stopping).await;
    }
}

/// Serve until `told_to_stop` is ready, then let what runs end for a bounded time.
pub async fn serve(listener: TcpListener, front: Arc<Front>, told_to_stop: impl Future<Output = ()>) {
    let router = routes::router(Arc::clone(&front));
    let places = Arc::new(Semaphore::new(front.config.max_connections.get()));
    let (stop, stopping) = watch::channel(false);
    let mut told_to_stop = pin!(told_to_stop);
    loop {
        let next = async {
            // The semaphore is never closed, so this is only ever a wait.
            let permit = Arc::clone(&places).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = &mut told_to_stop => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let front = Arc::clone(&front);
                let router = router.clone();
                let counted = front.metrics.connection();
                let place = Place { _permit: permit, _counted: counted, stopping: stopping.clone() };
                tokio::spawn(async move {
                    let place = Arc::new(place);
                    let mut connection = pin!(connection(stream, peer, Arc::clone(&place), router, &front));
                    let ended = tokio::select! {
                        ended = connection.as_mut() => ended,
                        () = place.stopping() => {
                            connection.as_mut().graceful_shutdown();
                            connection.await
                        }
                    };
                    if let Err(error) = ended {
                        tracing::debug!(%peer, %error, "connection ended early");
                    }
                });
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "accept a connection");
                sleep(EXHAUSTED).await;
            }
        }
    }
    drop(listener);
    let all = front.config.max_connections.get();
    tracing::info!(connections = all - places.available_permits(), "stopping");
    stop.send_replace(true);
    let ended = places.acquire_many(u32::try_from(all).unwrap_or(u32::MAX));
    if timeout(front.config.timeouts.stop(), ended).await.is_err() {
        tracing::warn!("some requests did not end in time and are broken off");
    }
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    place: Arc<Place>,
    router: Router,
    front: &Front,
) -> http1::UpgradeableConnection<
    TokioIo<Paced>,
    impl hyper::service::Service<
        hyper::Request<Incoming>,
        Response = axum::response::Response,
        Error = std::convert::Infallible,
        Future: Send,
    > + use<>,
> {
    if let Err(error) = adjust(&stream) {
        tracing::debug!(%peer, %error, "adjust the socket");
    }
    let peer = Peer(peer.ip());
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Arc::clone(&place));
        router.clone().call(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(front.config.timeouts.head())
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Paced::new(stream, front.config.timeouts.stall())), service)
        .with_upgrades()
}

fn adjust(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    // A peer that vanished without a word is noticed while its program still runs.
    let probes = TcpKeepalive::new()
        .with_time(Duration::from_secs(15))
        .with_interval(Duration::from_secs(5))
        .with_retries(3);
    socket.set_tcp_keepalive(&probes)
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
