//! What is on a host that executions might leave behind, read without touching any of it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where a program might leave files.
pub const WRITABLE: [&str; 4] = ["/tmp", "/var/tmp", "/dev/shm", "/run"];

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The first of its user ids that is in the range asked for.
    pub uid: u32,
    /// What it is called.
    pub name: String,
}

/// Processes with a real, effective, saved or file system uid in `uids`, zombies included.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn processes(uids: &RangeInclusive<u32>) -> io::Result<Vec<Process>> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that is gone by now is not left behind.
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
        let of_range = field(&status, "Uid:").and_then(|all| {
            all.split_whitespace().filter_map(|uid| uid.parse().ok()).find(|uid| uids.contains(uid))
        });
        if let Some(uid) = of_range {
            let name = field(&status, "Name:").unwrap_or("").trim().to_owned();
            processes.push(Process { pid, uid, name });
        }
    }
    Ok(processes)
}

/// Processes whose parent is `pid`.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn children(pid: u32) -> io::Result<Vec<u32>> {
    let all = parents()?.into_iter();
    Ok(all.filter(|(_, parent)| *parent == pid).map(|(child, _)| child).collect())
}

/// Whether a process is in a pid namespace below ours.
#[must_use]
pub fn is_in_a_namespace(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    field(&status, "NSpid:").is_some_and(|numbers| numbers.split_whitespace().count() > 1)
}

/// Every process and its parent.
fn parents() -> io::Result<Vec<(u32, u32)>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
        if let Some(parent) = field(&status, "PPid:").and_then(|parent| parent.trim().parse::<u32>().ok()) {
            parents.push((pid, parent));
        }
    }
    Ok(parents)
}

/// What a process is doing: the letter that ps(1) shows, like `S` or `T`; `None` if it is gone.
#[must_use]
pub fn state(pid: u32) -> Option<char> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    field(&status, "State:")?.trim().chars().next()
}

/// Processes whose parent is `pid`, and theirs.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn descendants(pid: u32) -> io::Result<BTreeSet<u32>> {
    let parents = parents()?;
    let mut family = BTreeSet::from([pid]);
    loop {
        let known = family.len();
        family.extend(
            parents
                .iter()
                .filter(|(_, parent)| family.contains(parent))
                .map(|(pid, _)| *pid)
                .collect::<Vec<_>>(),
        );
        if family.len() == known {
            family.remove(&pid);
            return Ok(family);
        }
    }
}

/// Mount points that the process sees, each as often as something is mounted there.
///
/// # Errors
/// If the process is gone.
pub fn mounts(pid: u32) -> io::Result<Vec<String>> {
    let table = fs::read_to_string(format!("/proc/{pid}/mountinfo"))?;
    let mut points: Vec<_> =
        table.lines().filter_map(|line| line.split(' ').nth(4)).map(str::to_owned).collect();
    points.sort_unstable();
    Ok(points)
}

/// Control groups below one that is called `name`, and that one, in every hierarchy.
#[must_use]
pub fn cgroups(name: &str) -> BTreeSet<PathBuf> {
    let mut groups = BTreeSet::new();
    walk(Path::new("/sys/fs/cgroup"), true, &mut |path, metadata| {
        if metadata.is_dir() && path.components().any(|part| part.as_os_str() == name) {
            groups.insert(path.to_owned());
        }
    });
    groups
}

/// Files and directories below [`WRITABLE`] that belong to a user or group in `ids`.
#[must_use]
pub fn files(ids: &RangeInclusive<u32>) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    for directory in WRITABLE {
        walk(Path::new(directory), false, &mut |path, metadata| {
            if ids.contains(&metadata.uid()) || ids.contains(&metadata.gid()) {
                files.insert(path.to_owned());
            }
        });
    }
    files
}

/// System V shared memory, semaphores and message queues of users in `uids`, a line each.
///
/// # Errors
/// If `/proc/sysvipc` cannot be read.
pub fn sysv_ipc(uids: &RangeInclusive<u32>) -> io::Result<Vec<String>> {
    let mut left = Vec::new();
    for (kind, owner) in [("shm", 7), ("sem", 4), ("msg", 7)] {
        let table = fs::read_to_string(format!("/proc/sysvipc/{kind}"))?;
        left.extend(
            table
                .lines()
                .skip(1)
                .filter(|line| {
                    line.split_whitespace()
                        .nth(owner)
                        .and_then(|uid| uid.parse().ok())
                        .is_some_and(|uid| uids.contains(&uid))
                })
                .map(|line| format!("{kind} {line}")),
        );
    }
    Ok(left)
}

/// Bytes of a process's memory that are in RAM.
///
/// # Errors
/// If the process is gone.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    field(&status, "VmRSS:")
        .and_then(|size| size.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("a process without memory"))
}

/// How many files a process has open.
///
/// # Errors
/// If the process is gone.
pub fn open_files(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name))
}

/// Each entry below `root` once, following no symbolic links, and into other file systems only if told to.
fn walk(root: &Path, other_file_systems: bool, visit: &mut dyn FnMut(&Path, &fs::Metadata)) {
    let Ok(start) = fs::symlink_metadata(root) else { return };
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        // What vanishes while we look is not left behind.
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            visit(&path, &metadata);
            if metadata.is_dir() && (other_file_systems || metadata.dev() == start.dev()) {
                waiting.push(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_are_in_our_own_inventory() {
        let me = std::process::id();
        let uid = nix::unistd::getuid().as_raw();
        assert!(processes(&(uid..=uid)).unwrap().iter().any(|process| process.pid == me));
        assert!(mounts(me).unwrap().iter().any(|point| point == "/"));
        assert!(open_files(me).unwrap() >= 3);
        assert!(resident_bytes(me).unwrap() > 0);
        assert!(sysv_ipc(&(u32::MAX..=u32::MAX)).unwrap().is_empty());

        let file = tempfile::NamedTempFile::new_in("/tmp").unwrap();
        assert!(files(&(uid..=uid)).contains(file.path()));
    }

    #[test]
    fn a_child_is_a_descendant() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(children(std::process::id()).unwrap().contains(&child.id()));
        assert!(descendants(std::process::id()).unwrap().contains(&child.id()));
        assert!(state(child.id()).is_some());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
