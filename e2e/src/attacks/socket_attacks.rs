//! Raw frames against executord: the `socket` cases of `protocol.json`.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use protocol::bounds::MAX_FRAME;
use protocol::codec::{self, Hello};
use protocol::{ByteCount, Event, ExecuteRequest, Request};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::collection::read_json;
use super::http_attacks::{Growth, Sink};
use super::target::Target;
use crate::inventory;
use crate::socket::{Execution, program};

/// Values that the cases do not define.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const DEADLINE_FACTOR: u32 = 2;
const LONG_CASE: Duration = Duration::from_secs(30);
const GROWTH: u64 = 32 << 20;

/// Runs the cases of a file.
///
/// # Errors
/// If the file cannot be read.
pub async fn run(file: &Path, target: &mut Target, seed: u64, sink: &mut Sink<'_>) -> io::Result<()> {
    for case in read_json(file)?["socket"].as_array().into_iter().flatten() {
        let text = |name: &str| case[name].as_str().unwrap_or_default();
        let many = case["connections"].is_u64() || case["count"].is_u64() || case["fuzz"].is_object();
        // Only a daemon that this program started may be killed.
        if case["inject"].is_string() && target.daemons.is_none() {
            sink.exclude(text("id"), text("class"));
            continue;
        }
        if sink.selects(text("id"), text("class"), if many { LONG_CASE } else { Duration::ZERO }) {
            let began = Instant::now();
            let failures = attack(text("id"), case, seed, target).await;
            sink.end(text("id"), began, failures);
        }
    }
    Ok(())
}

async fn attack(id: &str, case: &Value, seed: u64, target: &mut Target) -> Vec<String> {
    let growth = Growth::begin(target);
    let mut failures = match drive(id, case, seed, target).await {
        Ok(()) => Vec::new(),
        Err(reason) => vec![reason],
    };
    let most = case["expect"]["max_daemon_rss_growth_bytes"].as_u64().unwrap_or(GROWTH);
    if case["inject"].is_null() {
        failures.extend(growth.end(most).err());
    }
    failures.extend(target.is_alive().err());
    failures.extend(target.greet("python").await.err());
    failures
}

async fn drive(id: &str, case: &Value, seed: u64, target: &mut Target) -> Result<(), String> {
    let text = |name: &str| case[name].as_str();
    match id {
        "sock-file-mode" => return file_mode(&target.socket),
        "sock-shutdown-write" => return shutdown_write(target).await,
        "sock-many-frames" => return many_frames(case["count"].as_u64().unwrap_or(1), target).await,
        "sock-many-connections" => {
            return many_connections(case["connections"].as_u64().unwrap_or(1), target).await;
        }
        "sock-limits-huge" => return huge_limits(target).await,
        "sock-file-names" => return file_names(&case["fields"]["files"], target).await,
        "sock-replay-id" => {
            return tag_as_path(case["fields"]["id"].as_str().unwrap_or_default(), target).await;
        }
        "sock-daemon-sigterm" => return end_during_runs(target).await,
        _ => {}
    }
    if case["fuzz"].is_object() {
        return fuzz(&case["fuzz"], seed, target).await;
    }
    let bytes = match (text("send_hex"), text("send_len"), text("send_frame")) {
        (Some(hex), _, _) => from_hex(hex)?,
        (_, Some("max_frame+1"), _) => {
            u32::try_from(MAX_FRAME + 1).map_err(|error| error.to_string())?.to_be_bytes().to_vec()
        }
        (_, _, Some(_)) => framed(&crafted(id)?),
        _ => return Err("unknown action".to_owned()),
    };
    let most = case["expect"]["closed_within_ms"].as_u64();
    let most = most.map_or(Duration::from_secs(2), Duration::from_millis) * DEADLINE_FACTOR;
    let drip = case["drip_ms"].as_u64().map(Duration::from_millis);
    let close = text("then") == Some("close");
    // As the first frame, and again after a valid hello.
    let both = [false, true].map(|greeted| send_bytes(target, &bytes, greeted, drip, close, most));
    let other =
        async { if case["expect"]["while"].is_array() { target.greet("bash").await } else { Ok(()) } };
    let (both, other) = tokio::join!(join_all(both), other);
    both.into_iter().chain([other]).collect()
}

