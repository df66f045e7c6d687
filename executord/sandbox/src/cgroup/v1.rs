//! Cgroup version 1: the cgroups of a slot, one in each controller's hierarchy, which all runs of the slot use in turn.
//!
//! The supervisor lives in them, so they are never empty and never removed between runs. The counters of a run are the
//! differences to their values when it began.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::zygote::MAX_ZYGOTES;

use super::files::{
    CachedFile, create, has_runnable_thread, own_path, processes, read_keyed, v1_mount, write,
};
use super::limits::{CgroupLimits, CpuWeight, Readings, SampledPeak, of_program};

/// Number of processes of the sandbox itself in a slot's cgroups: the supervisor, two zygotes ([`MAX_ZYGOTES`]), init
/// and a collector.
const OWN_PROCESSES: u32 = 5;
const _: () = assert!(MAX_ZYGOTES == 2);
/// The period of cpu.cfs_quota_us, in microseconds; the kernel's default.
const CPU_PERIOD: u64 = 100_000;
/// Value of cpu.shares for [`CpuWeight::Full`]: the kernel's default.
const FULL_SHARES: u32 = 1024;
/// Value of cpu.shares for [`CpuWeight::Reduced`].
const REDUCED_SHARES: u32 = 128;
/// Limit of the TCP buffers of a run in bytes.
///
/// Version 1 accounts for them separately from memory, and only if a limit is set. Without one, a program with TCP
/// connections to itself holds gigabytes that are accounted to no cgroup and exhausts `net.ipv4.tcp_mem`, which the whole
/// host shares.
const TCP_MEMORY: u64 = 32 << 20;

/// One value for each controller.
#[derive(Clone, Debug)]
struct Hierarchies<Directory> {
    memory: Directory,
    pids: Directory,
    cpu: Option<Directory>,
    cpuacct: Option<Directory>,
}

impl<Directory: PartialEq> Hierarchies<Directory> {
    /// Returns each directory once: cpu and cpuacct are often mounted together.
    fn all(&self) -> Vec<&Directory> {
        let mut all = vec![&self.memory, &self.pids];
        for more in [&self.cpu, &self.cpuacct].into_iter().flatten() {
            if !all.contains(&more) {
                all.push(more);
            }
        }
        all
    }
}

/// The parent cgroups of all slots.
#[derive(Clone, Debug)]
pub struct Tree {
    roots: Hierarchies<PathBuf>,
}

impl Tree {
    /// Creates the parent cgroups. The memory and pids controllers are required; the second value lists what else is missing.
    pub(super) fn prepare(name: &str) -> io::Result<(Self, Vec<String>)> {
        let root = |controller: &str| -> io::Result<PathBuf> {
            let root = v1_mount(controller)?.join(own_path(controller)?).join(name);
            create(&root)?;
            Ok(root)
        };
        let (memory, pids) = (root("memory")?, root("pids")?);
        let mut missing = Vec::new();
        let mut optional = |controller: &str, lost: &str| {
            root(controller).inspect_err(|error| missing.push(format!("{lost}: {error}"))).ok()
        };
        let cpu = optional("cpu", "CPU bandwidth is not limited");
        let cpuacct = optional("cpuacct", "CPU time is accounted for each process separately");
        if !memory.join("memory.memsw.limit_in_bytes").try_exists()? && swap_is_on() {
            missing.push("swap is not accounted for: boot with swapaccount=1 or disable swap".to_owned());
        }
        Ok((Self { roots: Hierarchies { memory, pids, cpu, cpuacct } }, missing))
    }

    pub(super) fn roots(&self) -> Vec<PathBuf> {
        self.roots.all().into_iter().cloned().collect()
    }

    pub(super) fn available_memory(&self) -> Option<u64> {
        // The smallest limit of the cgroup and those above it.
        let limit =
            read_keyed(self.roots.memory.parent()?, "memory.stat", "hierarchical_memory_limit").ok()?;
        (limit > 0).then_some(limit)
    }

