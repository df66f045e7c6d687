//! Executions independent of HTTP: clients, the way to the daemon, and the output of programs.

pub(crate) mod budget;
pub(crate) mod connections;
pub(crate) mod daemon;
pub mod forwarded;
pub(crate) mod kept;
pub(crate) mod utf8;
