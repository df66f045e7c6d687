//! Inventories of a host: what executions might leave behind. Nothing here changes the host.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Directories where a program might leave files.
pub const WRITABLE: [&str; 4] = ["/tmp", "/var/tmp", "/dev/shm", "/run"];

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// First of its user ids that is in the requested range.
    pub uid: u32,
    /// Name.
    pub name: String,
}

/// Returns processes with a real, effective, saved or file system uid in `uids`, including zombies.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn processes(uids: &RangeInclusive<u32>) -> io::Result<Vec<Process>> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process that has just ended is not left behind.
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

/// Returns the children of `pid`.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn children(pid: u32) -> io::Result<Vec<u32>> {
    let all = parents()?.into_iter();
    Ok(all.filter(|(_, parent)| *parent == pid).map(|(child, _)| child).collect())
}

/// Returns whether a process is the first of a nested pid namespace: the init of a sandbox.
#[must_use]
pub fn is_init_of_a_namespace(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = field(&status, "NSpid:").unwrap_or_default().split_whitespace();
    numbers.skip(1).last() == Some("1")
}

/// Returns whether a process is in a nested pid namespace.
#[must_use]
pub fn is_in_a_namespace(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    field(&status, "NSpid:").is_some_and(|numbers| numbers.split_whitespace().count() > 1)
}

/// Returns every process and its parent.
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

/// Returns the state of a process as in ps(1), such as `S` or `T`; `None` if it has ended.
#[must_use]
pub fn state(pid: u32) -> Option<char> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    field(&status, "State:")?.trim().chars().next()
}

/// Returns all descendants of `pid`.
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

/// Returns the mount points of a process, once per mount.
///
/// # Errors
/// If the process has ended.
pub fn mounts(pid: u32) -> io::Result<Vec<String>> {
    let table = fs::read_to_string(format!("/proc/{pid}/mountinfo"))?;
    let mut points: Vec<_> =
        table.lines().filter_map(|line| line.split(' ').nth(4)).map(str::to_owned).collect();
    points.sort_unstable();
    Ok(points)
}

/// Returns the cgroups named `name` and those below, in every hierarchy.
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

/// Returns files and directories below [`WRITABLE`] that belong to a user or group in `ids`.
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

/// Returns System V shared memory, semaphores and message queues of users in `uids`, one line each.
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

/// Returns the resident memory of a process in bytes.
///
/// # Errors
/// If the process has ended.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    field(&status, "VmRSS:")
        .and_then(|size| size.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("the process has no memory"))
}

/// Returns a size in the sums over the memory of a process, such as `Pss`, in bytes; see smaps_rollup in proc_pid_smaps(5).
/// Returns `None` if the process has ended.
#[must_use]
pub fn mapped_bytes(pid: u32, name: &str) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let size = field(&rollup, &format!("{name}:"))?.trim().strip_suffix(" kB")?;
    Some(size.parse::<u64>().ok()? * 1024)
}

/// Returns the number of open files of a process.
///
/// # Errors
/// If the process has ended.
pub fn open_files(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Returns the names of the memory files that a process holds; see memfd_create(2).
///
/// # Errors
/// If the process has ended.
pub fn memory_files(pid: u32) -> io::Result<Vec<String>> {
    let files =
        fs::read_dir(format!("/proc/{pid}/fd"))?.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    let names = files.map(|path| path.to_string_lossy().into_owned());
    Ok(names.filter_map(|name| name.strip_prefix("/memfd:").map(str::to_owned)).collect())
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name))
}

/// Visits each entry below `root` once. Follows no symbolic links, and enters other file systems only if requested.
fn walk(root: &Path, other_file_systems: bool, visit: &mut dyn FnMut(&Path, &fs::Metadata)) {
    let Ok(start) = fs::symlink_metadata(root) else { return };
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        // An entry that disappears during the walk is not left behind.
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
    fn this_process_is_in_the_inventory() {
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
