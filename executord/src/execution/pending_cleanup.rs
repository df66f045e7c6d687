//! The cleanup after a stage whose program ended.

use std::time::{Duration, Instant};

use sandbox::NamespaceGone;

use crate::failure::Failure;
use crate::languages::toolchain::StageKind;
use crate::pool::sandbox::Sandbox;
use crate::pool::slot::Slot;
use crate::queue::Permit;

/// A sandbox whose program is gone: its init is ending, and with it the namespaces and mounts. The client gets the
/// result before that, because half of the time of an empty program is the end of its network namespace.
#[must_use = "the slot and the user are released by the cleanup, and lost without it"]
pub(crate) struct PendingCleanup {
    pub(super) sandbox: Sandbox,
    pub(super) stage: StageKind,
    /// Whether init is gone already.
    pub(super) gone: Option<NamespaceGone>,
    /// When the program ended.
    pub(super) ended: Instant,
    /// Time for init to end by itself.
    pub(super) grace: Duration,
    /// The run's own permit, if it has one, until the sandbox is empty.
    pub(super) permit: Option<Permit>,
}

impl PendingCleanup {
    pub(crate) const fn stage(&self) -> StageKind {
        self.stage
    }

    /// Waits until the sandbox is empty, and releases its user. Returns its slot, and the time since the program's end.
    ///
    /// An error means that processes may be left: the user is quarantined and the slot is lost.
    pub(crate) async fn finish(mut self) -> Result<(Slot, Duration), Failure> {
        let gone = match self.gone.take() {
            Some(gone) => gone,
            None => self.sandbox.wait_until_gone(self.grace).await?,
        };
        let emptied = self.sandbox.wait_until_empty(&gone).await?;
        let slot = self.sandbox.end(&emptied);
        drop(self.permit);
        Ok((slot, self.ended.elapsed()))
    }
}
