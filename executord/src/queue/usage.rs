//! How much CPU time and memory a running program uses, and whether it is idle.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// A program is idle if it used less than a tenth of one core ...
const IDLE_SHARE: u32 = 10;
/// ... for this long. It is longer than the tick of the slowest usual kernel (CONFIG_HZ=100), at which the CPU time of a
/// program that runs without a pause is updated.
const QUIET_TIME: Duration = Duration::from_millis(12);
/// The longest time that counts: an idle program that wakes up is noticed.
const MAX_WINDOW: Duration = Duration::from_millis(100);

/// CPU time and memory that a program has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) cpu_time: Duration,
    /// In bytes.
    pub(crate) memory: u64,
}

/// Reads the usage of a running program.
pub(crate) trait Meter: Debug + Send + Sync {
    /// Returns `None` if the usage is unknown, for example on a host without cgroups.
    fn usage(&self) -> Option<Usage>;

    /// Returns whether a thread of the program uses a processor or waits for one.
    fn is_runnable(&self) -> bool;

    /// Returns the memory in bytes without cached files, which the kernel drops when it needs memory.
    fn unreclaimable_memory(&self) -> u64;
}

/// The activity of a program in the recent past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Activity {
    /// Start of the period that is observed.
    since: Instant,
    /// CPU time until then.
    cpu_time: Duration,
    /// The last observation.
    observed: Instant,
    /// Use of the CPU in that period, in thousandths of a core.
    millis: u32,
    is_idle: bool,
}

impl Activity {
    /// Returns the activity of a program that starts now. It counts as busy until it was observed to be idle.
    pub(super) const fn starting(now: Instant, cpu_time: Duration) -> Self {
        Self { since: now, cpu_time, observed: now, millis: 1000, is_idle: false }
    }

    /// Updates the activity with the CPU time that the program has used until `now`. On a host that is overloaded, a
    /// program may get little of the CPU although it `is_runnable`. Then it is not idle.
    pub(super) fn observe(&mut self, now: Instant, cpu_time: Duration, is_runnable: impl FnOnce() -> bool) {
        let elapsed = now.saturating_duration_since(self.since);
        let used = cpu_time.saturating_sub(self.cpu_time);
        self.observed = now;
        let is_quiet = used * IDLE_SHARE < elapsed.max(QUIET_TIME);
        let turns_idle = is_quiet && !self.is_idle && elapsed >= QUIET_TIME;
        if !is_quiet || (turns_idle && is_runnable()) {
            *self = Self::starting(now, cpu_time);
        } else if elapsed >= QUIET_TIME {
            self.is_idle = true;
            self.millis = u32::try_from(used.as_micros() * 1000 / elapsed.as_micros().max(1)).unwrap_or(1000);
            if elapsed >= MAX_WINDOW {
                (self.since, self.cpu_time) = (now, cpu_time);
            }
        }
    }

    pub(super) const fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// Returns whether the program may turn out to be idle soon.
    pub(super) fn is_quieting(&self) -> bool {
        !self.is_idle && self.observed > self.since
    }

    /// Returns the use of the CPU, in thousandths of a core: all of one core if the program is busy.
    pub(super) const fn millis(&self) -> u32 {
        self.millis
    }

    /// Returns the time since the last observation.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.observed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Activity, Duration, Instant};

    /// Observes a program at times in milliseconds, after which it has used CPU time in microseconds, and returns whether
    /// it was idle at each of them.
    fn observe(observations: &[(u64, u64)]) -> Vec<bool> {
        let start = Instant::now();
        let mut activity = Activity::starting(start, Duration::ZERO);
        let mut idle = Vec::new();
        for &(at, cpu_time) in observations {
            let now = start + Duration::from_millis(at);
            activity.observe(now, Duration::from_micros(cpu_time), || false);
            idle.push(activity.is_idle());
        }
        idle
    }

    #[test]
    fn a_program_that_gets_no_processor_is_not_idle() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut activity = Activity::starting(start, Duration::ZERO);
        for millis in [15, 30, 45] {
            activity.observe(at(millis), Duration::ZERO, || true);
            assert!(!activity.is_idle());
        }
        activity.observe(at(60), Duration::ZERO, || false);
        assert!(activity.is_idle());
        // It is asked only whether it turns idle.
        activity.observe(at(75), Duration::ZERO, || true);
        assert!(activity.is_idle());
    }

    #[test]
    fn a_program_is_idle_when_it_was_quiet_for_a_while_and_busy_as_soon_as_it_uses_the_cpu() {
        for (case, observations, expected) in [
            ("it computes", vec![(5, 5000), (10, 10_000), (20, 20_000)], vec![false, false, false]),
            (
                "its CPU time is updated at each tick",
                vec![(5, 0), (10, 10_000), (15, 10_000)],
                vec![false; 3],
            ),
            ("it shares a core", vec![(10, 2000), (20, 4000), (30, 6000)], vec![false; 3]),
            ("it starts and sleeps", vec![(5, 4000), (10, 4100), (17, 4100)], vec![false, false, true]),
            ("it sleeps from the start", vec![(4, 0), (8, 0), (12, 0)], vec![false, false, true]),
            ("it wakes up", vec![(50, 0), (55, 1000), (60, 6000)], vec![true, true, false]),
            ("it wakes up now and then", vec![(100, 1000), (200, 2000), (300, 3000)], vec![true; 3]),
            ("it was not observed for long", vec![(5000, 30_000)], vec![true]),
        ] {
            assert_eq!(observe(&observations), expected, "{case}");
        }
    }
}
