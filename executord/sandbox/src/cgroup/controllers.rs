//! The cgroup hierarchy of this host, the cgroups of a slot and the cgroup of a run, whichever version the host has.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use super::cleanup::SlotCleanup;
use super::files::is_v2;
use super::limits::{CgroupLimits, CpuWeight, Readings};
use super::proof::{Emptied, NamespaceGone};
use super::{v1, v2};

/// The cgroup controllers of this host.
#[derive(Clone, Debug)]
pub enum Controllers {
    /// The unified hierarchy.
    V2(v2::Tree),
    /// One hierarchy for each controller.
    V1(v1::Tree),
    /// No usable cgroups.
    None,
}

/// The cgroups of a slot.
#[derive(Debug)]
pub struct SlotCgroup {
    kind: SlotKind,
    cleanup: SlotCleanup,
}

#[derive(Debug)]
enum SlotKind {
    /// Creates a cgroup for each run.
    V2(v2::Slot),
    /// Uses the same cgroups for all runs.
    V1(v1::Slot),
    None,
}

/// The cgroup of one run.
#[derive(Debug)]
pub struct RunCgroup {
    kind: RunKind,
    uid: u32,
    /// A supervisor was asked to start a process in it.
    is_used: bool,
}

#[derive(Debug)]
enum RunKind {
    V2(v2::Run),
    V1(v1::Run),
    None,
}

/// Reads the usage of one run. It does not keep the run's cgroup.
#[derive(Debug)]
pub struct UsageMeter(MeterKind);

#[derive(Debug)]
enum MeterKind {
    V2(v2::Meter),
    V1(v1::Run),
    None,
}

impl UsageMeter {
    /// Returns the CPU time that the run has used since a fixed point in time, and its current memory usage in bytes;
    /// `None` on a host without cgroups, or that does not account for CPU time.
    ///
    /// # Errors
    /// The errors of the cgroup file system, for example if the cgroup is gone.
    pub fn usage(&self) -> io::Result<Option<(Duration, u64)>> {
        match &self.0 {
            MeterKind::V2(meter) => meter.usage().map(Some),
            MeterKind::V1(run) => run.usage(),
            MeterKind::None => Ok(None),
        }
    }

    /// Returns whether a thread of the run uses a processor or waits for one.
    ///
    /// # Errors
    /// As [`UsageMeter::usage`].
    pub fn is_runnable(&self) -> io::Result<bool> {
        match &self.0 {
            MeterKind::V2(meter) => meter.is_runnable(),
            MeterKind::V1(run) => run.is_runnable(),
            MeterKind::None => Ok(true),
        }
    }

    /// Returns the pids of its processes, which may include those of its sandbox; none on a host without cgroups.
    pub(crate) fn processes(&self) -> io::Result<Vec<i32>> {
        match &self.0 {
            MeterKind::V2(meter) => meter.processes(),
            MeterKind::V1(run) => run.processes(),
            MeterKind::None => Ok(Vec::new()),
        }
    }

    /// Returns the memory of the run that the kernel cannot reclaim by dropping cached files, in bytes; 0 on a host
    /// without cgroups.
    ///
    /// # Errors
    /// As [`UsageMeter::usage`].
    pub fn unreclaimable_memory(&self) -> io::Result<u64> {
        match &self.0 {
            MeterKind::V2(meter) => meter.unreclaimable_memory(),
            MeterKind::V1(run) => run.unreclaimable_memory(),
            MeterKind::None => Ok(0),
        }
    }
}

impl Controllers {
    /// Detects the host's cgroups and creates a parent cgroup called `name` for all slots. The second value lists what
    /// is missing, one sentence each.
    #[must_use]
    pub fn detect(name: &str) -> (Self, Vec<String>) {
        if is_v2() {
            return match v2::Tree::prepare(name) {
                Ok(tree) => (Self::V2(tree), Vec::new()),
                Err(error) => (Self::None, vec![format!("cgroup v2 cannot be used: {error}")]),
            };
        }
        match v1::Tree::prepare(name) {
            Ok((tree, missing)) => (Self::V1(tree), missing),
            Err(error) => (Self::None, vec![format!("no cgroup can be used: {error}")]),
        }
    }

