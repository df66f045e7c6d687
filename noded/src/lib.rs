//! Runs submissions of a cluster on this server: takes them from NATS JetStream while executord has an idle slot, and
//! stores their results there.
//!
//! noded holds no privileges and listens on nothing. It keeps no state: when it ends, the work that it had taken is
//! delivered to another node, or again to this one.
//!
//! | module | content |
//! |---|---|
//! | `capacity`, `event_log` | pure: whether to take more work, and what of an execution is stored |
//! | `node` | takes work while there is capacity |
//! | `job` | runs one submission, from its work to its result |
//! | `shared`, `unacknowledged`, `executord` | what jobs share; submissions with a result that may be delivered again; queries to executord |

#![forbid(unsafe_code)]

mod capacity;
mod config;
mod event_log;
mod executord;
mod job;
mod node;
mod service;
mod shared;
mod unacknowledged;

pub use config::{ClusterConfig, Config, LogFormat};
pub use node::run;
pub use service::main;
