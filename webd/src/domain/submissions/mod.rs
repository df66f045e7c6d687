//! Submissions: executions that are stored before they run, and whose results are stored until the client fetches them.
//!
//! [`store::SubmissionStore`] keeps them; [`sqlite`] is the store of a single server. [`runner`] takes stored submissions
//! and runs them; [`callback_runner`] delivers their callbacks.

mod attempts;
pub(crate) mod callback_queue;
pub(crate) mod callback_runner;
#[cfg(feature = "cluster")]
pub(crate) mod cluster;
#[cfg(feature = "cluster")]
pub(crate) mod cluster_callbacks;
pub(crate) mod derived_id;
pub(crate) mod id_locks;
pub(crate) mod order;
pub(crate) mod runner;
pub(crate) mod sqlite;
pub(crate) mod store;
pub(crate) mod submission;
