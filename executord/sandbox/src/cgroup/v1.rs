//! Version 1: the groups of a slot, one in each controller's hierarchy, for all its runs one after the other.
//!
//! The supervisor lives in them, so they are never empty and never removed between runs; counters are
//! compared with what they were when the run began.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::files::{CachedFile, create, own_path, processes, v1_mount, write};
use super::limits::{CgroupLimits, CpuWeight, Readings};

/// Our processes in a slot's groups: the supervisor, its zygote and init.
const OUR_PROCESSES: u32 = 3;
/// The period of cpu.cfs_quota_us, in microseconds; the kernel's default.
const CPU_PERIOD: u64 = 100_000;
/// What cpu.shares can be: the kernel's default, and an eighth of that; see [`CpuWeight::Reduced`].
const SHARES: (u32, u32) = (1024, 128);
/// Bytes that wait in the sockets of a run. Version 1 counts them apart from its memory, and only where a limit
/// is set: without one a program talking to itself over TCP holds gigabytes that nobody is charged for, and
/// `net.ipv4.tcp_mem`, which all of the host shares, runs out.
const SOCKET_MEMORY: u64 = 32 << 20;

/// The groups below which all slots are, by controller.
#[derive(Clone, Debug)]
struct Hierarchies<Directory> {
    memory: Directory,
    pids: Directory,
    cpu: Option<Directory>,
    cpuacct: Option<Directory>,
}

impl<Directory: PartialEq> Hierarchies<Directory> {
    /// Each directory once; cpu and cpuacct are often mounted together.
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

/// The groups below which all slots are.
#[derive(Debug)]
pub struct Tree {
    roots: Hierarchies<PathBuf>,
}

impl Tree {
    /// Needs memory and pids; says what else is missing.
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
        let cpu = optional("cpu", "the share of CPU time is not limited");
        let cpuacct = optional("cpuacct", "CPU time is counted for each process by itself");
        if !memory.join("memory.memsw.limit_in_bytes").try_exists()? && swap_is_on() {
            missing
                .push("swap is not counted as memory: boot with swapaccount=1 or turn swap off".to_owned());
        }
        Ok((Self { roots: Hierarchies { memory, pids, cpu, cpuacct } }, missing))
    }

    pub(super) fn roots(&self) -> Vec<PathBuf> {
        self.roots.all().into_iter().cloned().collect()
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
        let sockets = "memory.kmem.tcp.limit_in_bytes";
        if groups.memory.join(sockets).try_exists()? {
            write(&groups.memory, sockets, SOCKET_MEMORY)?;
        }
        let counters = Arc::new(Counters::open(&groups)?);
        Ok(Slot { groups, counters, limits: None, weight: CpuWeight::Full })
    }
}

fn swap_is_on() -> bool {
    fs::read_to_string("/proc/swaps").is_ok_and(|text| text.lines().count() > 1)
}

/// One slot's groups.
#[derive(Debug)]
pub(super) struct Slot {
    groups: Hierarchies<PathBuf>,
    counters: Arc<Counters>,
    /// What is written there, so that it need not be written again.
    limits: Option<(CgroupLimits, u64)>,
    weight: CpuWeight,
}

/// What is asked, or written, for each run.
#[derive(Debug)]
struct Counters {
    shares: Option<CachedFile>,
    memory: CachedFile,
    /// The most of it; written to begin anew.
    peak: CachedFile,
    memory_stat: CachedFile,
    out_of_memory: CachedFile,
    cpu_time: Option<CachedFile>,
    /// The group in which processes are listed; a list that stays open is not told anew.
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
            pids: groups.pids.clone(),
        })
    }
}

impl Slot {
    pub(super) fn adopt(&self, supervisor: u32) -> io::Result<()> {
        self.groups.all().into_iter().try_for_each(|directory| write(directory, "cgroup.procs", supervisor))
    }

