//! Many runs of one request: at the same time compared with one after the other, and what each costs in addition to its own time.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::case::{Case, compare};
use crate::programs::{Language, NOTHING};
use crate::runner::Task;
use crate::testbed::Testbed;
use crate::variant::Variant;

/// Runs of one request: the most that a request can have.
const RUNS: u32 = 64;
/// Time of each run that computes.
const COMPUTES_FOR: Duration = Duration::from_millis(100);
/// Rounds of the loop that is timed to find out how many take [`COMPUTES_FOR`].
const TRIAL: u32 = 400_000;
/// Computes for a number of rounds.
const COMPUTES: &str = "import sys
total = 0
for number in range(int(sys.argv[1])):
    total += number * number % 7
print(total)
";
/// Compiled by the language of the product, and by gcc for the bare command.
const EMPTY: &str = "int main(void) { return 0; }\n";

/// Measures requests with many runs.
///
/// # Errors
/// A message, if an execution fails.
pub fn measure(testbed: &mut Testbed, rounds: u32) -> io::Result<Vec<Case>> {
    let mut cases = at_the_same_time(testbed, rounds)?;
    cases.extend(empty_runs(testbed, rounds)?);
    Ok(cases)
}

/// Measures runs that compute, and the same commands without a sandbox, as what this host makes possible.
fn at_the_same_time(testbed: &mut Testbed, rounds: u32) -> io::Result<Vec<Case>> {
    let python = Language::Python.name();
    let loops = loops(testbed)?;
    let bare = BareLoops::prepare(testbed, loops)?;
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..rounds {
        for (times, parallel) in times[..2].iter_mut().zip([Some(1), None]) {
            testbed.wait_until_idle(Variant::Warm, python);
            let (took, answer) =
                testbed.post(Variant::Warm, &computing(loops, RUNS, parallel).to_string())?;
            check(&answer)?;
            times.push(took);
        }
        for (times, task) in times[2..].iter_mut().zip([&bare.in_a_row, &bare.at_once]) {
            testbed.wait_until_idle(Variant::Bare, python);
            times.extend(testbed.run_bare(task)?.times.into_iter().max());
        }
    }
    let [in_a_row, at_once, bare_in_a_row, bare_at_once] = times;
    let scenario = format!("{RUNS} runs of {} ms", COMPUTES_FOR.as_millis());
    let ours = [("`\"parallel\": 1`", "", in_a_row), ("as many as there are slots", "≤ 0.55", at_once)];
    let bare = [("bare, one after the other", "", bare_in_a_row), ("bare, one per core", "", bare_at_once)];
    let mut cases = compare(&scenario, "the request", &ours);
    cases.extend(compare(&scenario, "all commands", &bare));
    Ok(cases)
}

/// Returns how many rounds of the loop take [`COMPUTES_FOR`] on this host.
fn loops(testbed: &mut Testbed) -> io::Result<u32> {
    let (_, answer) = testbed.post(Variant::Warm, &computing(TRIAL, 5, Some(1)).to_string())?;
    check(&answer)?;
    let fastest = own_times(&answer).into_iter().min().unwrap_or(COMPUTES_FOR).max(Duration::from_millis(1));
    let loops = f64::from(TRIAL) * COMPUTES_FOR.as_secs_f64() / fastest.as_secs_f64();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some millions")]
    let loops = loops as u32;
    Ok(loops)
}

fn computing(loops: u32, runs: u32, parallel: Option<u32>) -> Value {
    let run = json!({ "args": [loops.to_string()] });
    let mut body = json!({
        "language": Language::Python.name(),
        "code": COMPUTES,
        "runs": vec![run; runs as usize],
        "compact": true,
    });
    if let Some(parallel) = parallel {
        body["parallel"] = json!(parallel);
    }
    body
}

/// The bare commands of the same work.
struct BareLoops {
    in_a_row: Task,
    at_once: Task,
}

impl BareLoops {
    fn prepare(testbed: &Testbed, loops: u32) -> io::Result<Self> {
        let hello = Language::Python.programs()?.into_iter().next().ok_or(io::ErrorKind::NotFound)?;
        let mut command = hello.commands.into_iter().next().ok_or(io::ErrorKind::NotFound)?;
        command.push(loops.to_string());
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let directories = testbed.directories("loops", cores, &[("main.py", COMPUTES)])?;
        let task = |commands: usize, directories: Vec<PathBuf>| Task {
            commands: vec![command.clone(); commands],
            directories,
            stdin: None,
            duration: None,
        };
        let runs = RUNS as usize;
        Ok(Self {
            in_a_row: task(runs, directories[..1].to_vec()),
            at_once: task(runs.div_ceil(cores), directories),
        })
    }
}

/// Measures runs of a program that does nothing, one after the other.
fn empty_runs(testbed: &mut Testbed, rounds: u32) -> io::Result<Vec<Case>> {
    let first = json!({ "language": "c", "code": EMPTY, "keep": "10m" });
    let (_, answer) = testbed.post(Variant::Warm, &first.to_string())?;
    let build = answer["build"].as_str().ok_or_else(|| io::Error::other(format!("no build: {answer}")))?;
    let body = json!({
        "build": build,
        "runs": vec![json!({}); RUNS as usize],
        "parallel": 1,
        "compact": true,
    });
    let body = body.to_string();
    let bare = bare_empty(testbed)?;
    let mut times: [Vec<Duration>; 3] = Default::default();
    for _ in 0..rounds {
        testbed.wait_until_idle(Variant::Warm, "c");
        let (took, answer) = testbed.post(Variant::Warm, &body)?;
        check(&answer)?;
        let own: Duration = own_times(&answer).into_iter().sum();
        times[0].push(took / RUNS);
        times[1].push(took.saturating_sub(own) / RUNS);
        testbed.wait_until_idle(Variant::Bare, NOTHING);
        times[2].extend(testbed.run_bare(&bare)?.times.into_iter().map(|took| took / RUNS));
    }
    let [whole, overhead, bare] = times;
    let scenario = format!("{RUNS} runs of an empty C program, `\"parallel\": 1`");
    let mut cases = compare(&scenario, "each run", &[("bare", "", bare), ("warm", "", whole)]);
    cases.extend(compare(&scenario, "each run, without its own time", &[("warm", "≤ 1 ms", overhead)]));
    Ok(cases)
}

/// Compiles the empty program, and returns as many executions of it.
fn bare_empty(testbed: &mut Testbed) -> io::Result<Task> {
    let directories = testbed.directories("empty", 1, &[("main.c", EMPTY)])?;
    let compile = ["/usr/bin/gcc", "-std=gnu17", "-O2", "-o", "main", "main.c"].map(str::to_owned).to_vec();
    let compile = Task { commands: vec![compile], directories, stdin: None, duration: None };
    testbed.run_bare(&compile)?;
    Ok(Task { commands: vec![vec!["./main".to_owned()]; RUNS as usize], ..compile })
}

/// Returns the wall-clock time of each run.
fn own_times(answer: &Value) -> Vec<Duration> {
    let runs = answer["runs"].as_array().into_iter().flatten();
    let milliseconds = runs.filter_map(|run| run["usage"]["wall_ms"].as_f64());
    milliseconds.map(|milliseconds| Duration::from_secs_f64(milliseconds / 1000.0)).collect()
}

fn check(answer: &Value) -> io::Result<()> {
    match answer["status"].as_str() {
        Some("ok") => Ok(()),
        _ => Err(io::Error::other(format!("the program was not executed: {answer}"))),
    }
}
