//! Accounting and limits for all processes of a run together, and the proof that none is left.
//!
//! Version 2 makes a group for each run and has the kernel start the run in it. Version 1 cannot do that, and
//! moving a process into a group waits for an RCU grace period there, so each slot keeps its groups: the
//! supervisor lives in them and what it forks is in them from birth. Without either, resource limits and the
//! size of the work directory still bind.

mod files;
mod v1;
mod v2;

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

pub use files::{sweep, sweep_below};

/// How this host limits groups of processes.
#[derive(Debug)]
pub enum Controllers {
    /// The unified hierarchy.
    V2(v2::Tree),
    /// A hierarchy for each controller.
    V1(v1::Tree),
    /// Not at all.
    None,
}

/// What all processes of a run together may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// Bytes of memory, without swap.
    pub memory: u64,
    /// Processes and threads, without those of the sandbox itself.
    pub processes: u32,
    /// Thousandths of a CPU core.
    pub cpu_millis: u32,
}

/// Whose turn it is when the processors are wanted by more than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// As much as anybody.
    Full,
    /// An eighth of that, where others want it: for what is only prepared. With next to nothing the kernel does not move it
    /// to a processor that is idle, because nearly no load is gone then, and whatever it holds of the kernel's locks is
    /// waited for by everybody (seen on Linux 6.18: programs beside it took three times as long).
    Less,
}

/// A slot's share of the controllers.
#[derive(Debug)]
pub enum SlotGroup {
    /// Makes a group for each run.
    V2(v2::Slot),
    /// One for all its runs.
    V1(v1::Slot),
    /// None.
    None,
}

/// One run's group.
#[derive(Debug)]
pub struct RunGroup {
    kind: RunKind,
    uid: u32,
}

#[derive(Debug)]
enum RunKind {
    V2(v2::Run),
    V1(v1::Run),
    None,
}

/// What a run used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// CPU time of all its processes.
    pub cpu_time: Duration,
    /// The most memory at one time, in bytes.
    pub peak_memory: u64,
    /// Processes that the kernel killed for want of memory.
    pub out_of_memory_kills: u64,
}

/// Every process of a pid namespace is gone: its init was waited for.
#[derive(Debug)]
pub struct NamespaceGone {
    /// The process that is there still, of the supervisor's own.
    pub(crate) zygote: Option<i32>,
}

/// Proof that no process of this user is left. Nobody can make one but [`RunGroup::close`] and [`sweep_slot`].
#[derive(Debug)]
pub struct Emptied {
    uid: u32,
}

impl Emptied {
    /// Whose processes are gone.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        self.uid
    }

    /// For a user that never had a process: its execution ended before the first was made.
    #[must_use]
    pub const fn never_used(uid: u32) -> Self {
        Self { uid }
    }
}

impl Controllers {
    /// Find out what there is and prepare a place of our own, called `name`. The second part says what is
    /// missing, a sentence each.
    #[must_use]
    pub fn detect(name: &str) -> (Self, Vec<String>) {
        if files::is_v2() {
            return match v2::Tree::prepare(name) {
                Ok(tree) => (Self::V2(tree), Vec::new()),
                Err(error) => (Self::None, vec![format!("cgroup v2 is there but cannot be used: {error}")]),
            };
        }
        match v1::Tree::prepare(name) {
            Ok((tree, missing)) => (Self::V1(tree), missing),
            Err(error) => (Self::None, vec![format!("no cgroup can be used: {error}")]),
        }
    }

    /// For people: `cgroup v2`, `cgroup v1`, `none`.
    #[must_use]
    pub const fn describe(&self) -> &'static str {
        match self {
            Self::V2(_) => "cgroup v2",
            Self::V1(_) => "cgroup v1",
            Self::None => "none",
        }
    }

    /// The directories below which all our groups are; see [`sweep`].
    #[must_use]
    pub fn roots(&self) -> Vec<PathBuf> {
        match self {
            Self::V2(tree) => tree.roots(),
            Self::V1(tree) => tree.roots(),
            Self::None => Vec::new(),
        }
    }

    /// The groups of a slot; `label` is a name that no other slot has or had.
    ///
    /// # Errors
    /// What mkdir(2) says in the cgroup file system.
    pub fn slot(&self, label: &str) -> io::Result<SlotGroup> {
        Ok(match self {
            Self::V2(tree) => SlotGroup::V2(tree.slot(label)),
            Self::V1(tree) => SlotGroup::V1(tree.slot(label)?),
            Self::None => SlotGroup::None,
        })
    }
}

