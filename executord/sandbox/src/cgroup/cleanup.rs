//! Killing all processes of cgroups and removing the cgroups.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::files::{processes, with_path};
use super::proof::Emptied;

/// Kills every process in `root` and the cgroups below it, and removes them. Returns the number of processes killed.
///
/// A `root` that does not exist is not an error.
///
/// # Errors
/// If a cgroup could not be emptied or removed within a second.
pub fn kill_and_remove(root: &Path) -> io::Result<usize> {
    const ATTEMPTS: u32 = 100;
    const PAUSE: Duration = Duration::from_millis(10);
    if !root.try_exists()? {
        return Ok(0);
    }
    let mut killed = kill_and_remove_children(root)?;
    for _ in 0..ATTEMPTS {
        for process in processes(root)? {
            match kill(Pid::from_raw(process), Signal::SIGKILL) {
                Ok(()) => killed += 1,
                Err(Errno::ESRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match fs::remove_dir(root) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => sleep(PAUSE),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(with_path(root, &error)),
            _ => return Ok(killed),
        }
    }
    Err(with_path(root, &io::Error::other("processes remain although they were killed")))
}

/// Calls [`kill_and_remove`] for every cgroup directly below `root`, and keeps `root` itself, whose removal needs write
/// permission on its parent. Returns the number of processes killed.
///
/// # Errors
/// The errors of [`kill_and_remove`].
pub fn kill_and_remove_children(root: &Path) -> io::Result<usize> {
    let mut killed = 0;
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            killed += kill_and_remove(&entry.path())?;
        }
    }
    Ok(killed)
}

/// The cgroups of one slot, to be removed when the slot is lost.
#[derive(Clone, Debug)]
pub struct SlotCleanup {
    roots: Vec<PathBuf>,
    label: String,
    last_uid: Option<u32>,
}

impl SlotCleanup {
    pub(super) const fn new(roots: Vec<PathBuf>, label: String) -> Self {
        Self { roots, label, last_uid: None }
    }

    /// Notes that a run of `uid` begins in this slot.
    pub(super) const fn begin_run(&mut self, uid: u32) {
        self.last_uid = Some(uid);
    }

    /// Kills every process in the slot's cgroups and removes the cgroups. Returns the proof for the slot's last run, or
    /// `None` if there was no run, or if the host has no cgroups, in which case nothing is proven.
    ///
    /// # Errors
    /// If a cgroup could not be emptied or removed within a second.
    pub fn run(&self) -> io::Result<Option<Emptied>> {
        // Version 1 has one cgroup for all runs of a slot, version 2 has one for each run.
        let run_prefix = format!("run-{}-", self.label);
        for root in &self.roots {
            let entries = match fs::read_dir(root) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                if name.to_str().is_some_and(|name| name == self.label || name.starts_with(&run_prefix)) {
                    kill_and_remove(&entry.path())?;
                }
            }
        }
        Ok(self.last_uid.filter(|_| !self.roots.is_empty()).map(Emptied::new))
    }
}
