//! Statistics of durations.

use std::time::Duration;

use serde::Serialize;

/// Percentiles of durations.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Times {
    /// Number of durations.
    pub count: usize,
    /// Median in milliseconds.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile; the maximum of fewer than 100 durations.
    pub p99: f64,
}

impl Times {
    /// Returns `None` if there are no durations.
    #[must_use]
    pub fn of(times: &[Duration]) -> Option<Self> {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let at = |percent: usize| {
            // Nearest-rank method.
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).map(|&time| millis(time))
        };
        Some(Self { count: sorted.len(), p50: at(50)?, p90: at(90)?, p99: at(99)? })
    }
}

/// Returns milliseconds.
#[must_use]
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Returns MiB.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = |count: u64| Times::of(&(1..=count).rev().map(Duration::from_millis).collect::<Vec<_>>());
        let check = |count, expected: [f64; 3]| {
            let got = times(count).unwrap();
            assert!([got.p50, got.p90, got.p99].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9));
        };
        assert!(times(0).is_none());
        check(1, [1.0, 1.0, 1.0]);
        check(10, [5.0, 9.0, 10.0]);
        check(100, [50.0, 90.0, 99.0]);
        check(200, [100.0, 180.0, 198.0]);
    }
}
