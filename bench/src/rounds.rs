//! Rounds in which all ways take turns, each time in another order.

use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::statistics::{Times, mib, millis};
use crate::testbed::{Ready, Sample, Testbed, Variant};

/// How many rounds.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// At least so many, however long they take.
    pub at_least: u32,
    /// At most so many.
    pub at_most: u32,
    /// In between, no further one begins after so long.
    pub duration: Duration,
}

/// What came of one way.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The language.
    pub language: String,
    /// The program.
    pub program: String,
    /// The way.
    pub variant: &'static str,
    /// As long as the client waited, in milliseconds.
    pub times: Times,
    /// p50, divided by that of the first way.
    pub ratio: f64,
    /// The same of p99.
    pub ratio_p99: f64,
    /// CPU time of one execution on average, in milliseconds, with everything that was needed for it.
    pub cpu: Option<f64>,
    /// The most memory, in MiB.
    pub peak: Option<f64>,
}

/// Time a program in these ways, of which the first is what others are compared with.
///
/// # Errors
/// In words, if an execution fails or does not write what the first way's does.
pub fn measure(
    testbed: &mut Testbed,
    ready: &Ready,
    variants: &[Variant],
    effort: Effort,
) -> io::Result<Vec<Row>> {
    let variants = testbed.measurable(variants, ready.program.language);
    let mut samples: Vec<Vec<Sample>> = variants.iter().map(|_| Vec::new()).collect();
    // Once for the caches, of files, of results, and of what is prepared.
    let mut expected = None;
    for &variant in &variants {
        let output = execute(testbed, variant, ready, expected.as_deref())?.output;
        expected.get_or_insert(output);
    }
    let begun = Instant::now();
    for round in 0..effort.at_most {
        if round >= effort.at_least && begun.elapsed() >= effort.duration {
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
        Some(expected) if expected != sample.output => Err(wrong("it writes something else".to_owned())),
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
