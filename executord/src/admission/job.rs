//! An admitted execution. The types are the proof that everything was checked; nothing checks it again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::{ExecutionId, Limits, RunRequest, Stdin};
use sandbox::OutputPattern;

use crate::admission::relative_path::RelativePath;
use crate::admission::source::{Content, Source};
use crate::languages::toolchain::{StageCommand, StageKind, Toolchain};
use crate::pool::kept_build::KeptBuild;
use crate::queue::{ClientKey, Demand};
use crate::uploads::{Upload, Uploads};

/// An admitted execution.
#[derive(Debug)]
pub(crate) struct Job {
    /// Names the execution in events, in the log and in the audit log.
    pub(crate) id: ExecutionId,
    pub(crate) toolchain: Arc<Toolchain>,
    /// The changes that the options of the request make.
    pub(crate) custom: CustomCommands,
    /// The main file first.
    pub(crate) sources: Vec<Source>,
    pub(crate) runs: Vec<RunRequest>,
    /// Patterns of the files to return after each run.
    pub(crate) outputs: Vec<OutputPattern>,
    /// Whether to return the files that the compilation built.
    pub(crate) artifacts: bool,
    /// Limits of each run.
    pub(crate) limits: Limits,
    /// Maximum number of concurrent runs.
    pub(crate) parallel: usize,
    /// Whether the last source is an archive, which each stage unpacks before its command.
    pub(crate) has_archive: bool,
    /// Whether the syntax is checked before the runs; only if the language is not compiled and has a check.
    pub(crate) is_checked: bool,
    /// The kind of the runs: [`StageKind::Run`] or [`StageKind::Format`].
    pub(crate) run_kind: StageKind,
    /// Limits of the compilation, or of the check of the syntax, if there is one.
    pub(crate) compile_limits: Option<Limits>,
    /// The stdin of runs with [`Stdin::Upload`]. None until it was received.
    pub(crate) uploads: Uploads,
    /// Wall-clock time of all stages together.
    pub(crate) wall_time: Duration,
    /// The client that requested it, or `None` for an internal job.
    pub(crate) client: Option<ClientKey>,
    /// What judges the runs.
    pub(crate) judge: Judge,
    /// Whether the runs after the first one that fails are skipped.
    pub(crate) stop_on_first_failure: bool,
    /// Time for which the program is kept for later requests.
    pub(crate) keep: Option<Duration>,
    /// What an earlier request compiled: this one does not compile.
    pub(crate) kept_build: Option<Arc<KeptBuild>>,
}

/// What judges the runs.
#[derive(Debug, Default)]
pub(crate) enum Judge {
    /// The output of each run that has an expected output is compared with it.
    #[default]
    Comparison,
    Checker(JudgeProgram),
    Interactor {
        program: JudgeProgram,
        /// Whether the client gets the transcript.
        transcript: bool,
    },
}

/// An admitted checker or interactor.
#[derive(Clone, Debug)]
pub(crate) struct JudgeProgram {
    pub(crate) toolchain: Arc<Toolchain>,
    /// Changes by the alias by which its language was requested.
    pub(crate) custom: CustomCommands,
    /// The main file first.
    pub(crate) sources: Vec<Source>,
    /// The paths of the input of a run, its output, and the expected answer: the order of testlib's arguments. An
    /// interactor may write to the second one.
    pub(crate) run_files: [RelativePath; 3],
    /// Limits of each of its runs.
    pub(crate) limits: Limits,
}

impl JudgeProgram {
    /// Returns how the sources are compiled, or `None` if the language is not compiled.
    pub(crate) fn compile_command(&self) -> Option<&StageCommand> {
        self.custom.compile.as_ref().or(self.toolchain.compile.as_ref())
    }

