//! Cgroup version 2: a cgroup for each run, in which the kernel starts the run's first process (CLONE_INTO_CGROUP).

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::{
    MOUNT, create, has_runnable_thread, own_path, processes, read_all_keyed, read_keyed, read_number, write,
};
use super::limits::{CgroupLimits, CpuWeight, Readings, SampledPeak, of_program};

/// Name of the daemon's own cgroup.
const LEAF: &str = "daemon";
/// The required controllers, as written to cgroup.subtree_control.
const CONTROLLERS: &str = "+memory +pids +cpu";
/// Number of processes of the sandbox itself in a run's cgroup: init.
const OWN_PROCESSES: u32 = 1;
/// Value of cpu.weight for [`CpuWeight::Full`]: the kernel's default.
const FULL_WEIGHT: u32 = 100;
/// Value of cpu.weight for [`CpuWeight::Reduced`].
const REDUCED_WEIGHT: u32 = 12;
/// The period of cpu.max, in microseconds; the kernel's default.
const CPU_PERIOD: u64 = 100_000;

/// The parent cgroup of all runs.
#[derive(Clone, Debug)]
pub struct Tree {
    runs: PathBuf,
    /// Whether its parent is not delegated to the daemon, but was created by a daemon that was started by hand.
    is_own: bool,
    /// The group that, like root, may start processes in the cgroups of runs.
    forking_group: Option<u32>,
}

