//! From the configuration to the bounds of executions and the numbers of slots.

use std::sync::Arc;

use crate::config::{Config, host_memory};
use crate::pool::SlotNumbers;
use crate::queue::Bounds;
use crate::uploads::UploadBudget;

/// Returns the bounds of concurrent executions. `memory` is that of everything in sandboxes, in bytes: an
/// eighth of it is for the time until programs that use more are ended.
pub(super) fn execution_bounds(config: &Config, memory: u64) -> Bounds {
    let or = |configured: u32, default: u32| if configured == 0 { default } else { configured } as usize;
    let executions = config.max_executions();
    let pool = if config.pool.enabled { config.pool.memory_bytes(host_memory()) } else { 0 };
    let cache = if config.build_cache.enabled { config.build_cache.memory.0.bytes() } else { 0 };
    Bounds {
        slots: config.slots() as usize,
        executions: executions as usize,
        reserved: config.reserved_executions() as usize,
        executions_per_client: or(config.max_executions_per_client, u32::MAX),
        interactive: or(config.max_interactive, executions - executions / 4),
        memory: memory.saturating_sub(pool + cache + config.kept_builds.memory_bytes()) / 8 * 7,
    }
}

/// Returns the memory of uploads.
pub(super) fn upload_budget(config: &Config) -> Arc<UploadBudget> {
    let total = config.uploads.memory_bytes(host_memory());
    UploadBudget::new(total, config.uploads.memory_per_client_bytes(total))
}

/// Returns how many slots there are.
pub(super) fn slot_numbers(config: &Config) -> SlotNumbers {
    let [busy, executions, most, pool] =
        [config.slots(), config.max_executions(), config.most_executions(), config.pool.capacity()]
            .map(|count| count as usize);
    SlotNumbers::new(busy, executions, most, pool)
}
