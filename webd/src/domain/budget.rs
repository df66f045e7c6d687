//! Memory that requests hold, bounded over all of them together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::http::error::ApiError;

/// So many bytes for all requests together.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    left: Arc<AtomicUsize>,
}

/// What one request has of it; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    left: Arc<AtomicUsize>,
    taken: usize,
}

impl Budget {
    /// All of it is free.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(bytes)) }
    }

    /// A share of nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share { left: Arc::clone(&self.left), taken: 0 }
    }
}

impl Share {
    /// Take so many bytes more.
    ///
    /// # Errors
    /// If they are not there.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes))
            .map_err(|_| ApiError::overloaded())?;
        self.taken += bytes;
        Ok(())
    }

    /// Give back what was taken, and be a share of nothing again.
    pub(crate) fn give_back(&mut self) {
        self.left.fetch_add(std::mem::take(&mut self.taken), Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back();
    }
}
