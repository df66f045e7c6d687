//! Shared code of the end-to-end tests: a small HTTP client, executions over the socket, the corpus of real
//! programs, the two daemons as processes, and inventories of a host.

#![forbid(unsafe_code)]

pub mod answer;
pub mod attacks;
pub mod balancer;
#[cfg(feature = "daemons")]
pub mod cluster_nodes;
pub mod corpus;
pub mod daemons;
pub mod differential;
pub mod faults;
pub mod http;
pub mod inventory;
pub mod judged;
pub mod key_server;
pub mod leaks;
pub mod metrics;
#[cfg(feature = "daemons")]
pub mod nats_servers;
pub mod network;
pub mod package_sets;
mod ports;
pub mod proxy;
pub mod session;
pub mod soak;
pub mod socket;
