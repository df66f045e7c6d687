//! The files of the cgroup file systems: finding the mounts, reading and writing values.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};

/// Mount point of the unified hierarchy, by convention; see cgroups(7).
pub(super) const MOUNT: &str = "/sys/fs/cgroup";

/// Size of one read of a [`CachedFile`], in bytes.
const READ_BYTES: usize = 2048;

/// Returns whether the unified hierarchy has the controllers.
pub(super) fn is_v2() -> bool {
    statfs(MOUNT).is_ok_and(|file_system| file_system.filesystem_type() == CGROUP2_SUPER_MAGIC)
}

/// Returns the cgroup of this process, relative to the root of the hierarchy of `controller`; an empty name stands for
/// the unified hierarchy.
pub(super) fn own_path(controller: &str) -> io::Result<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup")?;
    let path = text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        controllers.split(',').any(|name| name == controller).then_some(path)
    });
    let path = path.ok_or_else(|| io::Error::other(format!("no cgroup for controller {controller:?}")))?;
    Ok(PathBuf::from(path.trim_start_matches('/')))
}

/// Returns the mount point of the version 1 hierarchy of `controller`.
pub(super) fn v1_mount(controller: &str) -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mount = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup" && options.split(',').any(|option| option == controller)).then_some(path)
    });
    mount.map(PathBuf::from).ok_or_else(|| io::Error::other(format!("no cgroup controller {controller}")))
}

/// A file of numbers that is read often and therefore stays open.
///
/// The kernel generates the content again for each read at offset 0, and returns as much of it as there is room for, so that
/// only a read that fills its room is followed by another one. This is not true of `cgroup.procs` on version 1.
#[derive(Debug)]
pub(super) struct CachedFile {
    path: PathBuf,
    file: File,
}

impl CachedFile {
    /// Opens the file for reading, and for writing if `writable`.
    pub(super) fn open(directory: &Path, file: &str, writable: bool) -> io::Result<Self> {
        let path = directory.join(file);
        let opened = OpenOptions::new().read(true).write(writable).open(&path);
        Ok(Self { file: opened.map_err(|error| with_path(&path, &error))?, path })
    }

    pub(super) fn write(&self, value: impl ToString) -> io::Result<()> {
        self.file.write_all_at(value.to_string().as_bytes(), 0).map_err(|error| with_path(&self.path, &error))
    }

    pub(super) fn number(&self) -> io::Result<u64> {
        parse_number(&self.path, &self.text()?)
    }

    pub(super) fn keyed(&self, key: &str) -> io::Result<u64> {
        Ok(parse_keyed(&self.text()?, key))
    }

    /// Reads several values of a file of `key value` lines at once; 0 for each key that is missing.
    pub(super) fn all_keyed<const N: usize>(&self, keys: [&str; N]) -> io::Result<[u64; N]> {
        let text = self.text()?;
        Ok(keys.map(|key| parse_keyed(&text, key)))
    }

    fn text(&self) -> io::Result<String> {
        let mut text = vec![0; READ_BYTES];
        let mut length = 0;
        loop {
            let count = self
                .file
                .read_at(&mut text[length..], length as u64)
                .map_err(|error| with_path(&self.path, &error))?;
            length += count;
            if length < text.len() {
                break;
            }
            text.resize(length + READ_BYTES, 0);
        }
        text.truncate(length);
        String::from_utf8(text).map_err(|_| with_path(&self.path, &io::Error::other("is not UTF-8 text")))
    }
}

/// Writes a value to a file. The error names the file.
pub(super) fn write(directory: &Path, file: &str, value: impl ToString) -> io::Result<()> {
    let path = directory.join(file);
    fs::write(&path, value.to_string()).map_err(|error| with_path(&path, &error))
}

/// Reads a file that holds one number.
pub(super) fn read_number(directory: &Path, file: &str) -> io::Result<u64> {
    let path = directory.join(file);
    let text = fs::read_to_string(&path).map_err(|error| with_path(&path, &error))?;
    parse_number(&path, &text)
}

fn parse_number(path: &Path, text: &str) -> io::Result<u64> {
    // The value `max` means no limit.
    if text.trim() == "max" {
        return Ok(u64::MAX);
    }
    text.trim().parse().map_err(|_| with_path(path, &io::Error::other("is not a number")))
}

/// Reads one value of a file of `key value` lines; 0 if the key is missing.
pub(super) fn read_keyed(directory: &Path, file: &str, key: &str) -> io::Result<u64> {
    let path = directory.join(file);
    let text = fs::read_to_string(&path).map_err(|error| with_path(&path, &error))?;
    Ok(parse_keyed(&text, key))
}

/// Reads several values of a file of `key value` lines at once; 0 for each key that is missing.
pub(super) fn read_all_keyed<const N: usize>(
    directory: &Path,
    file: &str,
    keys: [&str; N],
) -> io::Result<[u64; N]> {
    let path = directory.join(file);
    let text = fs::read_to_string(&path).map_err(|error| with_path(&path, &error))?;
    Ok(keys.map(|key| parse_keyed(&text, key)))
}

fn parse_keyed(text: &str, key: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok());
    value.unwrap_or(0)
}

/// Returns the pids of the processes in a cgroup, without those in cgroups below it.
pub(super) fn processes(directory: &Path) -> io::Result<Vec<i32>> {
    let path = directory.join("cgroup.procs");
    let text = fs::read_to_string(&path).map_err(|error| with_path(&path, &error))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

/// Returns whether one of the threads listed in `file` runs or waits for a processor: state R in proc_pid_stat(5). Of a
/// cgroup with very many threads only the first are considered.
pub(super) fn has_runnable_thread(directory: &Path, file: &str) -> io::Result<bool> {
    const MAX_THREADS: usize = 64;
    let path = directory.join(file);
    let text = fs::read_to_string(&path).map_err(|error| with_path(&path, &error))?;
    Ok(text.lines().take(MAX_THREADS).any(|thread| {
        // A thread may end meanwhile.
        let stat = fs::read(format!("/proc/{thread}/stat")).unwrap_or_default();
        // The name of the program is in parentheses, and may contain others.
        let end_of_name = stat.iter().rposition(|&byte| byte == b')');
        end_of_name.is_some_and(|end| stat.get(end + 2) == Some(&b'R'))
    }))
}

/// Creates a cgroup. An existing one is not an error.
pub(super) fn create(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        answer => answer.map_err(|error| with_path(directory, &error)),
    }
}

/// Adds the path to an error's message.
pub(super) fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