    /// Returns its sources, and the files of the run that it judges. `upload` is the stdin of the run, if it was
    /// uploaded.
    pub(crate) fn sources_for(
        &self,
        run: &RunRequest,
        upload: Option<&Arc<Upload>>,
        output: &Bytes,
    ) -> Vec<Source> {
        let input = match (&run.stdin, upload) {
            (Stdin::Bytes(bytes), _) => Content::Bytes(bytes.clone()),
            (Stdin::Upload, Some(upload)) => Content::Upload(Arc::clone(upload)),
            // An upload that was not received yet. Live input excludes a judge.
            (Stdin::Upload, None) | (Stdin::Live, _) => Content::Bytes(Bytes::new()),
        };
        let answer = run.expected.as_ref().map(|expected| expected.stdout.clone()).unwrap_or_default();
        let contents = [input, output.clone().into(), answer.into()];
        let files = self.run_files.iter().cloned().zip(contents);
        let files = files.map(|(path, content)| Source { path, content });
        self.sources.iter().cloned().chain(files).collect()
    }
}

impl Judge {
    /// Returns the name of the request's field for the judging program, and the program, if there is one.
    pub(crate) const fn named_program(&self) -> Option<(&'static str, &JudgeProgram)> {
        match self {
            Self::Comparison => None,
            Self::Checker(program) => Some(("checker", program)),
            Self::Interactor { program, .. } => Some(("interactor", program)),
        }
    }

    /// Returns the client's program that judges, if there is one.
    pub(crate) fn program(&self) -> Option<&JudgeProgram> {
        self.named_program().map(|(_, program)| program)
    }
}

/// How the stages are started, where the options of a request change it.
#[derive(Clone, Debug, Default)]
pub(crate) struct CustomCommands {
    pub(crate) compile: Option<StageCommand>,
    pub(crate) run: Option<StageCommand>,
}

impl Job {
    /// Returns how the sources are compiled, or `None` if they are not.
    pub(crate) fn compile_command(&self) -> Option<&StageCommand> {
        let command = self.custom.compile.as_ref().or(self.toolchain.compile.as_ref());
        command.filter(|_| self.run_kind == StageKind::Run)
    }

    /// Returns how the syntax is checked, or `None` if it is not.
    pub(crate) fn check_command(&self) -> Option<&StageCommand> {
        self.toolchain.check.as_ref().filter(|_| self.is_checked)
    }

    /// Returns how the program is run.
    pub(crate) fn run_command(&self) -> &StageCommand {
        self.custom.run.as_ref().unwrap_or(&self.toolchain.run)
    }

    /// Returns whether the client sends uploads before the job enters the queue.
    pub(crate) fn expects_uploads(&self) -> bool {
        self.runs.iter().any(|run| run.stdin == Stdin::Upload)
    }

    /// Returns the input of the queue.
    pub(crate) fn demand(&self) -> Demand {
        let judge_compile = self.judge.program().and_then(JudgeProgram::compile_command);
        let compilations = self
            .compile_limits
            .iter()
            .filter(|_| self.kept_build.is_none())
            .chain(judge_compile.map(|command| &command.limits));
        let compile_memory = compilations.map(|limits| limits.memory.bytes()).max().unwrap_or(0);
        Demand {
            is_interactive: self.runs.iter().any(|run| matches!(run.stdin, Stdin::Live)),
            memory_limit: self.run_memory().max(compile_memory),
        }
    }

    /// Returns the memory limit of one run and of what judges it, in bytes.
    pub(crate) fn run_memory(&self) -> u64 {
        let run = self.limits.memory.bytes();
        match &self.judge {
            Judge::Comparison => run,
            Judge::Checker(program) => run.max(program.limits.memory.bytes()),
            // Both programs run at the same time.
            Judge::Interactor { program, .. } => run.saturating_add(program.limits.memory.bytes()),
        }
    }

    /// Returns whether runs get judgements.
    pub(crate) fn is_judged(&self) -> bool {
        self.judge.program().is_some() || self.runs.iter().any(|run| run.expected.is_some())
    }
}