/// Sends bytes; the daemon must close the connection or respond with an error.
async fn send_bytes(
    target: &Target,
    bytes: &[u8],
    greeted: bool,
    drip: Option<Duration>,
    close: bool,
    most: Duration,
) -> Result<(), String> {
    let mut stream = connect(target, greeted).await?;
    let (mut reader, mut writer) = stream.split();
    let sending = async {
        let sent = match drip {
            None => writer.write_all(bytes).await,
            Some(pause) => {
                for byte in bytes {
                    sleep(pause).await;
                    if writer.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                }
                Ok(())
            }
        };
        // A closed connection is a response too.
        drop(sent);
        if close {
            let _ = writer.shutdown().await;
        }
        std::future::pending::<()>().await;
    };
    let hearing = async {
        let mut answer = Vec::new();
        let _ = reader.read_to_end(&mut answer).await;
    };
    tokio::select! {
        () = sending => Ok(()),
        ended = timeout(most, hearing) => {
            ended.map_err(|_| format!("still open after {} s (greeted: {greeted})", most.as_secs()))
        }
    }
}

async fn connect(target: &Target, greeted: bool) -> Result<UnixStream, String> {
    let to_message = |error: io::Error| format!("connect: {error}");
    let mut stream = UnixStream::connect(&target.socket).await.map_err(to_message)?;
    if greeted {
        let hello = codec::encode(&Hello::CURRENT).map_err(|error| error.to_string())?;
        stream.write_all(&framed(&hello)).await.map_err(to_message)?;
        let mut theirs = vec![0; 4 + hello.len()];
        let read = timeout(ANSWER_TIMEOUT, stream.read_exact(&mut theirs)).await;
        read.map_err(|_| "no hello")?.map_err(to_message)?;
    }
    Ok(stream)
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), message].concat()
}

fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|error| error.to_string()))
        .collect()
}

fn valid() -> ExecuteRequest {
    program("python", "print(1)")
}

fn encoded(request: &Request) -> Result<Vec<u8>, String> {
    codec::encode(request).map_err(|error| error.to_string())
}

/// Returns the malformed messages that the cases describe. Integers are little-endian with fixed width.
fn crafted(id: &str) -> Result<Vec<u8>, String> {
    let number = u64::to_le_bytes;
    let text = |text: &str| [&number(text.len() as u64), text.as_bytes()].concat();
    let valid = encoded(&Request::Execute(Box::new(valid())))?;
    let execute = [0; 4];
    Ok(match id {
        "sock-bincode-vec-len" => [&execute[..], &number(0x7fff_ffff_ffff_ffff)].concat(),
        "sock-bincode-nested-vec" => [
            &execute[..],
            &text("python"),
            &number(1),
            &[0],
            &text("print(1)"),
            &number(1),
            &[0; 4],
            &number(0),
            &number(1 << 32),
            &vec![0; 1 << 20],
        ]
        .concat(),
        "sock-bincode-enum-tag" => [&[255, 0, 0, 0], &valid[4..]].concat(),
        "sock-bincode-bad-utf8" => [&execute[..], &number(2), &[0xff, 0xfe]].concat(),
        "sock-bincode-bad-bool" => {
            // The `Option` before the name of the main file.
            let at = 4 + 8 + "python".len() + 8;
            let mut bytes = valid;
            bytes[at] = 2;
            bytes
        }
        "sock-bincode-trailing" => [&valid[..], &[0]].concat(),
        "sock-bincode-varint-overlong" => [&execute[..], &[0xfd, 0, 0, 0, 1, 0, 0, 0, 0]].concat(),
        _ => return Err("unknown frame".to_owned()),
    })
}

fn file_mode(socket: &Path) -> Result<(), String> {
    let look = |path: &Path| path.symlink_metadata().map_err(|error| format!("{}: {error}", path.display()));
    let directory = socket.parent().ok_or("a socket at the root")?;
    let above = directory.parent().ok_or("a socket below the root")?;
    let (file, directory, above) = (look(socket)?, look(directory)?, look(above)?);
    let wrong = !file.file_type().is_socket()
        || file.mode() & 0o777 != 0o660
        || file.uid() != 0
        || directory.mode() & 0o022 != 0
        || directory.uid() != 0
        || (above.mode() & 0o002 != 0 && above.mode() & 0o1000 == 0);
    match wrong {
        false => Ok(()),
        true => Err(format!(
            "socket {:o} of {}, directory {:o} of {}, above {:o}",
            file.mode(),
            file.uid(),
            directory.mode(),
            directory.uid(),
            above.mode()
        )),
    }
}

