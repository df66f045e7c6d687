//! Runs of one request at the same time: their order, their output, fairness, and how they end.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use e2e::answer::most_at_one_time;
use e2e::daemons::{Daemons, Settings, eventually};
use e2e::inventory::{self, Process};
use e2e::session::Session;
use e2e::socket::{Execution, Received, program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::{Event, ExecuteRequest, LimitsRequest, Request, RunRequest, StageName, Status};
use serde_json::{Value, json};

/// Prints the times at which it begins and ends to use the CPU, with its number before each of them.
const COMPUTES: &str = "import sys, time
print(sys.argv[1], 'begin', time.time(), flush=True)
while time.process_time() < float(sys.argv[2]):
    pass
print(sys.argv[1], 'end', time.time())";

async fn start(slots: u32) -> Daemons {
    Daemons::start(&Settings { slots, ..Settings::default() }).await.expect("both daemons start")
}

async fn begin(daemons: &Daemons, request: ExecuteRequest) -> Execution {
    Execution::begin(&daemons.socket(), request).await.expect("executord takes requests")
}

fn runs(arguments: impl IntoIterator<Item = Vec<String>>) -> Vec<RunRequest> {
    arguments.into_iter().map(|args| RunRequest { args, ..RunRequest::default() }).collect()
}

/// Returns a request of `count` runs that use the CPU for `seconds`.
fn computing(count: usize, seconds: f64) -> ExecuteRequest {
    let arguments = (0..count).map(|number| vec![number.to_string(), seconds.to_string()]);
    ExecuteRequest { runs: runs(arguments), ..program("python", COMPUTES) }
}

/// Returns when each run began and ended, from what it printed.
fn intervals(received: &Received, count: usize) -> Vec<(f64, f64)> {
    let text = String::from_utf8_lossy(&received.stdout).into_owned();
    let time = |number: usize, what: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{number} {what} ")));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| unreachable!("{text}"))
    };
    (0..count).map(|number| (time(number, "begin"), time(number, "end"))).collect()
}

#[tokio::test]
async fn runs_use_all_slots_and_no_more_and_are_reported_in_order() {
    let daemons = start(2).await;
    let received = begin(&daemons, computing(6, 0.3)).await.end().await.expect("a response");
    assert_eq!(most_at_one_time(&intervals(&received, 6)), 2);
    let numbers: Vec<_> = (0..6).map(StageName::Run).collect();
    assert_eq!(received.begun.len(), 6);
    let Some(Event::Finished(outcome)) = received.last else { unreachable!("{received:?}") };
    assert_eq!(outcome.runs.iter().map(|run| run.stage).collect::<Vec<_>>(), numbers);
    assert!(outcome.runs.iter().all(|run| run.status == Status::Exited(0)), "{outcome:?}");
}

#[tokio::test]
async fn parallel_bounds_the_runs_at_one_time() {
    let daemons = start(4).await;
    for (parallel, expected) in [(1, 1), (2, 2)] {
        let request = ExecuteRequest { parallel: NonZeroU32::new(parallel), ..computing(4, 0.2) };
        let received = begin(&daemons, request).await.end().await.expect("a response");
        assert_eq!(most_at_one_time(&intervals(&received, 4)), expected);
    }
}

#[tokio::test]
async fn results_arrive_as_each_run_ends() {
    let daemons = start(2).await;
    let sleeps = |seconds: &str| vec![seconds.to_owned()];
    let request = ExecuteRequest {
        runs: runs([sleeps("1.5"), sleeps("0.1"), sleeps("0.1")]),
        ..program("bash", "sleep $1; echo slept $1")
    };
    let received = begin(&daemons, request).await.end().await.expect("a response");
    let ended: Vec<_> = received.stages.iter().map(|report| report.stage).collect();
    assert_eq!(ended.last(), Some(&StageName::Run(0)), "{ended:?}");
    assert_eq!(ended.len(), 3);
}

