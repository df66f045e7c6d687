//! The HTTP front of Executor: takes programs over HTTP, hands them to the daemon, answers in one piece or live.
//!
//! It faces the network, so it holds no privilege and refuses to start with any (`privilege`); it executes nothing
//! itself and reads none of the daemon's files. Everything that comes from outside is bounded: connections
//! ([`http::server`]), heads, bodies (`body`), the memory of all requests together (`budget`), the output that is kept
//! (`kept`), and the patience with a client that does not read (`pace`). A program that is talked to while it runs is a
//! session: [`api::routes`] lead to its `handshake`, after which `frames` go both ways.

#![forbid(unsafe_code)]

pub mod api;
pub mod domain;
pub mod http;
pub mod ops;
mod service;

pub use api::routes::{self, Front};
pub use ops::config::{self, Config};
pub use service::main;
