//! One execution: its stages, each in its own sandbox, and the cleanup after them. [`recipe`] is the whole of it on one
//! screen.

pub(crate) mod build_cache;
mod build_source;
mod cleanups;
mod executor;
mod interactor;
pub(crate) mod internal_jobs;
mod judge;
mod judge_program;
pub(crate) mod kept_programs;
mod next_sandbox;
mod pending_cleanup;
mod program_permit;
mod recipe;
mod run_judge;
mod run_set;
mod stage;
mod stages;
mod verdict;
mod wall_time_budget;

pub(crate) use executor::{Connections, Executor};
pub(crate) use recipe::{ExecutionResult, execute};
