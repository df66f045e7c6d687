//! The jobs of the reaper.

use std::fs;
use std::io;
use std::path::PathBuf;

use sandbox::cgroup::SlotCleanup;

use crate::identity::Identity;

/// A job for the reaper.
#[derive(Debug)]
pub(crate) enum ReapJob {
    /// Clean up after a slot that was lost.
    CleanUp(LostSlot),
    /// Create a slot in place of one that was lost.
    Replace,
    /// Try the jobs before this one, then stop.
    Stop,
}

/// The directory, the cgroups and the quarantined user of a slot whose supervisor ended.
#[derive(Debug)]
pub(crate) struct LostSlot {
    pub(crate) directory: PathBuf,
    pub(crate) cgroups: SlotCleanup,
    /// The user of the last run, if that run's processes could not be confirmed gone.
    pub(crate) identity: Option<Identity>,
}

impl LostSlot {
    /// Removes the cgroups and the directory. Releases the user if its cgroup proves that its processes are gone.
    pub(crate) fn clean_up(&mut self) -> io::Result<()> {
        let emptied = self.cgroups.run()?;
        if let (Some(identity), Some(emptied)) = (self.identity.take(), emptied) {
            identity.release(&emptied);
        }
        // The file systems below it were mounted in the supervisor's own mount namespace: here the directory is empty.
        match fs::remove_dir(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
