//! The cleanups of an execution: each continues during the next run, and the last ones after the client has the
//! outcome.

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use crate::execution::executor::Executor;
use crate::execution::pending_cleanup::PendingCleanup;
use crate::failure::Failure;
use crate::pool::sandbox::Sandbox;

/// Cleanups that are not finished. Dropping them loses their slots.
#[must_use = "slots and users are released by cleanups, and lost without them"]
pub(crate) struct Cleanups<'a> {
    executor: &'a Executor,
    running: FuturesUnordered<BoxFuture<'a, Result<(), Failure>>>,
}

impl<'a> Cleanups<'a> {
    pub(super) fn new(executor: &'a Executor) -> Self {
        Self { executor, running: FuturesUnordered::new() }
    }

    pub(super) fn push(&mut self, cleanup: PendingCleanup) {
        self.running.push(Box::pin(self.executor.clean_up(cleanup)));
    }

    /// Ends a sandbox that was prepared for a run that does not take place.
    pub(super) fn discard(&mut self, sandbox: Sandbox) {
        let pool = &self.executor.pool;
        self.running.push(Box::pin(async {
            pool.release(sandbox.discard().await?);
            Ok(())
        }));
    }

    /// Returns how many are not finished.
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Continues all of them until one is finished, and returns its result, or `None` if there is none. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Result<(), Failure>> {
        self.running.next().await
    }
}
