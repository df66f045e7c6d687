//! Judging of runs: comparison of the output with the expected one, verdicts, and transcripts. Pure.

mod compare;
mod text;
mod transcript;
mod verdict;

use protocol::{ExpectedOutput, Judgement, Verdict};

pub(super) use transcript::Recorder;
pub(super) use verdict::{JudgeEnd, JudgeKind, of_broken_judge, of_dialogue, of_judge, of_solution};

/// Returns the judgement of a run that wrote `stdout` and should have written `expected`.
pub(super) fn of_output(expected: &ExpectedOutput, stdout: &[u8]) -> Judgement {
    match compare::compare(expected.compare, &expected.stdout, stdout) {
        None => Verdict::Accepted.into(),
        difference => Judgement { difference, ..Verdict::WrongAnswer.into() },
    }
}