    /// Returns the version for display: `cgroup v2`, `cgroup v1` or `none`.
    #[must_use]
    pub const fn describe(&self) -> &'static str {
        match self {
            Self::V2(_) => "cgroup v2",
            Self::V1(_) => "cgroup v1",
            Self::None => "none",
        }
    }

    /// Returns the directories that hold all cgroups of this daemon; see [`kill_and_remove`](super::kill_and_remove).
    #[must_use]
    pub fn roots(&self) -> Vec<PathBuf> {
        match self {
            Self::V2(tree) => tree.roots(),
            Self::V1(tree) => tree.roots(),
            Self::None => Vec::new(),
        }
    }

    /// Leaves the cgroups of this daemon, whose slots are gone, and removes those below the ones that
    /// [`Controllers::to_remove`] returns.
    pub fn leave(&self) {
        if let Self::V2(tree) = self {
            tree.leave();
        }
    }

    /// Returns the topmost cgroups that [`Controllers::detect`] created itself. One that systemd delegated is not among
    /// them: systemd removes it.
    #[must_use]
    pub fn to_remove(&self) -> Vec<PathBuf> {
        match self {
            Self::V2(tree) => tree.to_remove(),
            Self::V1(tree) => tree.roots(),
            Self::None => Vec::new(),
        }
    }

    /// Returns the memory that this daemon and its children may use, in bytes, if a cgroup above them has a limit.
    #[must_use]
    pub fn available_memory(&self) -> Option<u64> {
        match self {
            Self::V2(tree) => tree.available_memory(),
            Self::V1(tree) => tree.available_memory(),
            Self::None => None,
        }
    }

    /// Lets processes of a group in the daemon's cgroup start processes in the cgroups of runs (version 2 only; on version 1 they
    /// are born in the cgroup of their parent). For slots that are created afterwards.
    ///
    /// # Errors
    /// The errors of chown(2) in the cgroup file system.
    pub fn let_group_fork(&mut self, gid: u32) -> io::Result<()> {
        match self {
            Self::V2(tree) => tree.let_group_fork(gid),
            Self::V1(_) | Self::None => Ok(()),
        }
    }

    /// Limits the memory of all slots together, so that programs cannot bring in the out-of-memory killer of the host.
    /// Does nothing on a host without cgroups.
    ///
    /// # Errors
    /// The errors of the cgroup file system.
    pub fn limit_memory(&self, bytes: u64) -> io::Result<()> {
        match self {
            Self::V2(tree) => tree.limit_memory(bytes),
            Self::V1(tree) => tree.limit_memory(bytes),
            Self::None => Ok(()),
        }
    }

    /// Creates the cgroups of a slot. `label` must not have been used for another slot.
    ///
    /// # Errors
    /// The errors of mkdir(2) in the cgroup file system.
    pub fn slot(&self, label: &str) -> io::Result<SlotCgroup> {
        let kind = match self {
            Self::V2(tree) => SlotKind::V2(tree.slot(label)),
            Self::V1(tree) => SlotKind::V1(tree.slot(label)?),
            Self::None => SlotKind::None,
        };
        Ok(SlotCgroup { kind, cleanup: self.slot_cleanup(label) })
    }

    /// Returns the cleanup of a slot without runs, for a slot whose creation fails.
    #[must_use]
    pub fn slot_cleanup(&self, label: &str) -> SlotCleanup {
        SlotCleanup::new(self.roots(), label.to_owned())
    }
}

impl SlotCgroup {
    /// Moves the slot's supervisor into the slot's cgroups, so that the processes it forks are born there (version 1
    /// only). Takes up to 10 ms.
    ///
    /// # Errors
    /// The errors of writing `cgroup.procs`.
    pub fn adopt(&self, supervisor: u32) -> io::Result<()> {
        match &self.kind {
            SlotKind::V1(slot) => slot.adopt(supervisor),
            SlotKind::V2(_) | SlotKind::None => Ok(()),
        }
    }

    /// Begins a run of `uid`. The limits are in force before the run's first process starts.
    ///
    /// # Errors
    /// The errors of the cgroup file system.
    pub fn begin(&mut self, limits: &CgroupLimits, weight: CpuWeight, uid: u32) -> io::Result<RunCgroup> {
        self.cleanup.begin_run(uid);
        let kind = match &mut self.kind {
            SlotKind::V2(slot) => RunKind::V2(slot.begin(limits, weight)?),
            SlotKind::V1(slot) => RunKind::V1(slot.begin(limits, weight)?),
            SlotKind::None => RunKind::None,
        };
        Ok(RunCgroup { kind, uid, is_used: false })
    }

    /// Starts the program of `run`, the slot's last run, which was pre-warmed with [`CpuWeight::Reduced`]: applies
    /// `limits` and the full weight, and excludes the CPU time used so far from the accounting.
    ///
    /// # Errors
    /// The errors of the cgroup file system, which refuses a memory limit below the current usage.
    pub fn start(&mut self, run: &mut RunCgroup, limits: &CgroupLimits) -> io::Result<()> {
        match (&mut self.kind, &mut run.kind) {
            (SlotKind::V1(slot), RunKind::V1(run)) => slot.start(run, limits),
            (_, RunKind::V2(run)) => run.start(limits),
            _ => Ok(()),
        }
    }

    /// Returns what removes the slot's cgroups after the slot is lost, and proves its last run gone.
    #[must_use]
    pub fn cleanup(&self) -> SlotCleanup {
        self.cleanup.clone()
    }
}

