//! Nothing is left after many executions, nor after executord was killed during executions.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use e2e::daemons::{Daemons, Settings, eventually};
use e2e::faults::random::SeededRandom;
use e2e::inventory;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const EXECUTIONS: usize = 200;
const CONCURRENCY: usize = 16;
/// Allowed growth of the daemons' memory after [`EXECUTIONS`], because an allocator keeps some memory. A leak of one
/// output buffer per execution would exceed it.
const MEMORY_MAY_GROW: u64 = 8 * 1024 * 1024;
const FILES_MAY_GROW: usize = 8;

/// What an execution might leave behind. Pre-warmed sandboxes come and go, so their processes are distinguished by
/// name.
#[derive(Debug, PartialEq, Eq)]
struct Inventory {
    marked_processes: Vec<inventory::Process>,
    mounts_here: Vec<String>,
    files: BTreeSet<PathBuf>,
    ipc: Vec<String>,
    running: u32,
    quarantined: u32,
}

async fn take(daemons: &Daemons) -> Inventory {
    let mut marked_processes = inventory::processes(&daemons.uids).expect("/proc is readable");
    marked_processes.retain(|process| process.name == "sleep");
    let status = daemons.status().await;
    Inventory {
        marked_processes,
        mounts_here: inventory::mounts(std::process::id()).expect("/proc is readable"),
        files: inventory::files(&daemons.ids()),
        ipc: inventory::sysv_ipc(&daemons.ids()).expect("/proc is readable"),
        running: status.running,
        quarantined: status.quarantined_uids,
    }
}

impl Inventory {
    /// Verifies that mounts are unchanged and that nothing is left.
    fn empty_with_mounts_of(other: &Self) -> Self {
        Self {
            marked_processes: Vec::new(),
            mounts_here: other.mounts_here.clone(),
            files: BTreeSet::new(),
            ipc: Vec::new(),
            running: 0,
            quarantined: 0,
        }
    }
}

/// Returns a program that leaves as much as possible (processes, files, shared memory, a full disk), or ends abnormally.
fn untidy(number: usize) -> Value {
    let limits = json!({ "wall_ms": 5000 });
    let (language, code) = match number % 8 {
        0 => (
            "python",
            "import os\nif os.fork() == 0:\n    os.setsid()\n    os.execvp('sleep', ['sleep', '600'])\nprint('ok')",
        ),
        1 => (
            "python",
            "for d in '/tmp', '/dev/shm', '.':\n    for i in range(50): open(f'{d}/left-{i}', 'w').write('x' * 9999)\nprint('ok')",
        ),
        2 => ("python", "import os, time\nos.kill(os.getpid(), 9)"),
        3 => (
            "javascript",
            "const { spawn } = require('child_process');\nspawn('sleep', ['600'], { detached: true }).unref();\nprocess.exit(0);",
        ),
        4 => ("python", "print('x' * 3_000_000)"),
        5 => ("python", "import ctypes\nprint(ctypes.CDLL(None).shmget(0, 4096, 0o1666))"),
        6 => (
            "python",
            "import os\nos.makedirs('/tmp/' + '/'.join(['d'] * 60))\nos.chmod('/tmp/d', 0)\nprint('ok')",
        ),
        _ => ("javascript", "console.log('ok');"),
    };
    json!({ "language": language, "code": code, "limits": limits })
}

#[tokio::test]
async fn two_hundred_executions_leave_nothing() {
    let daemons = Arc::new(Daemons::start(&Settings::default()).await.expect("both daemons start"));
    // One-time allocations are not leaks.
    run_untidy(&daemons, 2 * CONCURRENCY).await;
    let before = take(&daemons).await;
    let groups = inventory::cgroups(&daemons.cgroup);
    let [executord, webd] = [daemons.executord_pid(), daemons.webd_pid()];
    let mounts = inventory::mounts(executord).expect("executord runs");
    let usage = |pid| {
        let memory = inventory::resident_bytes(pid).expect("the program runs");
        (memory, inventory::open_files(pid).expect("the program runs"))
    };
    let usage_before = [("executord", executord, usage(executord)), ("webd", webd, usage(webd))];

    run_untidy(&daemons, EXECUTIONS).await;

    let expected = Inventory::empty_with_mounts_of(&before);
    eventually(|| async { take(&daemons).await == expected }).await;
    assert_eq!(take(&daemons).await, expected);
    assert_eq!(inventory::mounts(executord).expect("executord runs"), mounts, "mounts of executord");
    for (name, pid, (memory, files)) in usage_before {
        let (memory_now, files_now) = usage(pid);
        assert!(
            memory_now <= memory + MEMORY_MAY_GROW,
            "memory of {name} grew from {memory} to {memory_now} bytes"
        );
        assert!(files_now <= files + FILES_MAY_GROW, "open files of {name} grew from {files} to {files_now}");
    }
    eventually(|| async { inventory::cgroups(&daemons.cgroup).is_subset(&groups) }).await;
    let groups_left: Vec<_> = inventory::cgroups(&daemons.cgroup).difference(&groups).cloned().collect();
    assert_eq!(groups_left, Vec::<PathBuf>::new());

    let (uids, cgroup) = (daemons.uids.clone(), daemons.cgroup.clone());
    drop(daemons);
    assert_eq!(inventory::processes(&uids).expect("/proc is readable"), [], "after executord has ended");
    assert_eq!(inventory::cgroups(&cgroup), BTreeSet::new(), "after executord has ended");
}

