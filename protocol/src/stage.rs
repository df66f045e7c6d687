//! One stage of an execution: its names, its end, and its usage.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::MAX_HINT;
use crate::judge::Judgement;
use crate::quantity::ByteCount;

/// Part of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageName {
    /// Compilation of the sources.
    Compile,
    /// Run with this index in the request, from 0.
    Run(u32),
}

impl Default for StageName {
    /// Returns the first run.
    fn default() -> Self {
        Self::Run(0)
    }
}

/// One of the two output streams of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamName {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

impl StreamName {
    /// Returns `stdout` or `stderr`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Clock of a time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clock {
    /// CPU time of all processes together.
    Cpu,
    /// Wall-clock time.
    Wall,
    /// Time for which the program waited for live input, since the client sent the last one.
    InputIdle,
}

/// How a stage ended. Whatever a program does is one of these, never an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// The program exited with this code, 0 to 255.
    Exited(i32),
    /// A signal that the daemon did not send killed the program.
    Signaled(i32),
    /// The daemon killed the program at a time limit.
    TimedOut {
        /// Clock that ran out.
        clock: Clock,
        /// Time that was allowed.
        limit: Duration,
        /// Time that was used when the program was killed.
        used: Duration,
    },
    /// The kernel killed the program at its memory limit.
    MemoryExceeded {
        /// Memory that was allowed.
        limit: ByteCount,
        /// Peak memory usage.
        used: ByteCount,
    },
    /// The program wrote more than its output limit. The daemon killed it, unless it ended before that was noticed.
    OutputExceeded {
        /// Stream that was too long.
        stream: StreamName,
        /// Bytes that were allowed.
        limit: ByteCount,
    },
    /// The client cancelled the execution, or hung up.
    Cancelled,
    /// The program was not run, or does not count, because a run before it failed or the runs cannot be judged.
    Skipped,
}

impl Default for Status {
    /// Returns exit code 0.
    fn default() -> Self {
        Self::Exited(0)
    }
}

impl Status {
    /// Returns whether the program exited with code 0.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Exited(0))
    }

    /// Returns the name of the status.
    #[must_use]
    pub const fn name(&self) -> StatusName {
        match self {
            Self::Exited(0) => StatusName::Ok,
            Self::Exited(_) => StatusName::Nonzero,
            Self::Signaled(_) => StatusName::Signal,
            Self::TimedOut { .. } => StatusName::Timeout,
            Self::MemoryExceeded { .. } => StatusName::Memory,
            Self::OutputExceeded { .. } => StatusName::OutputLimit,
            Self::Cancelled => StatusName::Cancelled,
            Self::Skipped => StatusName::Skipped,
        }
    }

    /// Returns the name of the limit that the program exceeded, as in [`crate::Limits`].
    #[must_use]
    pub const fn exceeded_limit(&self) -> Option<&'static str> {
        match self {
            Self::TimedOut { clock: Clock::Cpu, .. } => Some("cpu_time"),
            Self::TimedOut { clock: Clock::Wall, .. } => Some("wall_time"),
            Self::TimedOut { clock: Clock::InputIdle, .. } => Some("input_idle"),
            Self::MemoryExceeded { .. } => Some("memory"),
            Self::OutputExceeded { .. } => Some("output"),
            Self::Exited(_) | Self::Signaled(_) | Self::Cancelled | Self::Skipped => None,
        }
    }
}

/// Name of how a stage or an execution ended: `status` in the HTTP API and in the JSON of the command line, the label
/// `outcome` of the metrics, and the word in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusName {
    /// Exit code 0.
    Ok,
    /// Another exit code.
    Nonzero,
    /// Killed by a signal.
    Signal,
    /// Killed at a time limit.
    Timeout,
    /// Killed at the memory limit.
    Memory,
    /// Killed at the output limit.
    OutputLimit,
    /// The compiler exited with another code than 0. Only of an execution, never of a stage.
    CompileError,
    /// Cancelled by the client.
    Cancelled,
    /// Not run, or does not count. Only of a run.
    Skipped,
}

impl StatusName {
    /// All names.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::Nonzero,
        Self::Signal,
        Self::Timeout,
        Self::Memory,
        Self::OutputLimit,
        Self::CompileError,
        Self::Cancelled,
        Self::Skipped,
    ];

    /// Returns the name as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Nonzero => "nonzero",
            Self::Signal => "signal",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::OutputLimit => "output_limit",
            Self::CompileError => "compile_error",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for StatusName {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a stage used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Wall-clock time from the start of the program to its end.
    pub wall_time: Duration,
    /// CPU time of all processes together, user and system.
    pub cpu_time: Duration,
    /// Peak memory usage; zero where the host cannot measure it.
    pub peak_memory: ByteCount,
    /// The part of `cpu_time` in the program itself. The kernel samples which part it is at each tick of its timer, so
    /// it is inexact by a few milliseconds.
    pub user_time: Duration,
    /// The part of `cpu_time` in the kernel: the rest.
    pub system_time: Duration,
    /// Peak number of processes and threads; `None` where the host cannot measure it.
    pub peak_processes: Option<u32>,
    /// Its stdout, as far as the daemon read it, including bytes beyond the output limit.
    pub stdout: ByteCount,
    /// Its stderr.
    pub stderr: ByteCount,
}

/// How a stage got its sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartKind {
    /// The sandbox or its interpreter was there before the request.
    Warm,
    /// The sandbox was made for this stage.
    Cold,
    /// The build cache had the result, and the stage did not run.
    Cached,
}

impl StartKind {
    /// Returns `warm`, `cold` or `cached`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::Cold => "cold",
            Self::Cached => "cached",
        }
    }
}

/// Report about a stage that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageReport {
    /// Stage that ended.
    pub stage: StageName,
    /// How it ended.
    pub status: Status,
    /// Its usage.
    pub usage: Usage,
    /// Whether the program wrote more to stdout than was sent.
    pub stdout_truncated: bool,
    /// Whether the program wrote more to stderr than was sent.
    pub stderr_truncated: bool,
    /// How it got its sandbox; `None` if it did not start.
    pub start: Option<StartKind>,
    /// Time from the need for a sandbox to the program's first instruction.
    pub start_time: Duration,
    /// Judgement of a run or of a compilation that failed, if the client asked for judgements.
    pub judgement: Option<Box<Judgement>>,
    /// What may help with the error of a program that failed, on one line: the package sets of the language after an import that
    /// failed.
    #[serde(deserialize_with = "bounded::optional_string::<_, MAX_HINT>")]
    pub hint: Option<String>,
}

impl StageReport {
    /// Creates the report of a stage that used nothing and wrote nothing.
    #[must_use]
    pub fn new(stage: StageName, status: Status) -> Self {
        Self { stage, status, ..Self::default() }
    }

    /// Returns whether the stage failed: by its verdict or, without one, by its status. A skipped run did not fail.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match (&self.judgement, &self.status) {
            (Some(judgement), _) => judgement.verdict.is_failure(),
            (None, Status::Skipped) => false,
            (None, status) => !status.is_success(),
        }
    }
}
