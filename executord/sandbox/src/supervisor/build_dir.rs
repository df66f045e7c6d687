//! The build directory of a supervisor: a tmpfs that a compiler writes to, and that other sandboxes get read-only.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use nix::mount::{MntFlags, umount2};
use nix::sys::statvfs::statvfs;

use crate::plan::{DiskLimits, User};
use crate::rootfs::layout::{NOSUID_NODEV, READ_ONLY};
use crate::sys::mount::{attach, attribute, clone_mount, new_file_system, path_string, set_attributes};

/// The build directory. It is mounted from a compilation until [`BuildDirMount::unmount`].
pub(super) struct BuildDirMount {
    path: PathBuf,
    is_mounted: bool,
}

impl BuildDirMount {
    /// Creates the mount point.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        Ok(Self { path, is_mounted: false })
    }

    /// Replaces the build directory with an empty one that belongs to `user`, and returns a writable mount of it.
    pub(super) fn mount_empty(&mut self, user: &User, limits: DiskLimits) -> io::Result<OwnedFd> {
        self.unmount()?;
        let number = |number: u64| CString::new(number.to_string()).map_err(io::Error::other);
        let options = [
            (c"size", &*number(limits.bytes)?),
            (c"nr_inodes", &*number(limits.files.into())?),
            (c"uid", &*number(user.uid.into())?),
            (c"gid", &*number(user.gid.into())?),
            (c"mode", c"0755"),
        ];
        let file_system = new_file_system(c"tmpfs", &options, NOSUID_NODEV)?;
        attach(file_system.as_fd(), &path_string(&self.path)?)?;
        self.is_mounted = true;
        self.clone_with(NOSUID_NODEV)
    }

    /// Returns a read-only mount of the build directory, and the size of its contents in KiB.
    pub(super) fn share(&self) -> io::Result<(OwnedFd, u64)> {
        let used = statvfs(&self.path)?;
        let kib = (used.blocks() - used.blocks_free()) * used.fragment_size() / 1024;
        // The compiler may have created links; nothing follows them.
        Ok((self.clone_with(READ_ONLY | attribute::NOSYMFOLLOW)?, kib))
    }

    /// Unmounts the build directory. Its memory is freed when the sandboxes that have it are gone.
    pub(super) fn unmount(&mut self) -> io::Result<()> {
        if self.is_mounted {
            umount2(&self.path, MntFlags::MNT_DETACH)?;
            self.is_mounted = false;
        }
        Ok(())
    }

    fn clone_with(&self, attributes: u64) -> io::Result<OwnedFd> {
        let copy = clone_mount(&path_string(&self.path)?)?;
        set_attributes(copy.as_fd(), attributes)?;
        Ok(copy)
    }
}
