//! Judging of runs: the requests of clients, and the judgements.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{
    MAX_EXCERPT, MAX_FILES, MAX_FRAME, MAX_JUDGE_MESSAGE, MAX_LANGUAGE_NAME, MAX_TRANSCRIPT,
    MAX_TRANSCRIPT_ENTRIES,
};
use crate::limits::LimitsRequest;
use crate::source_file::SourceFile;

/// What the stdout of a run should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedOutput {
    /// The expected answer. A checker and an interactor get it as a file.
    #[serde(deserialize_with = "bounded::bytes::<_, MAX_FRAME>")]
    pub stdout: Bytes,
    /// How the daemon compares it, unless a checker or an interactor judges the run.
    pub compare: Compare,
}

/// How stdout is compared with the expected stdout. White space is that of ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compare {
    /// Byte by byte.
    Exact,
    /// Line by line, without white space at the end of each line and without empty lines at the end.
    #[default]
    Lines,
    /// Token by token. Tokens are separated by white space, of which the amount does not matter.
    Tokens,
    /// Token by token. Two numbers are equal within an absolute or a relative error.
    Float(Tolerance),
}

/// Largest error of a number: finite, and at least 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Tolerance(f64);

// A tolerance is never NaN.
impl Eq for Tolerance {}

impl Tolerance {
    /// Creates a tolerance. Returns `None` if `error` is negative or not finite.
    #[must_use]
    pub fn new(error: f64) -> Option<Self> {
        (error.is_finite() && error >= 0.0).then_some(Self(error))
    }

    /// Returns the largest error.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Tolerance {
    type Error = &'static str;

    fn try_from(error: f64) -> Result<Self, Self::Error> {
        Self::new(error).ok_or("a tolerance must be finite and at least 0")
    }
}

impl From<Tolerance> for f64 {
    fn from(tolerance: Tolerance) -> Self {
        tolerance.0
    }
}

/// What judges the runs of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Judge {
    /// The daemon compares the stdout of each run that has an [`ExpectedOutput`].
    #[default]
    Comparison,
    /// A program of the client that reads the input, the output and the expected answer of a run from files.
    Checker(Box<JudgeProgram>),
    /// A program of the client that is connected to the stdin and the stdout of the solution.
    Interactor {
        /// The interactor.
        program: Box<JudgeProgram>,
        /// Whether the judgement has the transcript.
        transcript: bool,
    },
}

impl Judge {
    /// Returns the client's program that judges, if there is one.
    #[must_use]
    pub fn program(&self) -> Option<&JudgeProgram> {
        match self {
            Self::Comparison => None,
            Self::Checker(program) | Self::Interactor { program, .. } => Some(program),
        }
    }
}

/// Checker or interactor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgeProgram {
    /// Name or alias of a language.
    #[serde(deserialize_with = "bounded::string::<_, MAX_LANGUAGE_NAME>")]
    pub language: String,
    /// Source files, the main file first.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_FILES>")]
    pub files: Vec<SourceFile>,
    /// Limits of each of its runs.
    pub limits: LimitsRequest,
}

/// Verdict about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// The output is right.
    Accepted,
    /// The output is wrong.
    WrongAnswer,
    /// A checker or an interactor could not read the output: it has the wrong format.
    PresentationError,
    /// A checker or an interactor gave a part of the points.
    PartiallyCorrect,
    /// A limit on CPU time or wall-clock time was exceeded.
    TimeLimitExceeded,
    /// The memory limit was exceeded.
    MemoryLimitExceeded,
    /// The output limit was exceeded.
    OutputLimitExceeded,
    /// Another exit code than 0, or a signal.
    RuntimeError,
    /// The solution could not be compiled. Only of a compilation, never of a run.
    CompileError,
    /// The checker or the interactor failed. This is not a fault of the solution.
    JudgeError,
    /// The run does not count, because a run before it failed.
    Skipped,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 11] = [
        Self::Accepted,
        Self::WrongAnswer,
        Self::PresentationError,
        Self::PartiallyCorrect,
        Self::TimeLimitExceeded,
        Self::MemoryLimitExceeded,
        Self::OutputLimitExceeded,
        Self::RuntimeError,
        Self::CompileError,
        Self::JudgeError,
        Self::Skipped,
    ];

    /// Returns the verdict as it is written in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::WrongAnswer => "wrong_answer",
            Self::PresentationError => "presentation_error",
            Self::PartiallyCorrect => "partially_correct",
            Self::TimeLimitExceeded => "time_limit_exceeded",
            Self::MemoryLimitExceeded => "memory_limit_exceeded",
            Self::OutputLimitExceeded => "output_limit_exceeded",
            Self::RuntimeError => "runtime_error",
            Self::CompileError => "compile_error",
            Self::JudgeError => "judge_error",
            Self::Skipped => "skipped",
        }
    }

    /// Returns whether the run failed: it is neither accepted nor skipped.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Accepted | Self::Skipped)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Judgement of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The message of the checker or of the interactor, or the reason of the verdict. May be empty.
    #[serde(deserialize_with = "bounded::string::<_, MAX_JUDGE_MESSAGE>")]
    pub message: String,
    /// The first difference, if the daemon compared the output and found one.
    pub difference: Option<Difference>,
    /// The messages between the solution and the interactor, if the client requested them.
    pub transcript: Option<Transcript>,
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, message: String::new(), difference: None, transcript: None }
    }
}

impl From<Verdict> for Box<Judgement> {
    fn from(verdict: Verdict) -> Self {
        Self::new(verdict.into())
    }
}

/// First difference between the output and the expected output. Lines and columns count from 1; a column is a
/// character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Line in the output.
    pub line: u64,
    /// Column in that line.
    pub column: u64,
    /// Excerpt of what was expected there; `None` if the expected output has ended.
    #[serde(deserialize_with = "bounded::optional_string::<_, MAX_EXCERPT>")]
    pub expected: Option<String>,
    /// Excerpt of the output; `None` if it has ended.
    #[serde(deserialize_with = "bounded::optional_string::<_, MAX_EXCERPT>")]
    pub actual: Option<String>,
}

/// What a solution and an interactor wrote to each other, in the order in which the daemon forwarded it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// The entries. Neighbours are from different parties.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_TRANSCRIPT_ENTRIES>")]
    pub entries: Vec<TranscriptEntry>,
    /// Whether more was written than the transcript has.
    pub truncated: bool,
}

/// What one party wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptEntry {
    /// Who wrote it.
    pub from: Party,
    /// Its output.
    #[serde(deserialize_with = "bounded::bytes::<_, MAX_TRANSCRIPT>")]
    pub bytes: Bytes,
}

/// One side of a dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Party {
    /// The program that is judged.
    Solution,
    /// The interactor.
    Interactor,
}

impl Party {
    /// Returns `solution` or `interactor`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Solution => "solution",
            Self::Interactor => "interactor",
        }
    }
}
