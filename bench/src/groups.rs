//! Cgroups, one per variant, with everything that it starts. They measure its cost.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::at;
use e2e::inventory;

const MOUNT: &str = "/sys/fs/cgroup";
/// Controllers of cgroup v1.
const CONTROLLERS: [&str; 3] = ["cpuacct", "cpu", "memory"];
/// Maximum CPU weight, so that other load of this host has little effect. It also takes the cgroup out of the
/// scheduler's autogroups, which would put each sandbox with its own session next to all others; sched(7).
const SHARES: (&str, &str) = ("cpu.shares", "262144");
const WEIGHT: (&str, &str) = ("cpu.weight", "10000");

/// Parent cgroup of a benchmark run.
#[derive(Debug)]
pub struct Groups {
    v2: bool,
    /// One directory per controller of cgroup v1, each once; one directory of v2.
    tops: Vec<PathBuf>,
}

/// Cgroup of one variant.
#[derive(Debug)]
pub struct Group {
    v2: bool,
    directories: Vec<PathBuf>,
}

impl Groups {
    /// Creates it.
    ///
    /// # Errors
    /// If this host has no cgroups, or they cannot be created.
    pub fn make() -> io::Result<Self> {
        let name = format!("executor-bench-{}", std::process::id());
        let v2 = Path::new(MOUNT).join("cgroup.controllers").exists();
        let mut groups = Self { v2, tops: Vec::new() };
        let tops = if v2 { vec![Path::new(MOUNT).join(&name)] } else { tops_of_v1(&name)? };
        for top in tops {
            at(&format!("make {}", top.display()), fs::create_dir(&top))?;
            groups.tops.push(top);
        }
        for top in &groups.tops {
            // Files that a kernel does not have are not needed there.
            for (file, value) in [SHARES, WEIGHT, ("cgroup.subtree_control", "+cpu +memory +pids")] {
                let _ = fs::write(top.join(file), value);
            }
        }
        Ok(groups)
    }

    /// Cgroup of one variant.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn group(&self, name: &str) -> io::Result<Group> {
        let directories: Vec<PathBuf> = self.tops.iter().map(|top| top.join(name)).collect();
        for directory in &directories {
            at(&format!("make {}", directory.display()), fs::create_dir(directory))?;
            if self.v2 {
                fs::write(directory.join("cgroup.subtree_control"), "+cpu +memory +pids")?;
            }
        }
        Ok(Group { v2: self.v2, directories })
    }

    /// Returns the CPU time of all variants.
    #[must_use]
    pub fn cpu(&self) -> Option<Duration> {
        cpu(self.v2, &self.tops)
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for top in &self.tops {
            remove(top);
        }
    }
}

fn tops_of_v1(name: &str) -> io::Result<Vec<PathBuf>> {
    let (mounts, own) = (fs::read_to_string("/proc/self/mounts")?, fs::read_to_string("/proc/self/cgroup")?);
    let mut tops = Vec::new();
    for controller in CONTROLLERS {
        let mount = mounts.lines().find_map(|line| {
            let fields: Vec<_> = line.split(' ').collect();
            (fields[2] == "cgroup" && fields[3].split(',').any(|option| option == controller))
                .then_some(fields[1])
        });
        let path = own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            controllers.split(',').any(|name| name == controller).then_some(path)
        });
        let (Some(mount), Some(path)) = (mount, path) else {
            return Err(io::Error::other(format!("this host has no cgroups for {controller}")));
        };
        let top = Path::new(mount).join(path.trim_start_matches('/')).join(name);
        if !tops.contains(&top) {
            tops.push(top);
        }
    }
    Ok(tops)
}

impl Group {
    /// Returns a shell command that moves the shell into it.
    #[must_use]
    pub fn enter(&self) -> String {
        let files = self.leaves("shell");
        files.iter().map(|file| format!("echo $$ > {}\n", file.display())).collect()
    }

    /// Moves a process into it.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn take(&self, pid: u32) -> io::Result<()> {
        for file in self.leaves(&pid.to_string()) {
            at(&file.display().to_string(), fs::write(&file, pid.to_string()))?;
        }
        Ok(())
    }

    /// Returns the directories for processes. In cgroup v2 this is a child, because a cgroup with children cannot hold
    /// any processes itself.
    fn leaves(&self, label: &str) -> Vec<PathBuf> {
        let leaf = |directory: &PathBuf| {
            let leaf = if self.v2 { directory.join(label) } else { directory.clone() };
            let _ = fs::create_dir(&leaf);
            leaf.join("cgroup.procs")
        };
        self.directories.iter().map(leaf).collect()
    }

    /// Returns the CPU time of all processes in it and below, including ended ones.
    #[must_use]
    pub fn cpu(&self) -> Option<Duration> {
        cpu(self.v2, &self.directories)
    }

    /// Resets the memory peak where the kernel supports that: in cgroup v1.
    pub fn forget_peak(&self) {
        for directory in &self.directories {
            let _ = fs::write(directory.join("memory.max_usage_in_bytes"), "0");
        }
    }

    /// Returns the memory peak since then: of processes, and of page cache that was first used in it.
    #[must_use]
    pub fn peak(&self) -> Option<u64> {
        number(&self.directories, "memory.max_usage_in_bytes")
    }

    /// Returns the memory of all processes in it and below, in bytes: their proportional set size (Pss in proc_pid_smaps(5)), which
    /// counts what several processes share once, and also the pages of files that they have mapped.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        let mut processes = BTreeSet::new();
        self.directories
            .iter()
            .try_for_each(|directory| collect_processes(directory, &mut processes))
            .ok()?;
        Some(processes.into_iter().filter_map(|process| inventory::mapped_bytes(process, "Pss")).sum())
    }
}

/// Adds the processes of a cgroup and those below it.
fn collect_processes(group: &Path, processes: &mut BTreeSet<u32>) -> io::Result<()> {
    processes.extend(
        fs::read_to_string(group.join("cgroup.procs"))?.lines().filter_map(|pid| pid.parse::<u32>().ok()),
    );
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect_processes(&entry.path(), processes)?;
        }
    }
    Ok(())
}

impl Drop for Group {
    fn drop(&mut self) {
        for directory in &self.directories {
            remove(directory);
        }
    }
}

fn cpu(v2: bool, directories: &[PathBuf]) -> Option<Duration> {
    if !v2 {
        return number(directories, "cpuacct.usage").map(Duration::from_nanos);
    }
    let text = fs::read_to_string(directories.first()?.join("cpu.stat")).ok()?;
    let micros = text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.parse().ok())?;
    Some(Duration::from_micros(micros))
}

fn number(directories: &[PathBuf], file: &str) -> Option<u64> {
    directories
        .iter()
        .find_map(|directory| fs::read_to_string(directory.join(file)).ok()?.trim().parse().ok())
}

/// Removes a cgroup after those below it. Cgroups that are not empty remain.
fn remove(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}
