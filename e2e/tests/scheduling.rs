//! Scheduling: which executions run concurrently, and in which order clients are served.

#![forbid(unsafe_code)]

use std::time::Duration;

use e2e::answer::most_at_one_time;
use e2e::daemons::{Daemons, Settings, eventually};
use e2e::socket::{Execution, live_program, program};
use futures_util::future::join_all;
use protocol::{Clock, Event, ExecuteRequest, LimitsRequest, Request, RunRequest, StageName, Status};
use serde_json::{Value, json};

/// Prints that it runs, and waits for a line.
const WAITS: &str = "echo ready; read -r line";
/// Longer than any of these tests.
const LONG: LimitsRequest =
    LimitsRequest { wall_time: Some(Duration::from_secs(110)), ..LimitsRequest::NONE };

async fn start(settings: Settings) -> Daemons {
    Daemons::start(&settings).await.expect("both daemons start")
}

/// Two slots, and executord's default for everything else.
fn production() -> Settings {
    Settings { slots: 2, max_executions: Some(0), ..Settings::default() }
}

async fn begin(daemons: &Daemons, request: ExecuteRequest) -> Execution {
    Execution::begin(&daemons.socket(), request).await.expect("executord takes requests")
}

/// Starts a session that waits for input.
async fn waiting_session(daemons: &Daemons) -> Execution {
    let request = ExecuteRequest { limits: LONG, ..live_program("bash", WAITS) };
    let mut session = begin(daemons, request).await;
    session.until_written("ready\n").await.expect("the program runs");
    session
}

#[tokio::test]
async fn sessions_that_wait_for_input_block_nobody() {
    let daemons = start(production()).await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(waiting_session(&daemons).await);
        let answer = daemons.execute(&json!({ "language": "bash", "code": "echo hello" })).await;
        assert_eq!(answer["stdout"], "hello\n", "{answer}");
    }
    let status = daemons.status().await;
    assert_eq!((status.slots, status.max_executions), (2, 32));
    let are_idle = || async {
        let status = daemons.status().await;
        (status.running, status.idle) == (4, 4)
    };
    assert!(eventually(are_idle).await, "{:?}", daemons.status().await);
}

/// Prints when it begins and ends to sleep.
const SLEEPS: &str = "echo $EPOCHREALTIME; sleep 1; echo $EPOCHREALTIME";

/// Prints when it begins and ends to use half a second of CPU time.
const COMPUTES: &str = "import time
print(time.time())
while time.process_time() < 0.5:
    pass
print(time.time())";

/// Returns the two times that a program printed, in seconds.
fn interval(answer: &Value) -> (f64, f64) {
    let text = answer["stdout"].as_str().unwrap_or_default();
    let times: Vec<f64> = text.lines().filter_map(|line| line.parse().ok()).collect();
    let [begin, end] = times[..] else { unreachable!("{answer}") };
    (begin, end)
}

#[tokio::test]
async fn programs_that_sleep_run_at_the_same_time() {
    const SLEEPERS: usize = 16;
    let daemons = start(production()).await;
    let request = json!({ "language": "bash", "code": SLEEPS });
    let answers = join_all((0..SLEEPERS).map(|_| daemons.execute(&request))).await;
    let intervals: Vec<_> = answers.iter().map(interval).collect();
    // More than there are slots. On a busy host, some end before others begin.
    assert!(most_at_one_time(&intervals) > 2, "{intervals:?}");
}

#[tokio::test]
async fn programs_that_compute_run_one_after_the_other() {
    const PROGRAMS: usize = 4;
    let daemons = start(Settings { slots: 1, ..production() }).await;
    let request = json!({ "language": "python", "code": COMPUTES });
    daemons.execute(&request).await;
    let answers = join_all((0..PROGRAMS).map(|_| daemons.execute(&request))).await;
    let mut periods: Vec<_> = answers.iter().map(interval).collect();
    periods.sort_by(|one, other| one.0.total_cmp(&other.0));
    let overlaps = periods.windows(2).filter(|pair| pair[1].0 < pair[0].1).count();
    // One may start early, while another waits for the disk.
    assert!(overlaps <= 1, "{periods:?}");
}

#[tokio::test]
async fn sessions_leave_room_for_programs_without_live_input() {
    let settings = Settings { max_executions: Some(4), ..production() };
    let daemons = start(Settings { more: "max_interactive = 3".to_owned(), ..settings }).await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(waiting_session(&daemons).await);
    }
    let mut another = begin(&daemons, live_program("bash", WAITS)).await;
    another.until(|received| received.positions == [0]).await.expect("a position in the queue");
    let answer = daemons.execute(&json!({ "language": "bash", "code": "echo hello" })).await;
    assert_eq!(answer["stdout"], "hello\n", "{answer}");
    drop(sessions.pop());
    another.until_written("ready\n").await.expect("the program runs");
}

