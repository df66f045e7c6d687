//! The daemon as a whole: start in order, serve, stop in order.

mod capacity;
pub(crate) mod error;
pub(crate) mod probes;
pub(crate) mod reload;
pub(crate) mod run;
pub(crate) mod state;
mod systemd;
