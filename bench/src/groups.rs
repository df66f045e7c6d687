//! Control groups that hold one way of execution each, with everything it starts: what it costs is read there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::at;

const MOUNT: &str = "/sys/fs/cgroup";
/// What is used of version 1.
const CONTROLLERS: [&str; 3] = ["cpuacct", "cpu", "memory"];
/// The most there is. What else runs on this host then counts for little, and a group leaves the scheduler's groups of
/// sessions, in which a sandbox with a session of its own would be put beside all others.
const SHARES: (&str, &str) = ("cpu.shares", "262144");
const WEIGHT: (&str, &str) = ("cpu.weight", "10000");

/// The group above all of a run's groups.
#[derive(Debug)]
pub struct Groups {
    v2: bool,
    /// One directory for each controller of version 1, each once; one of version 2.
    tops: Vec<PathBuf>,
}

/// The group of one way.
#[derive(Debug)]
pub struct Group {
    v2: bool,
    directories: Vec<PathBuf>,
}

impl Groups {
    /// Make it.
    ///
    /// # Errors
    /// If this host has no control groups, or these may not be made.
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
            // What a kernel does not know is not needed there.
            for (file, value) in [SHARES, WEIGHT, ("cgroup.subtree_control", "+cpu +memory +pids")] {
                let _ = fs::write(top.join(file), value);
            }
        }
        Ok(groups)
    }

    /// The group of one way.
    ///
    /// # Errors
    /// If it cannot be made.
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

    /// CPU time of all of them.
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
            return Err(io::Error::other(format!("this host has no control groups for {controller}")));
        };
        let top = Path::new(mount).join(path.trim_start_matches('/')).join(name);
        if !tops.contains(&top) {
            tops.push(top);
        }
    }
    Ok(tops)
}

impl Group {
    /// A line of shell that puts the shell there.
    #[must_use]
    pub fn enter(&self) -> String {
        let files = self.leaves("shell");
        files.iter().map(|file| format!("echo $$ > {}\n", file.display())).collect()
    }

    /// Put a process there.
    ///
    /// # Errors
    /// If it is gone.
    pub fn take(&self, pid: u32) -> io::Result<()> {
        for file in self.leaves(&pid.to_string()) {
            at(&file.display().to_string(), fs::write(&file, pid.to_string()))?;
        }
        Ok(())
    }

    /// Where processes go: of version 2 a group below, for one with groups below holds none itself.
    fn leaves(&self, label: &str) -> Vec<PathBuf> {
        let leaf = |directory: &PathBuf| {
            let leaf = if self.v2 { directory.join(label) } else { directory.clone() };
            let _ = fs::create_dir(&leaf);
            leaf.join("cgroup.procs")
        };
        self.directories.iter().map(leaf).collect()
    }

    /// CPU time of everything that ever was in it and below.
    #[must_use]
    pub fn cpu(&self) -> Option<Duration> {
        cpu(self.v2, &self.directories)
    }

    /// Let the peak of memory begin anew, where the kernel can: with version 1.
    pub fn forget_peak(&self) {
        for directory in &self.directories {
            let _ = fs::write(directory.join("memory.max_usage_in_bytes"), "0");
        }
    }

    /// The most memory since then: of processes, and of files whose pages were first used in it.
    #[must_use]
    pub fn peak(&self) -> Option<u64> {
        number(&self.directories, "memory.max_usage_in_bytes")
    }

    /// Memory in use.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        number(&self.directories, if self.v2 { "memory.current" } else { "memory.usage_in_bytes" })
    }
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

/// Groups below it first. What is not empty stays.
fn remove(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}
