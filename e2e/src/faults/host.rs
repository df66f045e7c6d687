//! Faults of a host: full file systems, and cgroups with foreign processes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Number of files that fill a file system.
const BALLAST: &str = "ballast-";
/// More files than any file system of these cases can hold.
const MOST_BALLAST: usize = 10_000;

/// A small file system, unmounted when dropped. Needs a private mount namespace.
#[derive(Debug)]
pub struct FullFileSystem {
    path: PathBuf,
}

impl FullFileSystem {
    /// Mounts it.
    ///
    /// # Errors
    /// If the operation fails.
    pub fn mount(path: &Path, options: &str) -> io::Result<Self> {
        run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Fills it completely, with bytes and with files.
    ///
    /// # Errors
    /// If it cannot be filled.
    pub fn fill(&self) -> io::Result<()> {
        let full = |error: &io::Error| error.kind() == io::ErrorKind::StorageFull;
        for number in 0..MOST_BALLAST {
            let path = self.path.join(format!("{BALLAST}{number}"));
            // First with bytes, then with empty files.
            match fs::write(&path, [0; 4096])
                .or_else(|error| if full(&error) { fs::write(&path, []) } else { Err(error) })
            {
                Err(error) if full(&error) => return Ok(()),
                written => written?,
            }
        }
        Err(io::Error::other(format!("{} cannot be filled", self.path.display())))
    }

    /// Frees its space.
    ///
    /// # Errors
    /// If the operation fails.
    pub fn empty(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(BALLAST) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for FullFileSystem {
    fn drop(&mut self) {
        if let Err(error) = run(Command::new("umount").arg("--lazy").arg(&self.path)) {
            eprintln!("{error}");
        }
    }
}

/// A cgroup of a v1 hierarchy, below that of this process.
#[derive(Debug)]
pub struct Group {
    path: PathBuf,
}

impl Group {
    /// Creates a cgroup with a unique name.
    ///
    /// # Errors
    /// If the host has no such hierarchy.
    pub fn make(controller: &str) -> io::Result<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static GROUPS: AtomicU32 = AtomicU32::new(0);
        let number = GROUPS.fetch_add(1, Ordering::Relaxed);
        let own = group_of(std::process::id(), controller)?;
        let path = own.join(format!("executor-faults-{}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self { path })
    }

    /// Returns the path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a file in it.
    ///
    /// # Errors
    /// If the operation fails.
    pub fn read(&self, name: &str) -> io::Result<String> {
        fs::read_to_string(self.file(name))
    }

    /// Writes a file in it.
    ///
    /// # Errors
    /// If the operation fails.
    pub fn write(&self, name: &str, value: &str) -> io::Result<()> {
        fs::write(self.file(name), value)
    }

    /// Removes it, and those that executord left below it for its next start.
    ///
    /// # Errors
    /// If a process is in it.
    pub fn remove(self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir(entry.path())?;
            }
        }
        fs::remove_dir(&self.path)
    }
}

/// Returns the cgroup of a process in a v1 hierarchy.
fn group_of(pid: u32, controller: &str) -> io::Result<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let path = text.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        controllers.split(',').any(|name| name == controller).then_some(path)
    });
    let path = path.ok_or_else(|| io::Error::other(format!("no cgroup v1 hierarchy for {controller}")))?;
    Ok(Path::new("/sys/fs/cgroup").join(controller).join(path.trim_start_matches('/')))
}

/// A foreign process in a cgroup of executord, until dropped. While frozen, it cannot be killed.
#[derive(Debug)]
pub struct Squatter {
    child: Child,
    freezer: Option<Group>,
}

impl Squatter {
    /// Message if the host lacks the hierarchies.
    pub const NOT_RUN: &str = "NOT RUN: needs cgroup v1";

    /// Returns whether the host has the necessary hierarchies.
    #[must_use]
    pub fn is_possible() -> bool {
        ["pids", "freezer"].into_iter().all(|controller| group_of(std::process::id(), controller).is_ok())
    }

    /// Starts it.
    ///
    /// # Errors
    /// If the operation fails.
    pub fn begin() -> io::Result<Self> {
        let mut command = Command::new("sleep");
        let child = command.arg("600").stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        Ok(Self { child, freezer: Some(Group::make("freezer")?) })
    }

    /// Enters the cgroup of a supervisor, and returns it.
    ///
    /// # Errors
    /// If the operation fails.
    pub fn enter_group_of(&self, supervisor: u32) -> io::Result<PathBuf> {
        let group = group_of(supervisor, "pids")?;
        fs::write(group.join("cgroup.procs"), self.child.id().to_string())?;
        Ok(group)
    }

    /// Freezes it, so that it neither runs nor ends.
    ///
    /// # Errors
    /// If the operation fails.
    pub fn freeze(&self) -> io::Result<()> {
        let Some(freezer) = &self.freezer else { return Ok(()) };
        freezer.write("cgroup.procs", &self.child.id().to_string())?;
        freezer.write("freezer.state", "FROZEN")
    }

    /// Returns whether it was killed.
    ///
    /// # Errors
    /// If its state cannot be read.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }
}

impl Drop for Squatter {
    fn drop(&mut self) {
        let Some(freezer) = self.freezer.take() else { return };
        let _ = freezer.write("freezer.state", "THAWED");
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A cgroup can be removed only a moment after the end of its last process.
        for _ in 0..50 {
            if fs::remove_dir(&freezer.path).is_ok() {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        eprintln!("{} stays", freezer.path.display());
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
