//! What an attack might leave on the host or take from it: recorded before the attack and compared afterwards.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statvfs::statvfs;
use serde_json::Value;

use super::fixtures::Fixtures;
use super::target::Target;
use crate::inventory;

/// Time for the host to return to its state: memory and cgroups are released with a delay, and a busy host takes this long to
/// pre-warm the sandboxes of all languages, whose processes cannot be distinguished from others before they are ready.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// The answer to a check that is unknown, which does not become known by waiting.
const UNKNOWN_CHECK: &str = "unknown check";
const PAUSE: Duration = Duration::from_millis(20);
/// Tolerance for changes by other processes of the host.
const PROCESSES: usize = 10;
const DISK_BYTES: u64 = 16 << 20;
const INODES: u64 = 1000;
/// Allowed growth of a daemon's memory.
const DAEMON_BYTES: u64 = 64 << 20;
/// Allowed growth of the memory charged to the cgroups.
const GROUP_BYTES: u64 = 16 << 20;
/// Directories where no new name may appear.
const WATCHED: [&str; 14] = [
    "/",
    "/boot",
    "/dev",
    "/etc",
    "/etc/cron.d",
    "/home",
    "/opt",
    "/root",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/local/bin",
    "/var",
];
/// Directories for core dumps.
const CORES: [&str; 5] = ["/", "/tmp", "/var/crash", "/var/lib/systemd/coredump", "/cores"];

/// State of the host before a case.
#[derive(Debug)]
pub struct Host {
    processes: usize,
    family: BTreeSet<u32>,
    supervisors: Vec<u32>,
    mounts: Vec<(u32, usize)>,
    disks: Vec<(PathBuf, u64, u64)>,
    names: BTreeSet<PathBuf>,
    cores: BTreeSet<PathBuf>,
    memory: [u64; 2],
    groups: u64,
    kernel_log: Option<File>,
    marker: Option<CoreMarker>,
}

