//! Submissions that have a result and whose work was not acknowledged: NATS may deliver it again, and it does not have to run.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cluster::subjects::SubmissionKey;

/// Submissions that are remembered. The oldest are forgotten first, and run again if they are delivered again.
const CAPACITY: usize = 1024;

/// The submissions, with the times at which they were stored: one with the same key that was stored later is another one.
#[derive(Debug, Default)]
pub(crate) struct Unacknowledged(Mutex<VecDeque<(SubmissionKey, u64)>>);

impl Unacknowledged {
    /// Remembers a submission.
    pub(crate) fn insert(&self, key: SubmissionKey, created: u64) {
        let mut all = self.lock();
        all.retain(|(known, _)| *known != key);
        if all.len() == CAPACITY {
            all.pop_front();
        }
        all.push_back((key, created));
    }

    /// Forgets a submission, which was acknowledged.
    pub(crate) fn remove(&self, key: SubmissionKey) {
        self.lock().retain(|(known, _)| *known != key);
    }

    /// Returns whether a submission is remembered.
    pub(crate) fn contains(&self, key: SubmissionKey, created: u64) -> bool {
        self.lock().contains(&(key, created))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(SubmissionKey, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_is_remembered_until_it_is_acknowledged_or_too_many_are() {
        let key = |number: u128| format!("2bd806c97f0e00af.{number:032x}");
        let key = |number| SubmissionKey::parse(&key(number)).unwrap();
        let unacknowledged = Unacknowledged::default();
        unacknowledged.insert(key(0), 5);
        assert!(unacknowledged.contains(key(0), 5));
        assert!(!unacknowledged.contains(key(0), 6), "stored again after it was forgotten");
        assert!(!unacknowledged.contains(key(1), 5));
        unacknowledged.remove(key(0));
        assert!(!unacknowledged.contains(key(0), 5));
        for number in 0..=CAPACITY as u128 {
            unacknowledged.insert(key(number), 5);
        }
        assert!(!unacknowledged.contains(key(0), 5) && unacknowledged.contains(key(1), 5));
    }
}
