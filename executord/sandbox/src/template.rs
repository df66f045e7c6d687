//! Templates: the part of a root file system that is the same for all sandboxes that see the same of the host.
//!
//! A template is a mount namespace of its own, in which there is nothing of the host but what is shown. A supervisor makes
//! one when the first such sandbox is wanted, and goes there to fork the init of each: init gets a copy of its mounts, and
//! of no others. Nothing of a template can be written, neither by the program nor by init.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, pivot_root};

use crate::error::{At, SetupError, Step};
use crate::plan::{BindMount, BuildDir, HOME, Plan};
use crate::root::{BUILD, EMPTY, NOTHING, NOTHING_SPECIAL, READ_ONLY};
use crate::sys::mount::{attach, attribute, copy_of, new_file_system, path_string, restrict, restrict_path};

/// So many are kept for a slot; each is some tens of kilobytes of the kernel's.
const MOST: usize = 8;

/// Directories that every root has, beside the mount points of the plan.
const DIRECTORIES: [&str; 11] =
    ["box", "dev", "dev/shm", "etc", "home", "mnt", "proc", "run", "tmp", "usr", "var"];
/// The old names of what moved to /usr (https://wiki.debian.org/UsrMerge).
const MERGED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// Devices that hold nothing of anybody.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// Files of /etc that say the same to everybody.
const ETC: [(&str, &str); 4] = [
    ("hostname", "executor\n"),
    ("hosts", "127.0.0.1 localhost executor\n::1 localhost\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    ("resolv.conf", ""),
];
/// Files of /etc that tell who the program is: mount points here.
pub(crate) const WHO: [&str; 2] = ["passwd", "group"];

/// Those of one supervisor, the last one used first.
pub(crate) struct Templates {
    /// Where they are built: an empty directory in a file system that only the supervisor sees.
    workshop: PathBuf,
    /// The supervisor's own namespace, with all of the host.
    host: OwnedFd,
    /// The `/proc` in there.
    processes: OwnedFd,
    kept: Vec<Template>,
}

struct Template {
    namespace: OwnedFd,
    likeness: Likeness,
}

/// What a root depends on.
#[derive(PartialEq)]
pub(crate) struct Likeness {
    binds: Vec<(BindMount, Identity)>,
    has_build: bool,
    has_terminal: bool,
}

/// Which file a path led to: a mount stays with the file that it was made of, whatever is put in its place later.
#[derive(PartialEq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Templates {
    /// None yet.
    pub(crate) fn new(workshop: PathBuf) -> io::Result<Self> {
        let processes = open("/proc", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let host = own_namespace(processes.as_fd())?;
        Ok(Self { workshop, host, processes, kept: Vec::new() })
    }

    /// Go where the root for a plan is the root of all.
    pub(crate) fn enter(&mut self, plan: &Plan) -> Result<(), SetupError> {
        let likeness = Likeness::of(plan).at(Step::BindHost)?;
        let template = match self.kept.iter().position(|template| template.likeness == likeness) {
            Some(place) => self.kept.remove(place),
            None => Template { namespace: self.make(plan)?, likeness },
        };
        let entered = setns(&template.namespace, CloneFlags::CLONE_NEWNS).at(Step::PivotRoot);
        self.kept.insert(0, template);
        self.kept.truncate(MOST);
        entered
    }

    /// Go back. Who cannot has nothing more to do here.
    pub(crate) fn leave(&self) -> io::Result<()> {
        Ok(setns(&self.host, CloneFlags::CLONE_NEWNS)?)
    }

    /// Build one, and make a namespace of nothing else.
    fn make(&self, plan: &Plan) -> Result<OwnedFd, SetupError> {
        let made = build(plan, &self.workshop).and_then(|()| self.separate().at(Step::PivotRoot));
        self.leave().at(Step::PivotRoot)?;
        match umount2(&self.workshop, MntFlags::MNT_DETACH) {
            // It was not mounted yet.
            Ok(()) | Err(Errno::EINVAL) => made,
            Err(error) => Err(error).at(Step::PivotRoot),
        }
    }

    /// Go to a new namespace, make what was built the root there, and let go of the host's. After this, names lead nowhere
    /// else: unlike with chroot(2) no mount of the host is left.
    fn separate(&self) -> io::Result<OwnedFd> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        chdir(&self.workshop)?;
        // The idiom of pivot_root(2): the old root ends up on top of the new one and is taken off from there.
        pivot_root(".", ".")?;
        umount2(".", MntFlags::MNT_DETACH)?;
        own_namespace(self.processes.as_fd())
    }
}

