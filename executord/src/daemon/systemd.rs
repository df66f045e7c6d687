//! Notifications to systemd, see sd_notify(3). Without systemd they do nothing.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

pub(super) fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "cannot notify systemd");
    }
}

/// Returns half of `WatchdogSec=`, so that one late tick is harmless.
pub(super) fn watchdog_period() -> Duration {
    sd_notify::watchdog_enabled().map_or(Duration::from_secs(3600), |period| period / 2)
}
