//! A build that stays in the slot of its compilation, for runs of later requests.

use std::os::fd::OwnedFd;

use protocol::StageReport;
use tokio::sync::Mutex;

use crate::failure::Failure;
use crate::pool::slot::Slot;

/// A build in its slot. Dropping it ends the slot, when no run that began before needs it any more.
#[derive(Debug)]
pub(crate) struct KeptBuild {
    /// The report of its compilation.
    pub(crate) report: StageReport,
    slot: Mutex<Slot>,
}

impl KeptBuild {
    /// Keeps the build in `slot`. Another slot is created in its place.
    pub(crate) fn new(report: StageReport, mut slot: Slot) -> Self {
        slot.replace();
        Self { report, slot: Mutex::new(slot) }
    }

    /// Returns a mount of the build, for the sandbox of one run.
    pub(crate) async fn mount(&self) -> Result<OwnedFd, Failure> {
        Ok(self.slot.lock().await.share_build().await?.0)
    }
}
