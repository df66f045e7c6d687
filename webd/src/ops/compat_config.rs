//! Settings of the APIs that are compatible with other servers: the sections `[piston]`, `[judge0]` and `[jobe]`.

use std::time::Duration;

use protocol::ByteCount;
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

/// `[jobe]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobeConfig {
    /// Whether the API of Jobe is served.
    pub enabled: bool,
    /// Memory for the files that clients upload. One client may use half of it.
    #[serde(deserialize_with = "positive")]
    pub max_files: ByteCount,
    /// Time for which an uploaded file is kept.
    #[serde(deserialize_with = "positive")]
    pub files_max_age: Duration,
}

impl Default for JobeConfig {
    fn default() -> Self {
        Self { enabled: true, max_files: ByteCount::mib(64), files_max_age: Duration::from_secs(60 * 60) }
    }
}

impl JobeConfig {
    /// Returns [`JobeConfig::max_files`] as a length in memory.
    pub(crate) fn max_files_length(&self) -> usize {
        usize::try_from(self.max_files.bytes()).unwrap_or(usize::MAX)
    }
}

/// `[judge0]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Judge0Config {
    /// Whether the API of Judge0 is served.
    pub enabled: bool,
    /// Whether it is also served without its prefix.
    pub root: bool,
    /// Token that every request must have as `X-Auth-Token`; empty for none.
    pub auth_token: String,
    /// Token that requests of an administrator have as `X-Auth-User`; empty if there is no administrator.
    pub admin_token: String,
    /// Whether an administrator may delete submissions.
    pub enable_delete: bool,
    /// Whether a submission may have a callback, under the rules of `[submissions] callback_hosts`.
    pub enable_callbacks: bool,
    /// Memory of all submissions and their results. One client may use half of it.
    #[serde(deserialize_with = "positive")]
    pub max_results: ByteCount,
    /// Time for which a submission is kept.
    #[serde(deserialize_with = "positive")]
    pub results_max_age: Duration,
}

impl Default for Judge0Config {
    fn default() -> Self {
        Self {
            enabled: true,
            root: false,
            auth_token: String::new(),
            admin_token: String::new(),
            enable_delete: false,
            enable_callbacks: false,
            max_results: ByteCount::mib(64),
            results_max_age: Duration::from_secs(60 * 60),
        }
    }
}