impl SlotGroup {
    /// Take the slot's supervisor in, so that what it forks is in too (v1 only). May take 10 ms.
    ///
    /// # Errors
    /// What writing `cgroup.procs` says.
    pub fn adopt(&self, supervisor: u32) -> io::Result<()> {
        match self {
            Self::V1(slot) => slot.adopt(supervisor),
            Self::V2(_) | Self::None => Ok(()),
        }
    }

    /// Begin a run of `uid` under `limits`. They hold before its first process is made.
    ///
    /// # Errors
    /// What the cgroup file system says.
    pub fn begin(&mut self, limits: &GroupLimits, share: Share, uid: u32) -> io::Result<RunGroup> {
        let kind = match self {
            Self::V2(slot) => RunKind::V2(slot.begin(limits, share)?),
            Self::V1(slot) => RunKind::V1(slot.begin(limits, share)?),
            Self::None => RunKind::None,
        };
        Ok(RunGroup { kind, uid })
    }

    /// What was prepared with an idle share in `run`, the last one begun, starts: `limits` hold from now on, and what
    /// CPU time was used before does not count.
    ///
    /// # Errors
    /// What the cgroup file system says: it refuses a limit of memory below what is used.
    pub fn start(&mut self, run: &mut RunGroup, limits: &GroupLimits) -> io::Result<()> {
        match (self, &mut run.kind) {
            (Self::V1(slot), RunKind::V1(run)) => slot.start(run, limits),
            (_, RunKind::V2(run)) => run.start(limits),
            _ => Ok(()),
        }
    }
}

impl RunGroup {
    /// The group to start the run's first process in (v2 only).
    ///
    /// # Errors
    /// What open(2) says.
    pub fn descriptor(&self) -> io::Result<Option<OwnedFd>> {
        match &self.kind {
            RunKind::V2(run) => run.descriptor().map(Some),
            RunKind::V1(_) | RunKind::None => Ok(None),
        }
    }

    /// Bytes of memory that it holds now; 0 where nobody counts.
    ///
    /// # Errors
    /// What the cgroup file system says.
    pub fn memory(&self) -> io::Result<u64> {
        match &self.kind {
            RunKind::V2(run) => run.memory(),
            RunKind::V1(run) => run.memory(),
            RunKind::None => Ok(0),
        }
    }

    /// What it used so far; `None` where nobody counts.
    ///
    /// # Errors
    /// What the cgroup file system says.
    pub fn readings(&self) -> io::Result<Option<Readings>> {
        match &self.kind {
            RunKind::V2(run) => run.readings().map(Some),
            RunKind::V1(run) => run.readings().map(Some),
            RunKind::None => Ok(None),
        }
    }

    /// Whether the group is empty now that the sandbox's init is gone; then the group is gone too. `None` if
    /// something is still in it: ask again a little later.
    ///
    /// # Errors
    /// What the cgroup file system says; then there is no proof, and there will be none.
    pub fn close(&mut self, gone: &NamespaceGone) -> io::Result<Option<Emptied>> {
        let empty = match &mut self.kind {
            RunKind::V2(run) => run.close()?,
            RunKind::V1(run) => run.is_empty(gone.zygote)?,
            RunKind::None => true,
        };
        Ok(empty.then_some(Emptied { uid: self.uid }))
    }
}

/// End and remove everything of a slot that is no more, and so prove that nothing is left of its last run, which was
/// `uid`'s. `None` where there are no groups: then this proves nothing.
///
/// # Errors
/// If a group could not be emptied or removed within a second.
pub fn sweep_slot(roots: &[PathBuf], label: &str, uid: u32) -> io::Result<Option<Emptied>> {
    // A group for all runs on version 1, one for each on version 2.
    let run = format!("run-{label}-");
    for root in roots {
        let entries = match std::fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name == label || name.starts_with(&run)) {
                sweep(&entry.path())?;
            }
        }
    }
    Ok((!roots.is_empty()).then_some(Emptied { uid }))
}
