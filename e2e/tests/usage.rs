//! The usage that is reported for a stage, how the stage was started, and how long it waited.

#![forbid(unsafe_code)]

use e2e::daemons::{Daemons, Settings, eventually};
use e2e::socket::{Execution, program};
use protocol::{Event, StageName};
use serde_json::{Value, json};

async fn start(settings: Settings) -> Daemons {
    Daemons::start(&settings).await.expect("both daemons start")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// A program that computes for half a second.
const COMPUTES: &str = "
#include <ctime>
int main() { volatile long n = 0; while (std::clock() < CLOCKS_PER_SEC / 2) for (int i = 0; i < 100000; i++) n = n + i; }";

/// A program that lets the kernel work for half a second.
const CALLS: &str = r#"
#include <ctime>
#include <fcntl.h>
#include <unistd.h>
static char buffer[1 << 20];
int main() {
  int zeros = open("/dev/zero", O_RDONLY);
  while (std::clock() < CLOCKS_PER_SEC / 2) for (int i = 0; i < 20; i++) if (read(zeros, buffer, sizeof buffer) < 0) return 1;
}"#;

#[tokio::test]
async fn the_cpu_time_has_a_part_of_the_program_and_a_part_of_the_kernel() {
    let daemons = start(Settings::default()).await;
    for (code, part) in [(COMPUTES, "user_cpu_ms"), (CALLS, "system_cpu_ms")] {
        let answer = daemons.execute(&json!({ "language": "cpp", "code": code })).await;
        assert_eq!(answer["status"], "ok", "{answer}");
        let usage = &answer["runs"][0]["usage"];
        let (cpu, sum) =
            (number(&usage["cpu_ms"]), number(&usage["user_cpu_ms"]) + number(&usage["system_cpu_ms"]));
        assert!(cpu >= 450.0 && (sum - cpu).abs() < 0.0015, "{usage}");
        assert!(number(&usage[part]) > 0.7 * cpu, "{part}: {usage}");
        assert_eq!(answer["usage"], *usage);
        let compile = &answer["compile"]["usage"];
        assert!(
            number(&compile["user_cpu_ms"]) > 0.0 && number(&compile["peak_processes"]) >= 2.0,
            "{compile}"
        );
    }
}

/// Starts this many processes or threads, which all exist at one time, for a while.
fn concurrent(kind: &str, count: u32) -> String {
    match kind {
        "processes" => format!(
            "import os, time\nend, release = os.pipe()\nfor _ in range({count}):\n    if os.fork() == 0:\n        \
             os.close(release)\n        os.read(end, 1)\n        os._exit(0)\ntime.sleep(0.5)\nos.close(release)\n\
             for _ in range({count}): os.wait()"
        ),
        _ => format!(
            "import threading, time\nrelease = threading.Event()\n\
             threads = [threading.Thread(target=release.wait) for _ in range({count})]\n\
             for thread in threads: thread.start()\ntime.sleep(0.5)\nrelease.set()\nfor thread in threads: thread.join()"
        ),
    }
}

#[tokio::test]
async fn the_peak_of_processes_counts_those_of_the_program_only() {
    let daemons = start(Settings { slots: 1, ..Settings::from_environment() }).await;
    // On cgroup v1 a lower peak after a higher one is found by sampling.
    for (kind, count) in
        [("processes", 3), ("processes", 12), ("threads", 7), ("processes", 0), ("threads", 20)]
    {
        let answer = daemons.execute(&json!({ "language": "python", "code": concurrent(kind, count) })).await;
        assert_eq!(answer["status"], "ok", "{answer}");
        assert_eq!(answer["usage"]["peak_processes"], count + 1, "{count} {kind}: {answer}");
    }
}

#[tokio::test]
async fn the_output_of_each_stream_is_counted_also_beyond_the_limit() {
    let daemons = start(Settings::from_environment()).await;
    let code = "import os\nos.write(1, b'x' * 5000)\nos.write(2, b'y' * 77)";
    let written = |answer: &Value| {
        let usage = &answer["runs"][0]["usage"];
        (usage["stdout_bytes"].as_u64(), usage["stderr_bytes"].as_u64(), answer["status"].clone())
    };
    let answer = daemons.execute(&json!({ "language": "python", "code": code })).await;
    assert_eq!(written(&answer), (Some(5000), Some(77), json!("ok")), "{answer}");
    let limits = json!({ "output_bytes": 10 });
    let answer = daemons.execute(&json!({ "language": "python", "code": code, "limits": limits })).await;
    assert_eq!((written(&answer).0, written(&answer).2), (Some(5000), json!("output_limit")), "{answer}");
    assert_eq!(answer["stdout"], "x".repeat(10));
    let merged = json!({ "language": "python", "code": code, "merge_output": true });
    let answer = daemons.execute(&merged).await;
    assert_eq!(written(&answer), (Some(5077), Some(0), json!("ok")), "{answer}");
}

#[tokio::test]
async fn an_answer_says_how_each_stage_was_started() {
    let more = "build_cache = { enabled = true }".to_owned();
    let daemons = start(Settings { pool: true, more, ..Settings::default() }).await;
    let waits = |language: &'static str| {
        let daemons = &daemons;
        move || async move {
            let warm = daemons.status().await.warm;
            warm.iter().any(|count| count.language == language && count.stage == "run" && count.ready > 0)
        }
    };
    assert!(eventually(waits("python")).await, "{}", daemons.logs());
    let python = json!({ "language": "python", "code": "print(1)" });
    let answer = daemons.execute(&python).await;
    assert_eq!((&answer["start"], &answer["runs"][0]["start"]), (&json!("warm"), &json!("warm")), "{answer}");
    // A pre-warmed interpreter has its pipes already.
    let merged = json!({ "language": "python", "code": "print(1)", "merge_output": true });
    let answer = daemons.execute(&merged).await;
    assert_eq!(answer["start"], "cold", "{answer}");
    assert!(number(&answer["start_ms"]) > 0.0, "{answer}");

    let cpp = json!({ "language": "cpp", "code": "int main() {}" });
    let first = daemons.execute(&cpp).await;
    let start = &first["compile"]["start"];
    assert!(start == "cold" || start == "warm", "{first}");
    assert!(number(&first["compile"]["start_ms"]) > 0.0, "{first}");
    let second = daemons.execute(&cpp).await;
    let compile = &second["compile"];
    assert_eq!((&compile["start"], &compile["start_ms"]), (&json!("cached"), &json!(0.0)), "{second}");
    assert_eq!(compile["usage"]["cpu_ms"], 0.0);
    assert!(second["runs"][0]["start"].is_string(), "{second}");
    // Another limit of the compiler is another build.
    let other =
        json!({ "language": "cpp", "code": "int main() {}", "compile_limits": { "open_files": 100 } });
    let third = daemons.execute(&other).await;
    assert_ne!(third["compile"]["start"], "cached", "{third}");
    assert_eq!(third["compile_limits"]["open_files"], 100);
}