    pub(super) fn limit_memory(&self, bytes: u64) -> io::Result<()> {
        write(&self.roots.memory, "memory.limit_in_bytes", bytes)?;
        let swap = "memory.memsw.limit_in_bytes";
        if self.roots.memory.join(swap).try_exists()? {
            write(&self.roots.memory, swap, bytes)?;
        }
        Ok(())
    }

    pub(super) fn slot(&self, label: &str) -> io::Result<Slot> {
        let below = |root: &PathBuf| root.join(label);
        let groups = Hierarchies {
            memory: below(&self.roots.memory),
            pids: below(&self.roots.pids),
            cpu: self.roots.cpu.as_ref().map(below),
            cpuacct: self.roots.cpuacct.as_ref().map(below),
        };
        for directory in groups.all() {
            create(directory)?;
        }
        let tcp = "memory.kmem.tcp.limit_in_bytes";
        if groups.memory.join(tcp).try_exists()? {
            write(&groups.memory, tcp, TCP_MEMORY)?;
        }
        let counters = Arc::new(Counters::open(&groups)?);
        Ok(Slot { groups, counters, limits: None, weight: CpuWeight::Full })
    }
}

fn swap_is_on() -> bool {
    fs::read_to_string("/proc/swaps").is_ok_and(|text| text.lines().count() > 1)
}

/// The cgroups of one slot.
#[derive(Debug)]
pub(super) struct Slot {
    groups: Hierarchies<PathBuf>,
    counters: Arc<Counters>,
    /// The limits in force and the carried memory that they include; `None` if they are unknown.
    limits: Option<(CgroupLimits, u64)>,
    weight: CpuWeight,
}

/// Files that are read or written for each run.
#[derive(Debug)]
struct Counters {
    shares: Option<CachedFile>,
    memory: CachedFile,
    /// Peak memory usage; writing to it resets it.
    peak: CachedFile,
    memory_stat: CachedFile,
    out_of_memory: CachedFile,
    cpu_time: Option<CachedFile>,
    /// The parts of the CPU time in programs and in the kernel, of kernels that have these files.
    user_time: Option<CachedFile>,
    system_time: Option<CachedFile>,
    processes: CachedFile,
    /// Peak number of processes since the cgroup was created, since Linux 6.1. It cannot be reset.
    peak_processes: Option<CachedFile>,
    /// The cgroup whose process list is read. That file cannot stay open; see [`CachedFile`].
    pids: PathBuf,
}

impl Counters {
    fn open(groups: &Hierarchies<PathBuf>) -> io::Result<Self> {
        let memory = |file, writable| CachedFile::open(&groups.memory, file, writable);
        let optional = |group: &Option<PathBuf>, file, writable| {
            group.as_ref().map(|directory| CachedFile::open(directory, file, writable)).transpose()
        };
        Ok(Self {
            shares: optional(&groups.cpu, "cpu.shares", true)?,
            memory: memory("memory.usage_in_bytes", false)?,
            peak: memory("memory.max_usage_in_bytes", true)?,
            memory_stat: memory("memory.stat", false)?,
            out_of_memory: memory("memory.oom_control", false)?,
            cpu_time: optional(&groups.cpuacct, "cpuacct.usage", false)?,
            user_time: optional(&groups.cpuacct, "cpuacct.usage_user", false).unwrap_or_default(),
            system_time: optional(&groups.cpuacct, "cpuacct.usage_sys", false).unwrap_or_default(),
            processes: CachedFile::open(&groups.pids, "pids.current", false)?,
            peak_processes: CachedFile::open(&groups.pids, "pids.peak", false).ok(),
            pids: groups.pids.clone(),
        })
    }
}

impl Slot {
    pub(super) fn adopt(&self, supervisor: u32) -> io::Result<()> {
        self.groups.all().into_iter().try_for_each(|directory| write(directory, "cgroup.procs", supervisor))
    }

