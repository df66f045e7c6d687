//! Recent demand for a kind of sandbox.

use std::time::{Duration, Instant};

/// Time after which a request counts half.
const HALF_LIFE: Duration = Duration::from_secs(10);
/// Recent requests that justify one more pre-warmed sandbox.
const REQUESTS_PER_SANDBOX: f64 = 4.0;
/// Scores below this count as no demand. A single request falls below it after a minute.
const NEGLIGIBLE_SCORE: f64 = 0.02;

/// A count of requests that decays exponentially.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    score: f64,
    updated: Option<Instant>,
}

impl Demand {
    pub(crate) const fn new() -> Self {
        Self { score: 0.0, updated: None }
    }

    /// Counts a request.
    pub(crate) fn record(&mut self, now: Instant) {
        *self = Self { score: self.score(now) + 1.0, updated: Some(now) };
    }

    /// Returns when the last request was counted, if there was one.
    pub(crate) const fn last_request(&self) -> Option<Instant> {
        self.updated
    }

    /// Returns how many sandboxes should be ready for the next requests, at most `max`.
    pub(crate) fn target(&self, now: Instant, max: usize) -> usize {
        let score = self.score(now);
        if score < NEGLIGIBLE_SCORE {
            return 0;
        }
        let mut target = 1;
        while target < max && score > REQUESTS_PER_SANDBOX * target as f64 {
            target += 1;
        }
        target.min(max)
    }

    fn score(&self, now: Instant) -> f64 {
        let age = self.updated.map_or(Duration::ZERO, |updated| now.saturating_duration_since(updated));
        self.score * (-age.as_secs_f64() / HALF_LIFE.as_secs_f64()).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::{Demand, Duration, Instant};

    #[test]
    fn the_target_grows_with_requests_and_decays_with_time() {
        let start = Instant::now();
        let mut demand = Demand::new();
        assert_eq!(demand.target(start, 4), 0);
        demand.record(start);
        assert_eq!(demand.target(start, 4), 1);
        for _ in 0..5 {
            demand.record(start);
        }
        assert_eq!(demand.target(start, 4), 2);
        for _ in 0..100 {
            demand.record(start);
        }
        assert_eq!((demand.target(start, 4), demand.target(start, 0)), (4, 0));
        assert_eq!(demand.target(start + Duration::from_secs(50), 4), 1);
        assert_eq!(demand.target(start + Duration::from_secs(200), 4), 0);
    }
}
