//! The removal of the daemon's cgroups when it ends, if it was started by hand.
//!
//! The top directory of a cgroup hierarchy has the mode 0555, so creating and removing a cgroup there needs
//! CAP_DAC_OVERRIDE, which the daemon gives up before anything comes from outside. A process that was started before that,
//! and does nothing else, keeps it.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use caps::Capability;
use nix::errno::Errno;
use tracing::warn;

use crate::privileges;

/// The option that starts this process instead of a daemon.
pub(crate) const OPTION: &str = "--remove-cgroups";
/// What the daemon sends when its cgroups are empty. If it ends without that, they stay for the next start.
const REMOVE: u8 = b'r';
/// Attempts to remove a cgroup, and the pause between them: its last process may be ending at this moment.
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// Removes cgroups when the daemon ends.
#[derive(Debug)]
pub(crate) struct CgroupRemover {
    cgroups: Vec<PathBuf>,
    /// Removes those that need a capability.
    process: Option<Child>,
}

impl CgroupRemover {
    /// Prepares the removal of `cgroups`, before the daemon gives up its capabilities.
    pub(crate) fn new(cgroups: Vec<PathBuf>) -> Self {
        let (protected, cgroups): (Vec<_>, Vec<_>) = cgroups.into_iter().partition(|path| is_protected(path));
        if protected.is_empty() {
            return Self { cgroups, process: None };
        }
        let process = Self::start(&protected);
        let process = process.inspect_err(|error| warn!(%error, "cannot remove cgroups at the end")).ok();
        Self { cgroups, process }
    }

    fn start(protected: &[PathBuf]) -> io::Result<Child> {
        Command::new(std::env::current_exe()?)
            .arg(OPTION)
            .args(protected)
            .env_clear()
            .current_dir("/")
            // Not the group to which a terminal sends SIGINT.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    }

    /// Removes the cgroups, which are empty. One that another daemon uses too is not, and stays.
    pub(crate) fn remove(self) {
        for cgroup in &self.cgroups {
            remove(cgroup);
        }
        if let Some(mut process) = self.process {
            if let Some(mut stdin) = process.stdin.take() {
                let _ = stdin.write_all(&[REMOVE]);
            }
            let _ = process.wait();
        }
    }
}

/// Runs the process: waits for the daemon, and removes the cgroups.
pub(crate) fn run(cgroups: &[PathBuf]) -> Result<(), String> {
    privileges::drop_all_but(&[Capability::CAP_DAC_OVERRIDE])?;
    let mut message = [0];
    let is_asked = io::stdin().read_exact(&mut message).is_ok() && message == [REMOVE];
    for cgroup in cgroups.iter().filter(|cgroup| is_asked && cgroup.starts_with("/sys/fs/cgroup")) {
        remove(cgroup);
    }
    Ok(())
}

fn remove(cgroup: &Path) {
    for _ in 0..ATTEMPTS {
        match fs::remove_dir(cgroup) {
            Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => sleep(PAUSE),
            _ => return,
        }
    }
}

/// Returns whether removing `cgroup` needs a capability: its parent is not writable even for its owner.
fn is_protected(cgroup: &Path) -> bool {
    let parent = cgroup.parent().and_then(|parent| parent.metadata().ok());
    parent.is_some_and(|parent| parent.permissions().mode() & 0o200 == 0)
}
