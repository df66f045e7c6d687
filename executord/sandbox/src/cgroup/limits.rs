//! The limits of a run's cgroup, and its counters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Limits of all processes of a run together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CgroupLimits {
    /// Memory in bytes. Swap is not available to the run.
    pub memory: u64,
    /// Number of processes and threads, not counting those of the sandbox itself.
    pub processes: u32,
    /// CPU bandwidth in thousandths of a core.
    pub cpu_millis: u32,
}

/// Relative CPU weight of a cgroup: its share of the processors while they are contended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuWeight {
    /// The kernel's default weight.
    Full,
    /// An eighth of the default, for sandboxes that are being pre-warmed.
    ///
    /// A much lower weight is counterproductive: the scheduler does not migrate a task of negligible load to an idle
    /// processor, and every other task then waits for the kernel locks that it holds. On Linux 6.18, programs next to
    /// such a cgroup took three times as long.
    Reduced,
}

/// Counters of a run's cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// CPU time of all processes of the run.
    pub cpu_time: Duration,
    /// The part of it in programs, as the kernel samples it at each tick of its timer.
    pub user_time: Duration,
    /// The part of it in the kernel, sampled in the same way. On version 1 the two need not add up to `cpu_time`.
    pub system_time: Duration,
    /// Peak memory usage in bytes.
    pub peak_memory: u64,
    /// Number of processes that the out-of-memory killer killed.
    pub out_of_memory_kills: u64,
    /// Peak number of processes and threads, without those of the sandbox itself; `None` if it is unknown.
    ///
    /// Version 2 has a counter for it since Linux 6.1. Where there is none, and on version 1, whose counter cannot be
    /// reset between runs, it is the largest number that was found when the counters were read.
    pub peak_processes: Option<u32>,
}

/// Peak number of processes and threads that was found so far, for cgroups without a counter of their own.
#[derive(Debug, Default)]
pub(super) struct SampledPeak(AtomicU64);

impl SampledPeak {
    /// Takes the current number, and returns the peak.
    pub(super) fn sample(&self, current: u64) -> u64 {
        self.0.fetch_max(current, Ordering::Relaxed).max(current)
    }
}

/// Returns the number of processes of a program among `all`, of which `own` belong to the sandbox.
pub(super) fn of_program(all: u64, own: u64) -> u32 {
    u32::try_from(all.saturating_sub(own)).unwrap_or(u32::MAX)
}
