//! The memory of all uploads: bounded in all, for each network of clients, and for each client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::{ByteCount, Rejection};

use crate::queue::ClientKey;

/// Part of the budget that the clients of one network may hold together, as a divisor.
const NETWORK_SHARE: u64 = 2;
/// Time after which a client may try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The memory of all uploads.
#[derive(Debug)]
pub(crate) struct UploadBudget {
    total: u64,
    per_client: u64,
    /// The bytes that each client and each group of clients holds. None is kept that holds nothing.
    held: Mutex<HashMap<Vec<String>, u64>>,
}

/// The memory of the uploads of one execution. Dropping it returns the bytes to the budget.
#[derive(Debug)]
pub(crate) struct UploadReservation {
    budget: Arc<UploadBudget>,
    /// The groups of the client and the client itself, each with its limit.
    holders: Vec<(Vec<String>, u64)>,
    reserved: u64,
}

impl UploadBudget {
    /// Creates a budget of `total` bytes, of which one client may hold `per_client`.
    pub(crate) fn new(total: u64, per_client: u64) -> Arc<Self> {
        Arc::new(Self { total, per_client: per_client.min(total), held: Mutex::default() })
    }

    /// Returns an empty reservation of a client.
    pub(crate) fn reservation(self: &Arc<Self>, client: &ClientKey) -> UploadReservation {
        let levels = client.levels();
        let holder = |depth: usize| {
            let limit = match depth {
                depth if depth == levels.len() => self.per_client,
                // Everybody, and a user of the host: webd forwards the uploads of all others.
                0 | 1 => self.total,
                _ => (self.total / NETWORK_SHARE).max(self.per_client),
            };
            (levels[..depth].to_vec(), limit)
        };
        let holders = (0..=levels.len()).map(holder).collect();
        UploadReservation { budget: Arc::clone(self), holders, reserved: 0 }
    }

    #[cfg(test)]
    pub(crate) fn is_unused(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<String>, u64>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UploadReservation {
    /// Reserves `bytes` more.
    ///
    /// # Errors
    /// [`Rejection::TooLarge`] if this execution alone exceeds what a client may hold, and [`Rejection::Busy`] if others do.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), Rejection> {
        let per_client = self.budget.per_client;
        if self.reserved.saturating_add(bytes) > per_client {
            let message = format!("the uploads of a request may have {} together", ByteCount(per_client));
            return Err(Rejection::TooLarge(message));
        }
        let mut held = self.budget.lock();
        let exceeds = |(holder, limit): &(Vec<String>, u64)| {
            held.get(holder).copied().unwrap_or(0).saturating_add(bytes) > *limit
        };
        if self.holders.iter().any(exceeds) {
            return Err(Rejection::Busy { retry_after: RETRY_AFTER });
        }
        if bytes > 0 {
            for (holder, _) in &self.holders {
                *held.entry(holder.clone()).or_default() += bytes;
            }
        }
        self.reserved += bytes;
        Ok(())
    }
}

impl Drop for UploadReservation {
    fn drop(&mut self) {
        let mut held = self.budget.lock();
        for (holder, _) in &self.holders {
            if let Some(bytes) = held.get_mut(holder) {
                *bytes = bytes.saturating_sub(self.reserved);
                if *bytes == 0 {
                    held.remove(holder);
                }
            }
        }
    }
}
