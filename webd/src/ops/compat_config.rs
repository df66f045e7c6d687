//! Settings of the APIs that are compatible with other servers: the sections `[piston]`, `[judge0]` and `[jobe]`.

use std::time::Duration;

use serde::Deserialize;

use crate::ops::positive::positive;

/// `[piston]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PistonConfig {
    /// Whether the API of Piston is served.
    pub enabled: bool,
    /// Whether a request for a version that is older than the installed one, or that Piston's public server has, gets the
    /// installed one.
    pub accept_other_versions: bool,
    /// Maximum of `run_timeout` and `run_cpu_time`.
    #[serde(deserialize_with = "positive")]
    pub max_run_time: Duration,
    /// Maximum of `compile_timeout` and `compile_cpu_time`.
    #[serde(deserialize_with = "positive")]
    pub max_compile_time: Duration,
}

impl Default for PistonConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            accept_other_versions: true,
            max_run_time: Duration::from_secs(60),
            max_compile_time: Duration::from_secs(60),
        }
    }
}
