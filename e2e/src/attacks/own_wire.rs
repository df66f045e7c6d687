//! Attacks of this repository that are not programs: by local users who see the socket, and by an attacker in control of
//! webd.

use std::io::{IoSlice, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use protocol::{Event, Request, codec};

use super::http_attacks::Sink;
use super::target::{SECRET, Target};
use crate::inventory;
use crate::socket::{Execution, program};

/// An unused uid and gid.
const STRANGER: u32 = 0x7abc_def0;

/// Runs the attacks.
pub async fn run(target: &mut Target, sink: &mut Sink<'_>) {
    for (id, class) in [
        ("own-sock-stranger", "c/who-may-ask"),
        ("own-sock-program-user", "c/who-may-ask"),
        ("own-sock-descriptors", "c/descriptors"),
        ("own-sock-daemons-proc", "c/daemons-proc"),
        ("own-sock-cancel-others", "b/other-requests"),
        ("own-sock-hang-up", "b/other-requests"),
        ("own-sock-out-of-turn", "b/bounds"),
    ] {
        if !sink.selects(id, class, Duration::ZERO) {
            continue;
        }
        let began = Instant::now();
        let answer = match id {
            "own-sock-stranger" => connect_as(target, STRANGER, STRANGER),
            "own-sock-program-user" => connect_as(target, *target.uids.end(), group_of(target)),
            "own-sock-descriptors" => send_descriptors(target).await,
            "own-sock-daemons-proc" => daemons_proc(target),
            "own-sock-cancel-others" => cancel_others(target).await,
            "own-sock-hang-up" => disconnect(target).await,
            _ => second_request(target).await,
        };
        let mut failures: Vec<_> = answer.err().into_iter().collect();
        failures.extend(target.is_alive().err());
        failures.extend(target.greet("bash").await.err());
        sink.end(id, began, failures);
    }
}

/// Returns the group that may use the socket.
fn group_of(target: &Target) -> u32 {
    target.socket.metadata().map_or(STRANGER, |metadata| metadata.gid())
}

/// Connects as another user: the file system or the daemon must refuse it.
fn connect_as(target: &Target, uid: u32, gid: u32) -> Result<(), String> {
    const SCRIPT: &str = r"
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
try:
    s.connect(sys.argv[1])
except PermissionError:
    sys.exit('kept out')
data = b''
# executord may have closed the connection before it received the request.
try: s.sendall(bytes.fromhex(sys.argv[2]))
except OSError: pass
try:
    while more := s.recv(4096): data += more
except OSError: pass
print(data)
";
    let frames = [codec::encode(&codec::Hello::CURRENT), codec::encode(&Request::Status)];
    let mut asked = String::new();
    for frame in frames {
        let frame = frame.map_err(|error| error.to_string())?;
        let length = u32::try_from(frame.len()).unwrap_or(0).to_be_bytes();
        asked.extend(length.iter().chain(frame.iter()).map(|byte| format!("{byte:02x}")));
    }
    let output = Command::new("python3")
        .args(["-c", SCRIPT])
        .arg(&target.socket)
        .arg(asked)
        .current_dir("/")
        .uid(uid)
        .gid(gid)
        .output()
        .map_err(|error| format!("python3: {error}"))?;
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if said.contains("kept out")
        || said.contains("may request executions")
        || said.contains("may not request executions")
    {
        Ok(())
    } else {
        Err(format!("user {uid} of group {gid} received {said:.300}"))
    }
}

/// Passed file descriptors must not stay open in the daemon.
async fn send_descriptors(target: &Target) -> Result<(), String> {
    let before = inventory::open_files(target.pids[0]).map_err(|error| error.to_string())?;
    let null = std::fs::File::open("/dev/null").map_err(|error| error.to_string())?;
    let hello = codec::encode(&codec::Hello::CURRENT).map_err(|error| error.to_string())?;
    let length = u32::try_from(hello.len()).unwrap_or(0).to_be_bytes();
    let rights = [null.as_raw_fd(); 200];
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut stream = UnixStream::connect(&target.socket).map_err(|error| error.to_string())?;
        let control = [ControlMessage::ScmRights(&rights)];
        let sent =
            sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(&length)], &control, MsgFlags::empty(), None);
        sent.map_err(|error| format!("send descriptors: {error}"))?;
        stream.write_all(&hello).map_err(|error| error.to_string())?;
        open.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let now = inventory::open_files(target.pids[0]).map_err(|error| error.to_string())?;
    // The daemon may have only its ends of the twenty connections open.
    if now > before + 40 { Err(format!("{before} files before, {now} now")) } else { Ok(()) }
}

