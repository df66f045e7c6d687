//! All faults other than kills, each injected once per run.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{sleep, timeout};

use super::case::{Host, LOOK_AGAIN, Outcome, message, until};
use super::host::{FullFileSystem, Group, Squatter};
use super::judges;
use super::kills::{SLOTS, offered};
use super::programs::{Allowed, Got, Program};
use super::random::SeededRandom;
use super::remaining::{self, Before};
use crate::daemons::{DEADLINE, Settings, binary};
use crate::http::{self, Answer, HttpError};

/// Number of connections of a flood, and its duration.
const FLOOD: usize = 200;
const FLOOD_DURATION: Duration = Duration::from_secs(2);
/// Limit on executord's open files in that case: enough for requests, too few for the flood.
const FEW_FILES: u32 = 128;

/// Names of the cases, in order.
pub const NAMES: [&str; 16] = [
    "runtime directory full",
    "/tmp full",
    "no free user id",
    "no more open files",
    "no more processes",
    "cgroup not empty",
    "cgroup not removable",
    "toolchain removed",
    "clock jumps",
    "socket removed",
    "runtime directory removed",
    "executord restarted",
    "webd restarted",
    "client vanishes",
    "reload under load",
    "executord killed while judging",
];

/// Runs one of [`NAMES`].
///
/// # Errors
/// A message, if the behavior differs from docs/reliability.md.
pub async fn run(name: &str, random: &mut SeededRandom) -> Outcome {
    match name {
        "runtime directory full" => runtime_directory_full(random).await,
        "/tmp full" => tmp_full(random).await,
        "no free user id" => no_free_user(random).await,
        "no more open files" => no_more_files(random).await,
        "no more processes" => no_more_processes(random).await,
        "cgroup not empty" => group_not_empty(random).await,
        "cgroup not removable" => group_not_removable(random).await,
        "toolchain removed" => toolchain_removed(random).await,
        "clock jumps" => clock_jumps(random).await,
        "socket removed" => socket_removed(random).await,
        "runtime directory removed" => runtime_directory_removed(random).await,
        "executord restarted" => executord_restarted(random).await,
        "webd restarted" => webd_restarted(random).await,
        "client vanishes" => client_vanishes(random).await,
        "reload under load" => reload_under_load(random).await,
        "executord killed while judging" => judges::executord_killed(random).await,
        other => Err(format!("unknown case {other:?}")),
    }
}

/// Verifies the response for a program of [`Host::begin_long`].
fn ended_well(answer: Result<Result<Answer, HttpError>, tokio::task::JoinError>) -> Result<(), String> {
    let answer = answer.map_err(message)?.map_err(message)?;
    match answer.json["stdout"].as_str() {
        Some("begun\nended\n") => Ok(()),
        _ => Err(format!("the running program: HTTP {} {}", answer.status, answer.json)),
    }
}

async fn runtime_directory_full(random: &mut SeededRandom) -> Outcome {
    let mut host = Host::start(Settings::default()).await?;
    host.daemons.signal_executord(Signal::SIGTERM);
    host.daemons.wait_for_end().await.map_err(message)?;
    let directory = host.daemons.runtime_directory();
    let small = FullFileSystem::mount(&directory, "size=256k,nr_inodes=48,mode=0750").map_err(message)?;
    host.daemons.restart_executord().await.map_err(message)?;
    host.before = Before::take(SLOTS, false).map_err(message)?;

    small.fill().map_err(message)?;
    host.works(random).await.map_err(|error| format!("while it is full: {error}"))?;
    // A replacement uses the space of the lost slot.
    host.lose_all_slots().await?;
    host.works(random).await.map_err(|error| format!("while it is full, after slots were lost: {error}"))?;

    // If not even that space is left, a lost slot cannot be replaced, and requests wait.
    let hidden = remaining::supervisors(&host.daemons).map_err(message)?;
    let without_room = FullFileSystem::mount(&directory.join("slots"), "nr_inodes=1").map_err(message)?;
    host.lose_all_slots().await?;
    let waiting = Program::friendly(random, "python");
    let answer = host.begin(waiting.body.clone());
    host.wait_for_log("cannot replace lost slot, will retry").await?;
    sleep(Duration::from_secs(1)).await;
    if answer.is_finished() {
        return Err("a slot exists without space for one".to_owned());
    }
    drop(without_room);
    // The mount hid their directories, so that executord could not remove them.
    for slot in hidden {
        fs::remove_dir(directory.join("slots").join(slot.label)).map_err(message)?;
    }
    small.empty().map_err(message)?;
    waiting.judge(&answer.await.map_err(message)?, Allowed::default())?;
    let recovered = host.recovers(random).await?;

    // If started while it is full, executord reports the error or works without.
    small.fill().map_err(message)?;
    host.daemons.kill_executord().map_err(message)?;
    host.daemons.spawn_executord().map_err(message)?;
    let ended = timeout(Duration::from_secs(5), host.daemons.wait_for_end()).await;
    let start = if ended.is_ok() {
        host.wait_for_log("o space left on device").await?;
        "refused with a message"
    } else {
        "works"
    };
    small.empty().map_err(message)?;
    host.daemons.kill_executord().map_err(message)?;
    host.daemons.restart_executord().await.map_err(message)?;
    host.recovers(random).await?;
    let Host { daemons, .. } = host;
    drop(daemons);
    drop(small);
    Ok(format!(
        "executions work, and wait if there is no space for lost slots; {recovered}; a start: {start}"
    ))
}

