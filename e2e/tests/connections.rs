//! Connections to the socket: queueing, cancellation, disconnects, live input, slow clients, malformed frames, and
//! clients without permission.

#![forbid(unsafe_code)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use e2e::daemons::{DEADLINE, Daemons, Settings, binary, eventually};
use e2e::inventory;
use e2e::socket::{Execution, Received, live_program, program};
use protocol::bounds::{MAX_FRAME, MAX_INPUT_CHUNK};
use protocol::codec::{MAGIC, VERSION, encode};
use protocol::{
    ByteCount, Client, ClientError, Event, ExecuteRequest, Hello, LimitsRequest, Outcome, Rejection, Request,
    StageName, Status,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

/// A language that one shell script compiles and runs; its argument is the stage.
const STAGED: &str = r##"
name = "staged"
title = "Staged"
extensions = ["sh"]
file_name = "main.sh"
example = "true"
version = { command = ["bash", "--version"], pattern = "." }
editor = { mode = "shell", line_comment = "#", indent = 4 }
compile = { command = ["bash", "{main}", "compile"] }
run = { command = ["bash", "{main}", "run"] }
self_test = { files = [{ name = "main.sh", content = "true" }], stdout = "" }
"##;

/// Prints that it runs, and waits for a line.
const WAIT_FOR_LINE: &str = "echo ready; read -r line; echo \"$line\"";
/// Longer than any of these tests, so that no program ends because of its limit.
const LONG: LimitsRequest = LimitsRequest {
    wall_time: Some(Duration::from_secs(110)),
    output: Some(ByteCount::mib(4)),
    ..LimitsRequest::NONE
};

async fn start(slots: u32, queue: u32) -> Daemons {
    let languages = vec![("staged", STAGED.to_owned())];
    let settings = Settings { slots, queue, languages, ..Settings::default() };
    Daemons::start(&settings).await.expect("both daemons start")
}

async fn begin(daemons: &Daemons, request: ExecuteRequest) -> Execution {
    let request = ExecuteRequest { limits: LONG, ..request };
    Execution::begin(&daemons.socket(), request).await.expect("executord takes requests")
}

/// Starts an execution, and waits for its position in the queue.
async fn queue(daemons: &Daemons, request: ExecuteRequest) -> Execution {
    let mut execution = begin(daemons, request).await;
    execution.until(|received| !received.positions.is_empty()).await.expect("a position in the queue");
    execution
}

/// Starts an execution, and waits until the program has written this.
async fn run_until(daemons: &Daemons, request: ExecuteRequest, written: &str) -> Execution {
    let mut execution = begin(daemons, request).await;
    execution.until_written(written).await.expect("the program runs");
    execution
}

async fn end(execution: Execution) -> Received {
    execution.end().await.expect("the execution ends")
}

fn line(text: &str) -> Request {
    Request::Input(format!("{text}\n").into())
}

fn outcome(received: Received) -> Outcome {
    match received.last {
        Some(Event::Finished(outcome)) => outcome,
        other => unreachable!("{other:?}"),
    }
}

/// Verifies that nothing runs or is queued, that no process is left, and that the next program runs.
async fn assert_idle(daemons: &Daemons, after: &str) {
    let processes = || inventory::processes(&daemons.uids).expect("/proc is readable");
    let is_idle = || async {
        let status = daemons.status().await;
        (status.running, status.queued) == (0, 0) && processes().is_empty()
    };
    assert!(
        eventually(is_idle).await,
        "{after}: {:?}\n{:?}\n{}",
        processes(),
        daemons.status().await,
        daemons.logs()
    );
    assert_eq!(daemons.status().await.quarantined_uids, 0, "{after}");
    for _ in 0..daemons.status().await.slots {
        let received = end(begin(daemons, program("bash", "echo $((6 * 7))")).await).await;
        assert_eq!(received.stdout, b"42\n", "{after}");
    }
}

#[tokio::test]
async fn queued_clients_get_a_position_and_rejected_ones_a_retry_time() {
    let daemons = start(1, 3).await;
    let mut running = run_until(&daemons, live_program("bash", WAIT_FOR_LINE), "ready\n").await;
    let mut first = queue(&daemons, live_program("bash", WAIT_FOR_LINE)).await;
    let mut second = queue(&daemons, live_program("bash", WAIT_FOR_LINE)).await;
    let third = queue(&daemons, live_program("bash", WAIT_FOR_LINE)).await;
    let positions = [&first, &second, &third].map(|waiting| waiting.received.positions.clone());
    assert_eq!(positions, [[0], [1], [2]]);
    let status = daemons.status().await;
    assert_eq!((status.running, status.queued, status.queue_capacity), (1, 3, 3));

    let received = end(begin(&daemons, program("bash", "true")).await).await;
    let Some(Event::Rejected(Rejection::Busy { retry_after })) = received.last else {
        unreachable!("{received:?}")
    };
    assert!(retry_after >= Duration::from_secs(1), "{retry_after:?}");

    running.send(line("one")).await.expect("the message is sent");
    assert_eq!(end(running).await.stdout, b"ready\none\n");
    first.until_written("ready\n").await.expect("the program starts");
    second.until(|received| received.positions == [1, 0]).await.expect("the position changes");
    // A disconnect makes room for the executions behind it.
    drop(second);
    let mut third = third;
    third.until(|received| received.positions.last() == Some(&0)).await.expect("the position changes");
    first.send(line("two")).await.expect("the message is sent");
    third.until_written("ready\n").await.expect("the program starts");
    third.send(line("three")).await.expect("the message is sent");
    assert_eq!(
        (end(first).await.stdout, end(third).await.stdout),
        (b"ready\ntwo\n".into(), b"ready\nthree\n".into())
    );
    assert_idle(&daemons, "the queue is empty").await;
}

#[tokio::test]
async fn a_full_queue_is_reported_over_http() {
    let daemons = start(1, 0).await;
    let running = run_until(&daemons, live_program("bash", WAIT_FOR_LINE), "ready\n").await;
    let answer =
        daemons.post(&json!({ "language": "python", "code": "print(1)" })).await.expect("a response");
    assert_eq!((answer.status, &answer.json["code"]), (429, &json!("busy")), "{}", answer.json);
    let seconds = answer.json["retry_after"].as_u64().expect("seconds");
    assert!(seconds >= 1);
    assert_eq!(answer.retry_after, Some(Duration::from_secs(seconds)));
    drop(running);
    assert_idle(&daemons, "busy").await;
}

#[tokio::test]
async fn a_flooding_client_does_not_delay_another() {
    let daemons = start(1, 6).await;
    let by =
        |client: &str, request: ExecuteRequest| ExecuteRequest { client: Some(client.to_owned()), ..request };
    let now = || program("bash", "echo $EPOCHREALTIME");
    let mut running = run_until(&daemons, by("flood", live_program("bash", WAIT_FOR_LINE)), "ready\n").await;
    let mut flood = Vec::new();
    for _ in 0..6 {
        flood.push(queue(&daemons, by("flood", now())).await);
    }
    let received = end(begin(&daemons, by("flood", now())).await).await;
    assert!(matches!(received.last, Some(Event::Rejected(Rejection::Busy { .. }))), "{received:?}");

    // The other client replaces the last execution of the flood, and is served next, because the flood is running.
    let quiet = queue(&daemons, by("quiet", now())).await;
    assert_eq!(quiet.received.positions, [0]);
    let received = end(flood.pop().expect("six executions")).await;
    assert!(matches!(received.last, Some(Event::Rejected(Rejection::Busy { .. }))), "{received:?}");

    running.send(line("go")).await.expect("the message is sent");
    end(running).await;
    let mut order = vec![(end(quiet).await.stdout, "quiet")];
    for execution in flood {
        order.push((end(execution).await.stdout, "flood"));
    }
    order.sort();
    let order: Vec<_> = order.into_iter().map(|(_, name)| name).collect();
    assert_eq!(order, ["quiet", "flood", "flood", "flood", "flood", "flood"]);
    assert_idle(&daemons, "the flood is over").await;
}

const ENDLESS_COMPILATION: &str = "echo compiling; sleep 600";

#[tokio::test]
async fn an_execution_can_be_cancelled_at_any_time() {
    let daemons = start(1, 4).await;
    let mut running = run_until(&daemons, program("bash", "echo running; sleep 600"), "running\n").await;
    let mut queued = queue(&daemons, program("bash", "echo never")).await;
    queued.send(Request::Cancel).await.expect("the message is sent");
    let received = end(queued).await;
    assert_eq!((received.begun.len(), received.stdout.len()), (0, 0));
    let Outcome { compile, runs, .. } = outcome(received);
    assert_eq!((compile, runs), (None, Vec::new()));

    running.send(Request::Cancel).await.expect("the message is sent");
    let Outcome { compile, runs, .. } = outcome(end(running).await);
    assert_eq!((compile, runs.len(), &runs[0].status), (None, 1, &Status::Cancelled));
    assert_idle(&daemons, "cancelled while running").await;

    let mut compiling = run_until(&daemons, program("staged", ENDLESS_COMPILATION), "compiling\n").await;
    compiling.send(Request::Cancel).await.expect("the message is sent");
    let Outcome { compile, runs, .. } = outcome(end(compiling).await);
    assert_eq!((compile.map(|stage| stage.status), runs), (Some(Status::Cancelled), Vec::new()));
    assert_idle(&daemons, "cancelled while compiling").await;

    // In the second of three runs: the first is reported, and the third does not start.
    let mut several = program("bash", "echo \"$1\"; [ \"$1\" = first ] || sleep 600");
    several.runs = ["first", "second", "third"]
        .map(|arg| protocol::RunRequest { args: vec![arg.to_owned()], ..Default::default() })
        .into();
    let mut execution = run_until(&daemons, several, "second\n").await;
    execution.send(Request::Cancel).await.expect("the message is sent");
    let Outcome { runs, .. } = outcome(end(execution).await);
    let statuses: Vec<_> = runs.into_iter().map(|run| run.status).collect();
    assert_eq!(statuses, [Status::Exited(0), Status::Cancelled]);

    // A second and a late cancel have no additional effect.
    let mut backpressured = run_until(
        &daemons,
        program("bash", "trap '' TERM; echo stuck; while :; do sleep 600; done"),
        "stuck\n",
    )
    .await;
    backpressured.send(Request::Cancel).await.expect("the message is sent");
    backpressured.send(Request::Cancel).await.expect("the message is sent");
    let (received, mut client) = backpressured.end_and_keep().await.expect("the execution ends");
    assert_eq!(received.status(StageName::Run(0)), Some(&Status::Cancelled));
    client.send(Request::Cancel).await.expect("the message is sent");
    client.send(Request::Status).await.expect("the message is sent");
    assert!(matches!(client.event().await, Ok(Event::Status(_))));
    assert_idle(&daemons, "cancelled twice").await;
}

#[tokio::test]
async fn cancel_is_read_behind_unread_input() {
    let daemons = start(1, 4).await;
    let mut backpressured =
        run_until(&daemons, live_program("bash", "echo stuck; sleep 600"), "stuck\n").await;
    backpressured
        .send(Request::Input(vec![b'x'; MAX_INPUT_CHUNK].into()))
        .await
        .expect("the message is sent");
    for request in [line("and more"), Request::EndOfInput, Request::Cancel] {
        backpressured.send(request).await.expect("the message is sent");
    }
    assert_eq!(end(backpressured).await.status(StageName::Run(0)), Some(&Status::Cancelled));

    // Input sent while queued is kept for the program; a cancel behind it takes effect at once.
    let running = run_until(&daemons, program("bash", "echo running; sleep 600"), "running\n").await;
    let mut early = queue(&daemons, live_program("bash", "cat")).await;
    let mut cancelled = queue(&daemons, live_program("bash", "cat")).await;
    early.send(line("early")).await.expect("the message is sent");
    early.send(Request::EndOfInput).await.expect("the message is sent");
    cancelled.send(line("never")).await.expect("the message is sent");
    cancelled.send(Request::Cancel).await.expect("the message is sent");
    assert_eq!(outcome(end(cancelled).await).runs, []);
    drop(running);
    assert_eq!(end(early).await.stdout, b"early\n");
    assert_idle(&daemons, "cancelled behind input").await;
}

#[tokio::test]
async fn a_disconnect_ends_an_execution_at_any_time() {
    let daemons = start(1, 4).await;
    let leaves_children = "setsid sleep 600 & trap '' TERM; echo running; while :; do sleep 600; done";
    let running = run_until(&daemons, program("bash", leaves_children), "running\n").await;
    let queued = queue(&daemons, program("bash", "echo never")).await;
    assert_eq!(daemons.status().await.queued, 1);
    drop(queued);
    assert!(eventually(|| async { daemons.status().await.queued == 0 }).await);
    assert_eq!(daemons.status().await.running, 1);
    drop(running);
    assert_idle(&daemons, "disconnected while running").await;

    drop(run_until(&daemons, program("staged", ENDLESS_COMPILATION), "compiling\n").await);
    assert_idle(&daemons, "disconnected while compiling").await;

    // While the program writes and the client does not read.
    let endless = program("python", "import os\nwhile True: os.write(1, b'x' * 65536)");
    drop(run_until(&daemons, endless, "x").await);
    assert_idle(&daemons, "disconnected while it writes").await;

    // Before the first event.
    for code in ["true", "sleep 600"] {
        for _ in 0..20 {
            drop(begin(&daemons, program("bash", code)).await);
        }
    }
    assert_idle(&daemons, "disconnected at once").await;

    // While it is sent more than it reads, so that the daemon has stopped reading.
    let mut backpressured =
        run_until(&daemons, live_program("bash", "echo stuck; sleep 600"), "stuck\n").await;
    let chunk = Request::Input(vec![0; MAX_INPUT_CHUNK].into());
    let mut sent = 0;
    while timeout(Duration::from_millis(500), backpressured.send(chunk.clone())).await.is_ok() {
        sent += 1;
        assert!(sent < 32, "the daemon takes input without end");
    }
    drop(backpressured);
    assert_idle(&daemons, "disconnected while it takes no input").await;

    // The same over HTTP.
    let body = json!({ "language": "bash", "code": "sleep 600", "limits": { "wall_ms": 110_000 } });
    let url = daemons.url("/api/execute");
    let post = tokio::spawn(async move { e2e::http::post(&url, &body, DEADLINE).await });
    assert!(eventually(|| async { daemons.status().await.running == 1 }).await);
    post.abort();
    assert_idle(&daemons, "an HTTP client disconnected").await;
}

#[tokio::test]
async fn input_reaches_a_program_immediately() {
    let daemons = start(1, 4).await;
    let echo = "import sys\nprint('ready', flush=True)\nfor line in sys.stdin: print('got', line.strip(), flush=True)\nprint('end')";
    let mut execution = run_until(&daemons, live_program("python", echo), "ready\n").await;
    for number in 0..5 {
        execution.send(line(&format!("line {number}"))).await.expect("the message is sent");
        execution.until_written(&format!("got line {number}\n")).await.expect("the program responds");
    }
    for piece in ["in ", "three ", "pieces\nand ", "more\nno end"] {
        execution.send(Request::Input(piece.to_owned().into())).await.expect("the message is sent");
    }
    execution.until_written("got in three pieces\ngot and more\n").await.expect("the program responds");
    execution.send(Request::EndOfInput).await.expect("the message is sent");
    let received = end(execution).await;
    assert!(
        received.stdout.ends_with(b"got no end\nend\n"),
        "{:?}",
        String::from_utf8_lossy(&received.stdout)
    );
    assert_eq!(received.status(StageName::Run(0)), Some(&Status::Exited(0)));

    // Input during compilation is kept for the program.
    let mut execution =
        begin(&daemons, live_program("staged", "[ $1 = compile ] || { echo start; cat; }")).await;
    execution.until(|received| received.id.is_some()).await.expect("the execution starts");
    for request in [line("early"), line("bird"), Request::EndOfInput] {
        execution.send(request).await.expect("the message is sent");
    }
    assert_eq!(end(execution).await.stdout, b"start\nearly\nbird\n");

    // A large input reaches a slow program completely.
    let counts = "import sys, time\nprint('ready', flush=True)\ntotal = 0\nwhile piece := sys.stdin.buffer.read1(1 << 16):\n    \
                  total += len(piece)\n    time.sleep(0.001)\nprint(total)";
    let mut execution = run_until(&daemons, live_program("python", counts), "ready\n").await;
    for _ in 0..8 {
        execution.send(Request::Input(vec![7; MAX_INPUT_CHUNK].into())).await.expect("the message is sent");
    }
    execution.send(Request::EndOfInput).await.expect("the message is sent");
    assert_eq!(end(execution).await.stdout, format!("ready\n{}\n", 8 * MAX_INPUT_CHUNK).as_bytes());

    // Input for a program that reads none, or that has ended, does no harm.
    let mut execution = begin(&daemons, program("bash", "echo ready; cat; sleep 0.2; echo done")).await;
    for _ in 0..10 {
        execution.send(line("unasked")).await.expect("the message is sent");
    }
    assert_eq!(end(execution).await.stdout, b"ready\ndone\n");
    let mut execution =
        run_until(&daemons, live_program("bash", "exec 0<&-; echo closed; sleep 0.2; echo done"), "closed\n")
            .await;
    for _ in 0..10 {
        execution.send(line("nobody reads")).await.expect("the message is sent");
    }
    assert_eq!(end(execution).await.stdout, b"closed\ndone\n");
    assert_idle(&daemons, "input").await;
}

/// Returns the number of bytes that programs have written so far.
fn written(daemons: &Daemons) -> u64 {
    let processes = inventory::processes(&daemons.uids).expect("/proc is readable");
    processes
        .iter()
        .filter_map(|process| {
            let counters = fs::read_to_string(format!("/proc/{}/io", process.pid)).ok()?;
            counters.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse::<u64>().ok())
        })
        .sum()
}

