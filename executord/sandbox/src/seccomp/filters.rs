//! The compiled filters of a supervisor.

use super::compile::{BpfProgram, compile};
use super::policy::{INIT_RULES, PROGRAM_RULES};

/// Both filters, compiled. A supervisor or zygote compiles them once, and the processes that it forks inherit them.
pub(crate) struct Filters {
    /// The filter of programs.
    pub(crate) program: BpfProgram,
    /// The filter of init.
    pub(crate) init: BpfProgram,
}

impl Filters {
    pub(crate) fn compile() -> Self {
        Self { program: compile(PROGRAM_RULES), init: compile(INIT_RULES) }
    }
}
