//! Creates slots in the background when few are free, and removes those that are not used.

use std::io;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{debug, warn};

use crate::pool::sandbox_pool::SandboxPool;
use crate::pool::slot::Slot;

/// Slots that are created at the same time.
const PARALLEL: usize = 4;
/// Slots that were free for this long are removed, down to the spare ones.
const UNUSED_TIME: Duration = Duration::from_secs(30);
/// Pause after a failure: the first, doubled with each failure up to the second.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Keeps enough slots in the pool, until the pool is closed. `create_slot` creates a slot.
pub(crate) async fn keep_slots<Created>(pool: &SandboxPool, create_slot: impl Fn() -> Created)
where
    Created: Future<Output = io::Result<Slot>> + Send + 'static,
{
    let mut unused_check = interval(UNUSED_TIME);
    unused_check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pause = RETRY_PAUSE.0;
    while !pool.is_closed() {
        let missing = pool.missing_slots();
        if missing == 0 {
            tokio::select! {
                () = pool.slot_wanted() => {}
                _ = unused_check.tick() => pool.retire_unused_slots(),
            }
            continue;
        }
        let mut creating = JoinSet::new();
        for _ in 0..missing.min(PARALLEL) {
            creating.spawn(create_slot());
        }
        let mut has_failed = false;
        while let Some(created) = creating.join_next().await {
            match created.map_err(io::Error::other).flatten() {
                Ok(slot) => pool.add(slot),
                Err(error) => {
                    has_failed = true;
                    warn!(%error, "cannot create slot, will retry");
                }
            }
        }
        if has_failed {
            sleep(pause).await;
            pause = (pause * 2).min(RETRY_PAUSE.1);
        } else {
            debug!(missing, "slots created");
            pause = RETRY_PAUSE.0;
        }
    }
}
