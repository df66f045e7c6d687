//! Operation of the service: configuration, metrics, and the check that webd holds no privileges. Nothing here depends
//! on axum.

pub(crate) mod cluster_config;
#[cfg(feature = "cluster")]
pub(crate) mod cluster_metrics;
#[cfg(feature = "cluster")]
pub(crate) mod cluster_sync;
pub(crate) mod compat_config;
pub(crate) mod config;
pub(crate) mod config_check;
pub(crate) mod daemon_metrics;
pub(crate) mod drain;
pub(crate) mod key_files;
pub(crate) mod key_metrics;
pub(crate) mod metrics;
pub(crate) mod node_name;
pub(crate) mod origin;
pub(crate) mod positive;
pub(crate) mod privilege;
pub(crate) mod submission_metrics;
pub(crate) mod timeouts;
