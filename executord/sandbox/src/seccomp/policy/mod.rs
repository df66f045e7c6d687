//! The tables of system calls, for x86-64. Each rule states its reason.

mod argument_check;
mod internal_rules;
mod program_rules;
mod rule;

pub use argument_check::ArgumentCheck;
pub(crate) use argument_check::{NETWORK_IOCTLS, PRCTL_OPTIONS};
pub use internal_rules::{COLLECTOR_RULES, INIT_RULES};
pub use program_rules::PROGRAM_RULES;
pub use rule::{Action, Rule};
