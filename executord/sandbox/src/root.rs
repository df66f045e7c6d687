//! The root file system of a sandbox: what there is to see, and what of it can be written.
//!
//! All of it is built in a fresh tmpfs that nobody else can reach, before any process of the program exists:
//! names are followed here, but only names that we just made.

use std::ffi::CString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown, fchown, symlink};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root};

use crate::error::{At, SetupError, Step};
use crate::plan::{Bind, Build, Disk, Plan, SourceEntry, User};
use crate::sys::mount::{attach, attribute, copy_of, new_file_system, restrict, restrict_path};

/// Where sandboxes are built, in the supervisor's private file system. Each init has its own copy of that
/// mount tree, so the paths can be the same for all.
pub(crate) struct Directories {
    /// The new root.
    pub(crate) root: PathBuf,
    /// The file system behind `/box`, `/tmp` and `/dev/shm`.
    pub(crate) scratch: PathBuf,
    /// What a compilation wrote.
    pub(crate) build: PathBuf,
    /// An empty directory, to hide others behind.
    pub(crate) empty: PathBuf,
    /// An empty file, to hide others behind: unlike /dev/null it cannot even be opened for writing.
    pub(crate) nothing: PathBuf,
}

const NOTHING_SPECIAL: u64 = attribute::NO_SETUID | attribute::NO_DEVICES;
const READ_ONLY: u64 = NOTHING_SPECIAL | attribute::READ_ONLY;

/// Directories that every root has, beside the mount points of the plan.
const DIRECTORIES: [&str; 11] =
    ["box", "dev", "dev/shm", "etc", "home", "mnt", "proc", "run", "tmp", "usr", "var"];
/// Where what is built is mounted; `/build` leads there.
const BUILD: &str = "mnt/build";
/// The old names of what moved to /usr (https://wiki.debian.org/UsrMerge).
const MERGED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// Devices that hold nothing of anybody.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
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

/// Build everything that [`enter`] will then make the root.
pub(crate) fn build(plan: &Plan, directories: &Directories) -> Result<(), SetupError> {
    mount_root(directories).at(Step::MountRoot)?;
    for bind in &plan.binds {
        show(bind).at(Step::MountHost)?;
    }
    mount_scratch(plan, directories).at(Step::MountScratch)?;
    show_build(plan.build, directories).at(Step::MountBuild)?;
    mount_proc(directories).at(Step::MountProc)?;
    show_devices().at(Step::MountDevices)?;
    if plan.terminal.is_some() {
        show_terminal(&plan.user).at(Step::MountDevices)?;
    }
    write_etc(&plan.user).at(Step::WriteEtc)
}

/// Put in what came with the start. From the sandbox's own root; the program's processes, if there are any, are still
/// only those of its interpreter.
pub(crate) fn fill(
    plan: &Plan,
    disk: Disk,
    build: Option<&OwnedFd>,
    sources: &[SourceEntry],
    bundle: File,
) -> Result<(), SetupError> {
    if disk != plan.disk {
        resize_scratch(disk).at(Step::ResizeScratch)?;
    }
    if let Some(build) = build {
        attach(build.as_fd(), &path_string(Path::new(BUILD)).at(Step::MountBuild)?).at(Step::MountBuild)?;
    }
    write_sources(sources, bundle, &plan.user).at(Step::WriteSources)
}

/// Make it the root and let go of the host's. After this, names lead nowhere else: unlike with chroot(2) no
/// mount of the host is left in the namespace.
pub(crate) fn enter(directories: &Directories) -> io::Result<()> {
    chdir(&directories.root)?;
    // The idiom of pivot_root(2): the old root ends up on top of the new one and is taken off from there.
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    chdir("/")?;
    restrict_path(c"/", READ_ONLY | attribute::NO_EXEC)
}

