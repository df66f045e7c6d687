//! Turns of requests that store a submission under an id which the client chose.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::domain::submissions::submission::Owner;

/// Locks. Two ids may share one; which do, no client can know.
const LOCKS: usize = 64;

/// A bounded number of locks for any number of ids.
#[derive(Debug)]
pub(crate) struct IdLocks {
    hasher: RandomState,
    locks: [Mutex<()>; LOCKS],
}

impl Default for IdLocks {
    fn default() -> Self {
        Self { hasher: RandomState::new(), locks: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl IdLocks {
    /// Waits until no other request stores a submission under this id.
    pub(crate) async fn lock(&self, owner: &Owner, id: Uuid) -> MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one((owner, id)) % LOCKS as u64;
        // A remainder of 64 is an index on every platform.
        self.locks[usize::try_from(hash).unwrap_or_default()].lock().await
    }
}
