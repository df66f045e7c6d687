//! A slot: one supervisor and its groups, for one execution at a time.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use sandbox::cgroup::{CgroupLimits, Controllers, CpuWeight, RunCgroup, SlotCgroup, SlotCleanup};
use sandbox::{Descriptors, Init, NamespaceGone, Plan, Reply, Supervisor};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use crate::failure::{Context, Failure};
use crate::identity::Identity;
use crate::pool::reaper::ReapJob;

/// How long a supervisor may take to fork an init: it mounts at most one file system before.
const LAUNCHED_WITHIN: Duration = Duration::from_secs(10);

/// Makes slots.
#[derive(Debug)]
pub(crate) struct SlotFactory {
    helper: PathBuf,
    directory: PathBuf,
    controllers: Controllers,
    has_zygotes: bool,
    reaper: Sender<ReapJob>,
    count: AtomicU64,
}

/// A slot. Dropping it ends its supervisor and what that watches.
#[derive(Debug)]
pub(crate) struct Slot {
    supervisor: AsyncFd<Supervisor>,
    group: SlotCgroup,
    reaper: Sender<ReapJob>,
    /// What is to be removed when the slot is no more.
    lost: Option<LostSlot>,
    /// There is another in its place.
    is_replaced: bool,
}

/// What a slot that is no more leaves.
#[derive(Debug)]
pub(crate) struct LostSlot {
    directory: PathBuf,
    cgroups: SlotCleanup,
    /// Whose run it was that is not proven to have left nothing.
    quarantined: Option<Identity>,
}

impl SlotFactory {
    /// `repairs` is told what is left of slots that are no more.
    pub(crate) fn new(
        helper: PathBuf,
        directory: PathBuf,
        controllers: Controllers,
        has_zygotes: bool,
        reaper: Sender<ReapJob>,
    ) -> Self {
        Self { helper, directory, controllers, has_zygotes, reaper, count: AtomicU64::new(0) }
    }

    /// Whether slots can have them.
    pub(crate) const fn has_zygotes(&self) -> bool {
        self.has_zygotes
    }

    pub(crate) const fn controllers(&self) -> &Controllers {
        &self.controllers
    }

    /// Make a slot. Takes tens of milliseconds on cgroup v1; nobody waits for it but who starts the daemon.
    pub(crate) fn slot(&self) -> io::Result<Slot> {
        let label = format!("slot-{}-{}", std::process::id(), self.count.fetch_add(1, Ordering::Relaxed));
        let directory = self.directory.join(&label);
        let cgroups = self.controllers.slot_cleanup(&label);
        let lost = LostSlot { directory, cgroups, quarantined: None };
        match self.make(&label, &lost.directory) {
            Ok((supervisor, group)) => {
                let reaper = self.reaper.clone();
                Ok(Slot { supervisor, group, reaper, lost: Some(lost), is_replaced: false })
            }
            Err(error) => {
                let _ = self.reaper.send(ReapJob::CleanUp(lost));
                Err(error)
            }
        }
    }

    fn make(&self, label: &str, directory: &Path) -> io::Result<(AsyncFd<Supervisor>, SlotCgroup)> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let group = self.controllers.slot(label)?;
        let supervisor = Supervisor::start(&self.helper, directory, self.has_zygotes)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.helper.display())))?;
        group.adopt(supervisor.pid())?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that may change their descriptor; a Supervisor owns one for life"
        )]
        let supervisor = AsyncFd::with_interest(supervisor, Interest::READABLE)?;
        Ok((supervisor, group))
    }
}

