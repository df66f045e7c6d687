//! The system call filters of programs, of init and of collectors.
//!
//! `policy/` has the tables, with a reason for each rule. `compile.rs` translates a table into a BPF program.
//! A system call without a rule returns ENOSYS, as on a kernel that does not have it.

mod compile;
mod filters;
mod policy;

pub(crate) use filters::Filters;

pub use compile::{BpfProgram, compile};
pub use policy::{Action, ArgumentCheck, COLLECTOR_RULES, INIT_RULES, PROGRAM_RULES, Rule};