fn mount_root(directories: &Directories) -> io::Result<()> {
    let options = [(c"size", c"1m"), (c"nr_inodes", c"256"), (c"mode", c"0755")];
    let root = new_file_system(c"tmpfs", &options, NOTHING_SPECIAL)?;
    // Attached before anything is in it: into a detached mount nothing can be mounted on some kernels.
    attach(root.as_fd(), &path_string(&directories.root)?)?;
    chdir(&directories.root)?;
    for directory in DIRECTORIES {
        fs::create_dir(directory)?;
    }
    for name in MERGED {
        if Path::new("/usr").join(name).exists() {
            symlink(Path::new("usr").join(name), name)?;
        }
    }
    symlink("/tmp", "var/tmp")
}

fn show(bind: &Bind) -> io::Result<()> {
    let copy = copy_of(&path_string(&bind.source)?)?;
    let target = inside(&bind.target);
    make_mount_point(&target, is_directory(copy.as_fd())?)?;
    let attributes = if bind.executable { READ_ONLY } else { READ_ONLY | attribute::NO_EXEC };
    restrict(copy.as_fd(), attributes)?;
    attach(copy.as_fd(), &path_string(&target)?)
}

/// One file system behind all that a program can write, so that one size bounds it.
fn mount_scratch(plan: &Plan, directories: &Directories) -> io::Result<()> {
    let size = CString::new(plan.disk.bytes.to_string())?;
    let files = CString::new(scratch_inodes(plan.disk).to_string())?;
    let options = [(c"size", &*size), (c"nr_inodes", &*files), (c"mode", c"0755")];
    let scratch = new_file_system(c"tmpfs", &options, NOTHING_SPECIAL)?;
    attach(scratch.as_fd(), &path_string(&directories.scratch)?)?;
    for (name, target, mode, attributes) in [
        ("box", c"box", 0o755, NOTHING_SPECIAL),
        ("tmp", c"tmp", 0o1777, NOTHING_SPECIAL),
        ("shm", c"dev/shm", 0o1777, NOTHING_SPECIAL | attribute::NO_EXEC),
    ] {
        let directory = directories.scratch.join(name);
        fs::create_dir(&directory)?;
        fs::set_permissions(&directory, Permissions::from_mode(mode))?;
        let copy = copy_of(&path_string(&directory)?)?;
        restrict(copy.as_fd(), attributes)?;
        attach(copy.as_fd(), target)?;
    }
    Ok(())
}

/// The three directories themselves count.
const fn scratch_inodes(disk: Disk) -> u32 {
    disk.files.saturating_add(4)
}

/// Any mount of a file system stands for all of it.
fn resize_scratch(disk: Disk) -> io::Result<()> {
    let options = format!("size={},nr_inodes={}", disk.bytes, scratch_inodes(disk));
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(None::<&str>, "box", None::<&str>, flags, Some(options.as_str()))?)
}

fn show_build(build: Build, directories: &Directories) -> io::Result<()> {
    if build == Build::None {
        return Ok(());
    }
    fs::create_dir(BUILD)?;
    symlink(BUILD, "build")?;
    match build {
        Build::Writable(_) => {
            let copy = copy_of(&path_string(&directories.build)?)?;
            restrict(copy.as_fd(), NOTHING_SPECIAL)?;
            attach(copy.as_fd(), &path_string(Path::new(BUILD))?)
        }
        Build::None | Build::ReadOnly => Ok(()),
    }
}

/// What is in the build directory, for another sandbox.
pub(crate) fn share_build(directories: &Directories) -> io::Result<OwnedFd> {
    let copy = copy_of(&path_string(&directories.build)?)?;
    // A compiler may have left links there; nobody follows them.
    restrict(copy.as_fd(), READ_ONLY | attribute::NO_SYMLINKS)?;
    Ok(copy)
}

/// Its own processes and no others, and of the machine only what interpreters ask for. Not `subset=pid`, which
/// would hide /proc/cpuinfo and /proc/meminfo as well.
fn mount_proc(directories: &Directories) -> io::Result<()> {
    let attributes = NOTHING_SPECIAL | attribute::NO_EXEC;
    let proc = new_file_system(c"proc", &[(c"hidepid", c"invisible")], attributes)?;
    attach(proc.as_fd(), c"proc")?;
    for name in HIDDEN_FILES.iter().chain(&HIDDEN_FILES_TOO) {
        hide(&Path::new("proc").join(name), &directories.nothing)?;
    }
    for name in HIDDEN_DIRECTORIES {
        hide(&Path::new("proc").join(name), &directories.empty)?;
    }
    let settings = copy_of(c"proc/sys")?;
    restrict(settings.as_fd(), attributes | attribute::READ_ONLY)?;
    attach(settings.as_fd(), c"proc/sys")
}

