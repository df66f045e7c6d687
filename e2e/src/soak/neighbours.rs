//! How long a friendly program takes alone, beside another friendly one, and beside each hostile one.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::daemons::{DEADLINE, Daemons};
use crate::faults::dice::Dice;
use crate::faults::programs::{Allowed, Got, Program, hostile_names};
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

/// Time `samples` executions of each program beside each neighbour.
///
/// # Errors
/// In words, if an execution goes wrong.
pub async fn measure(daemons: &Daemons, samples: usize, dice: &mut Dice) -> Result<Vec<Beside>, String> {
    let mut all = Vec::new();
    let mut friendly: Vec<Duration> = Vec::new();
    for neighbour in ["friendly", "nobody"].into_iter().chain(hostile_names()) {
        let over = Arc::new(AtomicBool::new(false));
        let at_work = (neighbour != "nobody").then(|| {
            let (url, over, mut dice) = (daemons.url("/api/execute"), Arc::clone(&over), dice.split());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let program = match neighbour {
                        "friendly" => Program::friendly(&mut dice, "python"),
                        hostile => Program::hostile(&mut dice, hostile),
                    };
                    let answer = http::post_from(NEIGHBOUR, &url, &program.body, DEADLINE).await;
                    program.judge(&answer, Allowed::default())?;
                }
                Ok::<(), String>(())
            })
        });
        sleep(SETTLES).await;
        let mut times = vec![Vec::new(); TIMED.len()];
        for _ in 0..samples {
            for (times, language) in times.iter_mut().zip(TIMED) {
                times.push(time(daemons, language, dice).await?);
            }
        }
        over.store(true, Ordering::Relaxed);
        if let Some(at_work) = at_work {
            at_work.await.map_err(|error| error.to_string())??;
        }
        let times: Vec<_> = times.into_iter().map(middle_and_end).collect();
        if neighbour == "friendly" {
            friendly = times.iter().map(|(middle, _)| *middle).collect();
        }
        let ratios = times.iter().zip(&friendly).map(|((middle, _), base)| middle.div_duration_f64(*base));
        all.push(Beside { neighbour, ratios: ratios.collect(), times });
    }
    Ok(all)
}

async fn time(daemons: &Daemons, language: &str, dice: &mut Dice) -> Result<Duration, String> {
    let program = Program::friendly(dice, language);
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
