//! Many executions with output files, artifacts, checkers, interactors, kept builds, parallel runs and uploads, of clients
//! that disconnect at random moments: afterwards nothing is left, and the daemons have not grown.

pub mod cases;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Uri;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::daemons::{DEADLINE, Daemons, Settings, eventually};
use crate::faults::kills::LIMITS;
use crate::faults::random::SeededRandom;
use crate::faults::remaining::Before;
use crate::http::{self, Answer, HttpError};
use crate::inventory;
use cases::{Case, Sending};

/// Number of slots, and of clients.
const SLOTS: u32 = 2;
const CLIENTS: usize = 6;
/// One client in this many disconnects, at most after this time.
const DISCONNECT_ONE_IN: usize = 3;
const MAX_PATIENCE: Duration = Duration::from_millis(1500);
/// Kept builds expire soon, and there are few of them, so that some are evicted.
const KEPT_BUILDS: &str = "[kept_builds]\nage = \"2s\"\nmax_per_client = 3";
/// Allowed growth of each daemon, because an allocator keeps some memory. A leak of one output or of one descriptor per
/// execution would exceed it.
const MEMORY_MAY_GROW: u64 = 32 << 20;
/// Two more sandboxes may be ready than before, with 16 to 20 files each.
const FILES_MAY_GROW: usize = 48;
/// Inputs of a kept program.
const INPUTS: [&str; 2] = ["second", "third"];

/// Result of a test.
#[derive(Clone, Debug, Default)]
pub struct Leaks {
    /// Responses by feature.
    pub answered: BTreeMap<&'static str, u32>,
    /// Clients that disconnected, by feature.
    pub disconnected: BTreeMap<&'static str, u32>,
    /// Violations, as messages.
    pub wrong: Vec<String>,
    /// Ids of builds that were kept.
    builds: Vec<String>,
}

/// What a daemon holds while nothing runs.
#[derive(Clone, Copy, Debug)]
struct Holdings {
    memory: u64,
    files: usize,
}

/// Executes `count` requests after a warm-up with each feature, and looks for what is left.
///
/// # Errors
/// If the daemons do not start, or cannot be inspected.
pub async fn run(count: usize, random: &mut SeededRandom) -> io::Result<Leaks> {
    let settings = Settings {
        slots: SLOTS,
        pool: true,
        more: format!("{LIMITS}\n{KEPT_BUILDS}"),
        ..Settings::default()
    };
    let daemons = Daemons::start(&settings).await?;
    let before = Before::take(SLOTS, true)?;
    // One-time allocations are no leaks.
    let mut leaks = execute(&daemons, cases::each(), &mut random.split(), false).await;
    settle(&daemons, &before, &mut leaks).await?;
    let held_before = holdings(&daemons)?;

    let all = (0..count).map(|_| Case::any(random)).collect();
    leaks.add(execute(&daemons, all, random, true).await);
    settle(&daemons, &before, &mut leaks).await?;
    for ((name, before), now) in
        [("executord", held_before[0]), ("webd", held_before[1])].into_iter().zip(holdings(&daemons)?)
    {
        if now.memory > before.memory + MEMORY_MAY_GROW {
            leaks.wrong.push(format!("{name} grew from {} to {} bytes", before.memory, now.memory));
        }
        if now.files > before.files + FILES_MAY_GROW {
            leaks.wrong.push(format!("{name} had {} open files and has {}", before.files, now.files));
        }
    }
    if !leaks.wrong.is_empty() {
        leaks.wrong.push(daemons.log_tail());
    }
    let (uids, zygotes) = (daemons.uids.clone(), daemons.zygote_ids.clone());
    let cgroup = daemons.cgroup.clone();
    drop(daemons);
    let processes = inventory::processes(&uids)?;
    if !processes.is_empty() {
        leaks.wrong.push(format!("after the end of executord: {processes:?}"));
    }
    // They end with their supervisors, and are reaped by another process.
    let are_gone = || async { inventory::processes(&zygotes).is_ok_and(|left| left.is_empty()) };
    if !eventually(are_gone).await {
        leaks.wrong.push(format!("after the end of executord: {:?}", inventory::processes(&zygotes)?));
    }
    let groups = inventory::cgroups(&cgroup);
    if !groups.is_empty() {
        leaks.wrong.push(format!("after the end of executord: {groups:?}"));
    }
    Ok(leaks)
}

