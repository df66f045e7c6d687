//! A slot: a supervisor and its cgroups, for one sandbox at a time.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::Sender;
use std::time::Duration;

use sandbox::cgroup::{CgroupLimits, CpuWeight, RunCgroup, SlotCgroup};
use sandbox::{
    Collection, Descriptors, Emptied, ExpectedZygotes, Init, NamespaceGone, Plan, Program, Reply, Supervisor,
};
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use crate::failure::{Context, Failure};
use crate::identity::{Identity, ZygoteUser};
use crate::pool::reap_job::{LostSlot, ReapJob};

/// Time for a supervisor to fork an init. It may start a zygote before that, which takes a second of CPU time in Java.
const LAUNCH_TIMEOUT: Duration = Duration::from_secs(60);

/// A slot. Dropping it ends its supervisor, and reports the slot to the reaper as lost: the reaper cleans up after it
/// and creates another in its place. A user that was not released is quarantined until then.
#[derive(Debug)]
pub(crate) struct Slot {
    supervisor: AsyncFd<Supervisor>,
    cgroup: SlotCgroup,
    reaper: Sender<ReapJob>,
    /// Sent to the reaper when the slot is lost. `None` only while the slot is dropped.
    remains: Option<LostSlot>,
    /// Whether another slot was created in its place already.
    is_replaced: bool,
    /// Returned when the supervisor was killed, and with it its zygote: fields are dropped in this order.
    zygote_user: Option<ZygoteUser>,
    zygotes: ExpectedZygotes,
    /// A number that no other slot has.
    number: u64,
}

impl Slot {
    pub(crate) fn new(
        supervisor: AsyncFd<Supervisor>,
        cgroup: SlotCgroup,
        zygote_user: Option<ZygoteUser>,
        reaper: Sender<ReapJob>,
        remains: LostSlot,
        number: u64,
    ) -> Self {
        let remains = Some(remains);
        let zygotes = ExpectedZygotes::default();
        Self { supervisor, cgroup, reaper, remains, is_replaced: false, zygote_user, zygotes, number }
    }

