//! What is there of an executord and its executions when nothing runs, and what should not be.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemons::Daemons;
use crate::inventory;

/// What a supervisor is called.
const SUPERVISOR: &str = "executor-sandbox";
/// What executord keeps in its directory, beside the slots' directories.
const KEPT: [&str; 4] = ["cgroups", "executord.lock", "executord.sock", "slots"];

/// Slots that one execution can need: of its compilation, and of a run.
const SLOTS_OF_AN_EXECUTION: u32 = 2;
/// Sandboxes that executord prepares ahead, at most, where nothing is configured.
const MOST_PREPARED: u32 = 8;

/// How long what is left may take to go. What is prepared gets only what others leave of the processors, and while
/// executord waits for it, which it does for a minute at most, it looks after nothing else of that kind.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(75));

/// What was there before anything was executed.
#[derive(Clone, Debug)]
pub struct Before {
    /// At least, and at most.
    supervisors: RangeInclusive<usize>,
    mounts: Vec<String>,
    /// Groups that somebody else made below executord's, each with its reason.
    pub tolerated_groups: Vec<PathBuf>,
}

impl Before {
    /// Look. `pool`: sandboxes are prepared ahead.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn take(slots: u32, pool: bool) -> io::Result<Self> {
        let least = slots * SLOTS_OF_AN_EXECUTION;
        let most = if pool { least + MOST_PREPARED } else { least };
        let mounts = inventory::mounts(std::process::id())?;
        Ok(Self { supervisors: least as usize..=most as usize, mounts, tolerated_groups: Vec::new() })
    }

    /// What is there and should not be, or should be and is not, while nothing runs; a sentence each. What waits,
    /// prepared for a program that may come, has a user, a supervisor, an init and its processes.
    ///
    /// # Errors
    /// If something cannot be looked at; it may be going in this moment.
    pub async fn compare(&self, daemons: &Daemons) -> io::Result<Vec<String>> {
        let mut wrong = Vec::new();
        let mut expect = |what: &str, empty: bool, found: &dyn std::fmt::Debug| {
            if !empty {
                wrong.push(format!("{what}: {found:?}"));
            }
        };
        let status = daemons.try_status().await.map_err(io::Error::other)?;
        let all_uids = daemons.uids.end() - daemons.uids.start() + 1;
        expect("running", status.running == 0, &status.running);
        expect("queued", status.queued == 0, &status.queued);
        expect("withheld users", status.quarantined_uids == 0, &status.quarantined_uids);
        let waiting: u32 = status.warm.iter().map(|prepared| prepared.ready).sum();
        expect("free users", status.free_uids + waiting == all_uids, &status.free_uids);

        let processes = inventory::processes(&daemons.uids)?;
        let users: BTreeSet<_> = processes.iter().map(|process| process.uid).collect();
        expect("processes of runs", users.len() <= waiting as usize, &processes);
        let supervisors = supervisors(daemons)?;
        let strays: Vec<_> = supervisors.iter().filter(|one| one.parent != daemons.executord_pid()).collect();
        expect("supervisors of nobody", strays.is_empty(), &strays);
        expect("supervisors", self.supervisors.contains(&supervisors.len()), &supervisors);
        let inits: Vec<_> =
            supervisors.iter().flat_map(|one| children(one.pid).into_iter().map(|_| &one.label)).collect();
        expect("inits", inits.len() == waiting as usize, &inits);

        let slots: BTreeSet<_> = supervisors.iter().map(|one| one.label.clone()).collect();
        let in_directory = entries(&daemons.runtime_directory())?;
        let kept: BTreeSet<_> = KEPT.iter().map(|name| (*name).to_owned()).collect();
        let more: Vec<_> = in_directory.difference(&kept).collect();
        expect("files of executord", more.is_empty(), &more);
        let directories = entries(&daemons.runtime_directory().join("slots"))?;
        expect("directories of slots", directories == slots, &directories);

        let mut groups = inventory::cgroups(&daemons.cgroup);
        groups.retain(|group| {
            let name = group.file_name().and_then(|name| name.to_str()).unwrap_or("");
            let waits = || inits.iter().any(|slot| name.starts_with(&format!("run-{slot}-")));
            name != daemons.cgroup
                && !slots.contains(name)
                && !waits()
                && !self.tolerated_groups.contains(group)
        });
        expect("control groups", groups.is_empty(), &groups);

        // Whoever else mounted something may take it off.
        let mut more = inventory::mounts(std::process::id())?;
        for mount in &self.mounts {
            if let Some(same) = more.iter().position(|one| one == mount) {
                more.swap_remove(same);
            }
        }
        expect("mounts", more.is_empty(), &more);
        let ipc = inventory::sysv_ipc(&daemons.uids)?;
        expect("System V IPC of runs", ipc.is_empty(), &ipc);
        if wrong.is_empty() {
            // Last, for it takes long where others have many files.
            let files = inventory::files(&daemons.uids);
            wrong.extend((!files.is_empty()).then(|| format!("files of runs: {files:?}")));
        }
        Ok(wrong)
    }

    /// Wait until nothing is left.
    ///
    /// # Errors
    /// In words, with what is.
    pub async fn nothing_left(&self, daemons: &Daemons) -> Result<(), String> {
        // The last look says what is wrong.
        let mut last = "nothing could be looked at".to_owned();
        let pool = self.supervisors.start() != self.supervisors.end();
        let (begun, patience) = (Instant::now(), if pool { PATIENCE.1 } else { PATIENCE.0 });
        while begun.elapsed() < patience {
            match self.compare(daemons).await {
                Ok(wrong) if wrong.is_empty() => return Ok(()),
                Ok(wrong) => last = wrong.join("; "),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("left behind: {last}"))
    }
}

