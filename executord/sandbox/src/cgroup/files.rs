//! The cgroup file systems: finding them, reading and writing their small files, cleaning up.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use nix::unistd::Pid;

/// Where systemd, and everybody after it, mounts them; cgroups(7).
pub(super) const MOUNT: &str = "/sys/fs/cgroup";

/// Bytes that are read of a kept file at a time.
const KEPT_BYTES: usize = 2048;

/// Whether the unified hierarchy is the one with the controllers.
pub(super) fn is_v2() -> bool {
    statfs(MOUNT).is_ok_and(|file_system| file_system.filesystem_type() == CGROUP2_SUPER_MAGIC)
}

/// Where this process is in the hierarchy of `controller`, or in the unified one for an empty name.
pub(super) fn own_path(controller: &str) -> io::Result<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup")?;
    let path = text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        controllers.split(',').any(|name| name == controller).then_some(path)
    });
    let path = path.ok_or_else(|| io::Error::other(format!("no cgroup for {controller:?}")))?;
    Ok(PathBuf::from(path.trim_start_matches('/')))
}

/// Where the version 1 hierarchy of `controller` is mounted.
pub(super) fn v1_mount(controller: &str) -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mount = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup" && options.split(',').any(|option| option == controller)).then_some(path)
    });
    mount.map(PathBuf::from).ok_or_else(|| io::Error::other(format!("no cgroup controller {controller}")))
}

/// A file of one or some numbers that is asked often, kept open. The kernel makes them anew for each reading from the
/// beginning; not so a list of processes.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    file: File,
}

impl Kept {
    /// To read, and to write if root may.
    pub(super) fn open(directory: &Path, file: &str, writable: bool) -> io::Result<Self> {
        let path = directory.join(file);
        let opened = OpenOptions::new().read(true).write(writable).open(&path);
        Ok(Self { file: opened.map_err(|error| named(&path, &error))?, path })
    }

    pub(super) fn write(&self, value: impl ToString) -> io::Result<()> {
        self.file.write_all_at(value.to_string().as_bytes(), 0).map_err(|error| named(&self.path, &error))
    }

    pub(super) fn number(&self) -> io::Result<u64> {
        number(&self.path, &self.text()?)
    }

    pub(super) fn keyed(&self, key: &str) -> io::Result<u64> {
        Ok(keyed(&self.text()?, key))
    }

    fn text(&self) -> io::Result<String> {
        let mut text = vec![0; KEPT_BYTES];
        let mut length = 0;
        loop {
            let count = self
                .file
                .read_at(&mut text[length..], length as u64)
                .map_err(|error| named(&self.path, &error))?;
            if count == 0 {
                break;
            }
            length += count;
            text.resize(length + KEPT_BYTES, 0);
        }
        text.truncate(length);
        String::from_utf8(text).map_err(|_| named(&self.path, &io::Error::other("not text")))
    }
}

/// Write a value, naming the file if that fails.
pub(super) fn write(directory: &Path, file: &str, value: impl ToString) -> io::Result<()> {
    let path = directory.join(file);
    fs::write(&path, value.to_string()).map_err(|error| named(&path, &error))
}

/// Read a file that holds one number.
pub(super) fn read_number(directory: &Path, file: &str) -> io::Result<u64> {
    let path = directory.join(file);
    let text = fs::read_to_string(&path).map_err(|error| named(&path, &error))?;
    number(&path, &text)
}

fn number(path: &Path, text: &str) -> io::Result<u64> {
    // A limit of `max` is none.
    if text.trim() == "max" {
        return Ok(u64::MAX);
    }
    text.trim().parse().map_err(|_| named(path, &io::Error::other("not a number")))
}

/// Read one value of a file of lines `key value`; 0 if the key is not there.
pub(super) fn read_keyed(directory: &Path, file: &str, key: &str) -> io::Result<u64> {
    let path = directory.join(file);
    let text = fs::read_to_string(&path).map_err(|error| named(&path, &error))?;
    Ok(keyed(&text, key))
}

fn keyed(text: &str, key: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok());
    value.unwrap_or(0)
}

/// The processes in a group, not below it.
pub(super) fn processes(directory: &Path) -> io::Result<Vec<i32>> {
    let path = directory.join("cgroup.procs");
    let text = fs::read_to_string(&path).map_err(|error| named(&path, &error))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

/// Make a directory; that it is there already is no error.
pub(super) fn make(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        answer => answer.map_err(|error| named(directory, &error)),
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// End every process in the groups below `root` and remove them, and `root` itself: what a daemon that was
/// killed left behind. Says how many processes it ended.
///
/// # Errors
/// If a group could not be emptied or removed within a second.
pub fn sweep(root: &Path) -> io::Result<usize> {
    const TRIES: u32 = 100;
    const PAUSE: Duration = Duration::from_millis(10);
    if !root.try_exists()? {
        return Ok(0);
    }
    let mut ended = sweep_below(root)?;
    for _ in 0..TRIES {
        for process in processes(root)? {
            match kill(Pid::from_raw(process), Signal::SIGKILL) {
                Ok(()) => ended += 1,
                Err(Errno::ESRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match fs::remove_dir(root) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => sleep(PAUSE),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(root, &error)),
            _ => return Ok(ended),
        }
    }
    Err(named(root, &io::Error::other("processes stay in it although they were killed")))
}

/// [`sweep`] every group below `root`, and leave `root` itself: removing that needs the right to write above.
///
/// # Errors
/// As [`sweep`].
pub fn sweep_below(root: &Path) -> io::Result<usize> {
    let mut ended = 0;
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            ended += sweep(&entry.path())?;
        }
    }
    Ok(ended)
}
