//! Which system calls a program may make.
//!
//! [`policy`] is the table, with a reason for each row. [`compile`] turns it into the kernel's own filter
//! language. What is not in the table does not exist: it answers ENOSYS, as on a kernel that never had it.

mod compile;
mod policy;

use std::io;

use crate::sys::filter;

pub use compile::{Compiled, compile};
pub use policy::{Action, Argument, INIT, PROGRAM, Row};

/// What no program of ours needs is out of reach from now on, for this process and all that come from it.
pub(crate) fn install_for_program() -> io::Result<()> {
    filter::install(compile(PROGRAM).instructions())
}

/// The same for init, which needs next to nothing.
pub(crate) fn install_for_init() -> io::Result<()> {
    filter::install(compile(INIT).instructions())
}
