//! The form of a rule: an action for system calls, and the reason.

use libc::{c_int, c_long};

use super::argument_check::ArgumentCheck;

/// System calls that the filter treats alike, and the reason.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The action for these system calls.
    pub action: Action,
    /// The system call numbers.
    pub syscalls: &'static [c_long],
    /// Why the action is safe, or necessary.
    pub reason: &'static str,
}

/// The action of a filter for a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The kernel executes the system call.
    Allow,
    /// The kernel does not execute it and returns this error number; 0 reports success.
    Errno(c_int),
    /// The arguments decide.
    Check(ArgumentCheck),
}