/// Waits until programs have written something, and then nothing for half a second. Returns the number of bytes.
async fn stalled(daemons: &Daemons) -> u64 {
    let (mut last, mut unchanged) = (0, 0);
    for _ in 0..600 {
        sleep(Duration::from_millis(50)).await;
        let now = written(daemons);
        unchanged = if now == last && now > 0 { unchanged + 1 } else { 0 };
        last = now;
        if unchanged == 10 {
            return now;
        }
    }
    unreachable!("it continues writing: {last} bytes\n{}", daemons.logs())
}

#[tokio::test]
async fn a_slow_client_slows_its_program_and_not_the_daemon() {
    let daemons = start(2, 4).await;
    let total = 4 * 1024 * 1024;
    let code = format!("import os\nfor _ in range({}): os.write(1, b'x' * 65536)", total / 65536);
    // One-time allocations do not count.
    assert_eq!(end(begin(&daemons, program("python", code.clone())).await).await.stdout.len(), total);
    let memory = || inventory::resident_bytes(daemons.executord_pid()).expect("executord runs");
    let before = memory();
    let slow = begin(&daemons, program("python", code.clone())).await;
    let so_far = stalled(&daemons).await;
    assert!(so_far < 2 * 1024 * 1024, "{so_far} bytes were read from a program whose client reads nothing");
    assert!(memory() < before + 8 * 1024 * 1024, "from {before} to {}", memory());
    // Other executions do not wait for it.
    assert_eq!(end(begin(&daemons, program("bash", "echo other")).await).await.stdout, b"other\n");
    // No output is lost.
    let received = end(slow).await;
    assert_eq!(received.stdout, vec![b'x'; total]);
    assert_eq!(received.status(StageName::Run(0)), Some(&Status::Exited(0)));

    // A client that never reads, and disconnects.
    let slow = begin(&daemons, program("python", code)).await;
    stalled(&daemons).await;
    drop(slow);
    assert_idle(&daemons, "a slow client disconnected").await;
}

