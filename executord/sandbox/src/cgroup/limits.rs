//! The limits of a run's cgroup, and its counters.

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
    /// Peak memory usage in bytes.
    pub peak_memory: u64,
    /// Number of processes that the out-of-memory killer killed.
    pub out_of_memory_kills: u64,
}
