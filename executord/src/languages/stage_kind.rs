//! The stages of an execution.

/// Stage of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StageKind {
    Compile,
    Run,
}

impl StageKind {
    pub(crate) const ALL: [Self; 2] = [Self::Compile, Self::Run];

    /// Returns the name for metrics and the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::Run => "run",
        }
    }
}
