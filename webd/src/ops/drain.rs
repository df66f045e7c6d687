//! The time between the signal to stop and the end of the service, in which a load balancer notices that this node stops.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// Time that systemd grants in addition to the drain and stop timeouts, for writing what must survive.
const RESERVE: Duration = Duration::from_secs(5);

/// Whether webd is about to stop. Until it stops it serves all requests as before, but it is not ready.
#[derive(Debug, Default)]
pub(crate) struct Drain(AtomicBool);

impl Drain {
    /// Waits for `signal`; then reports webd as not ready, and returns after `time`.
    pub(crate) async fn after(&self, signal: impl Future<Output = ()>, time: Duration) {
        signal.await;
        self.0.store(true, Ordering::Relaxed);
        if !time.is_zero() {
            tracing::info!(?time, "draining: not ready, still serving");
            sleep(time).await;
        }
    }

    /// Returns whether webd is about to stop.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Returns the longest time from the signal to the end in microseconds, which systemd should wait even if `TimeoutStopSec=`
/// is shorter (`EXTEND_TIMEOUT_USEC` of `sd_notify(3)`).
pub(crate) fn stop_time_usec(drain: Duration, stop: Duration) -> u32 {
    let time = drain.saturating_add(stop).saturating_add(RESERVE);
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::time::Instant;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn webd_is_not_ready_from_the_signal_on_and_stops_after_the_drain_time() {
        let drain = Drain::default();
        assert!(drain.after(pending(), Duration::ZERO).now_or_never().is_none());
        assert!(!drain.has_begun());
        let time = Duration::from_millis(20);
        let begin = Instant::now();
        let mut stopped = pin!(drain.after(ready(()), time));
        assert!(stopped.as_mut().now_or_never().is_none());
        assert!(drain.has_begun());
        stopped.await;
        assert!(begin.elapsed() >= time);
    }

    #[test]
    fn systemd_waits_for_all_phases() {
        let seconds = |drain, stop| stop_time_usec(Duration::from_secs(drain), Duration::from_secs(stop));
        assert_eq!(seconds(0, 25), 30_000_000);
        assert_eq!(seconds(10, 300), 315_000_000);
        assert_eq!(seconds(u64::MAX, 1), u32::MAX);
    }
}