#[tokio::test]
async fn outputs_of_active_runs_are_not_mixed() {
    let daemons = start(2).await;
    let code = "import sys\nfor _ in range(200):\n    print(sys.argv[1] * 50, flush=True)\n    print('é' + sys.argv[1], file=sys.stderr, flush=True)";
    let run = |letter: &str| json!({ "args": [letter] });
    let request =
        json!({ "language": "python", "code": code, "runs": [run("a"), run("b"), run("c"), run("d")] });
    let answer = daemons.execute(&request).await;
    for (number, letter) in ["a", "b", "c", "d"].iter().enumerate() {
        let run = &answer["runs"][number];
        assert_eq!(run["stdout"], format!("{}\n", letter.repeat(50)).repeat(200), "{number}");
        assert_eq!(run["stderr"], format!("é{letter}\n").repeat(200), "{number}");
    }
    // Live events name their run.
    let mut texts = vec![String::new(); 4];
    let mut session = Session::open(daemons.address()).await.expect("webd accepts sessions");
    let mut start = request.clone();
    start["type"] = json!("start");
    session.send(&start).await.expect("webd reads");
    loop {
        let event = session.event().await.expect("an event");
        if event["type"] == "finished" {
            break;
        }
        if event["type"] == "output" && event["stream"] == "stdout" {
            assert_eq!(event["stage"], "run");
            let run = usize::try_from(event["run"].as_u64().expect("a number")).expect("small");
            texts[run].push_str(event["data"].as_str().expect("text"));
        }
    }
    for (text, letter) in texts.iter().zip(["a", "b", "c", "d"]) {
        assert_eq!(*text, format!("{}\n", letter.repeat(50)).repeat(200));
    }
}

#[tokio::test]
async fn a_request_with_many_runs_lets_others_run_between_them() {
    let daemons = start(2).await;
    let mut many = begin(&daemons, computing(40, 0.25)).await;
    many.until(|received| received.begun.len() >= 2).await.expect("two runs are active");
    let answer = daemons.execute(&json!({ "language": "bash", "code": "echo hello" })).await;
    assert_eq!(answer["stdout"], "hello\n", "{answer}");
    many.send(Request::Cancel).await.expect("executord takes messages");
    let received = many.end().await.expect("a response");
    assert!(received.begun.len() < 40, "it answered before the runs ended");
}

#[tokio::test]
async fn cancelling_ends_all_active_runs() {
    let daemons = start(2).await;
    let waits = |count| ExecuteRequest {
        runs: vec![RunRequest::default(); count],
        ..program("bash", "echo ready; sleep 100")
    };
    let mut execution = begin(&daemons, waits(8)).await;
    execution.until(|received| received.stdout.len() >= 2 * "ready\n".len()).await.expect("two runs");
    execution.send(Request::Cancel).await.expect("executord takes messages");
    let received = execution.end().await.expect("a response");
    let Some(Event::Finished(outcome)) = received.last else { unreachable!("{received:?}") };
    assert!(outcome.runs.len() >= 2 && outcome.runs.iter().all(|run| run.status == Status::Cancelled));

    let mut execution = begin(&daemons, waits(8)).await;
    execution.until(|received| received.stdout.len() >= 2 * "ready\n".len()).await.expect("two runs");
    drop(execution);
    assert!(eventually(|| async { daemons.status().await.running == 0 }).await, "a disconnect ends them too");
}

#[tokio::test]
async fn one_failing_run_ends_no_other() {
    let daemons = start(2).await;
    let run = |code: u32| json!({ "args": [code.to_string()] });
    let answer = daemons
        .execute(&json!({ "language": "bash", "code": "exit $1", "runs": [run(0), run(3), run(0), run(4)] }))
        .await;
    let codes: Vec<_> = (0..4).map(|number| answer["runs"][number]["exit_code"].clone()).collect();
    assert_eq!(codes, [0, 3, 0, 4].map(Value::from), "{answer}");
    assert_eq!(answer["exit_code"], 3);
}

