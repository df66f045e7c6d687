//! Templates: the part of a root file system that is the same for all sandboxes that see the same of the host.
//!
//! A supervisor makes one when the first such sandbox is wanted. The next find it mounted: each init has its own copy of
//! the supervisor's mounts anyway. Nothing of a template can be written, neither by the program nor by init.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};

use crate::error::{At, SetupError, Step};
use crate::plan::{Bind, Build, HOME, Plan};
use crate::root::{BUILD, NOTHING_SPECIAL, READ_ONLY};
use crate::sys::mount::{attach, attribute, copy_of, new_file_system, path_string, restrict, restrict_path};

/// So many are kept for a slot. Each one's mounts, about ten, are copied for each sandbox of whatever kind: a microsecond
/// or two each.
const MOST: usize = 4;

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
    /// Where they are mounted.
    directory: PathBuf,
    kept: Vec<Template>,
    count: u64,
}

struct Template {
    root: PathBuf,
    likeness: Likeness,
}

/// What a root depends on.
#[derive(PartialEq)]
struct Likeness {
    binds: Vec<(Bind, Identity)>,
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
    pub(crate) const fn new(directory: PathBuf) -> Self {
        Self { directory, kept: Vec::new(), count: 0 }
    }

    /// The root for a plan: a directory.
    pub(crate) fn root(&mut self, plan: &Plan) -> Result<&Path, SetupError> {
        let likeness = Likeness::of(plan).at(Step::MountHost)?;
        let known = self.kept.iter().position(|template| template.likeness == likeness);
        let template = match known {
            Some(place) => self.kept.remove(place),
            None => self.make(plan, likeness)?,
        };
        self.kept.insert(0, template);
        while self.kept.len() > MOST
            && let Some(oldest) = self.kept.pop()
        {
            remove(&oldest.root).at(Step::MountRoot)?;
        }
        Ok(&self.kept[0].root)
    }

    fn make(&mut self, plan: &Plan, likeness: Likeness) -> Result<Template, SetupError> {
        let root = self.directory.join(self.count.to_string());
        self.count += 1;
        fs::create_dir(&root).at(Step::MountRoot)?;
        match build(plan, &root) {
            Ok(()) => Ok(Template { root, likeness }),
            Err(error) => {
                remove(&root).at(Step::MountRoot)?;
                Err(error)
            }
        }
    }
}

impl Likeness {
    fn of(plan: &Plan) -> io::Result<Self> {
        let binds = plan.binds.iter().map(|bind| Ok((bind.clone(), Identity::of(&bind.source)?)));
        Ok(Self {
            binds: binds.collect::<io::Result<_>>()?,
            has_build: plan.build != Build::None,
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

/// Whatever of it is there.
fn remove(root: &Path) -> io::Result<()> {
    match umount2(root, MntFlags::MNT_DETACH) {
        // It was not mounted yet.
        Ok(()) | Err(nix::errno::Errno::EINVAL) => fs::remove_dir(root),
        Err(error) => Err(error.into()),
    }
}

fn build(plan: &Plan, root: &Path) -> Result<(), SetupError> {
    mount_root(root).at(Step::MountRoot)?;
    for bind in &plan.binds {
        show(bind, root).at(Step::MountHost)?;
    }
    show_devices(root).at(Step::MountDevices)?;
    if plan.terminal.is_some() {
        fs::create_dir(root.join("dev/pts")).at(Step::MountDevices)?;
        show_device("tty", root).at(Step::MountDevices)?;
    }
    if plan.build != Build::None {
        make_build(root).at(Step::MountBuild)?;
    }
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

fn show(bind: &Bind, root: &Path) -> io::Result<()> {
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
