//! The root file system of a sandbox: what there is to see, and what of it can be written.
//!
//! What is the same for others is there already, see `template.rs`: init begins in a copy of a template, as its root. The
//! rest is mounted there before any process of the program exists: names are followed, but only names that we made.

use std::ffi::CString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown, fchown};
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::unistd::{SysconfVar, chdir, sysconf};

use crate::error::{At, SetupError, Step};
use crate::plan::{DiskLimits, HOME, Plan, SourceEntry, User};
use crate::sys::mount::{attach, attribute, copy_of, new_file_system, path_string, restrict};
use crate::template::WHO;

pub(crate) const NOTHING_SPECIAL: u64 = attribute::NO_SETUID | attribute::NO_DEVICES;
pub(crate) const READ_ONLY: u64 = NOTHING_SPECIAL | attribute::READ_ONLY;

/// Where what is built is mounted; `/build` leads there.
pub(crate) const BUILD: &str = "mnt/build";
/// An empty directory of the template, to hide others behind.
pub(crate) const EMPTY: &str = "mnt/empty";
/// An empty file of the template, to hide others behind: unlike /dev/null it cannot even be opened for writing.
pub(crate) const NOTHING: &str = "mnt/nothing";
/// Files of /proc that tell about the host, its kernel or its users' keys, or act on it.
const HIDDEN_FILES: [&str; 18] = [
    "cmdline",
    "config.gz",
    "interrupts",
    "iomem",
    "ioports",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "modules",
    "sched_debug",
    "slabinfo",
    "sysrq-trigger",
    "timer_list",
];
/// More such files, newer or rarer.
const HIDDEN_FILES_TOO: [&str; 4] = ["latency_stats", "pagetypeinfo", "vmallocinfo", "zoneinfo"];
/// Directories of /proc that tell about the host's hardware.
const HIDDEN_DIRECTORIES: [&str; 7] = ["acpi", "bus", "driver", "fs", "irq", "scsi", "tty"];

/// Add to the template what is this sandbox's own. `built` is where a compiler writes.
pub(crate) fn build(plan: &Plan, built: Option<&OwnedFd>) -> Result<(), SetupError> {
    chdir("/").at(Step::MountRoot)?;
    mount_scratch(plan.disk, &plan.user).at(Step::MountScratch)?;
    if let Some(built) = built {
        attach_build(built).at(Step::MountBuild)?;
    }
    mount_proc().at(Step::MountProc)?;
    if plan.terminal.is_some() {
        mount_terminals(&plan.user).at(Step::MountDevices)?;
    }
    Ok(())
}

/// Put in what came with the start. From the sandbox's own root; the program's processes, if there are any, are still
/// only those of its interpreter.
pub(crate) fn fill(
    plan: &Plan,
    disk: DiskLimits,
    built: Option<&OwnedFd>,
    sources: &[SourceEntry],
    bundle: File,
) -> Result<(), SetupError> {
    if disk != plan.disk {
        resize_scratch(disk).at(Step::ResizeScratch)?;
    }
    if let Some(built) = built {
        attach_build(built).at(Step::MountBuild)?;
    }
    write_sources(sources, bundle, &plan.user).at(Step::WriteSources)
}

/// One file system behind all that a program can write, so that one size bounds it. Its own root is below the part of it
/// that is shown in the same place, and so out of reach.
fn mount_scratch(disk: DiskLimits, user: &User) -> io::Result<()> {
    let (size, files) = scratch_size(disk)?;
    let (size, files) = (CString::new(size.to_string())?, CString::new(files.to_string())?);
    let options = [(c"size", &*size), (c"nr_inodes", &*files), (c"mode", c"0755")];
    let scratch = new_file_system(c"tmpfs", &options, NOTHING_SPECIAL)?;
    attach(scratch.as_fd(), c"box")?;
    write_who(user)?;
    for (name, target, mode, attributes) in [
        ("tmp", "tmp", 0o1777, NOTHING_SPECIAL),
        ("shm", "dev/shm", 0o1777, NOTHING_SPECIAL | attribute::NO_EXEC),
        ("box", "box", 0o755, NOTHING_SPECIAL),
    ] {
        let directory = Path::new("box").join(name);
        fs::create_dir(&directory)?;
        fs::set_permissions(&directory, Permissions::from_mode(mode))?;
        show(&directory, target, attributes)?;
    }
    Ok(())
}

