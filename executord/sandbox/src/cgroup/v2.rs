//! Version 2: a group a run, in which the kernel starts it (CLONE_INTO_CGROUP).

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::{MOUNT, create, own_path, read_keyed, read_number, write};
use super::limits::{CgroupLimits, CpuWeight, Readings};

/// The group that the daemon itself is in.
const LEAF: &str = "daemon";
/// What we need of the hierarchy.
const CONTROLLERS: &str = "+memory +pids +cpu";
/// Our process in a run's group: init.
const OUR_PROCESSES: u32 = 1;
/// What cpu.weight can be: the kernel's default, and an eighth of that; see [`CpuWeight::Reduced`].
const WEIGHTS: (u32, u32) = (100, 12);
/// The period of cpu.max, in microseconds; the kernel's default.
const CPU_PERIOD: u64 = 100_000;

/// The group below which all runs are.
#[derive(Debug)]
pub struct Tree {
    runs: PathBuf,
}

impl Tree {
    pub(super) fn prepare(name: &str) -> io::Result<Self> {
        let own = Path::new(MOUNT).join(own_path("")?);
        // A process may not be in a group that passes controllers on (cgroups(7), "no internal processes"), so
        // the daemon moves into a leaf. Debian 12's systemd does not know DelegateSubgroup= yet.
        let delegated = if own.ends_with(LEAF) { own.parent().map(Path::to_owned) } else { Some(own) };
        let candidates = delegated
            .filter(|group| group != Path::new(MOUNT))
            .into_iter()
            .chain([Path::new(MOUNT).join(name)]);
        let mut failed: Vec<(PathBuf, io::Error)> = Vec::new();
        for base in candidates {
            match Self::prepare_in(&base) {
                Ok(tree) => {
                    // What was tried before keeps no empty group of ours.
                    for (base, _) in failed {
                        let _ = fs::remove_dir(base.join(LEAF));
                    }
                    return Ok(tree);
                }
                Err(error) => failed.push((base, error)),
            }
        }
        Err(failed.into_iter().next().map_or_else(|| io::ErrorKind::NotFound.into(), |(_, error)| error))
    }

    fn prepare_in(base: &Path) -> io::Result<Self> {
        create(base)?;
        let (leaf, runs) = (base.join(LEAF), base.join("runs"));
        create(&leaf)?;
        write(&leaf, "cgroup.procs", std::process::id())?;
        // A container's top group looks like the root, and passes controllers on only if it is told to and nobody
        // is in it. On a host systemd has said it already.
        let is_at_top = base.parent() == Some(Path::new(MOUNT));
        let top = is_at_top.then(|| write(Path::new(MOUNT), "cgroup.subtree_control", CONTROLLERS));
        write(base, "cgroup.subtree_control", CONTROLLERS)
            .map_err(|error| top.and_then(Result::err).unwrap_or(error))?;
        create(&runs)?;
        write(&runs, "cgroup.subtree_control", CONTROLLERS)?;
        Ok(Self { runs })
    }

    pub(super) fn roots(&self) -> Vec<PathBuf> {
        vec![self.runs.clone()]
    }

    pub(super) fn slot(&self, label: &str) -> Slot {
        Slot { runs: self.runs.clone(), label: label.to_owned(), count: 0 }
    }
}

/// Where a slot makes its runs' groups.
#[derive(Debug)]
pub(super) struct Slot {
    runs: PathBuf,
    label: String,
    count: u64,
}

impl Slot {
    /// A group that was never used before: one on which `cgroup.kill` was written kills what is later
    /// started in it (seen on Linux 6.18).
    pub(super) fn begin(&mut self, limits: &CgroupLimits, weight: CpuWeight) -> io::Result<Run> {
        self.count += 1;
        let directory = self.runs.join(format!("run-{}-{}", self.label, self.count));
        fs::create_dir(&directory)?;
        let run = Run { directory, limits: *limits, booting: Duration::ZERO };
        run.limit(limits).and_then(|()| run.set_weight(weight)).inspect_err(|_| {
            let _ = fs::remove_dir(&run.directory);
        })?;
        Ok(run)
    }
}

/// One run's group.
#[derive(Debug)]
pub(super) struct Run {
    directory: PathBuf,
    /// What is written there.
    limits: CgroupLimits,
    /// CPU time that was used before the start.
    booting: Duration,
}

impl Run {
    pub(super) fn start(&mut self, limits: &CgroupLimits) -> io::Result<()> {
        if self.limits != *limits {
            // The kernel would take a limit below what is used, and kill.
            if limits.memory <= self.memory()? {
                return Err(io::ErrorKind::ResourceBusy.into());
            }
            self.limit(limits)?;
            self.limits = *limits;
        }
        self.set_weight(CpuWeight::Full)?;
        self.booting = self.cpu_time()?;
        Ok(())
    }

    fn set_weight(&self, weight: CpuWeight) -> io::Result<()> {
        write(&self.directory, "cpu.weight", if weight == CpuWeight::Full { WEIGHTS.0 } else { WEIGHTS.1 })
    }

    pub(super) fn memory(&self) -> io::Result<u64> {
        read_number(&self.directory, "memory.current")
    }

    fn cpu_time(&self) -> io::Result<Duration> {
        Ok(Duration::from_micros(read_keyed(&self.directory, "cpu.stat", "usage_usec")?))
    }

    fn limit(&self, limits: &CgroupLimits) -> io::Result<()> {
        let directory = &self.directory;
        write(directory, "memory.max", limits.memory)?;
        if directory.join("memory.swap.max").try_exists()? {
            write(directory, "memory.swap.max", 0)?;
        }
        // All or nothing: a program without one of its processes is not the program that was sent.
        write(directory, "memory.oom.group", 1)?;
        write(directory, "pids.max", limits.processes.saturating_add(OUR_PROCESSES))?;
        let quota = u64::from(limits.cpu_millis) * CPU_PERIOD / 1000;
        write(directory, "cpu.max", format!("{quota} {CPU_PERIOD}"))
    }

    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        let flags = libc::O_DIRECTORY | libc::O_PATH;
        Ok(OpenOptions::new().read(true).custom_flags(flags).open(&self.directory)?.into())
    }

    pub(super) fn readings(&self) -> io::Result<Readings> {
        let directory = &self.directory;
        // memory.peak is there since Linux 5.19.
        let peak =
            read_number(directory, "memory.peak").or_else(|_| read_number(directory, "memory.current"))?;
        Ok(Readings {
            cpu_time: self.cpu_time()?.saturating_sub(self.booting),
            peak_memory: peak,
            out_of_memory_kills: read_keyed(directory, "memory.events", "oom_kill")?,
        })
    }

    pub(super) fn close(&mut self) -> io::Result<bool> {
        if !self.directory.try_exists()? {
            return Ok(true);
        }
        write(&self.directory, "cgroup.kill", 1)?;
        if read_keyed(&self.directory, "cgroup.events", "populated")? != 0 {
            return Ok(false);
        }
        match fs::remove_dir(&self.directory) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Ok(false),
            answer => answer.map(|()| true),
        }
    }
}
