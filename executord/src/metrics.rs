//! Counters of executions and of the time that their steps took.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use protocol::{ExecutionCount, StepTimes};

use crate::languages::toolchain::StageKind;

/// Timed steps, in the order of an execution. `Prepare` is the pre-warming of a sandbox, which has a lower CPU weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimedStep {
    Prepare,
    Queue,
    Launch,
    Compile,
    Run,
    Cleanup,
    Total,
}

/// Counters of this process.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    executions: BTreeMap<(String, &'static str), u64>,
    steps: BTreeMap<TimedStep, Histogram>,
}

#[derive(Debug, Default)]
struct Histogram {
    buckets: [u64; StepTimes::BOUNDS.len() + 1],
    total: Duration,
}

impl Metrics {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn count(&self, language: &str, result: &'static str) {
        *self.lock().executions.entry((language.to_owned(), result)).or_default() += 1;
    }

    pub(crate) fn time(&self, step: TimedStep, took: Duration) {
        let bucket = StepTimes::BOUNDS.partition_point(|&bound| bound < took);
        let mut inner = self.lock();
        let histogram = inner.steps.entry(step).or_default();
        histogram.buckets[bucket] += 1;
        histogram.total += took;
    }

    pub(crate) fn executions(&self) -> Vec<ExecutionCount> {
        let count = |((language, result), &count): (&(String, &'static str), &u64)| ExecutionCount {
            language: language.clone(),
            result: (*result).to_owned(),
            count,
        };
        self.lock().executions.iter().map(count).collect()
    }

    pub(crate) fn steps(&self) -> Vec<StepTimes> {
        let times = |(step, histogram): (&TimedStep, &Histogram)| StepTimes {
            step: step.name().to_owned(),
            buckets: histogram.buckets.to_vec(),
            total: histogram.total,
        };
        self.lock().steps.iter().map(times).collect()
    }
}

impl TimedStep {
    pub(crate) const fn of(stage: StageKind) -> Self {
        match stage {
            StageKind::Compile | StageKind::Check => Self::Compile,
            StageKind::Run | StageKind::Format => Self::Run,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Queue => "queue",
            Self::Launch => "launch",
            Self::Compile => "compile",
            Self::Run => "run",
            Self::Cleanup => "cleanup",
            Self::Total => "total",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Metrics, TimedStep};

    #[test]
    fn a_time_falls_into_the_first_bucket_that_holds_it() {
        let metrics = Metrics::default();
        for micros in [1, 250, 251, 20_000_000] {
            metrics.time(TimedStep::Run, Duration::from_micros(micros));
        }
        let steps = metrics.steps();
        assert_eq!(steps.len(), 1);
        let buckets = &steps[0].buckets;
        assert_eq!((buckets[0], buckets[1], buckets.last()), (2, 1, Some(&1)));
    }
}
