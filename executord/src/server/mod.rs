//! The socket that clients connect to, from accept to disconnect.
//!
//! A connection is served in [`connection`]: hello, then one request at a time. While an execution is active
//! ([`active_execution`]), the connection carries its events out and the client's input and control messages in. A
//! client that disconnects cancels its execution.

mod active_execution;
mod check;
pub(crate) mod connection;
mod connection_end;
mod event_encoder;
mod execution_task;
mod handshake;
pub(crate) mod listener;
pub(crate) mod peer;
pub(crate) mod runtime_dir;
mod session_reader;
