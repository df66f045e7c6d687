//! The mount API that works on descriptors: flags are set before a mount is visible, and no name is resolved
//! twice. See open_tree(2), fsopen(2), mount_setattr(2), move_mount(2).

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::checked;

/// What a mount allows. `MOUNT_ATTR_*` of mount_setattr(2).
pub(crate) mod attribute {
    pub(crate) const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY;
    pub(crate) const NO_SETUID: u64 = libc::MOUNT_ATTR_NOSUID;
    pub(crate) const NO_DEVICES: u64 = libc::MOUNT_ATTR_NODEV;
    pub(crate) const NO_EXEC: u64 = libc::MOUNT_ATTR_NOEXEC;
    pub(crate) const NO_SYMLINKS: u64 = libc::MOUNT_ATTR_NOSYMFOLLOW;
}

fn descriptor(answer: io::Result<libc::c_long>) -> io::Result<OwnedFd> {
    let raw = i32::try_from(answer?).map_err(io::Error::other)?;
    // SAFETY: the kernel just made this descriptor for us and nobody else has its number.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// A detached copy of the mount at `path`, without what is mounted below it.
pub(crate) fn copy_of(path: &CStr) -> io::Result<OwnedFd> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: `path` is a NUL-terminated string that outlives the call.
    let answer = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    descriptor(checked(answer))
}

/// A new file system of a kind, configured by `options`, as a detached mount with `attributes`.
pub(crate) fn new_file_system(
    kind: &CStr,
    options: &[(&CStr, &CStr)],
    attributes: u64,
) -> io::Result<OwnedFd> {
    // From linux/mount.h; not in the libc crate.
    const FSOPEN_CLOEXEC: libc::c_uint = 1;
    const FSMOUNT_CLOEXEC: libc::c_uint = 1;
    const FSCONFIG_SET_STRING: libc::c_uint = 1;
    const FSCONFIG_CMD_CREATE: libc::c_uint = 6;
    // SAFETY: `kind` is a NUL-terminated string that outlives the call.
    let answer = unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) };
    let context = descriptor(checked(answer))?;
    let configure = |command: libc::c_uint, key: *const libc::c_char, value: *const libc::c_char| {
        // SAFETY: key and value are null where the command takes none, else NUL-terminated and outlive the call.
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
    descriptor(checked(answer))
}

/// Add `attributes` to the mount that `mount` refers to, and to nothing below it.
pub(crate) fn restrict(mount: BorrowedFd, attributes: u64) -> io::Result<()> {
    set_attributes(mount.as_raw_fd(), c"", libc::AT_EMPTY_PATH, attributes)
}

/// Add `attributes` to the mount at `path`.
pub(crate) fn restrict_path(path: &CStr, attributes: u64) -> io::Result<()> {
    set_attributes(libc::AT_FDCWD, path, 0, attributes)
}

fn set_attributes(
    directory: libc::c_int,
    path: &CStr,
    flags: libc::c_int,
    attributes: u64,
) -> io::Result<()> {
    let wanted = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: `path` and `wanted` outlive the call, and the size given is that of `wanted`.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            directory,
            path.as_ptr(),
            flags,
            &raw const wanted,
            size_of::<libc::mount_attr>(),
        )
    };
    checked(answer).map(drop)
}

/// Attach a detached mount at `target`.
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

/// As the kernel wants it.
pub(crate) fn path_string(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