    pub(super) fn begin(&mut self, limits: &CgroupLimits, weight: CpuWeight) -> io::Result<Run> {
        // Memory that is already charged here does not belong to this run: the output of a compiler, and the memory of the
        // sandbox's own processes.
        let [shmem, rss] = self.counters.memory_stat.all_keyed(["shmem", "rss"])?;
        let carried = shmem.saturating_add(rss);
        self.apply(limits, carried)?;
        self.set_weight(weight)?;
        self.counters.peak.write(0)?;
        let processes = ProcessCount::begin(&self.counters)?;
        let mut run = Run {
            counters: Arc::clone(&self.counters),
            processes: Arc::new(processes),
            baseline: Readings { peak_memory: self.counters.memory.number()?, ..Readings::default() },
        };
        run.take_baseline()?;
        Ok(run)
    }

    pub(super) fn start(&mut self, run: &mut Run, limits: &CgroupLimits) -> io::Result<()> {
        let carried = self.limits.map_or(0, |(_, carried)| carried);
        self.apply(limits, carried)?;
        self.set_weight(CpuWeight::Full)?;
        self.counters.peak.write(0)?;
        run.take_baseline()
    }

    fn apply(&mut self, limits: &CgroupLimits, carried: u64) -> io::Result<()> {
        let wanted = Some((*limits, carried));
        if self.limits != wanted {
            let before = self
                .limits
                .take()
                .map_or(u64::MAX, |(limits, carried)| limits.memory.saturating_add(carried));
            self.write_limits(limits, limits.memory.saturating_add(carried), before)?;
            self.limits = wanted;
        }
        Ok(())
    }

    fn set_weight(&mut self, weight: CpuWeight) -> io::Result<()> {
        if let Some(shares) = self.counters.shares.as_ref().filter(|_| self.weight != weight) {
            shares.write(if weight == CpuWeight::Full { FULL_SHARES } else { REDUCED_SHARES })?;
            self.weight = weight;
        }
        Ok(())
    }

    fn write_limits(&self, limits: &CgroupLimits, memory_limit: u64, before: u64) -> io::Result<()> {
        let Hierarchies { memory, pids, cpu, .. } = &self.groups;
        let swap = "memory.memsw.limit_in_bytes";
        let limit_swap = || match memory.join(swap).try_exists()? {
            true => write(memory, swap, memory_limit),
            false => Ok(()),
        };
        // The limit of memory and swap together must never be below the limit of memory.
        if memory_limit > before {
            limit_swap()?;
            write(memory, "memory.limit_in_bytes", memory_limit)?;
        } else {
            write(memory, "memory.limit_in_bytes", memory_limit)?;
            limit_swap()?;
        }
        write(pids, "pids.max", limits.processes.saturating_add(OWN_PROCESSES))?;
        if let Some(cpu) = cpu {
            write(cpu, "cpu.cfs_period_us", CPU_PERIOD)?;
            write(cpu, "cpu.cfs_quota_us", u64::from(limits.cpu_millis) * CPU_PERIOD / 1000)?;
        }
        Ok(())
    }
}

/// One run in the cgroups of its slot.
#[derive(Clone, Debug)]
pub(super) struct Run {
    counters: Arc<Counters>,
    processes: Arc<ProcessCount>,
    baseline: Readings,
}

/// Counts the processes and threads of one run in the cgroup of its slot.
#[derive(Debug)]
struct ProcessCount {
    /// Those of the sandbox itself: the ones that were there when the run began, init, and a collector.
    own: AtomicU64,
    /// The slot's peak before this run. Only a higher one is of this run.
    peak_before: u64,
    sampled: SampledPeak,
}

impl ProcessCount {
    fn begin(counters: &Counters) -> io::Result<Self> {
        let own = counters.processes.number()?.saturating_add(1);
        let peak_before = counters.peak_processes.as_ref().map_or(Ok(u64::MAX), CachedFile::number)?;
        Ok(Self { own: AtomicU64::new(own), peak_before, sampled: SampledPeak::default() })
    }

