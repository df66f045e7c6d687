//! A slot: one supervisor and its groups, for one execution at a time.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sandbox::cgroup::{Controllers, GroupLimits, RunGroup, SlotGroup};
use sandbox::{Descriptors, Init, NamespaceGone, Plan, Reply, Supervisor};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use crate::failure::{Doing, Failure};

/// How long a supervisor may take to fork an init: it mounts at most one file system before.
const LAUNCHED_WITHIN: Duration = Duration::from_secs(10);

/// Makes slots.
#[derive(Debug)]
pub(crate) struct Workshop {
    helper: PathBuf,
    directory: PathBuf,
    controllers: Controllers,
    count: AtomicU64,
}

/// A slot. Dropping it ends its supervisor and what that watches.
#[derive(Debug)]
pub(crate) struct Slot {
    supervisor: AsyncFd<Supervisor>,
    group: SlotGroup,
    directory: PathBuf,
    groups: Vec<PathBuf>,
}

impl Workshop {
    pub(crate) fn new(helper: PathBuf, directory: PathBuf, controllers: Controllers) -> Self {
        Self { helper, directory, controllers, count: AtomicU64::new(0) }
    }

    pub(crate) const fn controllers(&self) -> &Controllers {
        &self.controllers
    }

    /// Make a slot. Takes tens of milliseconds on cgroup v1; nobody waits for it but who starts the daemon.
    pub(crate) fn slot(&self) -> io::Result<Slot> {
        let label = format!("slot-{}-{}", std::process::id(), self.count.fetch_add(1, Ordering::Relaxed));
        let directory = self.directory.join(&label);
        DirBuilder::new().mode(0o700).create(&directory)?;
        let group = self.controllers.slot(&label)?;
        let supervisor = Supervisor::start(&self.helper, &directory)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.helper.display())))?;
        group.adopt(supervisor.pid())?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that may change their descriptor; a Supervisor owns one for life"
        )]
        let supervisor = AsyncFd::with_interest(supervisor, Interest::READABLE)?;
        let groups = self.controllers.roots().iter().map(|root| root.join(&label)).collect();
        Ok(Slot { supervisor, group, directory, groups })
    }
}

impl Slot {
    /// Begin accounting for a run of `uid`.
    pub(crate) fn begin(&mut self, limits: &GroupLimits, uid: u32) -> Result<RunGroup, Failure> {
        self.group.begin(limits, uid).doing("limit the run's group")
    }

    /// Launch a sandbox; answers when its init runs.
    pub(crate) async fn launch(
        &self,
        plan: &Plan,
        sources: &[&[u8]],
        descriptors: Descriptors,
    ) -> Result<Init, Failure> {
        self.supervisor.get_ref().execute(plan, sources, descriptors).doing("hand the plan over")?;
        let reply = timeout(LAUNCHED_WITHIN, self.reply()).await;
        match reply.map_err(io::Error::from).doing("launch the sandbox")?? {
            Reply::Launched(init) => Ok(init),
            Reply::NotLaunched(error) => Err(Failure::Setup(error)),
            Reply::Gone(_) => Err(io::Error::from(io::ErrorKind::InvalidData)).doing("launch the sandbox"),
        }
    }

    /// Wait until init is gone.
    pub(crate) async fn gone(&self) -> Result<NamespaceGone, Failure> {
        match self.reply().await? {
            Reply::Gone(gone) => Ok(gone),
            Reply::Launched(_) | Reply::NotLaunched(_) => {
                Err(io::Error::from(io::ErrorKind::InvalidData)).doing("wait for the sandbox")
            }
        }
    }

    /// Let go of what the last compilation wrote.
    pub(crate) fn drop_build(&self) -> Result<(), Failure> {
        self.supervisor.get_ref().drop_build().doing("drop the build directory")
    }

    /// Safe to drop before it is ready: nothing is lost.
    async fn reply(&self) -> Result<Reply, Failure> {
        loop {
            let mut ready = self.supervisor.readable().await.doing("hear from the supervisor")?;
            match self.supervisor.get_ref().reply().doing("hear from the supervisor")? {
                Some(reply) => return Ok(reply),
                None => ready.clear_ready(),
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let (directory, groups) = (std::mem::take(&mut self.directory), std::mem::take(&mut self.groups));
        // The supervisor dies when its field is dropped, right after this; what it leaves is then removed by a
        // thread that may wait for it. On v2 a run's group is gone already, or the janitor's.
        std::thread::spawn(move || remove_leftovers(&directory, &groups));
    }
}

fn remove_leftovers(directory: &Path, groups: &[PathBuf]) {
    for group in groups {
        if let Err(error) = sandbox::cgroup::sweep(group) {
            tracing::warn!(%error, "the group of a slot stays");
        }
    }
    // The supervisor's private file system is not visible here: this is the empty directory below it.
    match fs::remove_dir(directory) {
        // A daemon that is about to end removes them all.
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "the directory of a slot stays");
        }
        _ => {}
    }
}
