//! The API of Piston, version 2: programs for one run each, over HTTP and over a WebSocket.

pub(crate) mod answer;
pub(crate) mod error;
mod execute;
pub(crate) mod message;
pub(crate) mod packages;
mod request;
pub(crate) mod routes;
mod runtime;
pub(crate) mod runtimes;
mod session;
mod session_end;