#[tokio::test]
async fn a_connection_serves_several_executions() {
    let daemons = start(1, 4).await;
    let mut client = Client::connect(&daemons.socket()).await.expect("executord accepts the connection");
    for number in 0..10 {
        let request = match number % 5 {
            0 => program("bash", format!("echo {number}")),
            1 => program("python", format!("print({number})")),
            2 => program("staged", format!("[ $1 = compile ] || echo {number}")),
            3 => program("no such language", ""),
            _ => live_program("bash", format!("read -r line; echo {number}")),
        };
        let mut execution = Execution::begin_on(client, request).await.expect("executord takes requests");
        if number % 5 == 4 {
            execution.send(line("")).await.expect("the message is sent");
        }
        let (received, kept) = execution.end_and_keep().await.expect("the execution ends");
        match received.last {
            Some(Event::Rejected(rejection)) => {
                assert_eq!((rejection, number % 5), (Rejection::UnknownLanguage, 3))
            }
            Some(Event::Finished(_)) => assert_eq!(received.stdout, format!("{number}\n").as_bytes()),
            other => unreachable!("{other:?}"),
        }
        client = kept;
        // A late message for the last execution does not affect the next one.
        for request in [line("late"), Request::EndOfInput, Request::Cancel, Request::Languages] {
            client.send(request).await.expect("the message is sent");
        }
        assert!(matches!(client.event().await, Ok(Event::Languages(_))));
    }
    drop(client);
    assert_idle(&daemons, "one after the other").await;
}

fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short");
    [&length.to_be_bytes()[..], message].concat()
}

fn hello(magic: [u8; 8], version: u16) -> Vec<u8> {
    frame(&encode(&Hello { magic, version }).expect("short"))
}

async fn connect(daemons: &Daemons) -> UnixStream {
    UnixStream::connect(daemons.socket()).await.expect("executord accepts the connection")
}

/// Opens a connection and exchanges hellos.
async fn greeted(daemons: &Daemons) -> UnixStream {
    let mut stream = connect(daemons).await;
    let ours = hello(MAGIC, VERSION);
    stream.write_all(&ours).await.expect("the message is sent");
    let mut theirs = vec![0; ours.len()];
    stream.read_exact(&mut theirs).await.expect("the program responds");
    assert_eq!(theirs, ours);
    stream
}

/// Reads until the daemon closes the connection.
async fn until_closed(stream: &mut UnixStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset closes the connection too; it means that data was not read.
    let _ = timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("the connection is closed");
    rest
}

#[tokio::test]
async fn a_malformed_frame_closes_its_connection_only() {
    let daemons = start(2, 4).await;
    let status = encode(&Request::Status).expect("short");
    let execute = encode(&Request::Execute(Box::new(program("bash", "sleep 600")))).expect("short");
    let files = |pid| inventory::open_files(pid).expect("the program runs");
    let pid = daemons.executord_pid();
    end(begin(&daemons, program("bash", "true")).await).await;
    let (memory, open_files) = (inventory::resident_bytes(pid).expect("the program runs"), files(pid));

    let ours = hello(MAGIC, VERSION);
    for (name, sent, answered) in [
        ("garbage", vec![b'x'; 1000], false),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), false),
        ("a long first frame", frame(&[0; 1000]), false),
        ("an empty hello", frame(&[]), false),
        ("half a hello", frame(b"ex"), false),
        ("a hello and a byte", frame(&[&encode(&Hello::CURRENT).expect("short")[..], &[0]].concat()), false),
        ("another magic", hello(*b"executer", VERSION), false),
        ("a request in place of a hello", frame(&status), false),
        ("another version", hello(MAGIC, VERSION + 1), true),
        ("version 0", hello(MAGIC, 0), true),
    ] {
        let mut stream = connect(&daemons).await;
        stream.write_all(&sent).await.expect("the message is sent");
        let answer = until_closed(&mut stream).await;
        assert_eq!(answer, if answered { ours.clone() } else { Vec::new() }, "{name}");
    }
    // A silent connection is closed after a while, and half a hello does not extend that time.
    for said in [&[][..], &ours[..7]] {
        let mut stream = connect(&daemons).await;
        stream.write_all(said).await.expect("the message is sent");
        assert_eq!(until_closed(&mut stream).await, b"");
    }

    let trailing = [&status[..], &[0]].concat();
    let huge = 1_u64 << 60;
    for (name, sent, closes) in [
        ("garbage", vec![b'x'; 100_000], false),
        ("the longest length", u32::MAX.to_be_bytes().to_vec(), false),
        (
            "a length beyond the bound",
            u32::try_from(MAX_FRAME + 1).expect("small").to_be_bytes().to_vec(),
            false,
        ),
        ("an empty frame", frame(&[]), false),
        ("an unknown request", frame(&[0xff; 4]), false),
        ("a byte too many", frame(&trailing), false),
        ("a byte too few", frame(&execute[..execute.len() - 1]), false),
        ("a forged length of a name", frame(&[&[0; 4][..], &huge.to_le_bytes()].concat()), false),
        ("a forged length of input", frame(&[&1_u32.to_le_bytes()[..], &huge.to_le_bytes()].concat()), false),
        ("not UTF-8", frame(&[&[0; 4][..], &2_u64.to_le_bytes(), &[0xff; 2], &[0; 40]].concat()), false),
        ("a second hello", ours.clone(), false),
        ("half a length and an end", vec![0, 0], true),
        ("half a frame and an end", frame(&execute)[..20].to_vec(), true),
        ("no frame and an end", Vec::new(), true),
    ] {
        let mut stream = greeted(&daemons).await;
        stream.write_all(&sent).await.expect("the message is sent");
        if closes {
            stream.shutdown().await.expect("it exists");
        }
        assert_eq!(until_closed(&mut stream).await, b"", "{name}");
    }
    assert!(eventually(|| async { daemons.status().await.running == 0 }).await);

    // During an execution, this also ends the execution.
    for (name, sent) in
        [("garbage", vec![b'x'; 1000]), ("another execution", frame(&execute)), ("status", frame(&status))]
    {
        let mut stream = greeted(&daemons).await;
        stream.write_all(&frame(&execute)).await.expect("the message is sent");
        assert!(
            eventually(|| async { !inventory::processes(&daemons.uids).expect("/proc").is_empty() }).await,
            "{name}"
        );
        stream.write_all(&sent).await.expect("the message is sent");
        until_closed(&mut stream).await;
        assert_idle(&daemons, name).await;
    }
    assert!(
        eventually(|| async { files(pid) <= open_files + 4 }).await,
        "{} open files were {open_files}",
        files(pid)
    );
    let grown = inventory::resident_bytes(pid).expect("the program runs").saturating_sub(memory);
    assert!(grown < 16 * 1024 * 1024, "memory grew by {grown} bytes");
}