/// A slot's supervisor.
#[derive(Clone, Debug)]
pub struct SupervisorProcess {
    /// Its number.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// What its slot is called.
    pub label: String,
}

/// The supervisors of this executord, or of one before it in the same directory.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn supervisors(daemons: &Daemons) -> io::Result<Vec<SupervisorProcess>> {
    let slots = daemons.runtime_directory().join("slots");
    let mut found = Vec::new();
    for (pid, parent) in processes()? {
        // Inits are forks of a supervisor and have the same command line.
        let Some(label) = slot_of(pid, &slots) else { continue };
        let parent_is_one = slot_of(parent, &slots).is_some();
        if !parent_is_one {
            found.push(SupervisorProcess { pid, parent, label });
        }
    }
    Ok(found)
}

/// The processes that `pid` started and that live.
#[must_use]
pub fn children(pid: u32) -> Vec<u32> {
    let all = processes().unwrap_or_default();
    all.into_iter().filter(|(_, parent)| *parent == pid).map(|(pid, _)| pid).collect()
}

/// `kill -9`. False if it was gone.
#[must_use]
pub fn kill_process(pid: u32) -> bool {
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).is_ok()
}

/// Send a signal; it may be gone.
pub fn send(pid: u32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
}

/// Whether a process runs; one that is only waited for does not.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    processes().unwrap_or_default().iter().any(|(one, _)| *one == pid)
}

/// The slot that a process is the supervisor or an init of.
fn slot_of(pid: u32, slots: &Path) -> Option<String> {
    let message = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut message = message
        .split(|&byte| byte == 0)
        .map(|word| PathBuf::from(String::from_utf8_lossy(word).into_owned()));
    let (program, directory) = (message.next()?, message.next()?);
    if !program.ends_with(SUPERVISOR) || directory.parent()? != slots {
        return None;
    }
    Some(directory.file_name()?.to_str()?.to_owned())
}

/// Each process and its parent, but for those that have ended and are only waited for.
fn processes() -> io::Result<Vec<(u32, u32)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // After the name, which may hold anything, come the state and the parent.
        let mut fields = stat.rsplit(") ").next().unwrap_or("").split(' ');
        let (state, parent) = (fields.next(), fields.next().and_then(|parent| parent.parse().ok()));
        if let (Some(state), Some(parent)) = (state, parent)
            && state != "Z"
        {
            found.push((pid, parent));
        }
    }
    Ok(found)
}

fn entries(directory: &Path) -> io::Result<BTreeSet<String>> {
    let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect()
}
