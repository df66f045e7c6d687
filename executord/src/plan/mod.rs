//! What the sandbox has to do for a stage: pure functions of the language and of what was admitted.

mod command;
pub(crate) mod compatibility;
pub(crate) mod planner;
pub(crate) mod stage_spec;