    /// Returns the peak of the run: the exact one if it is the highest of its slot, else the largest that was sampled.
    fn peak(&self, counters: &Counters) -> io::Result<u32> {
        let sampled = self.sampled.sample(counters.processes.number()?);
        let own = self.own.load(Ordering::Relaxed);
        let peak = counters.peak_processes.as_ref().map_or(Ok(0), CachedFile::number)?;
        Ok(of_program(if peak > self.peak_before { peak } else { sampled }, own))
    }
}

impl Run {
    /// Excludes one more process from the number of the program's.
    pub(super) fn add_own_process(&self) {
        self.processes.own.fetch_add(1, Ordering::Relaxed);
    }

    /// Excludes the usage so far from the accounting, except memory that is still held.
    fn take_baseline(&mut self) -> io::Result<()> {
        self.baseline = Readings { peak_memory: self.baseline.peak_memory, ..self.absolute()? };
        Ok(())
    }

    pub(super) fn memory(&self) -> io::Result<u64> {
        let now = self.counters.memory.number()?;
        Ok(now.saturating_sub(self.baseline.peak_memory))
    }

    fn absolute(&self) -> io::Result<Readings> {
        let Counters { peak, out_of_memory, cpu_time, user_time, system_time, .. } = &*self.counters;
        let time = |file: &Option<CachedFile>| {
            file.as_ref().map_or(Ok(0), CachedFile::number).map(Duration::from_nanos)
        };
        Ok(Readings {
            cpu_time: time(cpu_time)?,
            user_time: time(user_time)?,
            system_time: time(system_time)?,
            peak_memory: peak.number()?,
            out_of_memory_kills: out_of_memory.keyed("oom_kill")?,
            peak_processes: Some(self.processes.peak(&self.counters)?),
        })
    }

    pub(super) fn meter(&self) -> Self {
        self.clone()
    }

    /// Returns the CPU time of the slot and the memory of the run, or `None` if CPU time is not accounted.
    pub(super) fn usage(&self) -> io::Result<Option<(Duration, u64)>> {
        let Some(cpu_time) = &self.counters.cpu_time else { return Ok(None) };
        Ok(Some((Duration::from_nanos(cpu_time.number()?), self.memory()?)))
    }

    pub(super) fn is_runnable(&self) -> io::Result<bool> {
        has_runnable_thread(&self.counters.pids, "tasks")
    }

    pub(super) fn processes(&self) -> io::Result<Vec<i32>> {
        processes(&self.counters.pids)
    }

    /// See memory.stat in the kernel's Documentation/admin-guide/cgroup-v1/memory.rst: `cache` contains `shmem`.
    pub(super) fn unreclaimable_memory(&self) -> io::Result<u64> {
        let [cache, shmem] = self.counters.memory_stat.all_keyed(["cache", "shmem"])?;
        Ok(self.memory()?.saturating_sub(cache.saturating_sub(shmem)))
    }

    pub(super) fn readings(&self) -> io::Result<Readings> {
        let (now, before) = (self.absolute()?, self.baseline);
        Ok(Readings {
            cpu_time: now.cpu_time.saturating_sub(before.cpu_time),
            user_time: now.user_time.saturating_sub(before.user_time),
            system_time: now.system_time.saturating_sub(before.system_time),
            peak_memory: now.peak_memory.saturating_sub(before.peak_memory),
            out_of_memory_kills: now.out_of_memory_kills.saturating_sub(before.out_of_memory_kills),
            peak_processes: now.peak_processes,
        })
    }

    /// Returns whether only the supervisor and its zygotes are left.
    pub(super) fn is_empty(&self, zygotes: &[i32]) -> io::Result<bool> {
        // Opened for each read: version 1 caches the list of an open file (cgroup_pidlist_start).
        let processes = processes(&self.counters.pids)?;
        Ok(processes.iter().filter(|process| !zygotes.contains(process)).count() <= 1)
    }
}
