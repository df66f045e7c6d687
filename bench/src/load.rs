//! Executions in a second, with several clients at one time.

use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::statistics::Times;
use crate::testbed::{Ready, Testbed, Variant};

/// Clients at one time.
pub const CLIENTS: [usize; 5] = [1, 2, 4, 8, 16];
/// The ways that are loaded.
pub const VARIANTS: [Variant; 7] = [
    Variant::Bare,
    Variant::Warm,
    Variant::Cold,
    Variant::Zygote,
    Variant::Hit,
    Variant::Bubblewrap,
    Variant::Naive,
];
/// Each way has so many turns, one after the others.
const TURNS: u32 = 2;

/// What came of one way with so many clients.
#[derive(Clone, Debug, Serialize)]
pub struct Throughput {
    /// The language.
    pub language: String,
    /// The way.
    pub variant: &'static str,
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
            // Whoever comes to rest first is not counted.
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
            variant: variant.name(),
            clients,
            per_second,
            ratio: per_second / base,
            times: summary,
        });
    }
    Ok(rows)
}
