//! Executor as a server of the Model Context Protocol (MCP): the tools that an AI agent can call, their results, and
//! nothing else. webd serves them at `/mcp`, and `executor mcp` on stdin and stdout. Both are a [`Backend`], which
//! starts executions; this crate decides nothing about who may start one.

#![forbid(unsafe_code)]

mod arguments;
mod backend;
pub mod bounds;
mod collector;
mod files;
#[cfg(feature = "http")]
pub mod http;
mod language_list;
mod progress;
mod refusal;
mod run_code;
mod run_tests;
mod server;
mod stage_result;
pub mod stdio;
mod tools;

pub use backend::{Backend, Execution};
pub use refusal::Refusal;
