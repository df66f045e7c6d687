//! The decision whether an execution of a key may begin, and the guard of one that did.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use keys::{KeyLimits, Rate, Timestamp};

use crate::domain::keys::account::Account;
use crate::domain::keys::rate_limiter::{RateExceeded, RateLimiter, RateState};
use crate::domain::keys::refusal::Refusal;

/// What a key, or a client without a key, has left of its limits.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    limiter: Option<RateLimiter>,
    /// When an execution was last counted against the rate.
    last_counted: Mutex<Option<Instant>>,
    /// Executions that were counted against the rate.
    counted: AtomicU64,
    running: Arc<AtomicU32>,
    /// Executions that run on other servers.
    running_elsewhere: Arc<AtomicU32>,
}

/// An execution that was admitted; it counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    account: Arc<Account>,
    running: Arc<AtomicU32>,
    is_measured: bool,
}

impl Allowance {
    /// Creates an allowance of which nothing is used.
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self { limiter: rate.map(RateLimiter::new), ..Self::default() }
    }

    /// Returns an allowance with the same limits, of which nothing is used.
    pub(crate) fn unused(&self) -> Self {
        Self::new(self.rate())
    }

    /// Returns an allowance with another rate, for the executions that are running too.
    pub(crate) fn with_rate(&self, rate: Option<Rate>) -> Self {
        Self {
            running: Arc::clone(&self.running),
            running_elsewhere: Arc::clone(&self.running_elsewhere),
            ..Self::new(rate)
        }
    }

    /// Returns the rate.
    pub(crate) fn rate(&self) -> Option<Rate> {
        self.limiter.as_ref().map(RateLimiter::rate)
    }

    /// Returns whether nothing of it is used: nothing runs, and the whole rate is available again.
    pub(crate) fn is_unused(&self, now: Instant) -> bool {
        let last_counted = *self.last_counted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_restored = |rate: Rate, since: Instant| now.duration_since(since) >= rate.period.duration();
        self.running.load(Ordering::Relaxed) == 0
            && self.rate().zip(last_counted).is_none_or(|(rate, since)| is_restored(rate, since))
    }

    /// Counts executions against the rate.
    pub(crate) fn count(&self, executions: NonZeroU32) -> Result<Option<RateState>, RateExceeded> {
        let Some(limiter) = &self.limiter else { return Ok(None) };
        *self.last_counted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        let state = limiter.count(executions)?;
        self.counted.fetch_add(u64::from(executions.get()), Ordering::Relaxed);
        Ok(Some(state))
    }

    /// Returns the executions that run, and those that were counted against the rate.
    #[cfg(any(feature = "cluster", test))]
    pub(crate) fn counters(&self) -> (u32, u64) {
        (self.running.load(Ordering::Relaxed), self.counted.load(Ordering::Relaxed))
    }

    /// Sets the executions that run on other servers.
    #[cfg(any(feature = "cluster", test))]
    pub(crate) fn set_running_elsewhere(&self, running: u32) {
        self.running_elsewhere.store(running, Ordering::Relaxed);
    }

    /// Counts executions against the rate that began on other servers.
    #[cfg(any(feature = "cluster", test))]
    pub(crate) fn charge_elsewhere(&self, executions: u64) {
        if let Some(limiter) = self.limiter.as_ref().filter(|_| executions > 0) {
            limiter.charge(executions, Instant::now());
        }
    }
}

/// Admits executions that begin now, or refuses all of them. What is refused counts towards no limit.
///
/// # Errors
/// [`Refusal`], and the remaining rate, if there is one.
pub(crate) fn admit(
    limits: &KeyLimits,
    account: &Arc<Account>,
    allowance: &Allowance,
    is_measured: bool,
    now: Timestamp,
) -> (Result<Admission, Refusal>, Option<RateState>) {
    let admission = match begin(limits, account, allowance, is_measured, now) {
        Ok(admission) => admission,
        Err(refusal) => return (Err(refusal), None),
    };
    let (counted, state) = count(allowance, NonZeroU32::MIN);
    (counted.map(|()| admission).inspect(|_| account.start(1, now)), state)
}

/// Accepts executions that begin later, or refuses all of them.
///
/// # Errors
/// [`Refusal`], and the remaining rate, if there is one.
pub(crate) fn accept(
    limits: &KeyLimits,
    account: &Account,
    allowance: &Allowance,
    executions: NonZeroU32,
    now: Timestamp,
) -> (Result<(), Refusal>, Option<RateState>) {
    match used_up(limits, account, now) {
        Some(refusal) => (Err(refusal), None),
        None => count(allowance, executions),
    }
}

/// Admits an execution whose rate does not count, or was counted before.
///
/// # Errors
/// [`Refusal`]
pub(crate) fn begin(
    limits: &KeyLimits,
    account: &Arc<Account>,
    allowance: &Allowance,
    is_measured: bool,
    now: Timestamp,
) -> Result<Admission, Refusal> {
    if let Some(refusal) = used_up(limits, account, now) {
        return Err(refusal);
    }
    // Counts before it is compared, so that two requests at the same time cannot both be the last.
    let before = allowance.running.fetch_add(1, Ordering::Relaxed);
    let admission =
        Admission { account: Arc::clone(account), running: Arc::clone(&allowance.running), is_measured };
    match limits.concurrent {
        Some(limit)
            if before.saturating_add(allowance.running_elsewhere.load(Ordering::Relaxed)) >= limit.get() =>
        {
            Err(Refusal::Concurrent(limit))
        }
        _ => Ok(admission),
    }
}

