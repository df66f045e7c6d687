//! Submissions of many servers over NATS JetStream. webd is the front: it stores submissions and reads their results.
//! noded is a worker: it takes work and stores results.
//!
//! | module | content |
//! |---|---|
//! | `subjects`, `buckets`, `record`, `layout`, `permissions` | pure: names, the order in which work is taken, messages, permissions |
//! | `jetstream`, `delivery` | the requests to JetStream that this crate needs, and its messages |
//! | `queue` | the consumers of submissions and of callbacks |
//! | `connection` | the connection to the servers, and its settings |
//! | `states` | records as messages |
//! | `submitter`, `worker` | what webd and noded do |
//! | `callbacks` | the callbacks that are due, which webd delivers |
//! | `repair`, `undelivered` | consumers that do not deliver what their stream has, and messages that no consumer delivers |
//! | `nodes`, `usage` | the state of nodes, and what keys used, in key-value buckets |
//! | `administration` | `executor cluster` |
//!
//! This is the only crate that depends on async-nats. It uses no feature of NATS that is newer than 2.9.

#![forbid(unsafe_code)]

pub mod administration;
pub mod buckets;
pub mod callbacks;
pub mod connection;
mod delivery;
mod jetstream;
pub mod layout;
pub mod nodes;
pub mod permissions;
mod queue;
pub mod record;
pub mod repair;
mod states;
pub mod subjects;
pub mod submitter;
#[cfg(feature = "test-server")]
pub mod test_observer;
#[cfg(feature = "test-server")]
pub mod test_server;
mod undelivered;
pub mod usage;
pub mod worker;

pub use jetstream::ClusterError;
