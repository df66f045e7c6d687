//! The compiled filters of a supervisor.

use super::compile::{BpfProgram, compile};
use super::policy::{COLLECTOR_RULES, INIT_RULES, PROGRAM_RULES};

/// All filters, compiled. A supervisor or zygote compiles them once, and the processes that it forks inherit them.
pub(crate) struct Filters {
    /// The filter of programs.
    pub(crate) program: BpfProgram,
    /// The filter of init.
    pub(crate) init: BpfProgram,
    /// The filter of collectors.
    pub(crate) collector: BpfProgram,
}

impl Filters {
    pub(crate) fn compile() -> Self {
        Self {
            program: compile(PROGRAM_RULES),
            init: compile(INIT_RULES),
            collector: compile(COLLECTOR_RULES),
        }
    }
}
