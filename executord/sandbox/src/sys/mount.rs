//! The descriptor-based mount interface: a mount gets its attributes before it is visible, and no path is resolved
//! twice. See open_tree(2), fsopen(2), mount_setattr(2) and move_mount(2).

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::checked::checked;

/// Mount attributes: `MOUNT_ATTR_*` of mount_setattr(2).
pub(crate) mod attribute {
    pub(crate) const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY;
    pub(crate) const NOSUID: u64 = libc::MOUNT_ATTR_NOSUID;
    pub(crate) const NODEV: u64 = libc::MOUNT_ATTR_NODEV;
    pub(crate) const NOEXEC: u64 = libc::MOUNT_ATTR_NOEXEC;
    pub(crate) const NOSYMFOLLOW: u64 = libc::MOUNT_ATTR_NOSYMFOLLOW;
}

fn owned_fd(answer: io::Result<libc::c_long>) -> io::Result<OwnedFd> {
    let raw = i32::try_from(answer?).map_err(io::Error::other)?;
    // SAFETY: the kernel just created this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Returns a detached copy of the mount at `path`, without the mounts below it.
pub(crate) fn clone_mount(path: &CStr) -> io::Result<OwnedFd> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: `path` is a NUL-terminated string that outlives the call.
    let answer = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    owned_fd(checked(answer))
}

/// Creates a file system of type `kind` with `options`, as a detached mount with `attributes`.
pub(crate) fn new_file_system(
    kind: &CStr,
    options: &[(&CStr, &CStr)],
    attributes: u64,
) -> io::Result<OwnedFd> {
    // From linux/mount.h; the libc crate lacks them.
    const FSOPEN_CLOEXEC: libc::c_uint = 1;
    const FSMOUNT_CLOEXEC: libc::c_uint = 1;
    const FSCONFIG_SET_STRING: libc::c_uint = 1;
    const FSCONFIG_CMD_CREATE: libc::c_uint = 6;
    // SAFETY: `kind` is a NUL-terminated string that outlives the call.
    let answer = unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) };
    let context = owned_fd(checked(answer))?;
    let configure = |command: libc::c_uint, key: *const libc::c_char, value: *const libc::c_char| {
        // SAFETY: key and value are null where the command takes none; otherwise they are NUL-terminated and outlive
        // the call.
        let answer =
            unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, key, value, 0) };
        checked(answer)
    };
    for (key, value) in options {
        configure(FSCONFIG_SET_STRING, key.as_ptr(), value.as_ptr())?;
    }
    configure(FSCONFIG_CMD_CREATE, std::ptr::null(), std::ptr::null())?;
    // SAFETY: takes a descriptor and integers only.
    let answer =
        unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), FSMOUNT_CLOEXEC, attributes) };
    owned_fd(checked(answer))
}

/// Adds `attributes` to a mount, without those below it.
pub(crate) fn set_attributes(mount: BorrowedFd, attributes: u64) -> io::Result<()> {
    add_attributes(mount.as_raw_fd(), c"", libc::AT_EMPTY_PATH, attributes)
}

/// Adds `attributes` to the mount at `path`.
pub(crate) fn set_attributes_at(path: &CStr, attributes: u64) -> io::Result<()> {
    add_attributes(libc::AT_FDCWD, path, 0, attributes)
}

fn add_attributes(
    directory: libc::c_int,
    path: &CStr,
    flags: libc::c_int,
    attributes: u64,
) -> io::Result<()> {
    change_attributes(
        directory,
        path,
        flags,
        &libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 },
    )
}

/// Maps the owners of files in a detached mount: an id of the file system appears as the id that `user_namespace` maps it to,
/// and as an unknown one if it has none. Some file systems do not support this (EINVAL).
pub(crate) fn map_owners(mount: BorrowedFd, user_namespace: BorrowedFd) -> io::Result<()> {
    let userns_fd = u64::try_from(user_namespace.as_raw_fd()).map_err(io::Error::other)?;
    let wanted =
        libc::mount_attr { attr_set: libc::MOUNT_ATTR_IDMAP, attr_clr: 0, propagation: 0, userns_fd };
    change_attributes(mount.as_raw_fd(), c"", libc::AT_EMPTY_PATH, &wanted)
}

fn change_attributes(
    directory: libc::c_int,
    path: &CStr,
    flags: libc::c_int,
    wanted: &libc::mount_attr,
) -> io::Result<()> {
    // SAFETY: `path` and `wanted` outlive the call, and the size given is that of `wanted`.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            directory,
            path.as_ptr(),
            flags,
            std::ptr::from_ref(wanted),
            size_of::<libc::mount_attr>(),
        )
    };
    checked(answer).map(drop)
}

/// Attaches a detached mount at `target`.
pub(crate) fn attach(mount: BorrowedFd, target: &CStr) -> io::Result<()> {
    // SAFETY: both strings are NUL-terminated and outlive the call.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            target.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    checked(answer).map(drop)
}

/// Converts a path for the kernel.
pub(crate) fn path_string(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