/// Runs `executor status` as another user.
fn ask_as(user: &str, group: &str, client: &Path, socket: &Path) -> Output {
    Command::new("setpriv")
        .args([&format!("--reuid={user}"), &format!("--regid={group}")])
        .args(["--clear-groups", "--"])
        .arg(client)
        .arg("--socket")
        .arg(socket)
        .arg("status")
        .output()
        .expect("setpriv is there")
}

#[tokio::test]
async fn only_root_webd_and_the_group_may_connect() {
    let daemons = start(1, 4).await;
    let client = daemons.directory().join("executor");
    fs::copy(binary("executor").expect("the binary is built"), &client).expect("a temporary directory");
    let message = |output: &Output| {
        String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
    };
    let ask = |user: &str, group: &str| ask_as(user, group, &client, &daemons.socket());
    let of_the_range = daemons.uids.start().to_string();

    for (user, group) in [("root", "root"), ("daemon", "nogroup"), ("nobody", "nogroup")] {
        let output = ask(user, group);
        assert!(output.status.success(), "{user}: {}", message(&output));
    }
    // Other users cannot open the socket.
    for (user, group) in [("daemon", "daemon"), ("65533", "65533"), (&of_the_range, &of_the_range)] {
        let output = ask(user, group);
        assert!(!output.status.success(), "{user}");
        assert!(message(&output).contains("you may not connect"), "{user}: {}", message(&output));
    }
    // If the socket were open to all, the daemon would reject them with a message.
    fs::set_permissions(daemons.runtime_directory(), Permissions::from_mode(0o755)).expect("a writable file");
    fs::set_permissions(daemons.socket(), Permissions::from_mode(0o666)).expect("a writable file");
    let not_a_member = "only root, nobody and members of the group nogroup may request executions";
    let run = "sandboxed programs may not request executions";
    for (user, group, said) in [
        ("daemon", "daemon", not_a_member),
        ("65533", "65533", not_a_member),
        (&of_the_range, &of_the_range, run),
        // Even as a member of the group.
        (&of_the_range, "nogroup", run),
    ] {
        let output = ask(user, group);
        assert!(!output.status.success(), "{user}");
        assert!(message(&output).contains(said), "{user}: {}", message(&output));
    }
    // The daemon closes the connection after the rejection.
    assert!(ask("nobody", "nogroup").status.success());
    let received = end(begin(&daemons, program("bash", "id -u")).await).await;
    assert_eq!(received.status(StageName::Run(0)), Some(&Status::Exited(0)));
    assert!(matches!(
        Client::connect(&daemons.directory().join("nothing")).await,
        Err(ClientError::Connect { .. })
    ));
}
