//! Creates slots.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};

use sandbox::Supervisor;
use sandbox::cgroup::{Controllers, SlotCgroup};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::identity::{ZygoteUser, ZygoteUserPool};
use crate::pool::reap_job::{LostSlot, ReapJob};
use crate::pool::slot::Slot;

/// Creates slots, each with a directory, a cgroup and a supervisor of its own.
#[derive(Debug)]
pub(crate) struct SlotFactory {
    helper: PathBuf,
    directory: PathBuf,
    controllers: Controllers,
    zygote_users: Option<Arc<ZygoteUserPool>>,
    /// Why a slot can have no zygote. The first slots are created when the daemon starts.
    zygote_error: OnceLock<String>,
    reaper: Sender<ReapJob>,
    created: AtomicU64,
}

impl SlotFactory {
    /// Creates a factory that starts `helper` as the supervisor of each slot, and that keeps the slots' directories in
    /// `directory`. Lost slots are reported to `reaper`. The zygotes of each slot have a user of
    /// `zygote_users`.
    pub(crate) fn new(
        helper: PathBuf,
        directory: PathBuf,
        controllers: Controllers,
        zygote_users: Option<Arc<ZygoteUserPool>>,
        reaper: Sender<ReapJob>,
    ) -> Self {
        let (zygote_error, created) = (OnceLock::new(), AtomicU64::new(0));
        Self { helper, directory, controllers, zygote_users, zygote_error, reaper, created }
    }

    /// Returns whether supervisors can start zygotes.
    pub(crate) fn has_zygotes(&self) -> bool {
        self.zygote_users.is_some() && self.zygote_error().is_none()
    }

    /// Returns why there are no zygotes although they are configured.
    pub(crate) fn zygote_error(&self) -> Option<&str> {
        self.zygote_error.get().map(String::as_str)
    }

    pub(crate) const fn controllers(&self) -> &Controllers {
        &self.controllers
    }

    /// Creates a slot. This blocks, for tens of milliseconds on cgroup v1, so no execution waits for it: slots are created
    /// when the daemon starts, by the reaper, and for the pool.
    pub(crate) fn create(&self) -> io::Result<Slot> {
        let number = self.created.fetch_add(1, Ordering::Relaxed);
        let label = format!("slot-{}-{number}", std::process::id());
        let directory = self.directory.join(&label);
        let remains = LostSlot { directory, cgroups: self.controllers.slot_cleanup(&label), identity: None };
        // A slot without a user, if there are few, starts programs without a zygote.
        let zygote_user = self.zygote_users.as_ref().and_then(ZygoteUserPool::lease);
        match self.start_supervisor(&label, &remains.directory, zygote_user.as_ref()) {
            Ok((supervisor, cgroup)) => {
                Ok(Slot::new(supervisor, cgroup, zygote_user, self.reaper.clone(), remains, number))
            }
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
        zygote_user: Option<&ZygoteUser>,
    ) -> io::Result<(AsyncFd<Supervisor>, SlotCgroup)> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let cgroup = self.controllers.slot(label)?;
        let zygote_users = zygote_user.map(ZygoteUser::users);
        let supervisor = Supervisor::start(&self.helper, directory, zygote_users)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.helper.display())))?;
        if let Some(error) = supervisor.zygote_error() {
            let _ = self.zygote_error.set(error.to_string());
        }
        cgroup.adopt(supervisor.pid())?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that may change their descriptor; a Supervisor owns one for life"
        )]
        let supervisor = AsyncFd::with_interest(supervisor, Interest::READABLE)?;
        Ok((supervisor, cgroup))
    }
}
