//! Many requests at once.

use std::io;
use std::time::Duration;

use crate::case::{Case, Samples, compare};
use crate::daemon_pair::ask_at_once;
use crate::growth::python;
use crate::programs::{Language, Program};
use crate::testbed::{Ready, Testbed};
use crate::variant::Variant;

/// Requests of a burst.
const BURST: u8 = 64;
/// Programs that sleep, and how long.
const SLEEPERS: u8 = 16;
const SLEEP: Duration = Duration::from_secs(1);

const VARIANTS: [Variant; 6] = [
    Variant::Bare,
    Variant::Warm,
    Variant::Cold,
    Variant::WithoutZygote,
    Variant::Bubblewrap,
    Variant::Naive,
];

/// Measures a burst of hello worlds in Python: the median and the last answer.
///
/// # Errors
/// A message, if an execution fails.
pub fn burst(testbed: &mut Testbed, rounds: u32) -> io::Result<Vec<Case>> {
    let program = python("burst", "print(\"hello world\")\n".to_owned())?;
    let scenario = format!("{BURST} Python requests at once");
    let goal = |variant| if variant == Variant::Warm { "≤ 0.6" } else { "" };
    let (medians, lasts): (Vec<Samples>, Vec<Samples>) = at_once(testbed, program, BURST, rounds)?
        .into_iter()
        .map(|(variant, rounds)| {
            let (medians, lasts) = rounds.iter().map(|times| (nth(times, 2), nth(times, 1))).unzip();
            ((variant.name(), goal(variant), medians), (variant.name(), goal(variant), lasts))
        })
        .unzip();
    let mut cases = compare(&scenario, "the median answer", &medians);
    cases.extend(compare(&scenario, "the last answer", &lasts));
    Ok(cases)
}

/// Measures programs that sleep: the last answer.
///
/// # Errors
/// A message, if an execution fails.
pub fn sleepers(testbed: &mut Testbed, rounds: u32) -> io::Result<Vec<Case>> {
    let text = format!("import time\ntime.sleep({})\nprint('awake')\n", SLEEP.as_secs_f64());
    let program = python("sleepers", text)?;
    let ways: Vec<Samples> = at_once(testbed, program, SLEEPERS, rounds)?
        .into_iter()
        .map(|(variant, rounds)| (variant.name(), "", rounds.iter().map(|times| nth(times, 1)).collect()))
        .collect();
    Ok(compare(&format!("{SLEEPERS} programs that sleep {} s", SLEEP.as_secs()), "the last answer", &ways))
}

/// Executes a program `count` times at once in each variant and round. Returns the sorted durations of each round.
fn at_once(
    testbed: &mut Testbed,
    program: Program,
    count: u8,
    rounds: u32,
) -> io::Result<Vec<(Variant, Vec<Vec<Duration>>)>> {
    let ready = testbed.prepare(program, count.into())?;
    let variants = testbed.measurable(&VARIANTS, Language::Python.name());
    let mut all: Vec<(Variant, Vec<Vec<Duration>>)> =
        variants.into_iter().map(|variant| (variant, Vec::new())).collect();
    for _ in 0..rounds {
        for (variant, rounds) in &mut all {
            let mut times = execute(testbed, *variant, &ready, count)
                .map_err(|error| io::Error::other(format!("{}: {error}", variant.name())))?;
            times.sort_unstable();
            rounds.push(times);
        }
    }
    Ok(all)
}

fn execute(testbed: &mut Testbed, variant: Variant, ready: &Ready, count: u8) -> io::Result<Vec<Duration>> {
    testbed.wait_until_idle(variant, ready.program.language);
    match testbed.address(variant) {
        Some(server) => ask_at_once(server, &ready.body, count),
        None => testbed.run_at_once(variant, ready),
    }
}

/// Returns the last of the sorted `times`, or that after one `part`-th of them.
fn nth(times: &[Duration], part: usize) -> Duration {
    times.get((times.len() / part).saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_last_time_are_selected() {
        let times: Vec<_> = (1..=64).map(Duration::from_millis).collect();
        assert_eq!((nth(&times, 2), nth(&times, 1)), (times[31], times[63]));
        assert_eq!((nth(&times[..1], 2), nth(&[], 1)), (times[0], Duration::ZERO));
    }
}
