//! What a daemon that was killed left behind, removed at the next start: processes, groups, users' records,
//! directories. Mounts are not among it: they were in namespaces that ended with their last process.

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

/// How long killed processes may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// Where the daemon notes which groups are its own, for the janitor of the next start: it may be started from
/// another place in the hierarchy then.
const GROUPS_FILE: &str = "cgroups";

/// Clean up. Says what was found.
pub(crate) fn clean(config: &Config) -> io::Result<()> {
    for root in fs::read_to_string(config.runtime_directory.join(GROUPS_FILE)).unwrap_or_default().lines() {
        let root = Path::new(root);
        // The file is ours alone; a path that points elsewhere would be a mistake of ours, not to be acted on.
        if !root.starts_with("/sys/fs/cgroup") {
            continue;
        }
        match kill_and_remove(root)? {
            0 => {}
            ended => info!(ended, "ended processes left in {}", root.display()),
        }
    }
    let ended = end_processes(config.uids)?;
    if ended > 0 {
        info!(ended, "ended processes left by executions");
    }
    identity::remove_stale_records(config.uids)?;
    remove_slot_directories(config)
}

/// Note which groups are ours.
pub(crate) fn record_cgroups(config: &Config, roots: &[PathBuf]) -> io::Result<()> {
    let lines: Vec<_> = roots.iter().map(|root| root.display().to_string()).collect();
    fs::write(config.runtime_directory.join(GROUPS_FILE), lines.join("\n"))
}

/// End every process that has a user id of ours, until there is none.
fn end_processes(range: UidRange) -> io::Result<usize> {
    let deadline = Instant::now() + GONE_WITHIN;
    let mut ended = 0;
    loop {
        let processes = processes_of(range)?;
        if processes.is_empty() {
            return Ok(ended);
        }
        if Instant::now() > deadline {
            return Err(io::Error::other(format!("processes stay although they were killed: {processes:?}")));
        }
        for process in processes {
            match kill(Pid::from_raw(process), Signal::SIGKILL) {
                Ok(()) => ended += 1,
                Err(Errno::ESRCH) => {}
                Err(error) => warn!(%error, process, "end a process left by an execution"),
            }
        }
        sleep(Duration::from_millis(10));
    }
}

/// Processes whose user is one of ours. Zombies do not count: they are gone but for their parent's wait.
fn processes_of(range: UidRange) -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may end while it is looked at.
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if (range.first..=range.last).contains(&metadata.uid()) {
            found.push(process);
        }
    }
    Ok(found)
}

/// Remove the directories of slots that are no more.
pub(crate) fn remove_slot_directories(config: &Config) -> io::Result<()> {
    let directory = runtime_dir::slots_directory(config);
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return fs::create_dir(directory),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        // They are empty, and a supervisor's view of them is its own.
        if let Err(error) = fs::remove_dir(&path) {
            warn!(%error, "remove {}", path.display());
        }
    }
    Ok(())
}
