//! Rounds in which all variants take turns, in a different order each time.

use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::statistics::{Times, mib, millis};
use crate::testbed::{Ready, Sample, Testbed};
use crate::variant::Variant;

/// Limits on the number of rounds.
#[derive(Clone, Copy, Debug)]
pub struct RoundLimits {
    /// Minimum, whatever the duration.
    pub at_least: u32,
    /// Maximum.
    pub at_most: u32,
    /// No further round starts after this time.
    pub duration: Duration,
}

/// Result of one variant.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Language.
    pub language: String,
    /// Program.
    pub program: String,
    /// Name of the variant.
    pub variant: &'static str,
    /// Time that the client waited, in milliseconds.
    pub times: Times,
    /// Median, divided by that of the first variant.
    pub ratio: f64,
    /// 99th percentile, divided by that of the first variant.
    pub ratio_p99: f64,
    /// Mean CPU time of an execution in milliseconds, including everything that it needed.
    pub cpu: Option<f64>,
    /// Memory peak in MiB.
    pub peak: Option<f64>,
}

/// Times a program in these variants. The first one is the baseline.
///
/// # Errors
/// A message, if an execution fails or its output differs from that of the first variant.
pub fn measure(
    testbed: &mut Testbed,
    ready: &Ready,
    variants: &[Variant],
    round_limits: RoundLimits,
) -> io::Result<Vec<Row>> {
    let variants = testbed.measurable(variants, ready.program.language);
    let mut samples: Vec<Vec<Sample>> = variants.iter().map(|_| Vec::new()).collect();
    // One execution to fill the caches and the pool.
    let mut expected = None;
    for &variant in &variants {
        let output = execute(testbed, variant, ready, expected.as_deref())?.output;
        expected.get_or_insert(output);
    }
    let begun = Instant::now();
    for round in 0..round_limits.at_most {
        if round >= round_limits.at_least && begun.elapsed() >= round_limits.duration {
            break;
        }
        for turn in 0..variants.len() {
            let client_of = (turn + round as usize) % variants.len();
            samples[client_of].push(execute(testbed, variants[client_of], ready, expected.as_deref())?);
        }
    }
    Ok(rows(ready, &variants, &samples))
}

fn execute(
    testbed: &mut Testbed,
    variant: Variant,
    ready: &Ready,
    expected: Option<&str>,
) -> io::Result<Sample> {
    let wrong = |message: String| {
        let Ready { program, .. } = ready;
        io::Error::other(format!("{} {} {}: {message}", program.language, program.name, variant.name()))
    };
    let sample = testbed.execute(variant, ready).map_err(|error| wrong(error.to_string()))?;
    match expected {
        Some(expected) if expected != sample.output => Err(wrong("its output differs".to_owned())),
        _ => Ok(sample),
    }
}

fn rows(ready: &Ready, variants: &[Variant], samples: &[Vec<Sample>]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (variant, samples) in variants.iter().zip(samples) {
        let times: Vec<Duration> = samples.iter().map(|sample| sample.took).collect();
        let Some(times) = Times::of(&times) else { continue };
        let base = rows.first().map_or(times, |row| row.times);
        let cpu: Option<Duration> = samples.iter().map(|sample| sample.cpu).sum();
        rows.push(Row {
            language: ready.program.language.to_owned(),
            program: ready.program.name.clone(),
            variant: variant.name(),
            times,
            ratio: times.p50 / base.p50,
            ratio_p99: times.p99 / base.p99,
            cpu: cpu.map(|cpu| millis(cpu / u32::try_from(samples.len()).unwrap_or(1))),
            peak: samples.iter().filter_map(|sample| sample.peak).max().map(mib),
        });
    }
    rows
}