    /// Returns whether the supervisor is still there. Without a sandbox it sends nothing, so anything to read is its
    /// end.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.supervisor.get_ref().reply(), Ok(None))
    }

    /// Returns the uid of its zygotes, which owns their user namespace.
    pub(crate) fn zygote_uid(&self) -> Option<u32> {
        self.zygote_user.as_ref().map(|user| user.users().root)
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Returns whether a sandbox with this warm command is forked at once, because its zygote is there.
    pub(crate) fn has_zygote(&self, program: &Program) -> bool {
        self.zygotes.has(program)
    }

    /// Makes `identity` the user of the next run, until [`Slot::release_identity`].
    pub(crate) fn assign(&mut self, identity: Identity) {
        if let Some(remains) = &mut self.remains {
            remains.identity = Some(identity);
        }
    }

    /// Releases the user of the last run against the proof that its processes are gone.
    pub(crate) fn release_identity(&mut self, proof: &Emptied) {
        if let Some(identity) = self.remains.as_mut().and_then(|remains| remains.identity.take()) {
            identity.release(proof);
        }
    }

    /// Begins accounting for a run of the user `uid`, in a cgroup with these limits.
    pub(crate) fn begin(
        &mut self,
        limits: &CgroupLimits,
        weight: CpuWeight,
        uid: u32,
    ) -> Result<RunCgroup, Failure> {
        self.cgroup.begin(limits, weight, uid).context("set the limits of the run's cgroup")
    }

    /// Gives the cgroup of a pre-warmed sandbox the limits and the CPU weight of the program that it got.
    pub(crate) fn start(&mut self, cgroup: &mut RunCgroup, limits: &CgroupLimits) -> Result<(), Failure> {
        self.cgroup.start(cgroup, limits).context("set the limits of the run's cgroup")
    }

    /// Has the supervisor prepare a sandbox. [`Slot::wait_until_launched`] returns the result.
    pub(crate) fn prepare(
        &mut self,
        plan: &Plan,
        cgroup: &mut RunCgroup,
        descriptors: Descriptors,
    ) -> Result<(), Failure> {
        self.zygotes.record(plan);
        self.supervisor
            .get_ref()
            .prepare(plan, cgroup, descriptors)
            .context("send the plan to the supervisor")
    }

    /// Waits until the init of the sandbox with this plan runs.
    pub(crate) async fn wait_until_launched(&mut self, plan: &Plan) -> Result<Init, Failure> {
        let reply = timeout(LAUNCH_TIMEOUT, self.reply()).await;
        match reply.map_err(io::Error::from).context("launch the sandbox")?? {
            Reply::Launched(init) => Ok(init),
            Reply::NotLaunched(error) => {
                self.zygotes.forget(plan);
                Err(Failure::Setup(error))
            }
            _ => unexpected_reply("launch the sandbox"),
        }
    }

    /// Waits until the sandbox's init is gone.
    pub(crate) async fn wait_until_gone(&self) -> Result<NamespaceGone, Failure> {
        match self.reply().await? {
            Reply::Gone(gone) => Ok(gone),
            _ => unexpected_reply("wait for the sandbox"),
        }
    }

    /// Starts a collector for the sandbox, which is prepared and not started.
    pub(crate) async fn attach_collector(
        &self,
        collection: &Collection,
        archive: &OwnedFd,
        namespace: &OwnedFd,
    ) -> Result<(), Failure> {
        let operation = "start the collector";
        let supervisor = self.supervisor.get_ref();
        supervisor.attach_collector(collection, archive, namespace).context(operation)?;
        let reply = timeout(LAUNCH_TIMEOUT, self.reply()).await;
        match reply.map_err(io::Error::from).context(operation)?? {
            Reply::CollectorReady => Ok(()),
            Reply::NoCollector(error) => Err(Failure::Setup(error)),
            _ => unexpected_reply(operation),
        }
    }

    /// Lets the collector search, once init is gone.
    pub(crate) fn collect(&self) -> Result<(), Failure> {
        self.supervisor.get_ref().collect().context("start the search for output files")
    }

    /// Ends the collector, once init is gone, and waits until it is gone too. Cancel safe.
    pub(crate) async fn end_collector(&self) -> Result<(), Failure> {
        let operation = "end the collector";
        self.supervisor.get_ref().stop_collector().context(operation)?;
        match self.reply().await? {
            Reply::Collected => Ok(()),
            _ => unexpected_reply(operation),
        }
    }

    /// Returns a mount of the output of the last compilation, for the sandbox of one run, and its size in bytes.
    pub(crate) async fn share_build(&self) -> Result<(OwnedFd, u64), Failure> {
        self.supervisor.get_ref().share_build().context("request the build directory")?;
        match self.reply().await? {
            Reply::Build { mount, bytes } => Ok((mount, bytes)),
            _ => unexpected_reply("request the build directory"),
        }
    }

    /// Removes the output of the last compilation.
    pub(crate) fn drop_build(&self) -> Result<(), Failure> {
        self.supervisor.get_ref().drop_build().context("drop the build directory")
    }

    /// Has the reaper create another slot in its place now, because this one stays occupied by a build.
    pub(crate) fn replace(&mut self) {
        if !self.is_replaced {
            self.is_replaced = true;
            let _ = self.reaper.send(ReapJob::Replace);
        }
    }

    /// Ends the slot for good: no other is created in its place.
    pub(crate) fn retire(mut self) {
        self.is_replaced = true;
    }

    /// Returns the supervisor's next reply. Cancel safe.
    async fn reply(&self) -> Result<Reply, Failure> {
        loop {
            let mut ready = self.supervisor.readable().await.context("read the supervisor's reply")?;
            match self.supervisor.get_ref().reply().context("read the supervisor's reply")? {
                Some(reply) => return Ok(reply),
                None => ready.clear_ready(),
            }
        }
    }
}

fn unexpected_reply<T>(operation: &'static str) -> Result<T, Failure> {
    Err(io::Error::new(io::ErrorKind::InvalidData, "unexpected reply of the supervisor")).context(operation)
}

impl Drop for Slot {
    fn drop(&mut self) {
        // The supervisor dies when its field is dropped, right after this. Cleaning up blocks, so the reaper does it.
        // Once the reaper has stopped, the daemon is about to end, and removes everything itself.
        if let Some(mut remains) = self.remains.take() {
            if let Some(identity) = &mut remains.identity {
                identity.quarantine();
                remains.cgroups = self.cgroup.cleanup();
            }
            let _ = self.reaper.send(ReapJob::CleanUp(remains));
            if !self.is_replaced {
                let _ = self.reaper.send(ReapJob::Replace);
            }
        }
    }
}
