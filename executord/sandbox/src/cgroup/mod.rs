//! Cgroups: limits and accounting for all processes of a run together, and the proof that no process is left.
//!
//! On version 2 each run has a cgroup, and the kernel starts the run's first process in it (`CLONE_INTO_CGROUP`).
//! Version 1 has no such flag, and moving a process between cgroups waits for an RCU grace period, so each slot keeps
//! its cgroups: the supervisor lives in them, and the processes that it forks are born in them. On a host without
//! either, the resource limits and the size of the work directory still apply.

mod cleanup;
mod controllers;
mod files;
mod limits;
mod proof;
mod v1;
mod v2;

pub use cleanup::{SlotCleanup, kill_and_remove, kill_and_remove_children};
pub use controllers::{Controllers, RunCgroup, SlotCgroup, UsageMeter};
pub use limits::{CgroupLimits, CpuWeight, Readings};
pub use proof::{Emptied, NamespaceGone};
