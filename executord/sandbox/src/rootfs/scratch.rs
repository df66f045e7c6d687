//! The scratch file system: one tmpfs behind everything that the program can write, so that one size limits it.

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::unistd::{SysconfVar, sysconf};

use super::layout::{IDENTITY_FILES, NOSUID_NODEV, READ_ONLY};
use super::mounts::bind;
use crate::plan::{DiskLimits, HOME, User};
use crate::sys::mount::{attach, attribute, new_file_system};

/// Mounts the scratch file system and its directories at `/box`, `/tmp` and `/dev/shm`. The mount at `/box` covers the
/// root of the file system, so that the program cannot reach that.
pub(super) fn mount_scratch(disk: DiskLimits, user: &User) -> io::Result<()> {
    let (size, inodes) = scratch_size(disk)?;
    let (size, inodes) = (CString::new(size.to_string())?, CString::new(inodes.to_string())?);
    let options = [(c"size", &*size), (c"nr_inodes", &*inodes), (c"mode", c"0755")];
    let scratch = new_file_system(c"tmpfs", &options, NOSUID_NODEV)?;
    attach(scratch.as_fd(), c"box")?;
    write_identity_files(user)?;
    for (name, target, mode, attributes) in [
        ("tmp", "tmp", 0o1777, NOSUID_NODEV),
        ("shm", "dev/shm", 0o1777, NOSUID_NODEV | attribute::NOEXEC),
        ("box", "box", 0o755, NOSUID_NODEV),
    ] {
        let directory = Path::new("box").join(name);
        fs::create_dir(&directory)?;
        fs::set_permissions(&directory, Permissions::from_mode(mode))?;
        bind(&directory, Path::new(target), attributes)?;
    }
    Ok(())
}

/// Writes `/etc/passwd` and `/etc/group` of the program's user, and mounts them read-only.
fn write_identity_files(user: &User) -> io::Result<()> {
    let User { name, uid, gid } = user;
    let passwd = format!(
        "root:x:0:0:root:/:/usr/sbin/nologin\n\
         {name}:x:{uid}:{gid}:{name}:{HOME}:/bin/bash\n\
         nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"
    );
    let group = format!("root:x:0:\n{name}:x:{gid}:\nnogroup:x:65534:\n");
    for (file, content) in IDENTITY_FILES.into_iter().zip([passwd, group]) {
        let path = Path::new("box").join(file);
        fs::write(&path, content)?;
        bind(&path, &Path::new("etc").join(file), READ_ONLY | attribute::NOEXEC)?;
    }
    Ok(())
}

/// Returns the size in bytes and the number of inodes: the program's limits, plus what the sandbox itself needs.
fn scratch_size(disk: DiskLimits) -> io::Result<(u64, u32)> {
    /// The root, three directories, and one file for each of [`IDENTITY_FILES`].
    const OWN_INODES: u32 = 6;
    let page = sysconf(SysconfVar::PAGE_SIZE)?.ok_or(Errno::EINVAL)?;
    let own_bytes = IDENTITY_FILES.len() as u64 * page.unsigned_abs();
    Ok((disk.bytes.saturating_add(own_bytes), disk.files.saturating_add(OWN_INODES)))
}

/// Changes the size of the scratch file system. A remount through any of its mounts applies to all of it.
pub(super) fn resize_scratch(disk: DiskLimits) -> io::Result<()> {
    let (size, inodes) = scratch_size(disk)?;
    let options = format!("size={size},nr_inodes={inodes}");
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(None::<&str>, "box", None::<&str>, flags, Some(options.as_str()))?)
}