    pub(super) fn begin(&mut self, limits: &CgroupLimits, weight: CpuWeight) -> io::Result<Run> {
        // What a compiler wrote may still be charged here, and what our own processes hold; that is not this run's.
        let stat = &self.counters.memory_stat;
        let carried = stat.keyed("shmem")?.saturating_add(stat.keyed("rss")?);
        self.apply(limits, carried)?;
        self.set_weight(weight)?;
        self.counters.peak.write(0)?;
        let mut run = Run {
            counters: Arc::clone(&self.counters),
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
            self.limit(limits, limits.memory.saturating_add(carried), before)?;
            self.limits = wanted;
        }
        Ok(())
    }

    fn set_weight(&mut self, weight: CpuWeight) -> io::Result<()> {
        if let Some(shares) = self.counters.shares.as_ref().filter(|_| self.weight != weight) {
            shares.write(if weight == CpuWeight::Full { SHARES.0 } else { SHARES.1 })?;
            self.weight = weight;
        }
        Ok(())
    }

    fn limit(&self, limits: &CgroupLimits, memory_limit: u64, before: u64) -> io::Result<()> {
        let Hierarchies { memory, pids, cpu, .. } = &self.groups;
        let swap = "memory.memsw.limit_in_bytes";
        let limit_swap = || match memory.join(swap).try_exists()? {
            true => write(memory, swap, memory_limit),
            false => Ok(()),
        };
        // Memory and swap together may never be less than memory alone.
        if memory_limit > before {
            limit_swap()?;
            write(memory, "memory.limit_in_bytes", memory_limit)?;
        } else {
            write(memory, "memory.limit_in_bytes", memory_limit)?;
            limit_swap()?;
        }
        write(pids, "pids.max", limits.processes.saturating_add(OUR_PROCESSES))?;
        if let Some(cpu) = cpu {
            write(cpu, "cpu.cfs_period_us", CPU_PERIOD)?;
            write(cpu, "cpu.cfs_quota_us", u64::from(limits.cpu_millis) * CPU_PERIOD / 1000)?;
        }
        Ok(())
    }
}

/// One run in a slot's groups.
#[derive(Debug)]
pub(super) struct Run {
    counters: Arc<Counters>,
    baseline: Readings,
}

impl Run {
    /// What was used until now does not count, but for memory that is still held.
    fn take_baseline(&mut self) -> io::Result<()> {
        let Readings { cpu_time, out_of_memory_kills, .. } = self.absolute()?;
        self.baseline = Readings { cpu_time, out_of_memory_kills, ..self.baseline };
        Ok(())
    }

    pub(super) fn memory(&self) -> io::Result<u64> {
        let now = self.counters.memory.number()?;
        Ok(now.saturating_sub(self.baseline.peak_memory))
    }

    fn absolute(&self) -> io::Result<Readings> {
        let Counters { peak, out_of_memory, cpu_time, .. } = &*self.counters;
        Ok(Readings {
            cpu_time: Duration::from_nanos(cpu_time.as_ref().map_or(Ok(0), CachedFile::number)?),
            peak_memory: peak.number()?,
            out_of_memory_kills: out_of_memory.keyed("oom_kill")?,
        })
    }

    pub(super) fn readings(&self) -> io::Result<Readings> {
        let (now, before) = (self.absolute()?, self.baseline);
        Ok(Readings {
            cpu_time: now.cpu_time.saturating_sub(before.cpu_time),
            peak_memory: now.peak_memory.saturating_sub(before.peak_memory),
            out_of_memory_kills: now.out_of_memory_kills.saturating_sub(before.out_of_memory_kills),
        })
    }

    /// Only the supervisor is left, and its zygote if it has one.
    pub(super) fn is_empty(&self, zygote: Option<i32>) -> io::Result<bool> {
        // Opened anew: of a file that stays open version 1 tells again what it has told (cgroup_pidlist_start).
        let processes = processes(&self.counters.pids)?;
        Ok(processes.iter().filter(|&&process| Some(process) != zygote).count() <= 1)
    }
}