/// Waits until nothing runs and all kept builds have expired, and notes what is left.
async fn settle(daemons: &Daemons, before: &Before, leaks: &mut Leaks) -> io::Result<()> {
    for build in std::mem::take(&mut leaks.builds) {
        let is_gone = || async {
            daemons.post(&json!({ "build": build })).await.is_ok_and(|answer| answer.status == 404)
        };
        if !eventually(is_gone).await {
            leaks.wrong.push("a build outlives its age".to_owned());
        }
    }
    if let Err(message) = before.nothing_left(daemons).await {
        leaks.wrong.push(message);
    }
    for (name, pid) in [("executord", daemons.executord_pid()), ("webd", daemons.webd_pid())] {
        let held = || inventory::memory_files(pid).unwrap_or_default();
        // A sandbox may be being pre-warmed, for which there is a memory file for a moment.
        if !eventually(|| async { held().is_empty() }).await {
            leaks.wrong.push(format!("{name} holds memory files: {:?}", held()));
        }
    }
    Ok(())
}

fn holdings(daemons: &Daemons) -> io::Result<[Holdings; 2]> {
    let of = |pid| {
        Ok::<_, io::Error>(Holdings {
            memory: inventory::resident_bytes(pid)?,
            files: inventory::open_files(pid)?,
        })
    };
    Ok([of(daemons.executord_pid())?, of(daemons.webd_pid())?])
}

/// Executes cases with several clients.
async fn execute(daemons: &Daemons, cases: Vec<Case>, random: &mut SeededRandom, disconnects: bool) -> Leaks {
    let cases = Arc::new(Mutex::new(cases));
    let url = daemons.url("/api/execute");
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (cases, url, mut random) = (Arc::clone(&cases), url.clone(), random.split());
        clients.spawn(async move {
            let mut leaks = Leaks::default();
            let next = || cases.lock().unwrap_or_else(PoisonError::into_inner).pop();
            while let Some(case) = next() {
                let patience =
                    (disconnects && random.below(DISCONNECT_ONE_IN) == 0).then(|| random.time(MAX_PATIENCE));
                leaks.send(&url, &case, patience).await;
            }
            leaks
        });
    }
    let mut all = Leaks::default();
    while let Some(leaks) = clients.join_next().await {
        match leaks {
            Ok(leaks) => all.add(leaks),
            Err(error) => all.wrong.push(error.to_string()),
        }
    }
    all
}

impl Leaks {
    /// Sends a case. After `patience` the client disconnects.
    async fn send(&mut self, url: &Uri, case: &Case, patience: Option<Duration>) {
        let result = match patience {
            None => self.send_whole(url, case).await,
            Some(patience) => {
                let Ok(result) = tokio::time::timeout(patience, self.send_whole(url, case)).await else {
                    *self.disconnected.entry(case.name).or_default() += 1;
                    return;
                };
                result
            }
        };
        match result {
            Ok(()) => *self.answered.entry(case.name).or_default() += 1,
            Err(message) => self.wrong.push(message),
        }
    }

    async fn send_whole(&mut self, url: &Uri, case: &Case) -> Result<(), String> {
        let answer = match case.sending {
            Sending::Upload(length) => upload(url, &case.body, length).await,
            Sending::Once | Sending::KeepAndRunAgain => http::post(url, &case.body, DEADLINE).await,
        };
        let answer = answer.map_err(|error| format!("{}: {error}", case.name))?;
        case.check(answer.status, &answer.json)?;
        if case.sending != Sending::KeepAndRunAgain {
            return Ok(());
        }
        let Some(build) = answer.json["build"].as_str() else {
            return Err(format!("{}: it is not kept: {}", case.name, answer.json));
        };
        self.builds.push(build.to_owned());
        for input in INPUTS {
            let again = http::post(url, &json!({ "build": build, "stdin": input }), DEADLINE).await;
            let again = again.map_err(|error| format!("{}: {error}", case.name))?;
            let stdout = again.json["stdout"].as_str().unwrap_or_default().trim_end();
            // It may have expired, or made room for another one.
            if again.status != 404 && !stdout.ends_with(&format!(" {input}")) {
                return Err(format!("{}, again: HTTP {} {}", case.name, again.status, again.json));
            }
        }
        Ok(())
    }

    fn add(&mut self, other: Self) {
        for (name, count) in other.answered {
            *self.answered.entry(name).or_default() += count;
        }
        for (name, count) in other.disconnected {
            *self.disconnected.entry(name).or_default() += count;
        }
        self.wrong.extend(other.wrong);
        self.builds.extend(other.builds);
    }
}

/// Sends a request with stdin of this length as a multipart body.
async fn upload(url: &Uri, request: &Value, length: usize) -> Result<Answer, HttpError> {
    let line = b"0123456789abcdef\n";
    let parts = [
        ("request", request.to_string().into_bytes()),
        ("stdin", line.iter().copied().cycle().take(length).collect()),
    ];
    http::post_parts(url, &parts, DEADLINE).await
}
