//! Where the callbacks of submissions wait until they are delivered.

use std::fmt::Debug;
use std::time::Duration;

use tokio::sync::broadcast;

use crate::domain::submissions::store::{Change, StoreFuture};
use crate::domain::submissions::submission::{Owner, Submission};

/// The callbacks of submissions in a final state, and those that become due when theirs reaches one. What a method
/// returned is durable. A callback is forgotten together with its submission.
pub(crate) trait CallbackQueue: Debug + Send + Sync {
    /// Takes the callback that has been due for the longest time, of an owner that is not in `busy`.
    fn claim_callback(&self, busy: Vec<Owner>) -> StoreFuture<'_, NextCallback>;

    /// Returns a callback that was not delivered, to be taken again after a time. `counts` says whether the attempt
    /// counts.
    fn retry_callback(&self, number: i64, after: Duration, counts: bool) -> StoreFuture<'_, ()>;

    /// Forgets a callback, which was delivered or given up.
    fn end_callback(&self, number: i64) -> StoreFuture<'_, ()>;

    /// Returns the changes of submissions from now on.
    fn submission_changes(&self) -> broadcast::Receiver<Change>;
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NextCallback {
    /// This one.
    Due(Box<ClaimedCallback>),
    /// Nothing before this time has passed.
    In(Duration),
    /// Nothing.
    None,
}

/// A callback that was taken to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimedCallback {
    /// The number of its submission in the store.
    pub(crate) number: i64,
    /// Whose it is.
    pub(crate) owner: Owner,
    /// Where it goes, as the client named it.
    pub(crate) url: String,
    /// How often it was taken, this time included.
    pub(crate) attempts: u32,
    /// The submission, with its result.
    pub(crate) submission: Submission,
}