async fn tmp_full(random: &mut SeededRandom) -> Outcome {
    if binary("executord").map_err(message)?.starts_with("/tmp") {
        return Err("the binaries are in that directory; set EXECUTOR_BIN_DIR to another one".to_owned());
    }
    let mut host = Host::start(Settings::default()).await?;
    let full = FullFileSystem::mount(Path::new("/tmp"), "size=64k,nr_inodes=8").map_err(message)?;
    full.fill().map_err(message)?;
    host.daemons.kill_executord().map_err(message)?;
    host.daemons.restart_executord().await.map_err(message)?;
    host.before = Before::take(SLOTS, false).map_err(message)?;
    let mut tried = Vec::new();
    for language in offered(&host.daemons).await.map_err(message)? {
        if Program::exists(&language) {
            host.right(&Program::friendly(random, &language)).await?;
            tried.push(language);
        }
    }
    host.recovers(random).await?;
    Ok(format!("{} languages work", tried.len()))
}

async fn no_free_user(random: &mut SeededRandom) -> Outcome {
    if !Squatter::is_possible() {
        return Ok(Squatter::NOT_RUN.to_owned());
    }
    // The minimum number of uids, and each becomes quarantined: a foreign process is in its cgroup.
    let uids = 2 * SLOTS;
    let host = Host::start(Settings { uids, ..Settings::default() }).await?;
    let mut squatters = Vec::new();
    for _ in 0..uids {
        let (execution, supervisor) = host.begin_long(500).await?;
        let squatter = Squatter::begin().map_err(message)?;
        squatter.enter_group_of(supervisor).map_err(message)?;
        squatter.freeze().map_err(message)?;
        squatters.push(squatter);
        ended_well(execution.await)?;
    }
    let quarantined = async || host.daemons.status().await.quarantined_uids == uids;
    until("uids are not quarantined", quarantined).await?;
    let code = host.refused(random, "python").await?;
    host.wait_for_log("no free user id").await?;
    let free = host.daemons.status().await.free_uids;
    if free != 0 {
        return Err(format!("{free} uids are free"));
    }
    drop(squatters);
    Ok(format!("500 {code}; {}", host.recovers(random).await?))
}

async fn no_more_files(random: &mut SeededRandom) -> Outcome {
    let settings = Settings { host: Some(format!("ulimit -n {FEW_FILES}")), ..Settings::default() };
    let host = Host::start(settings).await?;
    host.works(random).await?;
    let mut flood = Vec::new();
    for _ in 0..FLOOD {
        // Connections that executord does not accept wait in the kernel.
        let connection = timeout(Duration::from_millis(50), UnixStream::connect(host.daemons.socket())).await;
        flood.push(connection);
    }
    let (began, mut codes) = (Instant::now(), Vec::new());
    let allowed = Allowed { errors: true, ..Allowed::default() };
    while began.elapsed() < FLOOD_DURATION {
        let program = Program::friendly(random, "python");
        codes.push(match program.judge(&host.daemons.post(&program.body).await, allowed)? {
            Got::Error(code) => code,
            other => format!("{other:?}"),
        });
    }
    host.wait_for_log("Too many open files").await?;
    drop(flood);
    codes.sort_unstable();
    codes.dedup();
    Ok(format!("{}; {}", codes.join(", "), host.recovers(random).await?))
}

