//! A connection's share of the connection limit.

use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::ops::metrics::CountedGuard;

/// Counts a connection against the limit until the last task that uses it is done. Every request carries it as an
/// extension, because a session outlives the request that opened it.
#[derive(Debug)]
pub(crate) struct ConnectionGuard {
    _permit: Option<OwnedSemaphorePermit>,
    _counted: CountedGuard,
    stopping: watch::Receiver<bool>,
}

impl ConnectionGuard {
    /// Creates the guard of a new connection. `stopping` becomes true when the server stops.
    pub(crate) const fn new(
        permit: Option<OwnedSemaphorePermit>,
        counted: CountedGuard,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { _permit: permit, _counted: counted, stopping }
    }

    /// Waits until the server stops.
    pub(crate) async fn stopping(&self) {
        // Fails only if the sender is dropped, and the server holds it until it returns.
        let _ = self.stopping.clone().wait_for(|stopping| *stopping).await;
    }
}
