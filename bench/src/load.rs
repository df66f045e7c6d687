//! Executions in a second, with several clients at one time.

use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::stand::{Ready, Stand, Way};
use crate::statistics::Times;

/// Clients at one time.
pub const CLIENTS: [usize; 5] = [1, 2, 4, 8, 16];
/// The ways that are loaded.
pub const WAYS: [Way; 7] =
    [Way::Bare, Way::Warm, Way::Cold, Way::Zygote, Way::Hit, Way::Bubblewrap, Way::Naive];
/// Each way has so many turns, one after the others.
const TURNS: u32 = 2;

/// What came of one way with so many clients.
#[derive(Clone, Debug, Serialize)]
pub struct Throughput {
    /// The language.
    pub language: String,
    /// The way.
    pub way: &'static str,
    /// Clients at one time.
    pub clients: usize,
    /// Executions in a second.
    pub per_second: f64,
    /// That of the first way with so many clients is 1.
    pub ratio: f64,
    /// As long as a client waited.
    pub times: Times,
}

/// Load each way with so many clients, for so long in all.
///
/// # Errors
/// In words, if an execution fails.
pub fn measure(
    stand: &mut Stand,
    ready: &Ready,
    clients: usize,
    lasts: Duration,
) -> io::Result<Vec<Throughput>> {
    let language = ready.program.language;
    let ways = stand.measurable(&WAYS, language);
    let mut all: Vec<(Vec<Duration>, Duration)> = ways.iter().map(|_| Default::default()).collect();
    for _ in 0..TURNS {
        for (&way, (times, took)) in ways.iter().zip(&mut all) {
            let wrong = |error| io::Error::other(format!("{language} {}: {error}", way.name()));
            // Whoever comes to rest first is not counted.
            stand.load(way, ready, 1, Duration::ZERO).map_err(wrong)?;
            let begun = Instant::now();
            times.extend(stand.load(way, ready, clients, lasts / TURNS).map_err(wrong)?);
            *took += begun.elapsed();
        }
    }
    let mut rows: Vec<Throughput> = Vec::new();
    for (way, (times, took)) in ways.iter().zip(&all) {
        let Some(summary) = Times::of(times) else { continue };
        let per_second = f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX)) / took.as_secs_f64();
        let base = rows.first().map_or(per_second, |row| row.per_second);
        rows.push(Throughput {
            language: language.to_owned(),
            way: way.name(),
            clients,
            per_second,
            ratio: per_second / base,
            times: summary,
        });
    }
    Ok(rows)
}
