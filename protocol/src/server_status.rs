//! Status of the daemon.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{MAX_ITEMS, MAX_TEXT};

/// Status of the daemon, as shown by `executor status` and exported at `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Version of the daemon.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub version: String,
    /// Time since the daemon started.
    pub uptime: Duration,
    /// Whether the daemon is shutting down: it finishes running executions and accepts no new ones.
    pub draining: bool,
    /// Number of executions that can use the CPU concurrently.
    pub slots: u32,
    /// Number of executions that have started and not ended, including those that are idle.
    pub running: u32,
    /// Number of executions in the queue.
    pub queued: u32,
    /// Number of executions that fit in the queue.
    pub queue_capacity: u32,
    /// Mechanism that enforces the limits of memory, processes and CPU: `cgroup v2`, `cgroup v1` or `none`.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub cgroups: String,
    /// Features that this host lacks, one sentence each; empty on a fully supported host.
    #[serde(deserialize_with = "bounded::strings::<_, MAX_ITEMS, MAX_TEXT>")]
    pub degraded: Vec<String>,
    /// Number of user ids that are not in use.
    pub free_uids: u32,
    /// Number of quarantined user ids: the daemon could not confirm that none of their processes is left.
    pub quarantined_uids: u32,
    /// Executions since the daemon started, by language and result.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ITEMS>")]
    pub executions: Vec<ExecutionCount>,
    /// Duration of each step since the daemon started.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ITEMS>")]
    pub steps: Vec<StepTimes>,
    /// Pre-warmed sandboxes, by language and stage.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ITEMS>")]
    pub warm: Vec<WarmCount>,
    /// Number of running executions that use almost no CPU time: they sleep or wait for input.
    pub idle: u32,
    /// Number of executions that can run concurrently, including those that are idle.
    pub max_executions: u32,
}

/// Pre-warmed sandboxes for one stage of a language, and how often they were used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmCount {
    /// Name of the language.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub language: String,
    /// `compile` or `run`.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub stage: String,
    /// Number of warm sandboxes in the pool.
    pub ready: u32,
    /// Number of stages that took one from the pool.
    pub hits: u64,
    /// Number of stages for which none fitted.
    pub misses: u64,
}

/// Number of executions of a language with the same result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionCount {
    /// Name of the language.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub language: String,
    /// A [`crate::StatusName`], `rejected` or `failed`.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub result: String,
    /// Number of executions.
    pub count: u64,
}

/// Histogram of the duration of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTimes {
    /// Name of the step: `queue`, `launch`, `compile`, `run`, `cleanup` or `total`, or `prepare` for a pre-warmed
    /// sandbox.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub step: String,
    /// Number of steps that took at most [`StepTimes::BOUNDS`] `[i]`; the last bucket counts the rest. Not cumulative.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ITEMS>")]
    pub buckets: Vec<u64>,
    /// Sum of all durations.
    pub total: Duration,
}

impl StepTimes {
    /// Upper bounds of the buckets.
    pub const BOUNDS: [Duration; 15] = [
        Duration::from_micros(250),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_millis(2),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_millis(2500),
        Duration::from_secs(5),
        Duration::from_secs(10),
    ];
}
