//! Plans of sandboxes: pure functions of a language and an admitted job.

pub(crate) mod collection;
mod command;
pub(crate) mod compatibility;
pub(crate) mod planner;
pub(crate) mod stage_spec;
