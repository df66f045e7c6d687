//! The deadlines of a running stage.

use std::future::pending;
use std::time::Instant;

use tokio::time::sleep_until;

/// When the watch acts although nothing happened. `None` is never.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deadlines {
    /// The next check of CPU time and out-of-memory kills.
    pub(super) usage_check: Option<Instant>,
    /// The end of the grace period: all processes are killed.
    pub(super) kill: Option<Instant>,
    /// The time at which killed processes must be gone.
    pub(super) give_up: Option<Instant>,
    /// The end of a dialogue, although the program still runs: it has closed its stdout.
    pub(super) close_link: Option<Instant>,
}

impl Deadlines {
    /// Moves the kill to `at`, unless it is earlier already.
    pub(super) fn kill_by(&mut self, at: Instant) {
        self.kill = Some(self.kill.map_or(at, |kill| kill.min(at)));
    }
}

/// Waits for a deadline.
pub(super) async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => pending().await,
    }
}
