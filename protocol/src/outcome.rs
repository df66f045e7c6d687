//! How an execution ended and what it used.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::bounded;
use crate::bounds::MAX_RUNS;
use crate::event::StreamName;
use crate::limits::ByteCount;

/// What an execution is called, in answers and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExecutionId(pub Uuid);

impl fmt::Display for ExecutionId {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Which part of an execution is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageName {
    /// Turning sources into what can run.
    Compile,
    /// Run number so and so of the request, from 0.
    Run(u32),
}

/// Which clock ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clock {
    /// CPU time of all processes together.
    Cpu,
    /// Time on the wall.
    Wall,
}

/// How a stage ended. Whatever the program did is one of these, never an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It ended by itself with this exit code, 0 to 255.
    Exited(i32),
    /// This signal ended it, and it was not one of ours.
    Signaled(i32),
    /// We ended it: it used more time than it may.
    TimedOut {
        /// Which clock.
        clock: Clock,
        /// What was allowed.
        limit: Duration,
        /// What was used when it was ended.
        used: Duration,
    },
    /// The kernel ended it: it used more memory than it may.
    MemoryExceeded {
        /// What was allowed.
        limit: ByteCount,
        /// The most that was used.
        used: ByteCount,
    },
    /// We ended it: it wrote more than is kept.
    OutputExceeded {
        /// Where it wrote too much.
        stream: StreamName,
        /// What is kept.
        limit: ByteCount,
    },
    /// The client ended it, or hung up.
    Cancelled,
}

impl Status {
    /// The program ran to its end and called it a success.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Exited(0))
    }
}

/// What a stage used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Time from the program's start to its end.
    pub wall_time: Duration,
    /// CPU time of all processes together, user and system.
    pub cpu_time: Duration,
    /// The most memory at one time; zero where the host cannot tell.
    pub peak_memory: ByteCount,
}

/// How one stage went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageReport {
    /// Which one.
    pub stage: StageName,
    /// How it ended.
    pub status: Status,
    /// What it used.
    pub usage: Usage,
    /// More was written to stdout than was kept.
    pub stdout_truncated: bool,
    /// More was written to stderr than was kept.
    pub stderr_truncated: bool,
}

/// How an execution went: what was compiled, what was run. Output is not repeated here; it went by as events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which execution.
    pub id: ExecutionId,
    /// The compilation, for a language that has one.
    pub compile: Option<StageReport>,
    /// The runs in the order asked for; none if compiling failed, fewer than asked for if cancelled.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_RUNS>")]
    pub runs: Vec<StageReport>,
}