#[tokio::test]
async fn runs_at_one_time_share_the_wall_clock_time_of_the_request() {
    let settings = Settings {
        slots: 2,
        more: "[limits]\nrequest_wall_time = \"3s\"\n[limits.maximum]\nwall_time = \"2s\"".to_owned(),
        ..Settings::default()
    };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    let limits = LimitsRequest { wall_time: Some(Duration::from_secs(1)), ..LimitsRequest::default() };
    let request = ExecuteRequest {
        runs: vec![RunRequest::default(); 5],
        limits,
        ..program("python", "while True: pass")
    };
    let received = begin(&daemons, request).await.end().await.expect("a response");
    let Some(Event::Finished(outcome)) = received.last else { unreachable!("{received:?}") };
    assert_eq!(outcome.runs.len(), 5);
    let used: Duration = outcome.runs.iter().map(|run| run.usage.wall_time).sum();
    assert!(used < Duration::from_secs(5), "{used:?}");
    assert!(outcome.runs.iter().all(|run| matches!(run.status, Status::TimedOut { .. })), "{outcome:?}");
    assert_eq!(outcome.runs[4].usage.wall_time, Duration::ZERO, "nothing was left for the last run");
}

#[tokio::test]
async fn nothing_is_left_behind_by_parallel_runs() {
    let daemons = start(2).await;
    let before = daemons.status().await;
    let request = json!({ "language": "cpp", "code": "int main() {}", "runs": vec![json!({}); 64] });
    let answer = daemons.execute(&request).await;
    assert_eq!(answer["runs"].as_array().map(Vec::len), Some(64));
    assert_eq!(answer["status"], "ok", "{answer}");
    let is_clean = || async {
        let status = daemons.status().await;
        (status.running, status.quarantined_uids) == (0, before.quarantined_uids)
    };
    assert!(eventually(is_clean).await);
}

/// Returns the processes of all sandboxes.
fn processes(daemons: &Daemons) -> Vec<Process> {
    inventory::processes(&daemons.uids).expect("/proc is readable")
}

/// Begins three runs, one after the other, and returns when the first one runs and the sandbox of the second one waits. The first
/// one runs until its `sleep` is killed.
async fn begin_three_runs(daemons: &Daemons) -> Execution {
    let request = ExecuteRequest {
        runs: runs(["600", "0", "0"].map(|seconds| vec![seconds.to_owned()])),
        parallel: NonZeroU32::new(1),
        limits: LimitsRequest { wall_time: Some(Duration::from_secs(110)), ..LimitsRequest::default() },
        ..program("bash", "echo ready; sleep $1 || :")
    };
    let mut execution = begin(daemons, request).await;
    execution.until_written("ready\n").await.expect("the first run begins");
    let two_users = || async {
        let users: BTreeSet<u32> = processes(daemons).iter().map(|process| process.uid).collect();
        users.len() == 2
    };
    assert!(eventually(two_users).await, "{:?}", processes(daemons));
    execution
}

#[tokio::test]
async fn the_sandbox_of_the_next_run_is_prepared_meanwhile_and_ends_if_it_is_not_needed() {
    let daemons = start(2).await;
    let mut execution = begin_three_runs(&daemons).await;
    execution.send(Request::Cancel).await.expect("executord takes messages");
    let received = execution.end().await.expect("a response");
    assert_eq!(received.begun.len(), 1, "{received:?}");
    assert!(eventually(|| async { processes(&daemons).is_empty() }).await, "{:?}", processes(&daemons));
    let is_clean = || async {
        let status = daemons.status().await;
        (status.running, status.quarantined_uids) == (0, 0)
    };
    assert!(eventually(is_clean).await, "{:?}", daemons.status().await);
}

#[tokio::test]
async fn a_run_whose_prepared_sandbox_was_killed_gets_another_one() {
    let daemons = start(2).await;
    let execution = begin_three_runs(&daemons).await;
    for name in ["executor", "sleep"] {
        let found = || processes(&daemons).into_iter().filter(|process| process.name.starts_with(name));
        // `sleep` starts after its shell has written.
        assert!(eventually(|| async { found().count() == 1 }).await, "{:?}", processes(&daemons));
        for process in found() {
            kill(Pid::from_raw(process.pid.cast_signed()), Signal::SIGKILL).expect("it waits");
        }
    }
    let received = execution.end().await.expect("a response");
    let Some(Event::Finished(outcome)) = received.last else { unreachable!("{received:?}") };
    let statuses: Vec<_> = outcome.runs.iter().map(|run| run.status.clone()).collect();
    assert_eq!(statuses, vec![Status::Exited(0); 3]);
    assert_eq!(received.stdout, b"ready\nready\nready\n");
    assert!(daemons.logs().contains("prepared sandbox is gone"), "{}", daemons.logs());
}
