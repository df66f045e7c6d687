//! The input of the planner.

use protocol::{Limits, TerminalSize, Variable};

use crate::admission::source::Source;
use crate::languages::toolchain::{StageCommand, StageKind, Toolchain};

/// Where the sandbox of a stage comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SandboxSource {
    /// The pool: it waits with a warm command, if the language has one, or begins as a copy of a zygote.
    Pool(WarmUp),
    /// It is made for its program, and no process in it is older.
    Cold,
}

/// How much a warm command does before there is a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WarmUp {
    /// As much as saves time later.
    Full,
    /// Only what takes little time, because the next program comes soon.
    Quick,
}

/// A stage of an admitted execution, or of any execution of a language.
#[derive(Clone, Copy)]
pub(crate) struct StageSpec<'a> {
    pub(crate) toolchain: &'a Toolchain,
    pub(crate) kind: StageKind,
    pub(crate) command: &'a StageCommand,
    pub(crate) limits: &'a Limits,
    /// The main file first.
    pub(crate) sources: &'a [Source],
    pub(crate) arguments: &'a [String],
    /// Environment variables of the request.
    pub(crate) environment: &'a [Variable],
    /// The size of the terminal, for a run that asked for one.
    pub(crate) terminal: Option<TerminalSize>,
    /// Whether stdout and stderr are one pipe.
    pub(crate) merge_output: bool,
    /// Whether an archive in the work directory is unpacked before the command.
    pub(crate) has_archive: bool,
}

impl<'a> StageSpec<'a> {
    /// Returns what is known of a stage before there is a program for it: what a sandbox is pre-warmed with.
    pub(crate) fn of_any_program(toolchain: &'a Toolchain, kind: StageKind) -> Option<Self> {
        let command = toolchain.stage(kind)?;
        Some(Self {
            toolchain,
            kind,
            command,
            limits: &command.limits,
            sources: &[],
            arguments: &[],
            environment: &[],
            terminal: None,
            merge_output: false,
            has_archive: false,
        })
    }

    /// Returns whether its sandbox can begin as a copy of a zygote.
    pub(crate) fn can_be_copied(&self) -> bool {
        self.fits_warm_command()
            && self.command.warm.as_ref().is_some_and(|warm| warm.working_zygote().is_some())
    }

    /// Returns whether a zygote for it takes longer to start than its program without one.
    pub(crate) fn has_slow_zygote(&self) -> bool {
        let zygote = self.command.warm.as_ref().and_then(|warm| warm.zygote.as_ref());
        zygote.is_some_and(|zygote| zygote.only_in_advance)
    }

    /// Returns whether a pre-warmed sandbox of the language can serve a stage with these options, environment and streams,
    /// whatever its program is.
    pub(crate) fn can_use_bucket(&self) -> bool {
        // A warm command was started with the default options and environment, and keeps its pipes.
        let has_warm_command = self.toolchain.stage(self.kind).is_some_and(|stage| stage.warm.is_some());
        let is_plain = self.command.warm.is_some() && !self.merge_output && self.environment.is_empty();
        // Nor has a pre-warmed sandbox the program that unpacks.
        !self.has_archive && (!has_warm_command || is_plain)
    }

    /// Returns whether the pool may have a sandbox for it that waits with a warm command.
    pub(crate) fn can_be_pre_warmed(&self) -> bool {
        self.command.warm.is_some() && self.fits_warm_command()
    }

    /// Returns whether the warm command can become this stage's program.
    pub(super) fn fits_warm_command(&self) -> bool {
        // The warm command has its three pipes and its environment already.
        if self.terminal.is_some() || self.merge_output || self.has_archive || !self.environment.is_empty() {
            return false;
        }
        if self.limits.address_space != self.command.limits.address_space {
            // The warm command occupies more address space than a program that was started for this stage. Its result would
            // depend on whether a sandbox waited for it.
            return false;
        }
        let main = self.sources.first().map(|source| source.path.as_str());
        let required = self.command.warm.as_ref().and_then(|warm| warm.main_file.as_deref());
        main.is_none() || required.is_none() || main == required
    }
}