impl Slot {
    /// Whether its supervisor is still there. One without an execution has nothing to say.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.supervisor.get_ref().reply(), Ok(None))
    }

    /// Begin accounting for a run of `uid`.
    pub(crate) fn begin(
        &mut self,
        limits: &CgroupLimits,
        weight: CpuWeight,
        uid: u32,
    ) -> Result<RunCgroup, Failure> {
        self.group.begin(limits, weight, uid).context("limit the run's group")
    }

    /// What was prepared in `group` starts.
    pub(crate) fn start(&mut self, group: &mut RunCgroup, limits: &CgroupLimits) -> Result<(), Failure> {
        self.group.start(group, limits).context("limit the run's group")
    }

    /// Have a sandbox prepared. Whether its init runs is what [`Slot::launched`] tells.
    pub(crate) fn prepare(
        &self,
        plan: &Plan,
        group: &mut RunCgroup,
        descriptors: Descriptors,
    ) -> Result<(), Failure> {
        self.supervisor.get_ref().prepare(plan, group, descriptors).context("hand the plan over")
    }

    /// Wait until the sandbox's init runs.
    pub(crate) async fn launched(&self) -> Result<Init, Failure> {
        let reply = timeout(LAUNCHED_WITHIN, self.reply()).await;
        match reply.map_err(io::Error::from).context("launch the sandbox")?? {
            Reply::Launched(init) => Ok(init),
            Reply::NotLaunched(error) => Err(Failure::Setup(error)),
            Reply::Gone(_) | Reply::Build { .. } => unexpected("launch the sandbox"),
        }
    }

    /// Wait until init is gone.
    pub(crate) async fn gone(&self) -> Result<NamespaceGone, Failure> {
        match self.reply().await? {
            Reply::Gone(gone) => Ok(gone),
            Reply::Launched(_) | Reply::NotLaunched(_) | Reply::Build { .. } => {
                unexpected("wait for the sandbox")
            }
        }
    }

    /// What the last compilation wrote, for one run's sandbox.
    /// How many bytes it has, as well.
    pub(crate) async fn share_build(&self) -> Result<(OwnedFd, u64), Failure> {
        self.supervisor.get_ref().share_build().context("ask for what was built")?;
        match self.reply().await? {
            Reply::Build { mount, bytes } => Ok((mount, bytes)),
            Reply::Launched(_) | Reply::NotLaunched(_) | Reply::Gone(_) => {
                unexpected("ask for what was built")
            }
        }
    }

    /// Let go of what the last compilation wrote.
    pub(crate) fn drop_build(&self) -> Result<(), Failure> {
        self.supervisor.get_ref().drop_build().context("drop the build directory")
    }

    /// Have another made in its place now: it will be kept for longer.
    pub(crate) fn replace(&mut self) {
        if !self.is_replaced {
            self.is_replaced = true;
            let _ = self.reaper.send(ReapJob::Replace);
        }
    }

    /// Keep the user of the last run until the slot is no more, and it is proven that nothing of that run is left.
    pub(crate) fn quarantine(&mut self, mut identity: Identity) {
        identity.quarantine();
        if let Some(lost) = &mut self.lost {
            lost.cgroups = self.group.cleanup();
            lost.quarantined = Some(identity);
        }
    }

    /// Safe to drop before it is ready: nothing is lost.
    async fn reply(&self) -> Result<Reply, Failure> {
        loop {
            let mut ready = self.supervisor.readable().await.context("hear from the supervisor")?;
            match self.supervisor.get_ref().reply().context("hear from the supervisor")? {
                Some(reply) => return Ok(reply),
                None => ready.clear_ready(),
            }
        }
    }
}

fn unexpected<T>(operation: &'static str) -> Result<T, Failure> {
    Err(io::Error::from(io::ErrorKind::InvalidData)).context(operation)
}

impl Drop for Slot {
    fn drop(&mut self) {
        // The supervisor dies when its field is dropped, right after this; what it leaves is removed, and another slot
        // made, by who may wait for it. When that one has stopped, the daemon is about to end and removes everything.
        if let Some(lost) = self.lost.take() {
            let _ = self.reaper.send(ReapJob::CleanUp(lost));
            if !self.is_replaced {
                let _ = self.reaper.send(ReapJob::Replace);
            }
        }
    }
}

impl LostSlot {
    /// Remove them, and give the user back if that proves that nothing of it is left.
    pub(crate) fn remove(&mut self) -> io::Result<()> {
        let emptied = self.cgroups.run()?;
        if let (Some(identity), Some(emptied)) = (self.quarantined.take(), emptied) {
            identity.release(&emptied);
        }
        // The supervisor's private file system is not visible here: this is the empty directory below it.
        match fs::remove_dir(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
