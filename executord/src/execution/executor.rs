//! The state that executions share, and the cleanup after each.

use std::sync::Arc;
use std::time::Duration;

use protocol::StageReport;
use tokio_util::sync::CancellationToken;

use crate::execution::build_cache::{BuildCache, BuildKey};
use crate::execution::kept_programs::KeptPrograms;
use crate::execution::pending_cleanup::PendingCleanup;
use crate::execution::stage::EventSender;
use crate::failure::Failure;
use crate::languages::toolchain::StageKind;
use crate::metrics::{Metrics, TimedStep};
use crate::plan::planner::Planner;
use crate::pool::SandboxPool;
use crate::pool::slot::Slot;
use crate::streams::input::InputReceiver;

/// The state that all executions share.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) pool: Arc<SandboxPool>,
    pub(crate) build_cache: BuildCache,
    pub(crate) kept_programs: KeptPrograms,
    pub(crate) planner: Planner,
    /// Time from SIGTERM until all processes are killed.
    pub(crate) grace: Duration,
    pub(crate) metrics: Metrics,
}

/// The connections of an execution to its client.
pub(crate) struct Connections {
    pub(crate) events: EventSender,
    pub(crate) input: InputReceiver,
    /// Cancelled when the client asks for it or disconnects, and when the daemon stops.
    pub(crate) cancel: CancellationToken,
}

impl Executor {
    /// Cleans up after a stage, and removes what it built. An error means that processes may be left: the user is
    /// quarantined, and the slot is replaced.
    pub(super) async fn clean_up(&self, cleanup: PendingCleanup) -> Result<(), Failure> {
        let stage = cleanup.stage();
        let slot = self.finish(cleanup).await?;
        match stage {
            StageKind::Compile => self.release_with_build(slot),
            StageKind::Run | StageKind::Check | StageKind::Format => {
                self.pool.release(slot);
                Ok(())
            }
        }
    }

    /// Waits until the sandbox of a stage is empty. Returns its slot, which still has the build of the stage.
    pub(super) async fn finish(&self, cleanup: PendingCleanup) -> Result<Slot, Failure> {
        let (slot, elapsed) = cleanup.finish().await?;
        self.metrics.time(TimedStep::Cleanup, elapsed);
        Ok(slot)
    }

    /// Removes the build in a slot, and returns the slot to the pool.
    pub(super) fn release_with_build(&self, slot: Slot) -> Result<(), Failure> {
        slot.drop_build()?;
        self.pool.release(slot);
        Ok(())
    }

    /// Moves the build in a slot to the cache, if there is room for it; else removes the build.
    pub(super) async fn cache_build(
        &self,
        key: BuildKey,
        report: &StageReport,
        slot: Slot,
    ) -> Result<(), Failure> {
        let (_, bytes) = slot.share_build().await?;
        match self.build_cache.put(key, report.clone(), slot, bytes) {
            Some(slot) => self.release_with_build(slot),
            None => Ok(()),
        }
    }
}