async fn no_more_processes(random: &mut SeededRandom) -> Outcome {
    let Ok(group) = Group::make("pids") else { return Ok(Squatter::NOT_RUN.to_owned()) };
    let settings = Settings {
        host: Some(format!("echo $$ > {}", group.file("cgroup.procs").display())),
        ..Settings::default()
    };
    let host = Host::start(settings).await?;
    host.works(random).await?;
    group.write("pids.max", "1").map_err(message)?;
    // Neither a sandbox nor a replacement for the failed slot can be created.
    let codes = [host.refused(random, "python").await?, host.refused(random, "cpp").await?];
    host.wait_for_log("cannot replace lost slot, will retry").await?;
    group.write("pids.max", "max").map_err(message)?;
    let recovered = host.recovers(random).await?;
    drop(host);
    group.remove().map_err(message)?;
    Ok(format!("{}; {recovered}", codes.join(", ")))
}

async fn group_not_empty(random: &mut SeededRandom) -> Outcome {
    if !Squatter::is_possible() {
        return Ok(Squatter::NOT_RUN.to_owned());
    }
    let host = Host::start(Settings::default()).await?;
    let (execution, supervisor) = host.begin_long(500).await?;
    let mut squatter = Squatter::begin().map_err(message)?;
    squatter.enter_group_of(supervisor).map_err(message)?;
    // The other slot works meanwhile.
    sleep(Duration::from_millis(800)).await;
    host.works(random).await?;
    ended_well(execution.await)?;
    host.wait_for_log("processes of the run are still there after they were killed").await?;
    let recovered = host.recovers(random).await?;
    if !squatter.has_ended().map_err(message)? {
        return Err("the foreign process in the cgroup was not killed".to_owned());
    }
    Ok(format!("the outcome is correct; the foreign process in the cgroup is killed; {recovered}"))
}

async fn group_not_removable(random: &mut SeededRandom) -> Outcome {
    if !Squatter::is_possible() {
        return Ok(Squatter::NOT_RUN.to_owned());
    }
    let mut host = Host::start(Settings::default()).await?;
    let (execution, supervisor) = host.begin_long(500).await?;
    let squatter = Squatter::begin().map_err(message)?;
    let group = squatter.enter_group_of(supervisor).map_err(message)?;
    squatter.freeze().map_err(message)?;
    ended_well(execution.await)?;
    host.wait_for_log("cannot clean up after lost slot, will retry").await?;
    host.works(random).await?;
    let quarantined = host.daemons.status().await.quarantined_uids;
    if quarantined != 1 || !group.exists() {
        return Err(format!("{quarantined} uids are quarantined"));
    }
    drop(squatter);
    host.before.tolerated_groups.clear();
    let recovered = host.recovers(random).await?;
    if group.exists() {
        return Err(format!("{} stays", group.display()));
    }
    Ok(format!("the outcome is correct; logged and continued; then {recovered}"))
}

