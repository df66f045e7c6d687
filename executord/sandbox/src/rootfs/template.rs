//! Templates: the part of a root file system that is the same for all sandboxes with the same bind mounts.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::Path;

use nix::errno::Errno;

use super::host_mounts::{self, inside};
use super::layout::{BUILD, DENIED_FILE, IDENTITY_FILES, MASK_DIR, MASK_FILE, NOSUID_NODEV, READ_ONLY};
use super::mounts::{create_directory_mount_point, create_file_mount_point};
use crate::error::{At, SetupError, Step};
use crate::plan::{BuildDir, HOME, Plan};
use crate::sys::mount::{
    attach, attribute, clone_mount, new_file_system, path_string, set_attributes, set_attributes_at,
};
use crate::user_namespace::{UserNamespace, ZygoteUsers};

/// Directories of every root, in addition to the mount points of the plan.
const DIRECTORIES: [&str; 11] =
    ["box", "dev", "dev/shm", "etc", "home", "mnt", "proc", "run", "tmp", "usr", "var"];
/// Directories that were merged into /usr and remain as links (<https://wiki.debian.org/UsrMerge>).
const MERGED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// A character device of /dev.
struct Device {
    name: &'static str,
    /// Major and minor number, from the kernel's Documentation/admin-guide/devices.txt.
    number: (u64, u64),
}

/// Devices that hold no data of anyone.
const DEVICES: [Device; 5] = [
    Device { name: "null", number: (1, 3) },
    Device { name: "zero", number: (1, 5) },
    Device { name: "full", number: (1, 7) },
    Device { name: "random", number: (1, 8) },
    Device { name: "urandom", number: (1, 9) },
];
/// The controlling terminal of the process that opens it.
const TERMINAL: Device = Device { name: "tty", number: (5, 0) };
/// Files of /etc with the same content in all sandboxes.
const ETC: [(&str, &str); 4] = [
    ("hostname", "executor\n"),
    ("hosts", "127.0.0.1 localhost executor\n::1 localhost\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    ("resolv.conf", ""),
];

/// Builds the template for a plan at `root`: mounts a tmpfs there, fills it, and makes it read-only. In the template of a
/// zygote, files of root belong to root of the zygote's user namespace, `users`.
pub(super) fn build_template(
    plan: &Plan,
    root: &Path,
    users: Option<&UserNamespace>,
) -> Result<(), SetupError> {
    mount_root(root).at(Step::MountRoot)?;
    host_mounts::mount_all(&plan.binds, root, users).at(Step::BindHost)?;
    bind_devices(root).at(Step::MountDevices)?;
    if plan.terminal.is_some() {
        fs::create_dir(root.join("dev/pts")).at(Step::MountDevices)?;
        bind_device(&TERMINAL, root).at(Step::MountDevices)?;
    }
    if plan.build_dir != BuildDir::None {
        create_build_mount_point(root).at(Step::MountBuild)?;
    }
    create_masks(root).at(Step::MountProc)?;
    write_etc(root).at(Step::WriteEtc)?;
    // The home directory is the work directory. Its path is the same in every run, because programs may print it.
    symlink("/box", inside(root, Path::new(HOME))).at(Step::MountRoot)?;
    if let Some(users) = users {
        give_away(root, users.users()).at(Step::MountRoot)?;
    }
    let root = path_string(root).at(Step::MountRoot)?;
    set_attributes_at(&root, READ_ONLY | attribute::NOEXEC).at(Step::MountRoot)
}

fn mount_root(root: &Path) -> io::Result<()> {
    let options = [(c"size", c"1m"), (c"nr_inodes", c"256"), (c"mode", c"0755")];
    let file_system = new_file_system(c"tmpfs", &options, NOSUID_NODEV)?;
    // Attach it before filling it: some kernels cannot mount into a detached mount.
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

/// Gives the files of the file system at `path` to root of the user namespace of zygotes, but none of a
/// file system that is mounted in it.
fn give_away(path: &Path, users: ZygoteUsers) -> io::Result<()> {
    let give = |path: &Path| lchown(path, Some(users.root), Some(users.group));
    let device = path.symlink_metadata()?.dev();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let metadata = path.symlink_metadata()?;
        if metadata.dev() != device {
            continue;
        }
        if metadata.is_dir() {
            give_away(&path, users)?;
        } else {
            give(&path)?;
        }
    }
    give(path)
}

fn bind_devices(root: &Path) -> io::Result<()> {
    for device in &DEVICES {
        bind_device(device, root)?;
    }
    symlink("/proc/self/fd", root.join("dev/fd"))?;
    for (number, name) in ["stdin", "stdout", "stderr"].into_iter().enumerate() {
        symlink(format!("/proc/self/fd/{number}"), root.join("dev").join(name))?;
    }
    Ok(())
}

/// Binds a device of the host, which must be the expected one. Read-only, because its times would otherwise be a mailbox
/// between runs; the kernel lets a program write to a device nevertheless.
fn bind_device(device: &Device, root: &Path) -> io::Result<()> {
    let copy = clone_mount(&path_string(&Path::new("/dev").join(device.name))?)?;
    verify_device(copy.as_fd(), device)?;
    let target = root.join("dev").join(device.name);
    create_file_mount_point(&target)?;
    set_attributes(copy.as_fd(), attribute::NOSUID | attribute::NOEXEC | attribute::READ_ONLY)?;
    attach(copy.as_fd(), &path_string(&target)?)
}

/// Returns ENODEV unless `file` is this device: a disk or a memory device in its place would be readable and writable.
fn verify_device(file: BorrowedFd, device: &Device) -> io::Result<()> {
    let found = nix::sys::stat::fstat(file)?;
    let number = (nix::sys::stat::major(found.st_rdev), nix::sys::stat::minor(found.st_rdev));
    let is_character_device = found.st_mode & libc::S_IFMT == libc::S_IFCHR;
    if is_character_device && number == device.number { Ok(()) } else { Err(Errno::ENODEV.into()) }
}

fn create_build_mount_point(root: &Path) -> io::Result<()> {
    fs::create_dir(root.join(BUILD))?;
    symlink(BUILD, root.join("build"))
}

fn create_masks(root: &Path) -> io::Result<()> {
    create_directory_mount_point(&root.join(MASK_DIR))?;
    create_file_mount_point(&root.join(MASK_FILE))?;
    let denied = root.join(DENIED_FILE);
    create_file_mount_point(&denied)?;
    fs::set_permissions(&denied, Permissions::from_mode(0o000))
}

fn write_etc(root: &Path) -> io::Result<()> {
    let etc = root.join("etc");
    for (name, content) in ETC {
        fs::write(etc.join(name), content)?;
    }
    for name in IDENTITY_FILES {
        create_file_mount_point(&etc.join(name))?;
    }
    symlink("/usr/share/zoneinfo/Etc/UTC", etc.join("localtime"))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::fs::OpenOptionsExt;

    use super::{DEVICES, TERMINAL, verify_device};

    #[test]
    fn only_the_expected_device_is_accepted() {
        for device in DEVICES.iter().chain([&TERMINAL]) {
            let file = File::options()
                .read(true)
                .custom_flags(libc::O_PATH)
                .open(format!("/dev/{}", device.name))
                .unwrap();
            for other in DEVICES.iter().chain([&TERMINAL]) {
                assert_eq!(verify_device(file.as_fd(), other).is_ok(), device.number == other.number);
            }
        }
        let file = tempfile::tempfile().unwrap();
        assert!(verify_device(file.as_fd(), &DEVICES[0]).is_err());
    }
}