/// Put `cover` over `path`, if there is such a thing on this kernel.
fn hide(path: &Path, cover: &Path) -> io::Result<()> {
    if !path.try_exists()? {
        return Ok(());
    }
    let copy = copy_of(&path_string(cover)?)?;
    restrict(copy.as_fd(), READ_ONLY | attribute::NO_EXEC)?;
    attach(copy.as_fd(), &path_string(path)?)
}

/// A file system of terminals with room for one, which is the program's own. Only root can open the way to make it.
fn show_terminal(user: &User) -> io::Result<()> {
    let (uid, gid) = (CString::new(user.uid.to_string())?, CString::new(user.gid.to_string())?);
    let options =
        [(c"max", c"1"), (c"ptmxmode", c"0600"), (c"mode", c"0600"), (c"uid", &*uid), (c"gid", &*gid)];
    let attributes = attribute::NO_SETUID | attribute::NO_EXEC | attribute::READ_ONLY;
    let terminals = new_file_system(c"devpts", &options, attributes)?;
    fs::create_dir("dev/pts")?;
    attach(terminals.as_fd(), c"dev/pts")?;
    show_device("tty")
}

fn show_devices() -> io::Result<()> {
    for name in DEVICES {
        show_device(name)?;
    }
    symlink("/proc/self/fd", "dev/fd")?;
    for (number, name) in ["stdin", "stdout", "stderr"].into_iter().enumerate() {
        symlink(format!("/proc/self/fd/{number}"), Path::new("dev").join(name))?;
    }
    Ok(())
}

fn show_device(name: &str) -> io::Result<()> {
    let device = copy_of(&path_string(&Path::new("/dev").join(name))?)?;
    restrict(device.as_fd(), attribute::NO_SETUID | attribute::NO_EXEC)?;
    let target = Path::new("dev").join(name);
    make_mount_point(&target, false)?;
    attach(device.as_fd(), &path_string(&target)?)
}

/// Who the program is, in the files where it looks for that.
fn write_etc(user: &User) -> io::Result<()> {
    let User { name, uid, gid } = user;
    let passwd = format!(
        "root:x:0:0:root:/:/usr/sbin/nologin\n\
         {name}:x:{uid}:{gid}:{name}:/home/{name}:/bin/bash\n\
         nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"
    );
    let group = format!("root:x:0:\n{name}:x:{gid}:\nnogroup:x:65534:\n");
    for (file, content) in [
        ("passwd", &*passwd),
        ("group", &*group),
        ("hostname", "executor\n"),
        ("hosts", "127.0.0.1 localhost executor\n::1 localhost\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
        ("resolv.conf", ""),
    ] {
        fs::write(Path::new("etc").join(file), content)?;
    }
    symlink("/usr/share/zoneinfo/Etc/UTC", "etc/localtime")?;
    // The user's home is the work directory, whose own name is the same in every run: it shows in tracebacks.
    symlink("/box", Path::new("home").join(name))
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

fn make_mount_point(target: &Path, directory: bool) -> io::Result<()> {
    if directory {
        return fs::create_dir_all(target);
    }
    if let Some(above) = target.parent() {
        fs::create_dir_all(above)?;
    }
    File::create(target).map(drop)
}

/// An absolute path of the sandbox, relative to the root being built.
fn inside(path: &Path) -> PathBuf {
    path.strip_prefix("/").unwrap_or(path).to_owned()
}

fn is_directory(file: BorrowedFd) -> io::Result<bool> {
    let kind = nix::sys::stat::fstat(file)?.st_mode & libc::S_IFMT;
    Ok(kind == libc::S_IFDIR)
}

/// As the kernel wants it.
pub(crate) fn path_string(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
