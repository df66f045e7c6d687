//! Where submissions are kept.

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::domain::submissions::submission::{
    ClaimedSubmission, NewSubmission, Owner, Submission, SubmissionState,
};

/// A store of submissions, as clients see it. Whatever a method returned is durable: it survives `kill -9` of this
/// process, and the loss of power.
pub(crate) trait SubmissionStore: Debug + Send + Sync {
    /// Stores submissions: all of them or none.
    fn insert(&self, new: Vec<NewSubmission>) -> StoreFuture<'_, Inserted>;

    /// Returns whether the owner stored a submission under this id before: [`Inserted::Existing`] with the same body,
    /// [`Inserted::Conflict`] with another.
    fn find(&self, owner: Owner, id: Uuid, body: Bytes) -> StoreFuture<'_, Option<Inserted>>;

    /// Returns a submission with its result.
    fn get(&self, owner: Owner, id: Uuid) -> StoreFuture<'_, Option<Submission>>;

    /// Returns at most `limit` submissions of an owner, the newest first, without their results; those before `before` if
    /// it is given.
    fn list(&self, owner: Owner, before: Option<Uuid>, limit: u32) -> StoreFuture<'_, Vec<Submission>>;

    /// Cancels a submission that is not in a final state, and forgets one that is. Returns its state before; `None` if
    /// there is no such submission.
    fn cancel(&self, owner: Owner, id: Uuid) -> StoreFuture<'_, Option<SubmissionState>>;

    /// Returns the changes from now on: submissions and their new states.
    ///
    /// A change may be missed, because it happened in another process: a reader that waits also reads the store from time
    /// to time.
    fn changes(&self) -> broadcast::Receiver<Change>;

    /// Returns whether it stores [`NewSubmission::callback`], and is a
    /// [`crate::domain::submissions::callback_queue::CallbackQueue`] too.
    fn keeps_callbacks(&self) -> bool {
        false
    }

    /// Returns numbers for metrics; `None` if it has none.
    fn statistics(&self) -> StoreFuture<'_, Option<StoreStatistics>> {
        Box::pin(async { Ok(None) })
    }
}

/// A store whose submissions this process runs itself.
pub(crate) trait SubmissionQueue: SubmissionStore {
    /// Takes a queued submission to run it. Owners take turns.
    fn claim(&self) -> StoreFuture<'_, Option<ClaimedSubmission>>;

    /// Returns a submission that could not be run yet to the queue, unless it is in a final state. `counts` says whether
    /// the attempt counts.
    fn requeue(&self, number: i64, counts: bool) -> StoreFuture<'_, ()>;

    /// Stores the result of a submission, unless it is in a final state: the first result stands.
    fn finish(&self, number: i64, state: SubmissionState, result: Bytes) -> StoreFuture<'_, ()>;

    /// Lets submissions expire that waited for `keep`, and forgets those that reached a final state that long ago.
    fn expire(&self, keep: Duration) -> StoreFuture<'_, ()>;
}

/// What a store holds, and how submissions ended since this process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoreStatistics {
    /// Submissions in each state, by [`SubmissionState::number`]; `None` if that is not known.
    pub(crate) stored: [Option<u64>; SubmissionState::ALL.len()],
    /// Bytes of requests and results.
    pub(crate) bytes: u64,
    /// Time for which the oldest queued submission has waited; zero if none is queued.
    pub(crate) oldest_queued: Duration,
    /// Submissions that reached each state, by [`SubmissionState::number`]; `None` if that is not known.
    pub(crate) reached: [Option<u64>; SubmissionState::ALL.len()],
    /// Callbacks that are not delivered yet.
    pub(crate) callbacks: u64,
}

impl StoreStatistics {
    /// Sets the number of submissions in a state.
    pub(crate) fn set_stored(&mut self, state: SubmissionState, count: u64) {
        if let Some(stored) = self.stored.get_mut(state.index()) {
            *stored = Some(count);
        }
    }

    /// Sets the number of submissions that reached a state.
    #[cfg(feature = "cluster")]
    pub(crate) fn set_reached(&mut self, state: SubmissionState, count: u64) {
        if let Some(reached) = self.reached.get_mut(state.index()) {
            *reached = Some(count);
        }
    }
}

/// A change of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its id, which others may have too: an id belongs to an owner.
    pub(crate) id: Uuid,
    /// Its number in the store, of one that was cancelled.
    pub(crate) number: Option<i64>,
    /// Its new state.
    pub(crate) state: SubmissionState,
}

/// What a store returns.
pub(crate) type StoreFuture<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// What happened to submissions that were to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// They are stored.
    New,
    /// The single submission was stored before, with the same body.
    Existing(SubmissionState),
    /// A submission with this id and another body exists.
    Conflict,
    /// The owner, or all owners together, have as many as they may have.
    Full,
}

/// The store cannot do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// Too many operations wait for it.
    #[error("the store of submissions is overloaded")]
    Overloaded,
    /// The submission cannot be stored.
    #[cfg(feature = "cluster")]
    #[error("{0}")]
    Invalid(&'static str),
    /// It is larger than the store accepts.
    #[cfg(feature = "cluster")]
    #[error("the submission is larger than the store accepts")]
    TooLarge,
    /// It failed.
    #[error("the store of submissions failed: {0}")]
    Failed(String),
}