async fn toolchain_removed(random: &mut SeededRandom) -> Outcome {
    let own = FullFileSystem::mount(Path::new("/opt"), "size=1m,mode=0755").map_err(message)?;
    let tools = Path::new("/opt/tools");
    let program = tools.join("echoes");
    let install = || -> std::io::Result<()> {
        fs::create_dir_all(tools)?;
        fs::set_permissions(tools, Permissions::from_mode(0o755))?;
        fs::write(
            &program,
            "#!/bin/sh\n[ \"$1\" = --version ] && echo 'echoes 1.0' && exit\nsleep 1\ncat \"$1\"\n",
        )?;
        fs::set_permissions(&program, Permissions::from_mode(0o755))
    };
    install().map_err(message)?;
    let language = format!(
        "name = \"echoes\"\ntitle = \"Echoes\"\nextensions = [\"e\"]\nfile_name = \"main.e\"\nexample = \"\"\n\
         [version]\ncommand = [{program:?}, \"--version\"]\npattern = 'echoes (\\S+)'\n\
         [editor]\nmode = \"text\"\nline_comment = \"#\"\nindent = 2\n\
         [run]\ncommand = [{program:?}, \"{{main}}\"]\n[self_test]\nstdout = \"\"\nfiles = []\n"
    );
    let settings = Settings {
        more: format!("toolchains = [{tools:?}]"),
        languages: vec![("echoes", language)],
        ..Settings::default()
    };
    let host = Host::start(settings).await?;
    let body = json!({ "language": "echoes", "code": "said" });
    let running = host.begin(body.clone());
    until("nothing runs", async || host.busy().is_ok_and(|busy| !busy.is_empty())).await?;
    sleep(Duration::from_millis(300)).await;
    fs::remove_file(&program).map_err(message)?;
    let answer = running.await.map_err(message)?.map_err(message)?;
    if answer.json["stdout"] != "said" {
        return Err(format!("the running program: {}", answer.json));
    }
    let refused = async |expected: &str| match host.daemons.post(&body).await {
        Ok(Answer { status, json, .. }) if json["code"] == expected => Ok(format!("{status} {expected}")),
        Ok(Answer { json, .. }) => Err(format!("{expected} expected, got {json}")),
        Err(error) => Err(error.to_string()),
    };
    let mut seen = vec![refused("failed").await?];
    host.works(random).await?;
    fs::remove_dir_all(tools).map_err(message)?;
    seen.push(refused("failed").await?);
    host.works(random).await.map_err(|error| format!("other languages without its directory: {error}"))?;

    let available = async || {
        let languages = http::get(&host.daemons.url("/api/languages"), DEADLINE).await;
        let languages = languages.map(|answer| answer.json).unwrap_or_default();
        let all = languages.as_array().cloned().unwrap_or_default();
        all.iter().any(|language| language["name"] == "echoes" && language["available"] == true)
    };
    host.daemons.signal_executord(Signal::SIGHUP);
    until("a reload does not notice the removal", async || !available().await).await?;
    seen.push(refused("language_unavailable").await?);
    install().map_err(message)?;
    host.daemons.signal_executord(Signal::SIGHUP);
    until("a reload does not notice that it is back", async || available().await).await?;
    let answer = host.daemons.post(&body).await.map_err(message)?;
    if answer.json["stdout"] != "said" {
        return Err(format!("after it is back: {}", answer.json));
    }
    let recovered = host.recovers(random).await?;
    drop(host);
    drop(own);
    Ok(format!("{}; others work; {recovered}", seen.join(", ")))
}

/// executord sees another time of day because of a preloaded library; the host's clock is not changed.
async fn clock_jumps(random: &mut SeededRandom) -> Outcome {
    const YEARS: i64 = 10 * 365 * 86_400;
    let directory = TempDir::with_prefix("executor-faults-").map_err(message)?;
    let (source, library) = (directory.path().join("clock.c"), directory.path().join("clock.so"));
    let offset = directory.path().join("offset");
    fs::write(&source, include_str!("clock.c")).map_err(message)?;
    let built = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .output()
        .map_err(message)?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned());
    }
    let jump = |seconds: i64| fs::write(&offset, seconds.to_ne_bytes()).map_err(message);
    jump(0)?;
    let host = format!("export FAULTS_CLOCK={} LD_PRELOAD={}", offset.display(), library.display());
    let host = Host::start(Settings { host: Some(host), ..Settings::default() }).await?;
    host.works(random).await?;
    let (long, _) = host.begin_long(2000).await?;
    let sleeper = Program::hostile(random, "sleeper");
    let began = Instant::now();
    let late = host.begin(sleeper.body.clone());
    for seconds in [YEARS, -YEARS, 1, -3600, YEARS] {
        sleep(Duration::from_millis(300)).await;
        jump(seconds)?;
        // Causes a log line with the time of day.
        host.daemons.signal_executord(Signal::SIGHUP);
    }
    sleeper.judge(&late.await.map_err(message)?, Allowed::default())?;
    // Its limit is 1.5 s, with a grace period of 0.5 s.
    let took = began.elapsed();
    ended_well(long.await)?;
    if took > Duration::from_secs(6) {
        return Err(format!("a limit of 1.5 s took {took:?}"));
    }
    let recovered = host.recovers(random).await?;
    let seen: std::collections::BTreeSet<String> = host
        .daemons
        .logs()
        .lines()
        .filter_map(|line| line.get(..4).filter(|year| year.bytes().all(|digit| digit.is_ascii_digit())))
        .map(str::to_owned)
        .collect();
    if seen.len() < 2 {
        // A statically linked executord calls the kernel directly.
        return Err("this executord does not use the C library's clock; link it dynamically".to_owned());
    }
    let seen: Vec<_> = seen.into_iter().collect();
    Ok(format!("saw the years {}; limits held; {recovered}", seen.join(", ")))
}

