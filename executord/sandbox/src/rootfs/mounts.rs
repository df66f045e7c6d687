//! Bind mounts, masks and mount points.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use crate::sys::mount::{attach, clone_mount, path_string, set_attributes};

/// Bind-mounts `source` at `target` with additional `attributes`. The attributes are set before the mount is visible.
pub(super) fn bind(source: &Path, target: &Path, attributes: u64) -> io::Result<()> {
    let copy = clone_mount(&path_string(source)?)?;
    set_attributes(copy.as_fd(), attributes)?;
    attach(copy.as_fd(), &path_string(target)?)
}

/// Mounts `mask`, a path of the read-only template, over `path`. A `path` that this kernel does not have is not an error.
pub(super) fn mask(path: &Path, mask: &Path) -> io::Result<()> {
    match mount(Some(mask), path, None::<&str>, MsFlags::MS_BIND, None::<&str>) {
        // Every template has the masks, so this is about `path`.
        Err(Errno::ENOENT) => Ok(()),
        answer => Ok(answer?),
    }
}

/// Creates a directory as a mount point, with its parents.
pub(super) fn create_directory_mount_point(target: &Path) -> io::Result<()> {
    fs::create_dir_all(target)
}

/// Creates an empty file as a mount point, with its parent directories.
pub(super) fn create_file_mount_point(target: &Path) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    File::create(target).map(drop)
}