impl RunCgroup {
    /// Marks the cgroup as used and opens it, for starting the run's first process in it (version 2 only).
    pub(crate) fn open_for_launch(&mut self) -> io::Result<Option<OwnedFd>> {
        self.is_used = true;
        match &self.kind {
            RunKind::V2(run) => run.descriptor().map(Some),
            RunKind::V1(_) | RunKind::None => Ok(None),
        }
    }

    /// Excludes a process of the sandbox itself, which is forked after the begin of the run, from the number of the program's
    /// processes. On version 2 it is not in the run's cgroup.
    pub fn add_own_process(&self) {
        if let RunKind::V1(run) = &self.kind {
            run.add_own_process();
        }
    }

    /// Returns the current memory usage in bytes; 0 on a host without cgroups.
    ///
    /// # Errors
    /// The errors of the cgroup file system.
    pub fn memory(&self) -> io::Result<u64> {
        match &self.kind {
            RunKind::V2(run) => run.memory(),
            RunKind::V1(run) => run.memory(),
            RunKind::None => Ok(0),
        }
    }

    /// Returns the anonymous memory that the largest of its processes has mapped, in bytes, which includes what it shares with the
    /// zygote that it was forked from. The processes of a sandbox that waits share most of it with each other too.
    ///
    /// # Errors
    /// The errors of the cgroup file system and of `/proc`.
    pub fn mapped_memory(&self) -> io::Result<u64> {
        let mut largest = 0;
        for pid in self.meter().processes()? {
            largest = largest.max(anonymous_memory(pid)?);
        }
        Ok(largest)
    }

    /// Returns what reads the usage of the run, as long as its cgroup exists.
    #[must_use]
    pub fn meter(&self) -> UsageMeter {
        UsageMeter(match &self.kind {
            RunKind::V2(run) => MeterKind::V2(run.meter()),
            RunKind::V1(run) => MeterKind::V1(run.meter()),
            RunKind::None => MeterKind::None,
        })
    }

    /// Returns the run's counters; `None` on a host without cgroups.
    ///
    /// # Errors
    /// The errors of the cgroup file system.
    pub fn readings(&self) -> io::Result<Option<Readings>> {
        match &self.kind {
            RunKind::V2(run) => run.readings().map(Some),
            RunKind::V1(run) => run.readings().map(Some),
            RunKind::None => Ok(None),
        }
    }

    /// Returns the proof that the cgroup is empty, after the sandbox's init is gone. Removes the cgroup on version 2.
    /// Returns `None` while a process is still in it; the caller retries after a pause.
    ///
    /// # Errors
    /// The errors of the cgroup file system. After an error there will be no proof.
    pub fn close(&mut self, gone: &NamespaceGone) -> io::Result<Option<Emptied>> {
        let is_empty = match &mut self.kind {
            RunKind::V2(run) => run.close()?,
            RunKind::V1(run) => run.is_empty(&gone.zygotes)?,
            RunKind::None => true,
        };
        Ok(is_empty.then_some(Emptied::new(self.uid)))
    }

    /// Closes the cgroup of a run that never had a process: no supervisor was given it. Returns `None` if one was.
    ///
    /// # Errors
    /// The errors of the cgroup file system.
    pub fn close_unused(mut self) -> io::Result<Option<Emptied>> {
        if self.is_used {
            return Ok(None);
        }
        let is_empty = match &mut self.kind {
            RunKind::V2(run) => run.close()?,
            RunKind::V1(_) | RunKind::None => true,
        };
        Ok(is_empty.then_some(Emptied::new(self.uid)))
    }
}

/// Returns the anonymous memory of a process in bytes; see RssAnon in proc_pid_status(5).
fn anonymous_memory(pid: i32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kibibytes.unwrap_or(0) * 1024)
}

#[cfg(test)]
mod tests {
    use super::{CgroupLimits, Controllers, CpuWeight};

    #[test]
    fn a_run_that_was_given_to_a_supervisor_is_not_proven_empty_without_its_end() {
        let limits = CgroupLimits { memory: 1 << 20, processes: 1, cpu_millis: 1000 };
        let mut slot = Controllers::None.slot("slot").unwrap();
        let mut begin = || slot.begin(&limits, CpuWeight::Full, 5000).unwrap();
        assert_eq!(begin().close_unused().unwrap().map(|emptied| emptied.uid()), Some(5000));
        let mut used = begin();
        used.open_for_launch().unwrap();
        assert!(used.close_unused().unwrap().is_none());
    }

    #[test]
    fn without_cgroups_the_cleanup_of_a_slot_proves_nothing() {
        let limits = CgroupLimits { memory: 1 << 20, processes: 1, cpu_millis: 1000 };
        let mut slot = Controllers::None.slot("slot").unwrap();
        slot.begin(&limits, CpuWeight::Full, 5000).unwrap();
        assert!(slot.cleanup().run().unwrap().is_none());
    }
}