async fn run_untidy(daemons: &Arc<Daemons>, count: usize) {
    let places = Arc::new(Semaphore::new(CONCURRENCY));
    let mut executions = JoinSet::new();
    for number in 0..count {
        let (daemons, places) = (daemons.clone(), places.clone());
        executions.spawn(async move {
            let _place = places.acquire().await.expect("an open channel");
            let answer = daemons.execute(&untidy(number)).await;
            assert!(answer["status"].is_string(), "{answer}");
        });
    }
    while let Some(execution) = executions.join_next().await {
        execution.expect("a response");
    }
}

#[tokio::test]
async fn a_killed_executord_leaves_nothing_after_its_restart() {
    let mut daemons = Daemons::start(&Settings::default()).await.expect("both daemons start");
    let before = take(&daemons).await;
    let url = daemons.url("/api/execute");
    let body = json!({
        "language": "python",
        "code": "import os\nfor d in '/tmp', '/dev/shm', '.': open(f'{d}/left', 'w').write('x')\n\
                 if os.fork() == 0: os.setsid()\nos.execvp('sleep', ['sleep', '600'])",
        "limits": { "wall_ms": 30_000 },
    });
    let mut executions = JoinSet::new();
    for _ in 0..4 {
        let (url, body) = (url.clone(), body.clone());
        executions.spawn(async move { e2e::http::post(&url, &body, e2e::daemons::DEADLINE).await });
    }
    let all_run = eventually(|| async { take(&daemons).await.marked_processes.len() == 8 }).await;
    assert!(all_run, "four programs of two processes each run\n{}", daemons.logs());

    // All except the top ones, which the next executord uses.
    let mut groups = inventory::cgroups(&daemons.cgroup);
    groups.retain(|group| !group.ends_with(&daemons.cgroup));
    daemons.kill_executord().expect("it can be killed");
    while let Some(answer) = executions.join_next().await {
        // The response is an error and not a result.
        let answer = answer.expect("the task does not panic").expect("webd answers");
        assert!(answer.status >= 500, "HTTP {}: {}", answer.status, answer.json);
    }
    daemons.restart_executord().await.expect("executord starts again");

    let expected = Inventory::empty_with_mounts_of(&before);
    eventually(|| async { take(&daemons).await == expected }).await;
    assert_eq!(take(&daemons).await, expected, "{}", daemons.logs());
    eventually(|| async { inventory::cgroups(&daemons.cgroup).is_disjoint(&groups) }).await;
    let groups_left: Vec<_> = inventory::cgroups(&daemons.cgroup).intersection(&groups).cloned().collect();
    assert_eq!(groups_left, Vec::<PathBuf>::new(), "groups of the executord that was killed");

    let answer = daemons.execute(&json!({ "language": "python", "code": "print(6 * 7)" })).await;
    assert_eq!(answer["output"], "42\n");
}

/// `make leaks` executes a thousand.
#[tokio::test]
async fn sixty_executions_of_every_kind_with_disconnects_leave_nothing() {
    let seed = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let leaks = e2e::leaks::run(60, &mut SeededRandom::new(seed)).await.expect("both daemons start");
    assert!(leaks.wrong.is_empty(), "seed {seed}\n{}", leaks.wrong.join("\n"));
    assert!(leaks.answered.len() == 14 && !leaks.disconnected.is_empty(), "seed {seed}: {leaks:?}");
}
