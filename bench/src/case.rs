//! Measurements of something other than one execution at a time.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::statistics::Times;

/// Result of one way to do something.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// What is done.
    pub scenario: String,
    /// How it is done.
    pub way: &'static str,
    /// What is timed.
    pub quantity: &'static str,
    /// The times of all rounds, in milliseconds.
    pub times: Times,
    /// Median, divided by that of the first way.
    pub ratio: f64,
    /// Goal on two cores.
    pub goal: &'static str,
}

/// Times of one way: its name, its goal, and the time of each round.
pub type Samples = (&'static str, &'static str, Vec<Duration>);

/// Returns the results of all ways to do something. The first one is the baseline.
#[must_use]
pub fn compare(scenario: &str, quantity: &'static str, ways: &[Samples]) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (way, goal, samples) in ways {
        let Some(times) = Times::of(samples) else { continue };
        let base = cases.first().map_or(times, |case| case.times);
        cases.push(Case {
            scenario: scenario.to_owned(),
            way,
            quantity,
            times,
            ratio: times.p50 / base.p50,
            goal,
        });
    }
    cases
}

/// Returns a table in Markdown.
#[must_use]
pub fn table(cases: &[Case]) -> String {
    let mut text = "| scenario | way | time of | rounds | p50 ms | p90 ms | of the first way | goal |\n|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for Case { scenario, way, quantity, times, ratio, goal } in cases {
        let Times { count, p50, p90, .. } = times;
        let _ = writeln!(
            text,
            "| {scenario} | {way} | {quantity} | {count} | {p50:.2} | {p90:.2} | {ratio:.3} | {goal} |"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_to_the_first_way() {
        let ms = |times: &[u64]| times.iter().copied().map(Duration::from_millis).collect();
        let ways =
            [("one", "", ms(&[20, 10, 30])), ("none", "", ms(&[])), ("two", "≤ 0.6", ms(&[10, 11, 5]))];
        let cases = compare("something", "all of it", &ways);
        let ratios: Vec<_> = cases.iter().map(|case| (case.way, (case.ratio * 100.0).round())).collect();
        assert_eq!(ratios, [("one", 100.0), ("two", 50.0)]);
        assert!(
            table(&cases).ends_with("| something | two | all of it | 3 | 10.00 | 11.00 | 0.500 | ≤ 0.6 |\n")
        );
    }
}
