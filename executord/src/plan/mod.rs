//! Plan of a stage for the sandbox: pure functions of the language and of the admitted job.

mod command;
pub(crate) mod compatibility;
pub(crate) mod planner;
pub(crate) mod stage_spec;
