//! How long a friendly program takes alone, beside another friendly one, and beside each hostile one.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::daemons::{DEADLINE, Daemons, eventually};
use crate::faults::programs::{Allowed, Got, Program, hostile_names};
use crate::faults::random::SeededRandom;
use crate::http;

/// The programs that are timed: an interpreter, a large runtime, and a compiler with what it made.
pub const TIMED: [&str; 3] = ["python", "javascript", "cpp"];
/// A friendly program's time at the middle beside a hostile neighbour may be so many times that beside a friendly one.
pub const MAY_BE: f64 = 4.0;

const US: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 2);
/// How long a neighbour is at work before the first program is timed.
const SETTLES: Duration = Duration::from_millis(300);

/// Times beside one neighbour.
#[derive(Clone, Debug)]
pub struct Beside {
    /// `nobody`, `friendly`, or what the hostile one tries.
    pub neighbour: &'static str,
    /// For each of [`TIMED`]: at the middle, and what only one in twenty exceeds.
    pub times: Vec<(Duration, Duration)>,
    /// For each of [`TIMED`]: the middle, divided by that beside a friendly neighbour.
    pub ratios: Vec<f64>,
}

/// Time `samples` executions of each program beside each neighbour. All neighbours take turns, so that whatever else
/// this host does is beside each of them.
///
/// # Errors
/// In words, if an execution goes wrong.
pub async fn measure(
    daemons: &Daemons,
    samples: usize,
    random: &mut SeededRandom,
) -> Result<Vec<Beside>, String> {
    let neighbours: Vec<_> = ["friendly", "nobody"].into_iter().chain(hostile_names()).collect();
    let mut times = vec![vec![Vec::new(); TIMED.len()]; neighbours.len()];
    for _ in 0..samples {
        for (neighbour, times) in neighbours.iter().zip(&mut times) {
            let at_work = begin(daemons, neighbour, random);
            sleep(SETTLES).await;
            for (times, language) in times.iter_mut().zip(TIMED) {
                times.push(time(daemons, language, random).await?);
            }
            end(daemons, at_work).await?;
        }
    }
    let mut all: Vec<Beside> = Vec::new();
    for (neighbour, times) in neighbours.into_iter().zip(times) {
        let times: Vec<_> = times.into_iter().map(middle_and_end).collect();
        let friendly = all.first().map_or_else(|| times.clone(), |friendly| friendly.times.clone());
        let ratios =
            times.iter().zip(friendly).map(|((own, _), (friendly, _))| own.div_duration_f64(friendly));
        all.push(Beside { neighbour, ratios: ratios.collect(), times });
    }
    Ok(all)
}

type AtWork = Option<JoinHandle<Result<(), String>>>;

/// A neighbour that executes its program again and again.
fn begin(daemons: &Daemons, neighbour: &'static str, random: &mut SeededRandom) -> AtWork {
    let (url, mut random) = (daemons.url("/api/execute"), random.split());
    (neighbour != "nobody").then(|| {
        tokio::spawn(async move {
            loop {
                let program = match neighbour {
                    "friendly" => Program::friendly(&mut random, "python"),
                    hostile => Program::hostile(&mut random, hostile),
                };
                match http::post_unread(NEIGHBOUR, &url, &program.body, DEADLINE).await {
                    Ok(200) => {}
                    Ok(status) => return Err(format!("{neighbour}: HTTP {status}")),
                    Err(error) => return Err(format!("{neighbour}: {error}")),
                }
            }
        })
    })
}

/// Hang up on it, and wait until nothing of it runs.
async fn end(daemons: &Daemons, at_work: AtWork) -> Result<(), String> {
    let Some(at_work) = at_work else { return Ok(()) };
    at_work.abort();
    if let Ok(ended) = at_work.await {
        ended?;
    }
    if eventually(|| async { daemons.status().await.running == 0 }).await {
        return Ok(());
    }
    Err("the neighbour's program does not end".to_owned())
}

async fn time(daemons: &Daemons, language: &str, random: &mut SeededRandom) -> Result<Duration, String> {
    let program = Program::friendly(random, language);
    let begun = Instant::now();
    let answer = http::post_from(US, &daemons.url("/api/execute"), &program.body, DEADLINE).await;
    match program.judge(&answer, Allowed::default())? {
        Got::Answer => Ok(begun.elapsed()),
        other => Err(format!("{language}: {other:?}")),
    }
}

fn middle_and_end(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    (at(50), at(95))
}
