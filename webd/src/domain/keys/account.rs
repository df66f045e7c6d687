//! The usage of a key, which outlives a change of the key file.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keys::{KeyUsage, Timestamp};

use crate::domain::keys::refusal::{REASONS, Refusal};

/// The counters of a key.
#[derive(Debug, Default)]
pub(crate) struct Account {
    today: Mutex<Today>,
    /// Usage on other servers.
    elsewhere: Mutex<Today>,
    executions: AtomicU64,
    cpu_us: AtomicU64,
    refusals: [AtomicU64; REASONS.len()],
}

/// The usage of one day.
#[derive(Debug, Default)]
struct Today {
    day: u64,
    usage: KeyUsage,
}

/// Counters of a key since webd started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Executions that were started.
    pub(crate) executions: u64,
    /// CPU time, in microseconds.
    pub(crate) cpu_us: u64,
    /// Executions that were refused, by [`REASONS`].
    pub(crate) refusals: [u64; REASONS.len()],
}

impl Account {
    /// Creates an account that has used something on a day.
    pub(crate) fn with_usage(day: u64, usage: KeyUsage) -> Self {
        Self { today: Mutex::new(Today { day, usage }), ..Self::default() }
    }

    /// Returns the usage of the day.
    pub(crate) fn usage(&self, now: Timestamp) -> KeyUsage {
        self.today(now).usage
    }

    /// Returns the CPU time of the day on all servers, in microseconds.
    pub(crate) fn cpu_us_everywhere(&self, now: Timestamp) -> u64 {
        let elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        let of_others = if elsewhere.day == now.day() { elsewhere.usage.cpu_us } else { 0 };
        self.usage(now).cpu_us.saturating_add(of_others)
    }

    /// Sets the usage of a day on other servers.
    #[cfg(any(feature = "cluster", test))]
    pub(crate) fn set_elsewhere(&self, day: u64, usage: KeyUsage) {
        *self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner) = Today { day, usage };
    }

    /// Counts executions that begin.
    pub(crate) fn start(&self, executions: u64, now: Timestamp) {
        self.today(now).usage.executions += executions;
        self.executions.fetch_add(executions, Ordering::Relaxed);
    }

    /// Counts CPU time of an execution. It counts for the day on which its stage ended.
    pub(crate) fn charge(&self, cpu_time: Duration, now: Timestamp) {
        let micros = u64::try_from(cpu_time.as_micros()).unwrap_or(u64::MAX);
        let mut today = self.today(now);
        today.usage.cpu_us = today.usage.cpu_us.saturating_add(micros);
        self.cpu_us.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts an execution that was refused.
    pub(crate) fn refuse(&self, refusal: &Refusal) {
        if let Some(count) = self.refusals.get(refusal.reason_index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the counters since webd started.
    pub(crate) fn totals(&self) -> Totals {
        Totals {
            executions: self.executions.load(Ordering::Relaxed),
            cpu_us: self.cpu_us.load(Ordering::Relaxed),
            refusals: self.refusals.each_ref().map(|count| count.load(Ordering::Relaxed)),
        }
    }

    /// Returns the usage of the day, which begins with none. A clock that is set back does not begin a day.
    fn today(&self, now: Timestamp) -> MutexGuard<'_, Today> {
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if now.day() > today.day {
            *today = Today { day: now.day(), usage: KeyUsage::default() };
        }
        today
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_counts_for_a_day() {
        let (monday, tuesday) = (Timestamp(86_400 * 4), Timestamp(86_400 * 5));
        let account = Account::with_usage(4, KeyUsage { executions: 1, cpu_us: 5 });
        account.start(1, monday);
        account.charge(Duration::from_micros(7), Timestamp(86_400 * 5 - 1));
        assert_eq!(account.usage(monday), KeyUsage { executions: 2, cpu_us: 12 });
        account.charge(Duration::from_micros(3), tuesday);
        assert_eq!(account.usage(tuesday), KeyUsage { executions: 0, cpu_us: 3 });
        account.charge(Duration::from_micros(1), monday);
        assert_eq!(account.usage(monday).cpu_us, 4);
        assert_eq!((account.totals().executions, account.totals().cpu_us), (1, 11));
        account.set_elsewhere(5, KeyUsage { executions: 9, cpu_us: 100 });
        assert_eq!(account.cpu_us_everywhere(tuesday), 104);
        assert_eq!(account.usage(tuesday).cpu_us, 4, "what was used here");
        assert_eq!(account.cpu_us_everywhere(Timestamp(86_400 * 6)), 0, "it counts for a day");
    }
}