async fn socket_removed(random: &mut SeededRandom) -> Outcome {
    let host = Host::start(Settings::default()).await?;
    let (execution, _) = host.begin_long(2500).await?;
    fs::remove_file(host.daemons.socket()).map_err(message)?;
    let code = host.refused(random, "python").await?;
    ended_well(execution.await)?;
    Ok(format!("503 {code}; running programs continue; created again; {}", host.recovers(random).await?))
}

async fn runtime_directory_removed(random: &mut SeededRandom) -> Outcome {
    let host = Host::start(Settings::default()).await?;
    let (execution, _) = host.begin_long(1500).await?;
    // The directory can be removed although a supervisor has a mount in it.
    fs::remove_dir_all(host.daemons.runtime_directory()).map_err(message)?;
    let code = host.refused(random, "python").await?;
    ended_well(execution.await)?;
    until("executions do not work again", async || host.works(&mut random.clone()).await.is_ok()).await?;
    host.lose_all_slots().await?;
    until("slots are not created again", async || host.works(&mut random.clone()).await.is_ok()).await?;
    Ok(format!("503 {code}; running programs continue; created again, also for slots"))
}

async fn executord_restarted(random: &mut SeededRandom) -> Outcome {
    let mut host = Host::start(Settings::default()).await?;
    let webd = host.daemons.webd_pid();
    let (execution, _) = host.begin_long(1500).await?;
    host.daemons.signal_executord(Signal::SIGTERM);
    sleep(Duration::from_millis(200)).await;
    let code = host.refused(random, "python").await?;
    ended_well(execution.await)?;
    let status = host.daemons.wait_for_end().await.map_err(message)?;
    if !status.success() {
        return Err(format!("executord ended with {status}"));
    }
    host.daemons.restart_executord().await.map_err(message)?;
    let recovered = host.recovers(random).await?;
    if host.daemons.webd_pid() != webd {
        return Err("webd was restarted too".to_owned());
    }
    Ok(format!("running programs finish; meanwhile {code}; {recovered}"))
}

async fn webd_restarted(random: &mut SeededRandom) -> Outcome {
    let mut host = Host::start(Settings::default()).await?;
    let executord = host.daemons.executord_pid();
    let (execution, _) = host.begin_long(1500).await?;
    let webd = host.daemons.webd_pid();
    remaining::send(webd, Signal::SIGTERM);
    let ended = ended_well(execution.await);
    until("webd does not end", async || !remaining::is_alive(webd)).await?;
    host.daemons.restart_webd().await.map_err(message)?;
    ended?;
    let recovered = host.recovers(random).await?;
    if host.daemons.executord_pid() != executord {
        return Err("executord was restarted too".to_owned());
    }
    Ok(format!("running programs finish; {recovered}"))
}

