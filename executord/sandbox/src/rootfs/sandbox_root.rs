//! The part of a root file system that belongs to one sandbox.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::unistd::chdir;

use super::layout::BUILD;
use super::proc::attach_proc;
use super::scratch::{mount_scratch, resize_scratch};
use super::sources::{SourceContents, write_sources};
use crate::error::{At, SetupError, Step};
use crate::plan::{DiskLimits, Plan, SourceEntry, User};
use crate::sys::mount::{attach, attribute, new_file_system, path_string};

/// Mounts what belongs to this sandbox alone. The current root is a copy of a template. `build` is the mount that a
/// compiler writes to. `proc` returns that of `/proc`.
pub(crate) fn mount_sandbox(
    plan: &Plan,
    build: Option<&OwnedFd>,
    proc: impl FnOnce() -> io::Result<OwnedFd>,
) -> Result<(), SetupError> {
    chdir("/").at(Step::MountRoot)?;
    mount_scratch(plan.disk, &plan.user).at(Step::MountScratch)?;
    attach_build(build).at(Step::MountBuild)?;
    proc().and_then(|proc| attach_proc(proc.as_fd())).at(Step::MountProc)?;
    if plan.terminal.is_some() {
        mount_devpts(&plan.user).at(Step::MountDevices)?;
    }
    Ok(())
}

/// Adds what arrives with the start message: the final size, the build directory and the source files.
///
/// At this time the only process of the program is the one that waits to become it.
pub(crate) fn complete(
    plan: &Plan,
    disk: DiskLimits,
    build: Option<&OwnedFd>,
    sources: &[SourceEntry],
    contents: SourceContents,
) -> Result<(), SetupError> {
    if disk != plan.disk {
        resize_scratch(disk).at(Step::ResizeScratch)?;
    }
    attach_build(build).at(Step::MountBuild)?;
    write_sources(sources, contents, &plan.user).at(Step::WriteSources)
}

fn attach_build(build: Option<&OwnedFd>) -> io::Result<()> {
    match build {
        Some(build) => attach(build.as_fd(), &path_string(Path::new(BUILD))?),
        None => Ok(()),
    }
}

/// Mounts a devpts instance with room for one pseudoterminal, which belongs to the program's user. Only root can open its
/// `ptmx`.
fn mount_devpts(user: &User) -> io::Result<()> {
    let (uid, gid) = (CString::new(user.uid.to_string())?, CString::new(user.gid.to_string())?);
    let options =
        [(c"max", c"1"), (c"ptmxmode", c"0600"), (c"mode", c"0600"), (c"uid", &*uid), (c"gid", &*gid)];
    let attributes = attribute::NOSUID | attribute::NOEXEC | attribute::READ_ONLY;
    let file_system = new_file_system(c"devpts", &options, attributes)?;
    attach(file_system.as_fd(), c"dev/pts")
}
