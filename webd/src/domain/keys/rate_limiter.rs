//! A rate limit, by the generic cell rate algorithm (ITU-T I.371). It is our own because it must also count what other
//! servers have already started, which may exceed the rate: libraries only count what they allow.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use keys::Rate;

/// Counts executions against a [`Rate`].
#[derive(Debug)]
pub(crate) struct RateLimiter {
    rate: Rate,
    /// Time in which one execution is allowed.
    interval: Duration,
    /// Time at which the whole rate is available again. Each execution moves it by one interval.
    restored: Mutex<Instant>,
}

/// The remaining part of a [`Rate`].
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
    /// The remaining amount.
    pub(crate) state: RateState,
    /// Time after which the executions may start; `None` if they are more than the rate ever allows at once.
    pub(crate) retry_after: Option<Duration>,
}

impl RateLimiter {
    /// Creates a limiter that has counted nothing.
    pub(crate) fn new(rate: Rate) -> Self {
        // At least a nanosecond: the highest rate is four per nanosecond, which no client can exceed.
        let interval = (rate.period.duration() / rate.count.get()).max(Duration::from_nanos(1));
        Self { rate, interval, restored: Mutex::new(Instant::now()) }
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
        self.count_at(executions, Instant::now())
    }

    fn count_at(&self, executions: NonZeroU32, now: Instant) -> Result<RateState, RateExceeded> {
        let mut restored = self.restored.lock().unwrap_or_else(PoisonError::into_inner);
        let used = restored.saturating_duration_since(now);
        let needed = used.saturating_add(self.interval.saturating_mul(executions.get()));
        if needed <= self.burst() {
            *restored = now + needed;
            return Ok(self.state(needed));
        }
        let is_possible = executions <= self.rate.count;
        Err(RateExceeded {
            state: self.state(used.max(self.burst())),
            retry_after: is_possible.then(|| needed.saturating_sub(self.burst())),
        })
    }

    /// Counts executions that began on another server, whether the rate allowed them or not: those of this server then
    /// wait. At most another period is owed.
    #[cfg(any(feature = "cluster", test))]
    pub(crate) fn charge(&self, executions: u64, now: Instant) {
        let executions = u32::try_from(executions).unwrap_or(u32::MAX);
        let mut restored = self.restored.lock().unwrap_or_else(PoisonError::into_inner);
        let used = restored.saturating_duration_since(now);
        let charged = used.saturating_add(self.interval.saturating_mul(executions));
        *restored = now + charged.min(self.burst().saturating_add(self.longest_debt()));
    }

    /// Returns the time that a burst uses.
    fn burst(&self) -> Duration {
        self.interval.saturating_mul(self.rate.count.get())
    }

    /// Returns the time that others may have used in excess. It is more than others start between two exchanges.
    #[cfg(any(feature = "cluster", test))]
    fn longest_debt(&self) -> Duration {
        const SHORTEST: Duration = Duration::from_secs(60);
        self.burst().max(SHORTEST)
    }

    fn state(&self, used: Duration) -> RateState {
        let free = self.burst().saturating_sub(used).as_nanos() / self.interval.as_nanos().max(1);
        let remaining = u32::try_from(free).unwrap_or(u32::MAX);
        let restored_in = self.interval.saturating_mul(self.rate.count.get().saturating_sub(remaining));
        RateState { rate: self.rate, remaining, restored_in }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let (limiter, start) = (RateLimiter::new("3/h".parse().unwrap()), Instant::now());
        let minute = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let one = NonZeroU32::MIN;
        let state = limiter.count_at(one, start).unwrap();
        assert_eq!((state.remaining, state.restored_in), (2, Duration::from_secs(1200)));
        assert_eq!(limiter.count_at(one.saturating_add(1), start).unwrap().remaining, 0);
        let exceeded = limiter.count_at(one, minute(1)).unwrap_err();
        assert_eq!(exceeded.retry_after, Some(Duration::from_secs(19 * 60)));
        assert_eq!(exceeded.state.remaining, 0);
        assert_eq!(limiter.count_at(one.saturating_add(3), start).unwrap_err().retry_after, None);
        assert_eq!(limiter.count_at(one, minute(20)).unwrap().remaining, 0);
        assert_eq!(limiter.count_at(one, minute(60)).unwrap().remaining, 1);
        assert_eq!(limiter.count_at(one, minute(600)).unwrap().remaining, 2, "nothing is saved up");
    }

    #[test]
    fn the_highest_rate_never_refuses_a_single_execution() {
        let limiter = RateLimiter::new(format!("{}/s", u32::MAX).parse().unwrap());
        assert!((0..10_000).all(|_| limiter.count(NonZeroU32::MIN).is_ok()));
    }

    /// Two servers that exchange what they counted every 5 s, with clients that always want more.
    #[test]
    fn two_servers_together_allow_the_rate() {
        let start = Instant::now();
        let servers = [(); 2].map(|()| RateLimiter::new("10/s".parse().unwrap()));
        let (mut allowed, mut news) = (0, [0; 2]);
        for second in 0..100 {
            let now = start + Duration::from_secs(second);
            for (server, news) in servers.iter().zip(&mut news) {
                let begin = |_: &u64| server.count_at(NonZeroU32::MIN, now).is_ok();
                let counted = (0..1000).take_while(begin).count() as u64;
                allowed += counted;
                *news += counted;
            }
            if second % 5 == 4 {
                servers[0].charge(news[1], now);
                servers[1].charge(news[0], now);
                news = [0; 2];
            }
        }
        assert!((900..=1100).contains(&allowed), "{allowed} in 100 s");
    }
}
