//! A rate limit, by the generic cell rate algorithm.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{InsufficientCapacity, Quota};
use keys::Rate;

/// Counts executions against a [`Rate`].
#[derive(Debug)]
pub(crate) struct RateLimiter {
    rate: Rate,
    quota: Quota,
    limiter: governor::RateLimiter<NotKeyed, InMemoryState, MonotonicClock, StateInformationMiddleware>,
}

/// What is left of a [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateState {
    /// The rate.
    pub(crate) rate: Rate,
    /// Executions that may start at once.
    pub(crate) remaining: u32,
    /// Time after which `rate.count` executions may start at once.
    pub(crate) restored_in: Duration,
}

/// The rate is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateExceeded {
    /// What is left.
    pub(crate) state: RateState,
    /// Time after which the executions may start; `None` if they are more than the rate ever allows at once.
    pub(crate) retry_after: Option<Duration>,
}

impl RateLimiter {
    /// Creates a limiter that has counted nothing.
    pub(crate) fn new(rate: Rate) -> Self {
        // At least a nanosecond: the highest rate is four per nanosecond, which no client can exceed.
        let interval = (rate.period.duration() / rate.count.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(interval).unwrap_or_else(|| Quota::per_second(rate.count));
        let quota = quota.allow_burst(rate.count);
        let limiter = governor::RateLimiter::direct_with_clock(quota, MonotonicClock).with_middleware();
        Self { rate, quota, limiter }
    }

    /// Returns the rate.
    pub(crate) const fn rate(&self) -> Rate {
        self.rate
    }

    /// Counts some executions that begin now: all of them or none.
    ///
    /// # Errors
    /// [`RateExceeded`] if they may not begin.
    pub(crate) fn count(&self, executions: NonZeroU32) -> Result<RateState, RateExceeded> {
        match self.limiter.check_n(executions) {
            Ok(Ok(state)) => Ok(self.state(state.remaining_burst_capacity())),
            Ok(Err(not_until)) => {
                let wait = not_until.wait_time_from(MonotonicClock.now());
                Err(RateExceeded { state: self.state(0), retry_after: Some(wait) })
            }
            Err(InsufficientCapacity(_)) => Err(RateExceeded { state: self.state(0), retry_after: None }),
        }
    }

    fn state(&self, remaining: u32) -> RateState {
        let used = self.quota.burst_size().get().saturating_sub(remaining);
        let restored_in = self.quota.replenish_interval().saturating_mul(used);
        RateState { rate: self.rate, remaining, restored_in }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let limiter = RateLimiter::new("3/h".parse().unwrap());
        let one = NonZeroU32::MIN;
        let state = limiter.count(one).unwrap();
        assert_eq!((state.remaining, state.restored_in), (2, Duration::from_secs(1200)));
        assert_eq!(limiter.count(one.saturating_add(1)).unwrap().remaining, 0);
        let exceeded = limiter.count(one).unwrap_err();
        let retry_after = exceeded.retry_after.unwrap();
        assert!((1190..=1200).contains(&retry_after.as_secs()), "{retry_after:?}");
        assert_eq!(limiter.count(one.saturating_add(3)).unwrap_err().retry_after, None);
    }

    #[test]
    fn the_highest_rate_never_refuses_a_single_execution() {
        let limiter = RateLimiter::new(format!("{}/s", u32::MAX).parse().unwrap());
        assert!((0..10_000).all(|_| limiter.count(NonZeroU32::MIN).is_ok()));
    }
}