impl Host {
    /// Records everything that [`Host::check`] compares.
    ///
    /// # Errors
    /// If a part of it cannot be read.
    pub fn observe(target: &Target, disposable: bool) -> io::Result<Self> {
        for pid in target.pids {
            // Resets VmHWM to the current usage; proc_pid_clear_refs(5).
            let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
        let family = inventory::descendants(target.pids[0])?;
        Ok(Self {
            processes: count_processes(),
            mounts: mounts(target)?,
            family,
            supervisors: inventory::children(target.pids[0])?,
            disks: disks(),
            names: names(),
            cores: cores(),
            memory: target.pids.map(|pid| inventory::resident_bytes(pid).unwrap_or(0)),
            groups: group_memory(target),
            kernel_log: kernel_log(),
            marker: disposable.then(CoreMarker::set).transpose()?,
        })
    }

    /// Returns the violations of the requested checks. `greeting` is the request of the next run.
    pub async fn check(
        &mut self,
        asked: &[String],
        greeting: &Value,
        target: &Target,
        fixtures: &Fixtures,
    ) -> Vec<String> {
        let mut failures = Vec::new();
        for phrase in asked {
            let answer = match &**phrase {
                "daemon alive" => target.is_alive(),
                "next run ok" => target.greet_by(greeting).await,
                "no OOM kill outside the run" => self.no_kill_outside(target),
                "core_pattern pipe handler not started" => self.handler_not_started(),
                _ => self.check_until_settled(phrase, target, fixtures).await,
            };
            failures.extend(answer.err());
        }
        failures
    }

    async fn check_until_settled(
        &self,
        phrase: &str,
        target: &Target,
        fixtures: &Fixtures,
    ) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let waiting = target.waiting().await?;
            let answer = self.is_as_before(phrase, target, fixtures, waiting);
            let is_unknown = answer.as_ref().is_err_and(|message| message.ends_with(UNKNOWN_CHECK));
            if answer.is_ok() || is_unknown || began.elapsed() > SETTLED_WITHIN {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// `waiting` is the number of pre-warmed sandboxes.
    fn is_as_before(
        &self,
        phrase: &str,
        target: &Target,
        fixtures: &Fixtures,
        waiting: usize,
    ) -> Result<(), String> {
        let wrong = |error: io::Error| format!("{phrase}: {error}");
        let left = match phrase {
            "no process of the run left" => {
                let left = inventory::processes(&target.uids).map_err(wrong)?;
                let users: BTreeSet<_> = left.iter().map(|process| process.uid).collect();
                let family = inventory::descendants(target.pids[0]).map_err(wrong)?;
                let more: Vec<_> = family.difference(&self.family).collect();
                // Each pre-warmed sandbox has a user and an init, below its supervisor, which may also have a zygote.
                let supervisors = inventory::children(target.pids[0]).map_err(wrong)?;
                let below =
                    supervisors.into_iter().flat_map(|pid| inventory::children(pid).unwrap_or_default());
                let inits = below.filter(|&pid| inventory::is_in_a_namespace(pid));
                let too_many = users.len() > waiting || inits.count() > waiting;
                let mounts = mounts(target).map_err(wrong)?;
                // Other processes may mount and unmount meanwhile; only additional mounts count.
                let no_more = mounts.iter().zip(&self.mounts).all(|(now, before)| now.1 <= before.1);
                match (too_many, no_more) {
                    (false, true) => String::new(),
                    (false, false) => format!("mounts were {:?} and are {mounts:?}", self.mounts),
                    _ => format!("{left:?}, children of executord {more:?}"),
                }
            }
            "no file left" => list(&inventory::files(&target.uids)),
            "host pid count stable" => match count_processes().abs_diff(self.processes) {
                0..=PROCESSES => String::new(),
                _ => format!("{} processes, {} before", count_processes(), self.processes),
            },
            "no file outside the work directory" => {
                let pwned =
                    inventory::WRITABLE.iter().flat_map(|directory| entries(directory)).filter(|path| {
                        path.file_name().is_some_and(|name| name.to_string_lossy().contains("pwned"))
                    });
                list(&names().difference(&self.names).cloned().chain(pwned).collect())
            }
            "no core file on the host" => list(&cores().difference(&self.cores).cloned().collect()),
            "no key left" => keys_of(target).map_err(wrong)?,
            "no POSIX message queue left" => list(&message_queues().map_err(wrong)?),
            "no SysV IPC object left" => inventory::sysv_ipc(&target.uids).map_err(wrong)?.join("; "),
            "host disk free stable" | "host inode count stable" => {
                let inodes = phrase.contains("inode");
                let pairs = disks().into_iter().zip(&self.disks);
                let changed =
                    pairs.filter(|((_, bytes, files), (_, bytes_before, files_before))| match inodes {
                        true => files_before.saturating_sub(*files) > INODES,
                        false => bytes_before.saturating_sub(*bytes) > DISK_BYTES,
                    });
                let changed: Vec<_> = changed.map(|((path, ..), _)| path).collect();
                if changed.is_empty() { String::new() } else { format!("{changed:?}") }
            }
            "host memory returns to baseline" => {
                let now = group_memory(target);
                match now > self.groups + GROUP_BYTES {
                    true => format!("the cgroups hold {now} bytes, {} before", self.groups),
                    false => String::new(),
                }
            }
            "daemon memory stays below baseline + 64 MiB" => {
                let peaks = target.pids.map(peak_bytes);
                let grown = peaks.iter().zip(self.memory).any(|(peak, before)| *peak > before + DAEMON_BYTES);
                if grown { format!("peaks {peaks:?}, {:?} before", self.memory) } else { String::new() }
            }
            _ if phrase.starts_with("canary listener") => return fixtures.canary_not_reached(),
            _ if phrase.starts_with("canary") => return fixtures.is_unchanged(),
            _ => UNKNOWN_CHECK.to_owned(),
        };
        if left.is_empty() { Ok(()) } else { Err(format!("{phrase}: {left}")) }
    }

    /// Verifies in the kernel log that the OOM killer killed only sandboxed programs, and only because of their cgroup limits.
    fn no_kill_outside(&mut self, target: &Target) -> Result<(), String> {
        let Some(log) = &mut self.kernel_log else {
            return Err("cannot read the kernel log".to_owned());
        };
        let mut record = [0; 8192];
        while let Ok(length @ 1..) = log.read(&mut record) {
            let line = String::from_utf8_lossy(&record[..length]).into_owned();
            let field = |name: &str| line.split(name).nth(1).and_then(|rest| rest.split([',', '\n']).next());
            let Some(constraint) = field("oom-kill:constraint=") else { continue };
            let ours = field("task_memcg=").is_some_and(|group| group.contains(&target.cgroup));
            let uid = field("uid=").and_then(|uid| uid.parse::<u32>().ok());
            let pid = field("pid=").and_then(|pid| pid.parse::<u32>().ok());
            let program = uid.is_some_and(|uid| target.uids.contains(&uid));
            let init =
                ours && pid.is_some_and(|pid| pid != target.pids[0] && !self.supervisors.contains(&pid));
            if (constraint != "CONSTRAINT_MEMCG" || ours) && !program && !init {
                return Err(format!("no OOM kill outside the run: {line:.300}"));
            }
        }
        Ok(())
    }

    fn handler_not_started(&self) -> Result<(), String> {
        match &self.marker {
            // Only with --disposable-host, because it replaces the host's own handler.
            None => Ok(()),
            Some(marker) if marker.was_started() => Err("the host's core handler was started".to_owned()),
            Some(_) => Ok(()),
        }
    }
}

fn list(paths: &BTreeSet<PathBuf>) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
}

fn count_processes() -> usize {
    let is_pid = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().parse::<u32>().is_ok();
    fs::read_dir("/proc").map_or(0, |entries| entries.flatten().filter(is_pid).count())
}

/// Returns the number of mounts in the namespaces of executord, webd and this process.
fn mounts(target: &Target) -> io::Result<Vec<(u32, usize)>> {
    let all = target.pids.into_iter().chain([std::process::id()]);
    all.map(|pid| Ok((pid, inventory::mounts(pid)?.len()))).collect()
}

fn disks() -> Vec<(PathBuf, u64, u64)> {
    let mut seen = BTreeSet::new();
    ["/", "/tmp", "/var/tmp", "/dev/shm", "/run"]
        .iter()
        .map(Path::new)
        .filter(|path| path.metadata().is_ok_and(|metadata| seen.insert(metadata.dev())))
        .filter_map(|path| {
            let disk = statvfs(path).ok()?;
            Some((path.to_owned(), disk.blocks_available() * disk.fragment_size(), disk.files_free()))
        })
        .collect()
}

fn entries(directory: &str) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .map_or_else(|_| Vec::new(), |entries| entries.flatten().map(|e| e.path()).collect())
}

