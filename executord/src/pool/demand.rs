//! How much something was asked for lately.

use std::time::{Duration, Instant};

/// After this time a request counts half.
const HALF_LIFE: Duration = Duration::from_secs(10);
/// So many recent requests are worth one more that is kept ready.
const REQUESTS_EACH: f64 = 4.0;
/// Less than this is nothing: a minute after a single request.
const FORGOTTEN: f64 = 0.02;

/// Requests, the older the less they count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    score: f64,
    at: Option<Instant>,
}

impl Demand {
    /// None so far.
    pub(crate) const fn new() -> Self {
        Self { score: 0.0, at: None }
    }

    /// Another request.
    pub(crate) fn note(&mut self, now: Instant) {
        *self = Self { score: self.score(now) + 1.0, at: Some(now) };
    }

    /// How many should be ready for the next, `most` at most.
    pub(crate) fn wanted(&self, now: Instant, most: usize) -> usize {
        let score = self.score(now);
        if score < FORGOTTEN {
            return 0;
        }
        let mut wanted = 1;
        while wanted < most && score > REQUESTS_EACH * wanted as f64 {
            wanted += 1;
        }
        wanted.min(most)
    }

    fn score(&self, now: Instant) -> f64 {
        let age = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.score * (-age.as_secs_f64() / HALF_LIFE.as_secs_f64()).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::{Demand, Duration, Instant};

    #[test]
    fn what_is_asked_for_more_is_wanted_more_and_forgotten_after_a_while() {
        let start = Instant::now();
        let mut demand = Demand::new();
        assert_eq!(demand.wanted(start, 4), 0);
        demand.note(start);
        assert_eq!(demand.wanted(start, 4), 1);
        for _ in 0..5 {
            demand.note(start);
        }
        assert_eq!(demand.wanted(start, 4), 2);
        for _ in 0..100 {
            demand.note(start);
        }
        assert_eq!((demand.wanted(start, 4), demand.wanted(start, 0)), (4, 0));
        assert_eq!(demand.wanted(start + Duration::from_secs(50), 4), 1);
        assert_eq!(demand.wanted(start + Duration::from_secs(200), 4), 0);
    }
}