#[tokio::test]
async fn a_request_with_many_runs_gives_way_between_them() {
    let daemons = start(Settings { slots: 1, ..Settings::default() }).await;
    let runs = vec![RunRequest::default(); 20];
    let mut many = begin(&daemons, ExecuteRequest { runs, ..program("bash", "sleep 0.2; echo run") }).await;
    many.until_written("run\n").await.expect("the program runs");
    let received = begin(&daemons, program("bash", "echo between")).await.end().await.expect("it ends");
    assert_eq!(received.stdout, b"between\n");
    // The cleanup of the program counts as running, too.
    assert!(
        eventually(|| async { daemons.status().await.running == 1 }).await,
        "the other request has ended already"
    );
    let received = many.end().await.expect("it ends");
    assert!(received.stages.iter().all(|report| report.status == Status::Exited(0)), "{received:?}");
    assert_eq!((received.stages.len(), received.stdout.len()), (20, 80));
}

#[tokio::test]
async fn the_wall_clock_time_of_a_request_is_bounded() {
    let more = "[limits]\nrequest_wall_time = \"3s\"\n[limits.maximum]\nwall_time = \"2s\"";
    let daemons = start(Settings { slots: 1, more: more.to_owned(), ..Settings::default() }).await;
    let runs = vec![RunRequest::default(); 8];
    let execution = begin(&daemons, ExecuteRequest { runs, ..program("bash", "sleep 600") }).await;
    let received = execution.end().await.expect("it ends");
    let Some(Event::Finished(outcome)) = &received.last else { unreachable!("{received:?}") };
    assert_eq!(outcome.runs.len(), 8, "{outcome:?}");
    for (number, report) in (0..).zip(&outcome.runs) {
        assert_eq!(report.stage, StageName::Run(number));
        let is_timeout = matches!(report.status, Status::TimedOut { clock: Clock::Wall, .. });
        assert!(is_timeout, "{report:?}");
    }
    // The first two use up the time of the request: one its own maximum, the other the rest.
    assert!(outcome.runs[2..].iter().all(|run| run.usage.wall_time == Duration::ZERO), "{outcome:?}");
}

#[tokio::test]
async fn many_addresses_of_one_network_take_the_turns_of_one() {
    let daemons = start(Settings { slots: 1, ..Settings::default() }).await;
    let from = |network: &str, address: String| ExecuteRequest {
        client: Some(address),
        client_networks: vec![network.to_owned()],
        limits: LONG,
        ..program("bash", "sleep 0.2")
    };
    let mut flood = Vec::new();
    for address in 0..30 {
        flood.push(begin(&daemons, from("10.0.0.0/24", format!("10.0.0.{address}"))).await);
    }
    assert!(eventually(|| async { daemons.status().await.queued > 20 }).await);
    let mut victim = begin(&daemons, from("192.0.2.0/24", "192.0.2.1".to_owned())).await;
    let received = victim.until(|received| !received.positions.is_empty()).await.expect("a position");
    assert_eq!(received.positions, [0], "the flood is served first");
    victim.end().await.expect("it ends");
    assert!(daemons.status().await.queued > 10, "the flood has been served first");
}

/// A Python program that fills 190 MiB, one after the other, and holds it for a while.
const FILLS_MEMORY: &str = "import time
memory = []
for _ in range(190):
    memory.append(bytearray(b'x') * (1 << 20))
    time.sleep(0.005)
time.sleep(2)
print('kept')";

#[tokio::test]
async fn programs_that_together_use_too_much_memory_harm_no_other() {
    const PROGRAMS: u32 = 12;
    let more = "memory = \"1GiB\"\n".to_owned();
    let settings = Settings { slots: 4, max_executions: Some(PROGRAMS), more, ..production() };
    let daemons = start(settings).await;
    let mut session = waiting_session(&daemons).await;
    let request = json!({ "language": "python", "code": FILLS_MEMORY });
    let answers = join_all((0..PROGRAMS).map(|_| daemons.execute(&request))).await;
    let count = |status: &str| answers.iter().filter(|answer| answer["status"] == status).count();
    assert_eq!(count("ok") + count("memory"), PROGRAMS as usize, "{answers:?}");
    assert!(count("ok") > 0, "{answers:?}");
    session.send(Request::Input("line\n".into())).await.expect("the message is sent");
    let received = session.end().await.expect("it ends");
    assert_eq!(received.status(StageName::Run(0)), Some(&Status::Exited(0)));
    let answer = daemons.execute(&json!({ "language": "bash", "code": "echo hello" })).await;
    assert_eq!(answer["stdout"], "hello\n", "{answer}");
    assert!(!daemons.logs().contains("lost slot"), "{}", daemons.logs());
    assert_eq!(daemons.status().await.quarantined_uids, 0);
}