/// The mount namespace that this process is in, by `/proc`.
fn own_namespace(processes: BorrowedFd) -> io::Result<OwnedFd> {
    Ok(openat(processes, "self/ns/mnt", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?)
}

impl Likeness {
    /// What the root for a plan depends on.
    pub(crate) fn of(plan: &Plan) -> io::Result<Self> {
        let binds = plan.binds.iter().map(|bind| Ok((bind.clone(), Identity::of(&bind.source)?)));
        Ok(Self {
            binds: binds.collect::<io::Result<_>>()?,
            has_build: plan.build_dir != BuildDir::None,
            has_terminal: plan.terminal.is_some(),
        })
    }
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self { device: found.dev(), inode: found.ino() })
    }
}

fn build(plan: &Plan, root: &Path) -> Result<(), SetupError> {
    mount_root(root).at(Step::MountRoot)?;
    for bind in &plan.binds {
        show(bind, root).at(Step::BindHost)?;
    }
    show_devices(root).at(Step::MountDevices)?;
    if plan.terminal.is_some() {
        fs::create_dir(root.join("dev/pts")).at(Step::MountDevices)?;
        show_device("tty", root).at(Step::MountDevices)?;
    }
    if plan.build_dir != BuildDir::None {
        make_build(root).at(Step::MountBuild)?;
    }
    make_covers(root).at(Step::MountProc)?;
    write_etc(root).at(Step::WriteEtc)?;
    // The user's home is the work directory. Its name is the same in every run, for it shows in what programs write.
    symlink("/box", inside(root, Path::new(HOME))).at(Step::MountRoot)?;
    restrict_path(&path_string(root).at(Step::MountRoot)?, READ_ONLY | attribute::NO_EXEC).at(Step::MountRoot)
}

fn mount_root(root: &Path) -> io::Result<()> {
    let options = [(c"size", c"1m"), (c"nr_inodes", c"256"), (c"mode", c"0755")];
    let file_system = new_file_system(c"tmpfs", &options, NOTHING_SPECIAL)?;
    // Attached before anything is in it: into a detached mount nothing can be mounted on some kernels.
    attach(file_system.as_fd(), &path_string(root)?)?;
    for directory in DIRECTORIES {
        fs::create_dir(root.join(directory))?;
    }
    for name in MERGED {
        if Path::new("/usr").join(name).exists() {
            symlink(Path::new("usr").join(name), root.join(name))?;
        }
    }
    symlink("/tmp", root.join("var/tmp"))
}

fn show(bind: &BindMount, root: &Path) -> io::Result<()> {
    let copy = copy_of(&path_string(&bind.source)?)?;
    let target = inside(root, &bind.target);
    make_mount_point(&target, is_directory(copy.as_fd())?)?;
    let attributes = if bind.executable { READ_ONLY } else { READ_ONLY | attribute::NO_EXEC };
    restrict(copy.as_fd(), attributes)?;
    attach(copy.as_fd(), &path_string(&target)?)
}

fn show_devices(root: &Path) -> io::Result<()> {
    for name in DEVICES {
        show_device(name, root)?;
    }
    symlink("/proc/self/fd", root.join("dev/fd"))?;
    for (number, name) in ["stdin", "stdout", "stderr"].into_iter().enumerate() {
        symlink(format!("/proc/self/fd/{number}"), root.join("dev").join(name))?;
    }
    Ok(())
}

fn show_device(name: &str, root: &Path) -> io::Result<()> {
    let device = copy_of(&path_string(&Path::new("/dev").join(name))?)?;
    restrict(device.as_fd(), attribute::NO_SETUID | attribute::NO_EXEC)?;
    let target = root.join("dev").join(name);
    make_mount_point(&target, false)?;
    attach(device.as_fd(), &path_string(&target)?)
}

fn make_build(root: &Path) -> io::Result<()> {
    fs::create_dir(root.join(BUILD))?;
    symlink(BUILD, root.join("build"))
}

/// What others are hidden behind.
fn make_covers(root: &Path) -> io::Result<()> {
    make_mount_point(&root.join(EMPTY), true)?;
    make_mount_point(&root.join(NOTHING), false)
}

fn write_etc(root: &Path) -> io::Result<()> {
    let etc = root.join("etc");
    for (name, content) in ETC {
        fs::write(etc.join(name), content)?;
    }
    for name in WHO {
        make_mount_point(&etc.join(name), false)?;
    }
    symlink("/usr/share/zoneinfo/Etc/UTC", etc.join("localtime"))
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

/// Where an absolute path of the sandbox is while its root is `root`.
fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn is_directory(file: BorrowedFd) -> io::Result<bool> {
    let kind = nix::sys::stat::fstat(file)?.st_mode & libc::S_IFMT;
    Ok(kind == libc::S_IFDIR)
}
