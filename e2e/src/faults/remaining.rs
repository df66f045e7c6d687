//! State of an executord and its host while nothing runs, and the processes and files that must not exist then.

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

/// Process name of a supervisor.
const SUPERVISOR: &str = "executor-sandbox";
/// Files that executord keeps in its directory, other than slot directories.
const EXPECTED_FILES: [&str; 4] = ["cgroups", "executord.lock", "executord.sock", "slots"];

/// Slot directories per execution: one for its compilation, and one for a run.
const SLOTS_OF_AN_EXECUTION: u32 = 2;
/// The most zygotes of a slot: `MAX_ZYGOTES` in executord/sandbox/src/zygote/bounds.rs.
const MAX_ZYGOTES: usize = 2;
/// Default maximum of pre-warmed sandboxes.
const MOST_PREPARED: u32 = 8;

/// Time limit for the cleanup. Pre-warming only uses idle processors; executord waits up to a minute for it, and does
/// no other work of this kind meanwhile.
const CLEANUP_TIMEOUTS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(75));

/// State before the first execution.
#[derive(Clone, Debug)]
pub struct Before {
    /// Minimum and maximum.
    supervisors: RangeInclusive<usize>,
    mounts: Vec<String>,
    /// Foreign cgroups below executord's, each with its reason.
    pub tolerated_groups: Vec<PathBuf>,
}

impl Before {
    /// Records the state. `pool`: whether there are pre-warmed sandboxes.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn take(slots: u32, pool: bool) -> io::Result<Self> {
        let least = slots * SLOTS_OF_AN_EXECUTION;
        // A quarter more executions is reserved for clients that have none, and as many executions as there are slots may be
        // paused between two of their runs.
        let most_of_executions = least + slots / 4 * SLOTS_OF_AN_EXECUTION + slots;
        let most = most_of_executions + if pool { MOST_PREPARED } else { 0 };
        let mounts = inventory::mounts(std::process::id())?;
        Ok(Self { supervisors: least as usize..=most as usize, mounts, tolerated_groups: Vec::new() })
    }

    /// Returns the violations while nothing runs, as messages. A pre-warmed sandbox has a user, a supervisor, an init and
    /// its processes. A supervisor may have zygotes, with or without a sandbox.
    ///
    /// # Errors
    /// If something cannot be read; it may be ending at this moment.
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
        expect("quarantined uids", status.quarantined_uids == 0, &status.quarantined_uids);
        let waiting: u32 = status.warm.iter().map(|prepared| prepared.ready).sum();
        expect("free users", status.free_uids + waiting == all_uids, &status.free_uids);

        let processes = inventory::processes(&daemons.uids)?;
        let users: BTreeSet<_> = processes.iter().map(|process| process.uid).collect();
        expect("processes of runs", users.len() <= waiting as usize, &processes);
        let supervisors = supervisors(daemons)?;
        let strays: Vec<_> = supervisors.iter().filter(|one| one.parent != daemons.executord_pid()).collect();
        expect("supervisors without a slot", strays.is_empty(), &strays);
        expect("supervisors", self.supervisors.contains(&supervisors.len()), &supervisors);
        let children = children_of(&supervisors, &daemons.zygote_ids)?;
        let labels = |kind| children.iter().filter(move |child| child.kind == kind).map(|child| &child.label);
        let inits: Vec<_> = labels(ChildKind::Init).collect();
        expect("inits", inits.len() == waiting as usize, &inits);
        let zygotes: Vec<_> = labels(ChildKind::Zygote).collect();
        let of_slot = |slot: &String| zygotes.iter().filter(|other| **other == slot).count();
        let too_many = zygotes.iter().any(|slot| of_slot(slot) > MAX_ZYGOTES);
        expect("slots with too many zygotes", !too_many, &zygotes);
        let others: Vec<_> = labels(ChildKind::Other).collect();
        expect("other children of supervisors", others.is_empty(), &others);
        // Inits that are forked from a zygote have its user. One that was killed is reaped before its supervisor needs
        // another.
        let known: BTreeSet<_> = children.iter().map(|child| child.pid).collect();
        let of_zygotes = inventory::processes(&daemons.zygote_ids)?;
        let strays: Vec<_> = of_zygotes
            .iter()
            .filter(|process| !known.contains(&process.pid))
            .filter(|process| inventory::state(process.pid).is_some_and(|state| state != 'Z'))
            .collect();
        expect("processes of zygotes", strays.is_empty(), &strays);

        let slots: BTreeSet<_> = supervisors.iter().map(|one| one.label.clone()).collect();
        let in_directory = entries(&daemons.runtime_directory())?;
        let kept: BTreeSet<_> = EXPECTED_FILES.iter().map(|name| (*name).to_owned()).collect();
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

        // Other processes may unmount their mounts.
        let mut more = inventory::mounts(std::process::id())?;
        for mount in &self.mounts {
            if let Some(same) = more.iter().position(|one| one == mount) {
                more.swap_remove(same);
            }
        }
        expect("mounts", more.is_empty(), &more);
        let ids = daemons.ids();
        let ipc = inventory::sysv_ipc(&ids)?;
        expect("System V IPC of runs", ipc.is_empty(), &ipc);
        if wrong.is_empty() {
            // Last, because it takes long on a host with many files.
            let files = inventory::files(&ids);
            wrong.extend((!files.is_empty()).then(|| format!("files of runs: {files:?}")));
        }
        Ok(wrong)
    }

    /// Waits until nothing is left.
    ///
    /// # Errors
    /// A message with what is left.
    pub async fn nothing_left(&self, daemons: &Daemons) -> Result<(), String> {
        // The last attempt provides the message.
        let mut last = "the state could not be read".to_owned();
        let pool = self.supervisors.start() != self.supervisors.end();
        let (began, timeout) = (Instant::now(), if pool { CLEANUP_TIMEOUTS.1 } else { CLEANUP_TIMEOUTS.0 });
        while began.elapsed() < timeout {
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
    /// Process id.
    pub pid: u32,
    /// Process id of its parent.
    pub parent: u32,
    /// Name of its slot.
    pub label: String,
}

/// Returns the supervisors of this executord, or of an earlier one in the same directory.
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

/// A running child of a supervisor.
#[derive(Clone, Debug)]
pub struct Child {
    /// Process id.
    pub pid: u32,
    /// What it is.
    pub kind: ChildKind,
    /// Process id of the supervisor.
    pub supervisor: u32,
    /// Name of the slot.
    pub label: String,
}

/// What a child of a supervisor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildKind {
    /// The init of a sandbox.
    Init,
    /// The zygote of the slot.
    Zygote,
    /// A collector, or a process that prepares something.
    Other,
}

