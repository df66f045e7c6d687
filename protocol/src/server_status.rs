//! How the daemon is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{MAX_ITEMS, MAX_TEXT};

/// How the daemon is, as `executor status` shows it and `/metrics` counts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Its version.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub version: String,
    /// Since it started.
    pub uptime: Duration,
    /// It finishes what runs and takes nothing new.
    pub draining: bool,
    /// Executions that may run at one time.
    pub slots: u32,
    /// Executions that run now.
    pub running: u32,
    /// Executions that wait now.
    pub queued: u32,
    /// Executions that may wait.
    pub queue_capacity: u32,
    /// How limits on memory, processes and CPU are enforced: `cgroup v2`, `cgroup v1` or `none`.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub cgroups: String,
    /// What this host cannot do, a sentence each; empty on a host in order.
    #[serde(deserialize_with = "bounded::texts::<_, MAX_ITEMS, MAX_TEXT>")]
    pub degraded: Vec<String>,
    /// User ids that no execution has.
    pub free_uids: u32,
    /// User ids that are kept back because it was not proven that nothing of them is left.
    pub quarantined_uids: u32,
    /// Executions so far, by language and how they ended.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ITEMS>")]
    pub executions: Vec<ExecutionCount>,
    /// How long each step took so far.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ITEMS>")]
    pub steps: Vec<StepTimes>,
    /// What is prepared for programs that may come.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ITEMS>")]
    pub warm: Vec<WarmCount>,
}

/// What is prepared for a stage of a language, and how often that was of use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmCount {
    /// The language's name.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub language: String,
    /// `compile` or `run`.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub stage: String,
    /// Sandboxes that wait now.
    pub ready: u32,
    /// How often one was taken.
    pub hits: u64,
    /// How often there was none that fitted.
    pub misses: u64,
}

/// How many executions of a language ended in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionCount {
    /// The language's name.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub language: String,
    /// `ok`, `nonzero`, `signal`, `timeout`, `memory`, `output_limit`, `compile_error`, `cancelled`,
    /// `rejected` or `failed`.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub result: String,
    /// So many.
    pub count: u64,
}

/// A histogram of one step's duration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTimes {
    /// The step: `queue`, `launch`, `compile`, `run`, `cleanup` or `total`; or `prepare`, for a sandbox that was made ahead.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub step: String,
    /// How many took at most [`StepTimes::BOUNDS`] `[i]`; the last counts the rest. Not cumulative.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ITEMS>")]
    pub buckets: Vec<u64>,
    /// All together.
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
