//! The HTTP front of Executor: takes programs over HTTP, hands them to the daemon, answers in one piece or live.
//!
//! It faces the network, so it holds no privilege and refuses to start with any (`privilege`); it executes nothing
//! itself and reads none of the daemon's files. Everything that comes from outside is bounded: connections
//! ([`server`]), heads, bodies (`body`), the memory of all requests together (`budget`), the output that is kept
//! (`kept`), and the patience with a client that does not read (`pace`). A program that is talked to while it runs is a
//! session: [`routes`] lead to its `handshake`, after which `frames` go both ways.

#![forbid(unsafe_code)]

mod answer;
mod body;
mod budget;
pub mod config;
mod connections;
mod daemon;
mod daemon_metrics;
mod door;
mod error;
mod execute;
pub mod forwarded;
mod frames;
mod handshake;
mod kept;
mod languages;
mod metered;
mod metrics;
pub mod openapi;
mod pace;
mod pieces;
mod privilege;
mod request;
pub mod routes;
pub mod server;
mod service;
mod session;
mod static_files;
mod stream;
mod strict;
mod utf8;

pub use config::Config;
pub use routes::Front;
pub use service::main;
