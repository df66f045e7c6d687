//! When a language is at rest: its pre-warmed sandboxes then hold at most the memory that the administrator allows.

use std::time::{Duration, Instant};

/// Time without a request after which the sandboxes of a bucket are at rest: the least, after a burst, and the most.
const REST_AFTER: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(600));
/// A bucket whose requests come at intervals is at rest when none has come for this number of intervals.
const INTERVALS_BEFORE_REST: u32 = 4;
/// Time after which the sandboxes of a bucket are at rest if there was no request since the start, and it is not known how much
/// memory they hold: they are started once, and measured.
const REST_IF_UNKNOWN_AFTER: Duration = Duration::from_secs(20);

/// Returns from when on the sandboxes of a bucket are at rest whose last request was at `last_request`, and its last requests
/// `interval` apart.
pub(super) fn rests_from(last_request: Instant, interval: Option<Duration>) -> Instant {
    let usual = interval.unwrap_or_default().saturating_mul(INTERVALS_BEFORE_REST);
    last_request + usual.clamp(REST_AFTER.0, REST_AFTER.1)
}

/// Returns from when on the sandboxes of a bucket are at rest that was created at `created` and never requested.
pub(super) fn rests_unrequested_from(created: Instant, is_memory_known: bool) -> Instant {
    if is_memory_known { created } else { created + REST_IF_UNKNOWN_AFTER }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_at_rest_when_its_next_request_is_overdue() {
        let last = Instant::now();
        for (interval, seconds) in [
            (None, 60),
            (Some(Duration::from_millis(40)), 60),
            (Some(Duration::from_secs(15)), 60),
            (Some(Duration::from_secs(60)), 240),
            (Some(Duration::from_secs(150)), 600),
            (Some(Duration::from_secs(3600)), 600),
            (Some(Duration::MAX), 600),
        ] {
            assert_eq!(rests_from(last, interval), last + Duration::from_secs(seconds), "{interval:?}");
        }
    }

    #[test]
    fn a_language_that_nobody_ever_requested_is_at_rest_once_its_memory_is_known() {
        let created = Instant::now();
        assert_eq!(rests_unrequested_from(created, true), created);
        assert_eq!(rests_unrequested_from(created, false), created + Duration::from_secs(20));
    }
}
