//! The runtime directory, and the lock that lets one daemon at a time use it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Group;

use crate::config::Config;
use crate::daemon::error::{Context, DaemonError};

/// Time in which the lock of a killed daemon must become free, and the interval between attempts.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Returns the group whose members may connect, or `None` if this host has no such group.
pub(crate) fn socket_group(config: &Config) -> Option<u32> {
    let group = Group::from_name(config.socket_group()).ok().flatten();
    group.map(|group| group.gid.as_raw())
}

/// Returns the directory that holds one directory per slot.
pub(crate) fn slots_directory(config: &Config) -> PathBuf {
    config.runtime_directory.join("slots")
}

/// Creates the runtime directory: owned by root, readable by the group that may connect.
pub(crate) fn prepare(config: &Config, group: Option<u32>) -> Result<(), DaemonError> {
    let directory = &config.runtime_directory;
    let prepare = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let metadata = fs::symlink_metadata(directory)?;
        if !metadata.is_dir() || metadata.uid() != 0 {
            return Err(io::Error::other("not a directory that root owns"));
        }
        chown(directory, Some(0), group)?;
        fs::set_permissions(directory, Permissions::from_mode(0o750))
    };
    prepare().context(format!("prepare {}", directory.display()))
}

/// Locks the runtime directory, so that only one daemon uses it. The lock of a daemon that was killed while it started a
/// process is inherited by that process, which releases it a moment later; hence the retries.
pub(crate) fn lock(config: &Config) -> Result<Flock<File>, DaemonError> {
    let path = config.runtime_directory.join("executord.lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = file.context(format!("open {}", path.display()))?;
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((_, Errno::EWOULDBLOCK)) if Instant::now() > deadline => {
                return Err(DaemonError::Refused(format!(
                    "another executord is running in {}",
                    config.runtime_directory.display()
                )));
            }
            Err((file, Errno::EWOULDBLOCK)) => file,
            Err((_, error)) => return Err(error).context(format!("lock {}", path.display())),
        };
        std::thread::sleep(LOCK_RETRY_INTERVAL);
    }
}
