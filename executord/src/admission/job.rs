//! An admitted execution. The types are the proof that everything was checked; nothing checks it again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::{ExecutionId, Limits, RunRequest, Stdin};
use sandbox::OutputPattern;

use crate::admission::relative_path::RelativePath;
use crate::languages::toolchain::{StageCommand, Toolchain};
use crate::queue::{ClientKey, Demand};
use crate::uploads::Uploads;

/// An admitted execution.
#[derive(Debug)]
pub(crate) struct Job {
    /// Names the execution in events, in the log and in the audit log.
    pub(crate) id: ExecutionId,
    pub(crate) toolchain: Arc<Toolchain>,
    /// What the options of the request change.
    pub(crate) custom: CustomCommands,
    /// The main file first.
    pub(crate) sources: Vec<Source>,
    pub(crate) runs: Vec<RunRequest>,
    /// Patterns of the files to return after each run.
    pub(crate) outputs: Vec<OutputPattern>,
    /// Whether to return what the compilation built.
    pub(crate) artifacts: bool,
    /// Limits of each run.
    pub(crate) limits: Limits,
    /// Runs that may be active at one time.
    pub(crate) parallel: usize,
    /// Limits of the compilation, if the language is compiled.
    pub(crate) compile_limits: Option<Limits>,
    /// The stdin of runs with [`Stdin::Upload`]. None until it was received.
    pub(crate) uploads: Uploads,
    /// Wall-clock time of all stages together.
    pub(crate) wall_time: Duration,
    /// The client that requested it, or `None` for an internal job.
    pub(crate) client: Option<ClientKey>,
}

/// How the stages are started, where the options of a request change it.
#[derive(Debug, Default)]
pub(crate) struct CustomCommands {
    pub(crate) compile: Option<StageCommand>,
    pub(crate) run: Option<StageCommand>,
}

impl Job {
    /// Returns how the sources are compiled, or `None` if the language is not compiled.
    pub(crate) fn compile_command(&self) -> Option<&StageCommand> {
        self.custom.compile.as_ref().or(self.toolchain.compile.as_ref())
    }

    /// Returns how the program is run.
    pub(crate) fn run_command(&self) -> &StageCommand {
        self.custom.run.as_ref().unwrap_or(&self.toolchain.run)
    }

    /// Returns whether the client sends uploads before the job enters the queue.
    pub(crate) fn expects_uploads(&self) -> bool {
        self.runs.iter().any(|run| run.stdin == Stdin::Upload)
    }

    /// Returns what the queue needs to know.
    pub(crate) fn demand(&self) -> Demand {
        let stages = self.compile_limits.iter().chain([&self.limits]);
        Demand {
            is_interactive: self.runs.iter().any(|run| matches!(run.stdin, Stdin::Live)),
            memory_limit: stages.map(|limits| limits.memory.bytes()).max().unwrap_or(0),
        }
    }
}

/// A source file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: RelativePath,
    pub(crate) content: Bytes,
}
