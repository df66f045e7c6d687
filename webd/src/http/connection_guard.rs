//! A connection's share of the connection limits.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::domain::limit_scope::Holder;
use crate::http::connection_table::{TableEntry, TooMany};
use crate::ops::metrics::CountedGuard;

/// Counts a connection against the limits until the last task that uses it is done. Every request carries it as an
/// extension, because a session outlives the request that opened it.
#[derive(Debug)]
pub(crate) struct ConnectionGuard {
    /// The place in the table of connections.
    pub(crate) entry: TableEntry,
    _permit: OwnedSemaphorePermit,
    _counted: CountedGuard,
    stopping: watch::Receiver<bool>,
}

/// A request in progress, until its response was sent.
#[derive(Debug)]
pub(crate) struct RequestInProgress(Arc<ConnectionGuard>);

impl ConnectionGuard {
    /// Creates the guard of a new connection. `stopping` becomes true when the server stops.
    pub(crate) const fn new(
        entry: TableEntry,
        permit: OwnedSemaphorePermit,
        counted: CountedGuard,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { entry, _permit: permit, _counted: counted, stopping }
    }

    /// Waits until the server stops.
    pub(crate) async fn stopping(&self) {
        // Fails only if the sender is dropped, and the server holds it until it returns.
        let _ = self.stopping.clone().wait_for(|stopping| *stopping).await;
    }

    /// Begins a request of `holder`.
    ///
    /// # Errors
    /// See [`TableEntry::begin_request`].
    pub(crate) fn begin_request(self: &Arc<Self>, holder: Holder) -> Result<RequestInProgress, TooMany> {
        let in_progress = RequestInProgress(Arc::clone(self));
        self.entry.begin_request(holder)?;
        Ok(in_progress)
    }
}

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        self.0.entry.end_request();
    }
}
