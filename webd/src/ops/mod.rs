//! Operation of the service: configuration, metrics, and the check that webd holds no privilege.

pub mod config;
pub(crate) mod daemon_metrics;
pub(crate) mod metrics;
pub(crate) mod privilege;