fn count(allowance: &Allowance, executions: NonZeroU32) -> (Result<(), Refusal>, Option<RateState>) {
    match allowance.count(executions) {
        Ok(state) => (Ok(()), state),
        Err(RateExceeded { state, retry_after }) => {
            (Err(Refusal::Rate { rate: state.rate, retry_after }), Some(state))
        }
    }
}

/// Returns why a key may start nothing more today.
fn used_up(limits: &KeyLimits, account: &Account, now: Timestamp) -> Option<Refusal> {
    let limit = limits.cpu_per_day?;
    let used = Duration::from_micros(account.cpu_us_everywhere(now));
    (used >= limit).then(|| Refusal::cpu_per_day(limit, now))
}

impl Admission {
    /// Returns whether the CPU time must be known even if the client disconnects.
    pub(crate) const fn is_measured(&self) -> bool {
        self.is_measured
    }

    /// Counts CPU time of the execution.
    pub(crate) fn charge(&self, cpu_time: Duration) {
        self.account.charge(cpu_time, Timestamp::now());
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(86_400 * 20_000 + 43_200);

    struct Key {
        limits: KeyLimits,
        account: Arc<Account>,
        allowance: Allowance,
    }

    impl Key {
        fn new(limits: KeyLimits) -> Self {
            let allowance = Allowance::new(limits.rate);
            Self { limits, account: Arc::default(), allowance }
        }

        fn admit(&self) -> Result<Admission, Refusal> {
            admit(&self.limits, &self.account, &self.allowance, true, NOON).0
        }
    }

    #[test]
    fn a_key_without_limits_is_never_refused() {
        let key = Key::new(KeyLimits::default());
        let admitted: Vec<_> = (0..1000).map(|_| key.admit().unwrap()).collect();
        assert_eq!(key.account.usage(NOON).executions, 1000);
        drop(admitted);
        assert!(key.allowance.is_unused(Instant::now()));
    }

    #[test]
    fn executions_count_until_they_end() {
        let two = NonZeroU32::new(2);
        let key = Key::new(KeyLimits { concurrent: two, ..KeyLimits::default() });
        let first = key.admit().unwrap();
        let _second = key.admit().unwrap();
        for _ in 0..3 {
            assert_eq!(key.admit().unwrap_err(), Refusal::Concurrent(two.unwrap()));
        }
        drop(first);
        assert!(key.admit().is_ok());
        key.allowance.set_running_elsewhere(1);
        assert_eq!(key.admit().unwrap_err(), Refusal::Concurrent(two.unwrap()));
        key.allowance.set_running_elsewhere(0);
        assert!(key.admit().is_ok());
    }

    #[test]
    fn what_other_servers_start_counts_against_the_rate() {
        let rate: Rate = "3/h".parse().unwrap();
        let key = Key::new(KeyLimits { rate: Some(rate), ..KeyLimits::default() });
        let _running = key.admit().unwrap();
        assert_eq!(key.allowance.counters(), (1, 1));
        key.allowance.charge_elsewhere(2);
        assert!(matches!(key.admit(), Err(Refusal::Rate { .. })));
        assert_eq!(key.allowance.counters(), (1, 1), "what is refused, or runs elsewhere, does not count");
    }

    #[test]
    fn the_quota_counts_until_the_day_ends() {
        let limit = Duration::from_secs(10);
        let key = Key::new(KeyLimits { cpu_per_day: Some(limit), ..KeyLimits::default() });
        key.account.charge(Duration::from_millis(9_999), NOON);
        assert!(key.admit().is_ok());
        key.account.charge(Duration::from_millis(1), NOON);
        let refusal = key.admit().unwrap_err();
        assert_eq!(refusal, Refusal::CpuPerDay { limit, retry_after: Duration::from_secs(43_200) });
        assert!(refusal.to_string().contains("10 s"), "{refusal}");
        let tomorrow = NOON.after(Duration::from_secs(43_200));
        assert!(admit(&key.limits, &key.account, &key.allowance, true, tomorrow).0.is_ok());
    }

    #[test]
    fn what_is_refused_does_not_count_towards_the_rate() {
        let rate: Rate = "2/h".parse().unwrap();
        let limits = KeyLimits { rate: Some(rate), concurrent: NonZeroU32::new(1), ..KeyLimits::default() };
        let key = Key::new(limits);
        let running = key.admit().unwrap();
        for _ in 0..5 {
            assert!(matches!(key.admit(), Err(Refusal::Concurrent(_))));
        }
        drop(running);
        drop(key.admit().unwrap());
        let (refused, state) = admit(&key.limits, &key.account, &key.allowance, true, NOON);
        assert!(matches!(refused, Err(Refusal::Rate { retry_after: Some(_), .. })));
        assert_eq!(state.unwrap().remaining, 0);
        assert!(
            matches!(key.admit(), Err(Refusal::Rate { .. })),
            "the refused one does not count as running"
        );
    }
}
