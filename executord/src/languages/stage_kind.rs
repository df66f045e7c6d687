//! The stages of an execution.

/// Stage of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StageKind {
    Compile,
    Run,
    /// The check of the syntax of a program that is not compiled: its compile stage.
    Check,
    /// The formatting of the main file, in place of a run.
    Format,
}

impl StageKind {
    /// The stages for which sandboxes are pre-warmed.
    pub(crate) const PREWARMED: [Self; 2] = [Self::Compile, Self::Run];

    /// Returns the name for metrics and the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::Run => "run",
            Self::Check => "check",
            Self::Format => "format",
        }
    }
}
