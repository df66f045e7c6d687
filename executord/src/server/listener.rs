//! The socket that clients connect to.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use crate::config::Config;
use crate::daemon::error::{Context, DaemonError};
use crate::server::runtime_dir;

/// Process that created the socket and removes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketOwner {
    /// The socket outlives the daemon: clients that connect meanwhile wait for the next one.
    Systemd,
    Executord,
}

/// Takes the socket from systemd or creates one.
pub(crate) fn listen(
    config: &Config,
    group: Option<u32>,
) -> Result<(UnixListener, SocketOwner), DaemonError> {
    let inherited =
        listenfd::ListenFd::from_env().take_unix_listener(0).context("take the socket from systemd")?;
    let path = config.socket_path();
    let (listener, owner) = match inherited {
        Some(listener) => (listener, SocketOwner::Systemd),
        None => {
            remove_socket(&path);
            let bound = std::os::unix::net::UnixListener::bind(&path);
            let listener = bound.context(format!("listen on {}", path.display()))?;
            // Until this point the umask keeps all other users out.
            chown(&path, Some(0), group)
                .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o660)))
                .context("give the socket to its group")?;
            (listener, SocketOwner::Executord)
        }
    };
    listener.set_nonblocking(true).context("make the socket non-blocking")?;
    let listener = UnixListener::from_std(listener).context("register the socket")?;
    Ok((listener, owner))
}

/// Accepts a connection once there is a permit for it. Further connections wait in the kernel's backlog.
pub(crate) async fn accept(
    listener: &UnixListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(UnixStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// Device and inode of our socket, to notice that somebody removed or replaced it.
#[derive(Debug)]
pub(crate) struct SocketWatch(Option<(u64, u64)>);

impl SocketWatch {
    pub(crate) fn new(config: &Config) -> Self {
        Self(file_id(&config.socket_path()))
    }

    /// Creates the socket, and its directory, again if it is no longer the one that was created before.
    pub(crate) fn listen_again_if_removed(
        &mut self,
        config: &Config,
        group: Option<u32>,
    ) -> Result<Option<UnixListener>, DaemonError> {
        let path = config.socket_path();
        if file_id(&path) == self.0 {
            return Ok(None);
        }
        runtime_dir::prepare(config, group)?;
        let (listener, _) = listen(config, group)?;
        self.0 = file_id(&path);
        warn!(socket = %path.display(), "the socket was removed and has been created again");
        Ok(Some(listener))
    }
}

fn file_id(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Removes a socket that nobody listens on. Anything that is not a socket owned by root is left alone.
pub(crate) fn remove_socket(path: &Path) {
    let is_ours = fs::symlink_metadata(path)
        .is_ok_and(|metadata| metadata.file_type().is_socket() && metadata.uid() == 0);
    if is_ours && let Err(error) = fs::remove_file(path) {
        warn!(%error, "cannot remove {}", path.display());
    }
}