async fn client_vanishes(random: &mut SeededRandom) -> Outcome {
    let host = Host::start(Settings::default()).await?;
    let address = host.daemons.url("/").authority().map(ToString::to_string).unwrap_or_default();
    let request = |body: &Value, accept: &str| {
        let body = body.to_string();
        format!(
            "POST /api/execute HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: {accept}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let sleeps = json!({ "language": "python", "code": "import time\ntime.sleep(60)" });
    let floods = json!({ "language": "python", "code": "while True: print('x' * 1000)" });
    let compiles = json!({ "language": "cpp", "code": "#include <regex>\n#include <map>\nint main() { std::regex r(\"a\"); }" });
    let ignores = Program::hostile(random, "sleeper").body;
    let (whole, live) = (request(&sleeps, "*/*"), "application/x-ndjson");
    let phases: [(&str, String, u64); 9] = [
        ("connected", String::new(), 50),
        ("half a head", whole[..30].to_owned(), 100),
        ("half a body", whole[..whole.len() - 10].to_owned(), 100),
        ("just sent", whole.clone(), 0),
        ("compiling", request(&compiles, "*/*"), 300),
        ("running", whole.clone(), 500),
        ("running, ignoring SIGTERM", request(&ignores, "*/*"), 500),
        ("output unread", request(&floods, live), 500),
        ("live", request(&sleeps, live), 500),
    ];
    for (phase, sent, millis) in &phases {
        let mut connection = TcpStream::connect(&address).await.map_err(message)?;
        connection.write_all(sent.as_bytes()).await.map_err(message)?;
        sleep(Duration::from_millis(*millis)).await;
        drop(connection);
        host.before.nothing_left(&host.daemons).await.map_err(|error| format!("{phase}: {error}"))?;
    }
    // Half-closed, and while the request is queued.
    let mut half = TcpStream::connect(&address).await.map_err(message)?;
    half.write_all(whole.as_bytes()).await.map_err(message)?;
    sleep(Duration::from_millis(300)).await;
    half.shutdown().await.map_err(message)?;
    host.before.nothing_left(&host.daemons).await.map_err(|error| format!("half closed: {error}"))?;
    let mut waiting = Vec::new();
    for _ in 0..3 * SLOTS {
        let mut connection = TcpStream::connect(&address).await.map_err(message)?;
        connection.write_all(whole.as_bytes()).await.map_err(message)?;
        waiting.push(connection);
    }
    until("nothing waits", async || host.daemons.status().await.queued == 2 * SLOTS).await?;
    drop(waiting);
    host.before.nothing_left(&host.daemons).await.map_err(|error| format!("queued: {error}"))?;
    host.recovers(random).await?;
    Ok(format!("nothing is left in {} phases", phases.len() + 2))
}

async fn reload_under_load(random: &mut SeededRandom) -> Outcome {
    let host = Host::start(Settings { queue: 4, ..Settings::default() }).await?;
    let before = offered(&host.daemons).await.map_err(message)?;
    let mut load: Vec<_> = Vec::new();
    let mut longest = Duration::ZERO;
    for round in 0..30 {
        if round % 10 == 5 {
            host.daemons.signal_executord(Signal::SIGHUP);
        }
        for _ in 0..4 {
            let program = Program::friendly(random, "javascript");
            load.push((host.begin(program.body.clone()), program));
        }
        let asked = Instant::now();
        host.daemons.status().await;
        longest = longest.max(asked.elapsed());
        sleep(LOOK_AGAIN).await;
    }
    let mut busy = 0;
    for (answer, program) in load {
        let got = program.judge(&answer.await.map_err(message)?, Allowed::default())?;
        busy += u32::from(got != Got::Answer);
    }
    let recovered = host.recovers(random).await?;
    host.wait_for_log("languages and limits reloaded").await?;
    let after = offered(&host.daemons).await.map_err(message)?;
    if after != before {
        return Err(format!("languages were {before:?} and are {after:?}"));
    }
    if longest > Duration::from_secs(3) {
        return Err(format!("no response for {longest:?} during a reload"));
    }
    Ok(format!("languages unchanged, {busy} of 120 busy, executord responds throughout; {recovered}"))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    /// Files that need the time of day: the days of quotas and the expiry of keys, the ages of submissions, which survive a
    /// restart, and the dates in answers of the Judge0 API.
    const NEED_THE_TIME_OF_DAY: [&str; 6] = [
        "webd/src/domain/utc_time.rs",
        "webd/src/domain/submissions/sqlite/rows.rs",
        "webd/src/api/executor/submission_callback.rs",
        "webd/src/api/judge0/submission.rs",
        "webd/src/api/judge0/fields.rs",
        "webd/src/api/judge0/runner.rs",
    ];

    /// Time limits, retries and deadlines use the monotonic clock. Logs and certificates use the time of day, and their
    /// libraries read it.
    #[test]
    fn no_other_file_of_the_daemons_reads_the_time_of_day() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut waiting: Vec<PathBuf> =
            ["executord/src", "executord/sandbox/src", "protocol/src", "webd/src"]
                .map(|name| root.join(name))
                .into();
        let mut read = 0;
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                read += 1;
                if NEED_THE_TIME_OF_DAY.iter().any(|exception| path.ends_with(exception)) {
                    continue;
                }
                for word in ["SystemTime", "CLOCK_REALTIME", "UNIX_EPOCH"] {
                    assert!(!text.contains(word), "{} has {word}", path.display());
                }
            }
        }
        assert!(read > 50, "only {read} files");
    }
}