#[tokio::test]
async fn the_time_in_the_queue_is_that_until_a_slot_was_free() {
    let daemons = start(Settings { slots: 1, ..Settings::default() }).await;
    let computes = json!({ "language": "cpp", "code": COMPUTES });
    let (one, other) = tokio::join!(daemons.execute(&computes), daemons.execute(&computes));
    let (one, other) = (number(&one["queue_ms"]), number(&other["queue_ms"]));
    // One of them waited for the compilation and the run of the other.
    assert!(one.max(other) > 400.0, "{one} {other}");
    assert!(one.min(other) < one.max(other) / 2.0, "{one} {other}");

    // It is known also if the execution is cancelled while it waits.
    let mut first =
        Execution::begin(&daemons.socket(), program("bash", "while :; do :; done")).await.unwrap();
    first.until(|received| received.begun.contains(&StageName::Run(0))).await.unwrap();
    let mut second = Execution::begin(&daemons.socket(), program("bash", ":")).await.unwrap();
    second.until(|received| !received.positions.is_empty()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    second.send(protocol::Request::Cancel).await.unwrap();
    let received = second.end().await.unwrap();
    let Some(Event::Finished(outcome)) = &received.last else { unreachable!("{received:?}") };
    assert!(outcome.queue_time.as_millis() >= 100, "{outcome:?}");
}
