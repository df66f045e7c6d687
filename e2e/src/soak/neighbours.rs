//! Durations of friendly programs: alone, next to another friendly one, and next to each hostile one.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::daemons::{DEADLINE, Daemons, eventually};
use crate::faults::programs::{Allowed, Got, Program, hostile_names};
use crate::faults::random::SeededRandom;
use crate::http;

/// Timed programs: an interpreter, a large runtime, and a compiler with its program.
pub const TIMED: [&str; 3] = ["python", "javascript", "cpp"];
/// Maximum ratio of the median duration next to a hostile neighbour to that next to a friendly one.
pub const MAX_RATIO: f64 = 4.0;

const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 2);
/// Time between the start of a neighbour and the first timed program.
const SETTLE_TIME: Duration = Duration::from_millis(300);

/// Durations next to one neighbour.
#[derive(Clone, Debug)]
pub struct NeighbourTimes {
    /// `nobody`, `friendly`, or what the hostile one attempts.
    pub neighbour: &'static str,
    /// For each of [`TIMED`]: the median and the 95th percentile.
    pub times: Vec<(Duration, Duration)>,
    /// For each of [`TIMED`]: the median, divided by that next to a friendly neighbour.
    pub ratios: Vec<f64>,
}

/// Times `samples` executions of each program next to each neighbour. All neighbours take turns, so that other load of
/// this host affects each of them.
///
/// # Errors
/// A message, if an execution fails.
pub async fn measure(
    daemons: &Daemons,
    samples: usize,
    random: &mut SeededRandom,
) -> Result<Vec<NeighbourTimes>, String> {
    let neighbours: Vec<_> = ["friendly", "nobody"].into_iter().chain(hostile_names()).collect();
    let mut times = vec![vec![Vec::new(); TIMED.len()]; neighbours.len()];
    for _ in 0..samples {
        for (neighbour, times) in neighbours.iter().zip(&mut times) {
            let neighbour_task = begin(daemons, neighbour, random);
            sleep(SETTLE_TIME).await;
            for (times, language) in times.iter_mut().zip(TIMED) {
                times.push(time(daemons, language, random).await?);
            }
            end(daemons, neighbour_task).await?;
        }
    }
    let mut all: Vec<NeighbourTimes> = Vec::new();
    for (neighbour, times) in neighbours.into_iter().zip(times) {
        let times: Vec<_> = times.into_iter().map(median_and_p95).collect();
        let friendly = all.first().map_or_else(|| times.clone(), |friendly| friendly.times.clone());
        let ratios =
            times.iter().zip(friendly).map(|((own, _), (friendly, _))| own.div_duration_f64(friendly));
        all.push(NeighbourTimes { neighbour, ratios: ratios.collect(), times });
    }
    Ok(all)
}

type NeighbourTask = Option<JoinHandle<Result<(), String>>>;

/// Starts a neighbour that runs its program repeatedly.
fn begin(daemons: &Daemons, neighbour: &'static str, random: &mut SeededRandom) -> NeighbourTask {
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

/// Closes its connection, and waits until its program has ended.
async fn end(daemons: &Daemons, neighbour_task: NeighbourTask) -> Result<(), String> {
    let Some(neighbour_task) = neighbour_task else { return Ok(()) };
    neighbour_task.abort();
    if let Ok(ended) = neighbour_task.await {
        ended?;
    }
    if eventually(|| async { daemons.status().await.running == 0 }).await {
        return Ok(());
    }
    Err("the neighbour's program does not end".to_owned())
}

async fn time(daemons: &Daemons, language: &str, random: &mut SeededRandom) -> Result<Duration, String> {
    let program = Program::friendly(random, language);
    let began = Instant::now();
    let answer = http::post_from(CLIENT, &daemons.url("/api/execute"), &program.body, DEADLINE).await;
    match program.judge(&answer, Allowed::default())? {
        Got::Answer => Ok(began.elapsed()),
        other => Err(format!("{language}: {other:?}")),
    }
}

fn median_and_p95(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    (at(50), at(95))
}