/// Reads what a local user can see of the daemons in /proc.
fn daemons_proc(target: &Target) -> Result<(), String> {
    for pid in target.pids {
        let command_line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if command_line.contains(SECRET.1) {
            return Err(format!("the arguments of {pid} contain a secret"));
        }
        for name in ["environ", "maps", "mem", "fd/0", "root/etc/shadow", "cwd/executord.toml"] {
            let path = format!("/proc/{pid}/{name}");
            let read = Command::new("head").args(["-c", "100", &path]).uid(STRANGER).gid(STRANGER).output();
            let read = read.map_err(|error| format!("head: {error}"))?;
            if read.status.success() && !read.stdout.is_empty() {
                return Err(format!("{path} is readable by all users"));
            }
        }
    }
    Ok(())
}

/// Cancel on one connection must not affect another.
async fn cancel_others(target: &Target) -> Result<(), String> {
    let to_message = |error: protocol::ClientError| error.to_string();
    let mut theirs = Execution::begin(&target.socket, program("bash", "echo up; sleep 1; echo done"))
        .await
        .map_err(to_message)?;
    theirs.until_written("up\n").await.map_err(to_message)?;
    let mut ours = protocol::Client::connect(&target.socket).await.map_err(to_message)?;
    for _ in 0..100 {
        ours.send(Request::Cancel).await.map_err(to_message)?;
        ours.send(Request::Input("forged".into())).await.map_err(to_message)?;
    }
    let received = theirs.end().await.map_err(to_message)?;
    if received.stdout == b"up\ndone\n" {
        Ok(())
    } else {
        Err(format!("the other execution: {:?}", received.last))
    }
}

/// A disconnect must end its own program only.
async fn disconnect(target: &Target) -> Result<(), String> {
    let to_message = |error: protocol::ClientError| error.to_string();
    let begin = async || {
        let code = "trap '' TERM HUP INT; echo up; for i in 1 2 3; do sleep 0.5; done; echo done";
        let mut execution =
            Execution::begin(&target.socket, program("bash", code)).await.map_err(to_message)?;
        execution.until_written("up\n").await.map_err(to_message)?;
        Ok::<_, String>(execution)
    };
    let (stays, goes) = (begin().await?, begin().await?);
    drop(goes);
    let received = stays.end().await.map_err(to_message)?;
    if received.stdout == b"up\ndone\n" {
        Ok(())
    } else {
        Err(format!("the remaining connection: {:?}", received.last))
    }
}

/// A second request before the end of the first must wait, or end the connection and the program.
async fn second_request(target: &Target) -> Result<(), String> {
    let to_message = |error: protocol::ClientError| error.to_string();
    let mut first =
        Execution::begin(&target.socket, program("bash", "echo up; sleep 1")).await.map_err(to_message)?;
    first.until_written("up\n").await.map_err(to_message)?;
    let second = program("bash", "echo second");
    first.send(Request::Execute(Box::new(second))).await.map_err(to_message)?;
    match first.end().await {
        Err(_) => Ok(()),
        Ok(received) if matches!(received.last, Some(Event::Finished(_))) && received.stdout == b"up\n" => {
            Ok(())
        }
        Ok(received) => Err(format!("{:?}", received.last)),
    }
}
