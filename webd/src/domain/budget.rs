//! Memory that requests and answers hold, bounded over all of them together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Memory limit for all requests together.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    available: Arc<AtomicUsize>,
}

/// Memory of one request; dropping it returns the bytes to the [`Budget`].
#[derive(Debug)]
pub(crate) struct Reservation {
    available: Arc<AtomicUsize>,
    reserved: usize,
}

/// Requests and answers already hold all the memory of the [`Budget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("requests and answers hold as much memory as max_memory allows")]
pub(crate) struct BudgetExceeded;

impl Budget {
    /// Creates a budget with all bytes available.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { available: Arc::new(AtomicUsize::new(bytes)) }
    }

    /// Returns an empty reservation.
    pub(crate) fn reservation(&self) -> Reservation {
        Reservation { available: Arc::clone(&self.available), reserved: 0 }
    }
}

impl Reservation {
    /// Reserves `bytes` more.
    ///
    /// # Errors
    /// [`BudgetExceeded`] if they are not available; the reservation keeps its size.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), BudgetExceeded> {
        self.available
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |available| available.checked_sub(bytes))
            .map_err(|_| BudgetExceeded)?;
        self.reserved += bytes;
        Ok(())
    }

    /// Returns the reserved bytes.
    pub(crate) const fn reserved(&self) -> usize {
        self.reserved
    }

    /// Returns all reserved bytes to the budget.
    pub(crate) fn release(&mut self) {
        self.available.fetch_add(std::mem::take(&mut self.reserved), Ordering::Relaxed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release();
    }
}
