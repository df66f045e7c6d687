//! Throughput with several concurrent clients.

use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::statistics::Times;
use crate::testbed::{Ready, Testbed};
use crate::variant::Variant;

/// Numbers of concurrent clients.
pub const CLIENTS: [usize; 5] = [1, 2, 4, 8, 16];
/// Measured variants.
pub const VARIANTS: [Variant; 7] = [
    Variant::Bare,
    Variant::Warm,
    Variant::Cold,
    Variant::WithoutZygote,
    Variant::Hit,
    Variant::Bubblewrap,
    Variant::Naive,
];
/// Number of turns per variant; variants alternate.
const TURNS: u32 = 2;

/// Throughput of one variant with one number of clients.
#[derive(Clone, Debug, Serialize)]
pub struct Throughput {
    /// Language.
    pub language: String,
    /// Program.
    pub program: String,
    /// Name of the variant.
    pub variant: &'static str,
    /// Numbers of concurrent clients.
    pub clients: usize,
    /// Executions per second.
    pub per_second: f64,
    /// Ratio to the throughput of the first variant with the same number of clients.
    pub ratio: f64,
    /// Time that a client waited.
    pub times: Times,
}

/// Measures each variant with `clients` concurrent clients, for `duration` in total.
///
/// # Errors
/// A message, if an execution fails.
pub fn measure(
    testbed: &mut Testbed,
    ready: &Ready,
    clients: usize,
    duration: Duration,
) -> io::Result<Vec<Throughput>> {
    let language = ready.program.language;
    let variants = testbed.measurable(&VARIANTS, language);
    let mut all: Vec<(Vec<Duration>, Duration)> = variants.iter().map(|_| Default::default()).collect();
    for _ in 0..TURNS {
        for (&variant, (times, took)) in variants.iter().zip(&mut all) {
            let wrong = |error| io::Error::other(format!("{language} {}: {error}", variant.name()));
            // The time until the host is idle does not count.
            testbed.load(variant, ready, 1, Duration::ZERO).map_err(wrong)?;
            let begun = Instant::now();
            times.extend(testbed.load(variant, ready, clients, duration / TURNS).map_err(wrong)?);
            *took += begun.elapsed();
        }
    }
    let mut rows: Vec<Throughput> = Vec::new();
    for (variant, (times, took)) in variants.iter().zip(&all) {
        let Some(summary) = Times::of(times) else { continue };
        let per_second = f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX)) / took.as_secs_f64();
        let base = rows.first().map_or(per_second, |row| row.per_second);
        rows.push(Throughput {
            language: language.to_owned(),
            program: ready.program.name.clone(),
            variant: variant.name(),
            clients,
            per_second,
            ratio: per_second / base,
            times: summary,
        });
    }
    Ok(rows)
}
