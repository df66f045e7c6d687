//! The place where the daemon can be found: its runtime directory, the lock in it, and the socket.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Group;
use tokio::net::UnixListener;
use tracing::warn;

use crate::config::Config;
use crate::daemon::{DaemonError, doing};

/// How long a daemon that was killed may keep its lock, and how often that is looked at.
const UNLOCKED_WITHIN: Duration = Duration::from_secs(1);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Whose members may connect; nobody's, if there is no such group.
pub(crate) fn socket_group(config: &Config) -> Option<u32> {
    match Group::from_name(config.socket_group()) {
        Ok(Some(group)) => Some(group.gid.as_raw()),
        _ => {
            warn!("there is no group {}: only root can connect", config.socket_group());
            None
        }
    }
}

/// The runtime directory: root's, and open to the group that may connect.
pub(crate) fn prepare_directory(config: &Config, group: Option<u32>) -> io::Result<()> {
    let directory = &config.runtime_directory;
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() || metadata.uid() != 0 {
        return Err(io::Error::other("it is not a directory of root's"));
    }
    chown(directory, Some(0), group)?;
    fs::set_permissions(directory, Permissions::from_mode(0o750))
}

/// Only one daemon may have a runtime directory. One that was killed while it started a process left the lock to that
/// process, which lets go of it in a moment.
pub(crate) fn lock(config: &Config) -> Result<Flock<File>, DaemonError> {
    let path = config.runtime_directory.join("executord.lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = file.map_err(doing(format!("open {}", path.display())))?;
    let deadline = Instant::now() + UNLOCKED_WITHIN;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((_, Errno::EWOULDBLOCK)) if Instant::now() > deadline => {
                let words = "another executord is running in";
                return Err(DaemonError::Refused(format!("{words} {}", config.runtime_directory.display())));
            }
            Err((file, Errno::EWOULDBLOCK)) => file,
            Err((_, error)) => return Err(doing(format!("lock {}", path.display()))(error.into())),
        };
        std::thread::sleep(LOCK_PAUSE);
    }
}

/// Who made the socket, and removes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It outlives us: who connects meanwhile waits for the next daemon.
    Systemd,
    Ours,
}

/// The socket from systemd, or our own.
pub(crate) fn listen(config: &Config, group: Option<u32>) -> Result<(UnixListener, Origin), DaemonError> {
    let given =
        listenfd::ListenFd::from_env().take_unix_listener(0).map_err(doing("take systemd's socket"))?;
    let path = config.socket_path();
    let (listener, origin) = match given {
        Some(listener) => (listener, Origin::Systemd),
        None => {
            remove_socket(&path);
            let bound = std::os::unix::net::UnixListener::bind(&path);
            let listener = bound.map_err(doing(format!("listen on {}", path.display())))?;
            // Until now the umask kept everybody out.
            let open_up = chown(&path, Some(0), group)
                .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o660)));
            open_up.map_err(doing("open the socket to its group"))?;
            (listener, Origin::Ours)
        }
    };
    listener.set_nonblocking(true).map_err(doing("prepare the socket"))?;
    let listener = UnixListener::from_std(listener).map_err(doing("prepare the socket"))?;
    Ok((listener, origin))
}

/// Make the socket again, and the directory it is in: somebody removed them.
pub(crate) fn listen_again(config: &Config, group: Option<u32>) -> Result<UnixListener, DaemonError> {
    prepare_directory(config, group)
        .map_err(doing(format!("prepare {}", config.runtime_directory.display())))?;
    let (listener, _) = listen(config, group)?;
    warn!(socket = %config.socket_path().display(), "the socket was gone, and is there again");
    Ok(listener)
}

/// What is at a path, as far as it differs from anything else that may be there later.
pub(crate) fn number_of(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Remove a socket that nobody listens on any more; only if it is one, and root's.
pub(crate) fn remove_socket(path: &Path) {
    let is_ours = fs::symlink_metadata(path)
        .is_ok_and(|metadata| metadata.file_type().is_socket() && metadata.uid() == 0);
    if is_ours && let Err(error) = fs::remove_file(path) {
        warn!(%error, "remove {}", path.display());
    }
}
