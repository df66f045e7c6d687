//! Creates slots.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;

use sandbox::Supervisor;
use sandbox::cgroup::{Controllers, SlotCgroup};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::pool::reap_job::{LostSlot, ReapJob};
use crate::pool::slot::Slot;

/// Creates slots, each with a directory, a cgroup and a supervisor of its own.
#[derive(Debug)]
pub(crate) struct SlotFactory {
    helper: PathBuf,
    directory: PathBuf,
    controllers: Controllers,
    has_zygotes: bool,
    reaper: Sender<ReapJob>,
    created: AtomicU64,
}

impl SlotFactory {
    /// Creates a factory that starts `helper` as the supervisor of each slot, and that keeps the slots' directories in
    /// `directory`. Lost slots are reported to `reaper`.
    pub(crate) fn new(
        helper: PathBuf,
        directory: PathBuf,
        controllers: Controllers,
        has_zygotes: bool,
        reaper: Sender<ReapJob>,
    ) -> Self {
        Self { helper, directory, controllers, has_zygotes, reaper, created: AtomicU64::new(0) }
    }

    /// Returns whether supervisors may start zygotes.
    pub(crate) const fn has_zygotes(&self) -> bool {
        self.has_zygotes
    }

    pub(crate) const fn controllers(&self) -> &Controllers {
        &self.controllers
    }

    /// Creates a slot. This blocks, for tens of milliseconds on cgroup v1, so no execution waits for it: slots are created
    /// when the daemon starts, by the reaper, and for the pool.
    pub(crate) fn create(&self) -> io::Result<Slot> {
        let label = format!("slot-{}-{}", std::process::id(), self.created.fetch_add(1, Ordering::Relaxed));
        let directory = self.directory.join(&label);
        let remains = LostSlot { directory, cgroups: self.controllers.slot_cleanup(&label), identity: None };
        match self.start_supervisor(&label, &remains.directory) {
            Ok((supervisor, cgroup)) => Ok(Slot::new(supervisor, cgroup, self.reaper.clone(), remains)),
            Err(error) => {
                let _ = self.reaper.send(ReapJob::CleanUp(remains));
                Err(error)
            }
        }
    }

    fn start_supervisor(
        &self,
        label: &str,
        directory: &Path,
    ) -> io::Result<(AsyncFd<Supervisor>, SlotCgroup)> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let cgroup = self.controllers.slot(label)?;
        let supervisor = Supervisor::start(&self.helper, directory, self.has_zygotes)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.helper.display())))?;
        cgroup.adopt(supervisor.pid())?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that may change their descriptor; a Supervisor owns one for life"
        )]
        let supervisor = AsyncFd::with_interest(supervisor, Interest::READABLE)?;
        Ok((supervisor, cgroup))
    }
}