fn names() -> BTreeSet<PathBuf> {
    WATCHED.iter().flat_map(|directory| entries(directory)).collect()
}

fn cores() -> BTreeSet<PathBuf> {
    let is_core =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core"));
    CORES.iter().flat_map(|directory| entries(directory)).filter(is_core).collect()
}

/// Returns the peak memory usage of a process.
pub(super) fn peak_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Returns the memory charged to the cgroups, without page cache.
fn group_memory(target: &Target) -> u64 {
    let mut sum = 0;
    for group in inventory::cgroups(&target.cgroup) {
        let is_leaf = entries(&group.display().to_string()).iter().all(|entry| !entry.is_dir());
        let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        let value = |names: [&str; 2]| {
            let find = |name: &&str| {
                stat.lines().find_map(|line| line.strip_prefix(*name)?.strip_prefix(' ')?.parse::<u64>().ok())
            };
            names.iter().find_map(find).unwrap_or(0)
        };
        if is_leaf {
            // `rss` in cgroup v1 is `anon` in v2; `shmem` has the same name.
            sum += value(["rss", "anon"]) + value(["shmem", "shmem"]);
        }
    }
    sum
}

/// Returns the number of keys of sandbox users.
fn keys_of(target: &Target) -> io::Result<String> {
    let table = fs::read_to_string("/proc/key-users")?;
    let ours = |line: &&str| {
        let uid = line.trim().split(':').next().and_then(|uid| uid.parse::<u32>().ok());
        let keys = line.split_whitespace().nth(2).and_then(|keys| keys.split('/').next());
        uid.is_some_and(|uid| target.uids.contains(&uid)) && keys != Some("0")
    };
    Ok(table.lines().filter(ours).collect::<Vec<_>>().join("; "))
}

/// Returns the host's POSIX message queues, mounted in a namespace that lasts as long as one thread.
fn message_queues() -> io::Result<BTreeSet<PathBuf>> {
    let look = || -> io::Result<BTreeSet<PathBuf>> {
        let directory = tempfile::tempdir()?;
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
        mount(Some("mqueue"), directory.path(), Some("mqueue"), MsFlags::empty(), None::<&str>)?;
        let queues = entries(&directory.path().display().to_string()).into_iter().collect();
        nix::mount::umount(directory.path())?;
        Ok(queues)
    };
    std::thread::spawn(look)
        .join()
        .map_err(|_| io::Error::other("the thread that lists message queues panicked"))?
}

fn kernel_log() -> Option<File> {
    let mut log = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open("/dev/kmsg").ok()?;
    log.seek(SeekFrom::End(0)).ok()?;
    Some(log)
}

/// Core dump handler that creates a file. Replaces the host's handler until dropped.
#[derive(Debug)]
struct CoreMarker {
    directory: tempfile::TempDir,
    before: String,
}

const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";

impl CoreMarker {
    fn set() -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let handler = directory.path().join("handler");
        fs::write(&handler, format!("#!/bin/sh\ntouch {}\n", directory.path().join("started").display()))?;
        fs::set_permissions(&handler, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let before = fs::read_to_string(CORE_PATTERN)?;
        fs::write(CORE_PATTERN, format!("|{}", handler.display()))?;
        Ok(Self { directory, before })
    }

    fn was_started(&self) -> bool {
        self.directory.path().join("started").exists()
    }
}

impl Drop for CoreMarker {
    fn drop(&mut self) {
        if let Err(error) = fs::write(CORE_PATTERN, &self.before) {
            eprintln!("{CORE_PATTERN} was {:?} and could not be restored: {error}", self.before.trim());
        }
    }
}
