//! Cleans up after a killed daemon, at the next start: processes, cgroups, user records and directories.
//! Mounts need no removal: they were in mount namespaces that ended with their last process.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbox::cgroup::kill_and_remove;
use tracing::{info, warn};

use crate::config::{Config, UidRange};
use crate::identity;
use crate::server::runtime_dir;

/// Time in which killed processes must be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// File in which the daemon records its cgroups for the janitor of the next start: by then, systemd may have started it
/// in another cgroup.
const CGROUPS_FILE: &str = "cgroups";

/// Removes everything that a previous daemon left, and logs it.
pub(crate) fn clean(config: &Config) -> io::Result<()> {
    for root in fs::read_to_string(config.runtime_directory.join(CGROUPS_FILE)).unwrap_or_default().lines() {
        let root = Path::new(root);
        // Only root can write the file. A path outside the cgroup file system would be a bug, and is not followed.
        if !root.starts_with("/sys/fs/cgroup") {
            continue;
        }
        match kill_and_remove(root)? {
            0 => {}
            killed => info!(killed, "killed processes left in {}", root.display()),
        }
    }
    let killed = kill_processes(config.uids)?;
    if killed > 0 {
        info!(killed, "killed processes left by executions");
    }
    identity::remove_stale_records(config.uids)?;
    remove_slot_directories(config)
}

/// Records the cgroups that this daemon uses.
pub(crate) fn record_cgroups(config: &Config, roots: &[PathBuf]) -> io::Result<()> {
    let lines: Vec<_> = roots.iter().map(|root| root.display().to_string()).collect();
    fs::write(config.runtime_directory.join(CGROUPS_FILE), lines.join("\n"))
}

/// Kills all processes of the users of executions, until none is left. Returns how many were killed.
fn kill_processes(range: UidRange) -> io::Result<usize> {
    let deadline = Instant::now() + KILL_TIMEOUT;
    let mut killed = 0;
    loop {
        let processes = processes_of(range)?;
        if processes.is_empty() {
            return Ok(killed);
        }
        if Instant::now() > deadline {
            return Err(io::Error::other(format!("processes still exist after SIGKILL: {processes:?}")));
        }
        for process in processes {
            match kill(Pid::from_raw(process), Signal::SIGKILL) {
                Ok(()) => killed += 1,
                Err(Errno::ESRCH) => {}
                Err(error) => warn!(%error, process, "cannot kill a process left by an execution"),
            }
        }
        sleep(Duration::from_millis(10));
    }
}

/// Returns the processes of the users of executions.
fn processes_of(range: UidRange) -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // The process may have ended since the directory was read.
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if (range.first..=range.last).contains(&metadata.uid()) {
            found.push(process);
        }
    }
    Ok(found)
}

/// Removes the directories of slots that no longer exist.
pub(crate) fn remove_slot_directories(config: &Config) -> io::Result<()> {
    let directory = runtime_dir::slots_directory(config);
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return fs::create_dir(directory),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        // They are empty: a supervisor mounts a file system over its directory in a mount namespace of its own.
        if let Err(error) = fs::remove_dir(&path) {
            warn!(%error, "cannot remove {}", path.display());
        }
    }
    Ok(())
}
