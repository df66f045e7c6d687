//! One execution: its stages, each in a sandbox of its own, and the cleanup after them. [`recipe`] is the whole of it on one
//! screen.

pub(crate) mod build_cache;
mod build_source;
mod executor;
pub(crate) mod internal_jobs;
mod pending_cleanup;
mod recipe;
mod stage;
mod stages;
mod verdict;

pub(crate) use executor::{Connections, ExecutionResult, Executor};
pub(crate) use recipe::execute;
