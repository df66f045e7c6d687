//! The paths of the host in a root file system.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::layout::READ_ONLY;
use super::mounts::{create_directory_mount_point, create_file_mount_point};
use crate::plan::BindMount;
use crate::sys::mount::{
    attach, attribute, clone_mount, map_owners, new_file_system, path_string, set_attributes,
};
use crate::user_namespace::UserNamespace;

/// Mounts paths of the host read-only below `root`. Directories with the same target are merged: a program sees the files of
/// all, and of two files with the same path that of the later directory. With `users`, files of root belong to root of that
/// namespace.
pub(super) fn mount_all(binds: &[BindMount], root: &Path, users: Option<&UserNamespace>) -> io::Result<()> {
    for (index, bind) in binds.iter().enumerate() {
        let same_target: Vec<_> = binds.iter().filter(|other| other.target == bind.target).collect();
        let is_first = !binds[..index].iter().any(|earlier| earlier.target == bind.target);
        if is_first && let [_, _, ..] = same_target[..] {
            mount_merged(&same_target, root, users)?;
        } else if is_first {
            mount_read_only(bind, root, users)?;
        }
    }
    Ok(())
}

/// Returns the path below `root` of an absolute path of the sandbox.
pub(super) fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn mount_read_only(bind: &BindMount, root: &Path, users: Option<&UserNamespace>) -> io::Result<()> {
    let copy = clone_mount(&path_string(&bind.source)?)?;
    let target = inside(root, &bind.target);
    // The type of the file that was cloned: its path may lead elsewhere by now.
    if is_directory(copy.as_fd())? {
        create_directory_mount_point(&target)?;
    } else {
        create_file_mount_point(&target)?;
    }
    if let Some(users) = users {
        // Where the file system does not support this, such as overlayfs, files of root appear to belong to nobody.
        let _ = map_owners(copy.as_fd(), users.as_fd());
    }
    set_attributes(copy.as_fd(), attributes(bind.executable))?;
    attach(copy.as_fd(), &path_string(&target)?)
}

/// Mounts an overlay of directories, or the last one where they cannot be merged: one of them is a file, their paths have
/// more than the 255 bytes of fsconfig(2) together, or the kernel has no overlays.
fn mount_merged(binds: &[&BindMount], root: &Path, users: Option<&UserNamespace>) -> io::Result<()> {
    let Some(last) = binds.last() else { return Ok(()) };
    let Ok(merged) = overlay(binds) else { return mount_read_only(last, root, users) };
    let target = inside(root, &last.target);
    create_directory_mount_point(&target)?;
    attach(merged.as_fd(), &path_string(&target)?)
}

/// Returns an overlay without an upper directory, which is read-only; see Documentation/filesystems/overlayfs.rst.
fn overlay(binds: &[&BindMount]) -> io::Result<OwnedFd> {
    // The first layer is the topmost one.
    let layers: Vec<_> = binds.iter().rev().map(|bind| layer(&bind.source)).collect();
    let layers = CString::new(layers.join(&b':'))?;
    let executable = binds.iter().all(|bind| bind.executable);
    new_file_system(c"overlay", &[(c"lowerdir", &layers)], attributes(executable))
}

/// Returns a path for the option `lowerdir`, in which colons separate paths and backslashes escape them.
fn layer(path: &Path) -> Vec<u8> {
    let mut escaped = Vec::new();
    for &byte in path.as_os_str().as_bytes() {
        if matches!(byte, b':' | b'\\') {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    escaped
}

const fn attributes(executable: bool) -> u64 {
    if executable { READ_ONLY } else { READ_ONLY | attribute::NOEXEC }
}

fn is_directory(file: BorrowedFd) -> io::Result<bool> {
    let kind = nix::sys::stat::fstat(file)?.st_mode & libc::S_IFMT;
    Ok(kind == libc::S_IFDIR)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::layer;

    #[test]
    fn the_names_of_layers_are_escaped() {
        for (path, expected) in [("/usr/lib", "/usr/lib"), ("/a:b\\c", "/a\\:b\\\\c")] {
            assert_eq!(layer(Path::new(path)), expected.as_bytes());
        }
    }
}