async fn shutdown_write(target: &Target) -> Result<(), String> {
    let mut stream = connect(target, true).await?;
    let request = framed(&encoded(&Request::Execute(Box::new(valid())))?);
    stream.write_all(&request).await.map_err(|error| error.to_string())?;
    stream.shutdown().await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let read = timeout(ANSWER_TIMEOUT, stream.read_to_end(&mut answer)).await;
    read.map_err(|_| "neither responded nor cancelled")?.map_err(|error| error.to_string())?;
    nothing_runs(target, Duration::from_secs(2)).await
}

async fn nothing_runs(target: &Target, most: Duration) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let left = target.programs().await?;
        if left.is_empty() {
            return Ok(());
        }
        if began.elapsed() > most * DEADLINE_FACTOR {
            return Err(format!("still there: {left:?}"));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Sends many requests and reads no response. They must wait or the connection must end; memory must not grow.
async fn many_frames(count: u64, target: &Target) -> Result<(), String> {
    let mut stream = connect(target, true).await?;
    let request = framed(&encoded(&Request::Execute(Box::new(valid())))?);
    let sending = async {
        for _ in 0..count {
            if stream.write_all(&request).await.is_err() {
                break;
            }
        }
    };
    // Backpressure is correct; then the case ends here.
    let _ = timeout(Duration::from_secs(5), sending).await;
    drop(stream);
    nothing_runs(target, Duration::from_secs(5)).await
}

async fn many_connections(count: u64, target: &Target) -> Result<(), String> {
    let mut open = Vec::new();
    for _ in 0..count {
        match timeout(Duration::from_secs(2), UnixStream::connect(&target.socket)).await {
            Ok(Ok(stream)) => open.push(stream),
            // The listen backlog is full.
            Ok(Err(_)) | Err(_) => break,
        }
    }
    let cpu = cpu_ticks(target.pids[0]);
    sleep(Duration::from_secs(1)).await;
    let spent = cpu_ticks(target.pids[0]).saturating_sub(cpu);
    let files = inventory::open_files(target.pids[0]).unwrap_or(0);
    drop(open);
    // A silent client has five seconds for its hello.
    for _ in 0..200 {
        if target.greet("bash").await.is_ok() {
            // One tick is 10 ms.
            return if spent > 80 {
                Err(format!("{spent} ticks in a second, {files} files"))
            } else {
                Ok(())
            };
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err(format!("no client is served after {count} connections"))
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

async fn execute(target: &Target, request: ExecuteRequest) -> Result<crate::socket::Received, String> {
    let execution = Execution::begin(&target.socket, request).await.map_err(|error| error.to_string())?;
    execution.end().await.map_err(|error| error.to_string())
}

async fn huge_limits(target: &Target) -> Result<(), String> {
    for (change, runs) in [(0, false), (1, true), (2, true)] {
        let mut request = valid();
        match change {
            0 => request.limits.memory = Some(ByteCount(0)),
            1 => (request.limits.wall_time, request.limits.processes) = (Some(Duration::MAX), Some(u32::MAX)),
            _ => {
                request.limits.memory = Some(ByteCount(u64::MAX));
                request.limits.disk = Some(ByteCount(u64::MAX));
                request.limits.open_files = Some(u32::MAX);
                request.limits.cpu_time = Some(Duration::MAX);
                request.limits.output = Some(ByteCount(u64::MAX));
            }
        }
        let received = execute(target, request).await?;
        let modest = received.limits.as_ref().is_none_or(|limits| {
            limits.wall_time <= Duration::from_secs(3600)
                && limits.memory.bytes() <= 64 << 30
                && limits.processes <= 1 << 16
                && limits.open_files <= 1 << 16
        });
        if !modest || matches!(received.last, Some(Event::Finished(_))) != runs {
            return Err(format!("change {change}: {:?} {:?}", received.limits, received.last));
        }
    }
    Ok(())
}

async fn file_names(names: &Value, target: &Target) -> Result<(), String> {
    for name in names.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let mut request = program("python", "import os; print(os.listdir('.'))");
        let content = Vec::new().into();
        request.files.push(protocol::SourceFile { path: Some(name.to_owned()), content });
        let safe = !name.is_empty()
            && name.len() <= 255
            && !name.starts_with(['/', '-', '@'])
            && !name.chars().any(char::is_control)
            && name.split('/').all(|part| !["", ".", ".."].contains(&part));
        // A name that exceeds the frame's field closes the connection, which is a rejection too.
        let ran = execute(target, request)
            .await
            .is_ok_and(|received| matches!(received.last, Some(Event::Finished(_))));
        if ran && !safe {
            return Err(format!("the file name {name:?} was accepted"));
        }
        if safe && !ran {
            return Err(format!("the file name {name:?} was rejected"));
        }
    }
    Ok(())
}

async fn tag_as_path(tag: &str, target: &Target) -> Result<(), String> {
    let before = inventory::cgroups(&target.cgroup);
    let request = ExecuteRequest { client: Some(tag.to_owned()), ..valid() };
    let received = execute(target, request).await?;
    let made: Vec<_> = inventory::cgroups(&target.cgroup).difference(&before).cloned().collect();
    match (received.last, made.is_empty()) {
        (Some(Event::Finished(_)), true) => Ok(()),
        other => Err(format!("{other:?} {made:?}")),
    }
}

async fn end_during_runs(target: &mut Target) -> Result<(), String> {
    const RUNS: usize = 8;
    let mut running = Vec::new();
    for _ in 0..RUNS {
        let request = program("bash", "trap '' TERM; echo up; while :; do sleep 1; done");
        running.push(Execution::begin(&target.socket, request).await.map_err(|error| error.to_string())?);
    }
    running[0].until_written("up\n").await.map_err(|error| error.to_string())?;
    let began = Instant::now();
    let ended = async {
        let daemons = target.daemons.as_mut().ok_or("gone")?;
        daemons.signal_executord(Signal::SIGTERM);
        daemons.wait_for_end().await.map_err(|error| error.to_string())
    };
    let ended = ended.await;
    let took = began.elapsed();
    let answers = join_all(running.into_iter().map(Execution::end)).await;
    let left = nothing_runs(target, Duration::from_secs(1)).await;
    let daemons = target.daemons.as_mut().ok_or("gone")?;
    daemons.restart_executord().await.map_err(|error| error.to_string())?;
    target.pids[0] = daemons.executord_pid();
    left?;
    let status = ended?;
    if !status.success() || took > Duration::from_secs(5) * DEADLINE_FACTOR {
        return Err(format!("{status} after {took:?}"));
    }
    // Each client received `Cancelled`, or its connection was closed.
    drop(answers);
    Ok(())
}

/// Reproducible random numbers: xorshift64*.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    const fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % if bound == 0 { 1 } else { bound }
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}

async fn fuzz(how: &Value, seed: u64, target: &Target) -> Result<(), String> {
    let frames = how["frames"].as_u64().unwrap_or(1);
    let longest = usize::try_from(how["max_len"].as_u64().unwrap_or(4096)).unwrap_or(4096);
    let seed = if seed == 0 { how["seed"].as_u64().unwrap_or(1) } else { seed };
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    // With an unknown language, a valid mutation is rejected and runs no program.
    let base = encoded(&Request::Execute(Box::new(program("no such language", "print(1)"))))?;
    let mutate = how["mutate"].is_string();
    let mut stream = None;
    for _ in 0..frames {
        let message = if mutate {
            let mut message = base.clone();
            for _ in 0..=random.below(8) {
                let at = random.below(message.len());
                match random.below(4) {
                    0 => message[at] ^= 1 << random.below(8),
                    1 => message[at] = random.byte(),
                    2 => drop(message.drain(at..)),
                    _ => message.insert(at, random.byte()),
                }
                if message.is_empty() {
                    message.push(0);
                }
            }
            message
        } else {
            (0..random.below(longest)).map(|_| random.byte()).collect()
        };
        let mut open = match stream.take() {
            Some(open) => open,
            None => connect(target, true).await?,
        };
        if open.write_all(&framed(&message)).await.is_err() {
            continue;
        }
        // Closed, or a response; unexpected input gets neither.
        let mut answer = [0; 4096];
        match timeout(Duration::from_millis(20), open.read(&mut answer)).await {
            Ok(Ok(1..)) | Err(_) => stream = Some(open),
            Ok(Ok(0) | Err(_)) => {}
        }
    }
    Ok(())
}
