//! The HTTP front end of Executor: accepts programs over HTTP, passes them to the daemon, and returns their output in one
//! piece or live.
//!
//! webd faces the network, so it holds no privileges and refuses to start with any (`ops::privilege`). It runs no
//! programs itself and reads none of the daemon's files. Everything that comes from outside is limited: connections
//! (`http::server`), request heads and bodies (`http::request_body`), the memory of all requests together
//! (`domain::budget`), collected output (`domain::output_collector`), and the time for clients that do not read
//! (`http::write_timeout`).
//!
//! | folder | content | uses |
//! |---|---|---|
//! | `api` | routes, JSON of requests, answers and events | `http`, `domain`, `ops` |
//! | `http` | connections, middleware, bodies, static files | `domain`, `ops` |
//! | `ops` | configuration, metrics, privilege check | `domain` |
//! | `domain` | clients, dispatch, running executions, output, submissions, callbacks; serves no HTTP | `protocol` |
//!
//! `domain::dispatcher` starts a program. If the client disconnects, `http::server` drops the future or the body that
//! holds the `domain::execution::Execution`; this closes its connection to the daemon, which then kills the program.

#![forbid(unsafe_code)]

mod api;
mod app_state;
mod domain;
mod http;
mod ops;
mod service;

pub use api::openapi::DESCRIPTION as OPENAPI;
pub use api::routes::paths;
pub use domain::callbacks::url::CallbackHost;
pub use domain::client_identity::Network;
pub use http::error::ErrorCode;
pub use ops::cluster_config::ClusterConfig;
pub use ops::config::{Config, KeysConfig, LogFormat, SubmissionsConfig};
pub use ops::node_name::NodeName;
pub use ops::origin::Origin;
pub use service::{main, serve};