/// Who the program is, in the files where it looks for that.
fn write_who(user: &User) -> io::Result<()> {
    let User { name, uid, gid } = user;
    let passwd = format!(
        "root:x:0:0:root:/:/usr/sbin/nologin\n\
         {name}:x:{uid}:{gid}:{name}:{HOME}:/bin/bash\n\
         nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"
    );
    let group = format!("root:x:0:\n{name}:x:{gid}:\nnogroup:x:65534:\n");
    for (file, content) in WHO.into_iter().zip([passwd, group]) {
        let path = Path::new("box").join(file);
        fs::write(&path, content)?;
        show(&path, &format!("etc/{file}"), READ_ONLY | attribute::NO_EXEC)?;
    }
    Ok(())
}

/// Its size in bytes and the number of its inodes: what a program may have, and what is ours in it.
fn scratch_size(disk: DiskLimits) -> io::Result<(u64, u32)> {
    /// Three directories, the one that they are in, and a file for each name in [`WHO`].
    const OUR_INODES: u32 = 6;
    let page = sysconf(SysconfVar::PAGE_SIZE)?.ok_or(Errno::EINVAL)?;
    let ours = WHO.len() as u64 * page.unsigned_abs();
    Ok((disk.bytes.saturating_add(ours), disk.files.saturating_add(OUR_INODES)))
}

/// Any mount of a file system stands for all of it.
fn resize_scratch(disk: DiskLimits) -> io::Result<()> {
    let (size, files) = scratch_size(disk)?;
    let options = format!("size={size},nr_inodes={files}");
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(None::<&str>, "box", None::<&str>, flags, Some(options.as_str()))?)
}

fn attach_build(built: &OwnedFd) -> io::Result<()> {
    attach(built.as_fd(), &path_string(Path::new(BUILD))?)
}

/// Show `source` at `target`, allowing only what `attributes` leave.
fn show(source: &Path, target: &str, attributes: u64) -> io::Result<()> {
    let copy = copy_of(&path_string(source)?)?;
    restrict(copy.as_fd(), attributes)?;
    attach(copy.as_fd(), &path_string(Path::new(target))?)
}

/// Its own processes and no others, and of the machine only what interpreters ask for. Not `subset=pid`, which
/// would hide /proc/cpuinfo and /proc/meminfo as well.
fn mount_proc() -> io::Result<()> {
    let attributes = NOTHING_SPECIAL | attribute::NO_EXEC;
    let proc = new_file_system(c"proc", &[(c"hidepid", c"invisible")], attributes)?;
    attach(proc.as_fd(), c"proc")?;
    for name in HIDDEN_FILES.iter().chain(&HIDDEN_FILES_TOO) {
        hide(&Path::new("proc").join(name), Path::new(NOTHING))?;
    }
    for name in HIDDEN_DIRECTORIES {
        hide(&Path::new("proc").join(name), Path::new(EMPTY))?;
    }
    let settings = copy_of(c"proc/sys")?;
    restrict(settings.as_fd(), attributes | attribute::READ_ONLY)?;
    attach(settings.as_fd(), c"proc/sys")
}

/// Put `cover` over `path`, with all that a template does not allow, if there is such a thing on this kernel.
fn hide(path: &Path, cover: &Path) -> io::Result<()> {
    match mount(Some(cover), path, None::<&str>, MsFlags::MS_BIND, None::<&str>) {
        // Not of the cover, which is always there.
        Err(Errno::ENOENT) => Ok(()),
        answer => Ok(answer?),
    }
}

/// A file system of terminals with room for one, which is the program's own. Only root can open the way to make it.
fn mount_terminals(user: &User) -> io::Result<()> {
    let (uid, gid) = (CString::new(user.uid.to_string())?, CString::new(user.gid.to_string())?);
    let options =
        [(c"max", c"1"), (c"ptmxmode", c"0600"), (c"mode", c"0600"), (c"uid", &*uid), (c"gid", &*gid)];
    let attributes = attribute::NO_SETUID | attribute::NO_EXEC | attribute::READ_ONLY;
    let terminals = new_file_system(c"devpts", &options, attributes)?;
    attach(terminals.as_fd(), c"dev/pts")
}

/// Write the sources as root into directories of root, and give everything away afterwards: so no permission
/// has to be overridden.
fn write_sources(entries: &[SourceEntry], mut bundle: File, user: &User) -> io::Result<()> {
    let top = Path::new("box");
    for entry in entries {
        let path = top.join(&entry.path);
        let above = path.parent().unwrap_or(top);
        DirBuilder::new().recursive(true).mode(0o755).create(above)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)?;
        let written = io::copy(&mut bundle.by_ref().take(entry.length), &mut file)?;
        if written != entry.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        fchown(&file, Some(user.uid), Some(user.gid))?;
    }
    for entry in entries {
        for directory in entry.path.ancestors().skip(1) {
            chown(top.join(directory), Some(user.uid), Some(user.gid))?;
        }
    }
    chown(top, Some(user.uid), Some(user.gid))
}
