//! Pool hits and misses, from the daemon's metrics.

use std::io;
use std::time::Duration;

use crate::daemons::{DEADLINE, Daemons};
use crate::http;

const PAUSE: Duration = Duration::from_millis(20);
const ATTEMPTS: u32 = 6_000;

/// Counts of one language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Stages that got a pre-warmed sandbox.
    pub hits: u64,
    /// Stages that got a cold one.
    pub misses: u64,
}

/// Waits for a pre-warmed sandbox for each of these stages, and returns the counts.
///
/// # Errors
/// If there is none in time.
pub async fn ready(daemons: &Daemons, language: &str, stages: &[&str]) -> io::Result<Counts> {
    for _ in 0..ATTEMPTS {
        let metrics = metrics(daemons).await?;
        let all = stages.iter().all(|stage| {
            value(&metrics, "executor_prepared_ready", &[("language", language), ("stage", stage)]) > 0
        });
        if all {
            return Ok(counts(&metrics, language, stages));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(io::Error::other(format!("no pre-warmed sandbox for {language}\n{}", daemons.log_tail())))
}

/// Returns the counts of these stages of a language.
///
/// # Errors
/// If the metrics cannot be read.
pub async fn counted(daemons: &Daemons, language: &str, stages: &[&str]) -> io::Result<Counts> {
    Ok(counts(&metrics(daemons).await?, language, stages))
}

async fn metrics(daemons: &Daemons) -> io::Result<String> {
    http::get_text(&daemons.url("/metrics"), DEADLINE).await.map_err(io::Error::other)
}

fn counts(metrics: &str, language: &str, stages: &[&str]) -> Counts {
    let taken = |result| {
        let of = |stage: &&str| {
            let labels = [("language", language), ("stage", *stage), ("result", result)];
            value(metrics, "executor_prepared_taken_total", &labels)
        };
        stages.iter().map(of).sum()
    };
    Counts { hits: taken("hit"), misses: taken("miss") }
}

/// Returns the sum of all samples of a metric with these labels.
fn value(metrics: &str, name: &str, labels: &[(&str, &str)]) -> u64 {
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.split_once("} "))
        .filter(|(given, _)| labels.iter().all(|(key, value)| given.contains(&format!("{key}=\"{value}\""))))
        .filter_map(|(_, value)| value.trim().parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{Counts, counts, value};

    #[test]
    fn metrics_are_summed_over_other_labels() {
        let metrics = "# HELP x\nexecutor_prepared_taken_total{language=\"java\",stage=\"run\",result=\"hit\"} 2\n\
                       executor_prepared_taken_total{language=\"java\",stage=\"compile\",result=\"hit\"} 3\n\
                       executor_prepared_taken_total{language=\"java\",stage=\"run\",result=\"miss\"} 1\n\
                       executor_prepared_ready{language=\"python\",stage=\"run\"} 4\n";
        assert_eq!(counts(metrics, "java", &["compile", "run"]), Counts { hits: 5, misses: 1 });
        assert_eq!(counts(metrics, "java", &["run"]), Counts { hits: 2, misses: 1 });
        assert_eq!(counts(metrics, "python", &["run"]), Counts::default());
        assert_eq!(value(metrics, "executor_prepared_ready", &[("language", "python"), ("stage", "run")]), 4);
    }
}