/// Returns the running children of supervisors. `zygotes` are the ids of zygotes.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn children_of(
    supervisors: &[SupervisorProcess],
    zygotes: &RangeInclusive<u32>,
) -> io::Result<Vec<Child>> {
    let of_zygotes: BTreeSet<_> =
        inventory::processes(zygotes)?.into_iter().map(|process| process.pid).collect();
    let mut children = Vec::new();
    for (pid, parent) in processes()? {
        let Some(supervisor) = supervisors.iter().find(|one| one.pid == parent) else { continue };
        let kind = if inventory::is_init_of_a_namespace(pid) {
            ChildKind::Init
        } else if of_zygotes.contains(&pid) {
            ChildKind::Zygote
        } else {
            ChildKind::Other
        };
        children.push(Child { pid, kind, supervisor: parent, label: supervisor.label.clone() });
    }
    Ok(children)
}

/// Returns the running children of one kind of all supervisors.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn children_of_kind(daemons: &Daemons, kind: ChildKind) -> io::Result<Vec<Child>> {
    let mut children = children_of(&supervisors(daemons)?, &daemons.zygote_ids)?;
    children.retain(|child| child.kind == kind);
    Ok(children)
}

/// Sends SIGKILL. Returns false if the process had ended.
#[must_use]
pub fn kill_process(pid: u32) -> bool {
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).is_ok()
}

/// Sends a signal to a process that may have ended.
pub fn send(pid: u32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
}

/// Returns whether a process runs; a zombie does not.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    processes().unwrap_or_default().iter().any(|(one, _)| *one == pid)
}

/// Returns the slot of a supervisor or an init.
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

/// Returns each process with its parent, without zombies.
fn processes() -> io::Result<Vec<(u32, u32)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // The name may contain any characters; the state and the parent follow it.
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