impl Tree {
    pub(super) fn prepare(name: &str) -> io::Result<Self> {
        let own = Path::new(MOUNT).join(own_path("")?);
        // A cgroup that enables controllers for its children must not contain processes (cgroups(7), "no internal
        // processes"), so the daemon moves into a leaf. The systemd of Debian 12 does not support DelegateSubgroup= yet.
        let delegated = if own.ends_with(LEAF) { own.parent().map(Path::to_owned) } else { Some(own) };
        let own_base = Path::new(MOUNT).join(name);
        let candidates =
            delegated.filter(|group| group != Path::new(MOUNT)).into_iter().chain([own_base.clone()]);
        let mut failed: Vec<(PathBuf, io::Error)> = Vec::new();
        for base in candidates {
            match Self::prepare_in(&base, base == own_base) {
                Ok(tree) => {
                    // A candidate that failed keeps no empty cgroup of the daemon.
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

    fn prepare_in(base: &Path, is_own: bool) -> io::Result<Self> {
        create(base)?;
        let (leaf, runs) = (base.join(LEAF), base.join("runs"));
        create(&leaf)?;
        write(&leaf, "cgroup.procs", std::process::id())?;
        // The top cgroup of a container looks like the root. It enables controllers only when they are written to it and it
        // contains no process. On a host, systemd has enabled them.
        let is_at_top = base.parent() == Some(Path::new(MOUNT));
        let top = is_at_top.then(|| write(Path::new(MOUNT), "cgroup.subtree_control", CONTROLLERS));
        write(base, "cgroup.subtree_control", CONTROLLERS)
            .map_err(|error| top.and_then(Result::err).unwrap_or(error))?;
        create(&runs)?;
        write(&runs, "cgroup.subtree_control", CONTROLLERS)?;
        Ok(Self { runs, is_own, forking_group: None })
    }

    pub(super) fn roots(&self) -> Vec<PathBuf> {
        vec![self.runs.clone()]
    }

    pub(super) fn leave(&self) {
        let Some(base) = self.to_remove().pop() else { return };
        // The daemon itself is in one of them.
        let _ = write(Path::new(MOUNT), "cgroup.procs", std::process::id());
        for directory in [&self.runs, &base.join(LEAF)] {
            let _ = fs::remove_dir(directory);
        }
    }

    pub(super) fn to_remove(&self) -> Vec<PathBuf> {
        self.runs.parent().filter(|_| self.is_own).map(Path::to_owned).into_iter().collect()
    }

    pub(super) fn available_memory(&self) -> Option<u64> {
        let above = self.runs.ancestors().skip(1).take_while(|directory| directory.starts_with(MOUNT));
        // The top cgroup has no limit, and no file for one.
        above.filter_map(|directory| read_number(directory, "memory.max").ok()).min()
    }

    pub(super) fn limit_memory(&self, bytes: u64) -> io::Result<()> {
        write(&self.runs, "memory.max", bytes)?;
        if self.runs.join("memory.swap.max").try_exists()? {
            write(&self.runs, "memory.swap.max", 0)?;
        }
        Ok(())
    }

    /// See cgroups(7): CLONE_INTO_CGROUP needs write access to `cgroup.procs` of the target, and of the closest common ancestor
    /// of both cgroups. No process of this group sees a cgroup file system.
    pub(super) fn let_group_fork(&mut self, gid: u32) -> io::Result<()> {
        let base = self.runs.parent().unwrap_or(&self.runs);
        share_processes_file(base, gid)?;
        self.forking_group = Some(gid);
        Ok(())
    }

    pub(super) fn slot(&self, label: &str) -> Slot {
        let (runs, forking_group) = (self.runs.clone(), self.forking_group);
        Slot { runs, label: label.to_owned(), count: 0, forking_group }
    }
}

/// Creates the cgroups of a slot's runs.
#[derive(Debug)]
pub(super) struct Slot {
    runs: PathBuf,
    label: String,
    count: u64,
    forking_group: Option<u32>,
}

impl Slot {
    /// Creates a new cgroup for a run. A cgroup is not used twice: after a write to `cgroup.kill`, Linux 6.18 also kills
    /// processes that are started in it later.
    pub(super) fn begin(&mut self, limits: &CgroupLimits, weight: CpuWeight) -> io::Result<Run> {
        self.count += 1;
        let directory = self.runs.join(format!("run-{}-{}", self.label, self.count));
        fs::create_dir(&directory)?;
        let run = Run {
            directory,
            limits: *limits,
            startup: CpuTimes::default(),
            sampled_processes: SampledPeak::default(),
        };
        let share = || self.forking_group.map_or(Ok(()), |gid| share_processes_file(&run.directory, gid));
        run.write_limits(limits).and_then(|()| run.set_weight(weight)).and_then(|()| share()).inspect_err(
            |_| {
                let _ = fs::remove_dir(&run.directory);
            },
        )?;
        Ok(run)
    }
}

/// Lets a group write the file `cgroup.procs` of a cgroup. It remains root's, because the daemon has no
/// CAP_DAC_OVERRIDE and must be able to write it too.
fn share_processes_file(directory: &Path, gid: u32) -> io::Result<()> {
    let path = directory.join("cgroup.procs");
    chown(&path, None, Some(gid))?;
    fs::set_permissions(&path, Permissions::from_mode(0o664))
}

/// Reads the usage of a run. It opens the files each time, because most runs are too short to be observed.
#[derive(Debug)]
pub(super) struct Meter {
    directory: PathBuf,
}

impl Meter {
    pub(super) fn usage(&self) -> io::Result<(Duration, u64)> {
        let cpu_time = Duration::from_micros(read_keyed(&self.directory, "cpu.stat", "usage_usec")?);
        Ok((cpu_time, read_number(&self.directory, "memory.current")?))
    }

    pub(super) fn is_runnable(&self) -> io::Result<bool> {
        has_runnable_thread(&self.directory, "cgroup.threads")
    }

    pub(super) fn processes(&self) -> io::Result<Vec<i32>> {
        processes(&self.directory)
    }

    /// See memory.stat in the kernel's Documentation/admin-guide/cgroup-v2.rst: `file` contains `shmem`.
    pub(super) fn unreclaimable_memory(&self) -> io::Result<u64> {
        let stat = |key| read_keyed(&self.directory, "memory.stat", key);
        let files = stat("file")?.saturating_sub(stat("shmem")?);
        Ok(read_number(&self.directory, "memory.current")?.saturating_sub(files))
    }
}

/// The cgroup of one run.
#[derive(Debug)]
pub(super) struct Run {
    directory: PathBuf,
    /// The limits in force.
    limits: CgroupLimits,
    /// CPU time that was used before the start of the program.
    startup: CpuTimes,
    /// For Linux before 6.1.
    sampled_processes: SampledPeak,
}

/// CPU time, and its parts in programs and in the kernel.
#[derive(Clone, Copy, Debug, Default)]
struct CpuTimes {
    total: Duration,
    user: Duration,
    system: Duration,
}

impl Run {
    pub(super) fn start(&mut self, limits: &CgroupLimits) -> io::Result<()> {
        if self.limits != *limits {
            // The kernel accepts a limit below the current usage, and then kills.
            if limits.memory <= self.memory()? {
                return Err(io::ErrorKind::ResourceBusy.into());
            }
            self.write_limits(limits)?;
            self.limits = *limits;
        }
        self.set_weight(CpuWeight::Full)?;
        self.startup = self.cpu_times()?;
        Ok(())
    }

    fn set_weight(&self, weight: CpuWeight) -> io::Result<()> {
        let value = if weight == CpuWeight::Full { FULL_WEIGHT } else { REDUCED_WEIGHT };
        write(&self.directory, "cpu.weight", value)
    }

    pub(super) fn memory(&self) -> io::Result<u64> {
        read_number(&self.directory, "memory.current")
    }

    fn cpu_times(&self) -> io::Result<CpuTimes> {
        let keys = ["usage_usec", "user_usec", "system_usec"];
        let times = read_all_keyed(&self.directory, "cpu.stat", keys)?;
        let [total, user, system] = times.map(Duration::from_micros);
        Ok(CpuTimes { total, user, system })
    }

    /// Returns the peak number of processes and threads, with those of the sandbox.
    fn peak_processes(&self) -> io::Result<u64> {
        // pids.peak exists since Linux 6.1.
        match read_number(&self.directory, "pids.peak") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(self.sampled_processes.sample(read_number(&self.directory, "pids.current")?))
            }
            peak => peak,
        }
    }

    fn write_limits(&self, limits: &CgroupLimits) -> io::Result<()> {
        let directory = &self.directory;
        write(directory, "memory.max", limits.memory)?;
        if directory.join("memory.swap.max").try_exists()? {
            write(directory, "memory.swap.max", 0)?;
        }
        // The out-of-memory killer kills all processes of the run: a program that lost one would misbehave.
        write(directory, "memory.oom.group", 1)?;
        write(directory, "pids.max", limits.processes.saturating_add(OWN_PROCESSES))?;
        let quota = u64::from(limits.cpu_millis) * CPU_PERIOD / 1000;
        write(directory, "cpu.max", format!("{quota} {CPU_PERIOD}"))
    }

    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        let flags = libc::O_DIRECTORY | libc::O_PATH;
        Ok(OpenOptions::new().read(true).custom_flags(flags).open(&self.directory)?.into())
    }

    pub(super) fn meter(&self) -> Meter {
        Meter { directory: self.directory.clone() }
    }

    pub(super) fn readings(&self) -> io::Result<Readings> {
        let directory = &self.directory;
        // memory.peak exists since Linux 5.19.
        let peak =
            read_number(directory, "memory.peak").or_else(|_| read_number(directory, "memory.current"))?;
        let (cpu, startup) = (self.cpu_times()?, self.startup);
        Ok(Readings {
            cpu_time: cpu.total.saturating_sub(startup.total),
            user_time: cpu.user.saturating_sub(startup.user),
            system_time: cpu.system.saturating_sub(startup.system),
            peak_memory: peak,
            out_of_memory_kills: read_keyed(directory, "memory.events", "oom_kill")?,
            peak_processes: Some(of_program(self.peak_processes()?, OWN_PROCESSES.into())),
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
