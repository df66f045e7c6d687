//! How a whole execution ended.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::bounded;
use crate::bounds::MAX_RUNS;
use crate::judge::Verdict;
use crate::stage::{StageName, StageReport, Status, StatusName};

/// Id of an execution, in answers and logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExecutionId(pub Uuid);

impl fmt::Display for ExecutionId {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Reports of all stages of an execution. Output is not in it; it was sent as events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Id of the execution.
    pub id: ExecutionId,
    /// Report of the compilation; `None` for a language that is not compiled.
    pub compile: Option<StageReport>,
    /// Reports of the runs in the order of the request: none if compilation failed, fewer than requested if the
    /// execution was cancelled.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_RUNS>")]
    pub runs: Vec<StageReport>,
    /// Time from the request until a slot was free.
    pub queue_time: Duration,
}

impl Outcome {
    /// Returns the stage that counts for the whole execution: the compilation unless it succeeded, else the first run
    /// that failed ([`StageReport::is_failure`]), else the first run. `None` if the execution was cancelled before its
    /// first run.
    #[must_use]
    pub fn deciding_stage(&self) -> Option<&StageReport> {
        let failed_compile = self.compile.as_ref().filter(|report| report.is_failure());
        let failed_run = || self.runs.iter().find(|report| report.is_failure());
        failed_compile.or_else(failed_run).or(self.runs.first())
    }

    /// Returns the name of the execution's status: that of the deciding stage, but `compile_error` if the compiler
    /// itself reported failure, and `cancelled` without a deciding stage.
    #[must_use]
    pub fn status_name(&self) -> StatusName {
        match self.deciding_stage() {
            Some(StageReport { stage: StageName::Compile, status: Status::Exited(_), .. }) => {
                StatusName::CompileError
            }
            Some(report) => report.status.name(),
            None => StatusName::Cancelled,
        }
    }

    /// Returns the verdict about the whole execution, if it was judged: that of a failed compilation or of the first run
    /// that failed, else `accepted`. `None` also if what counts was cancelled.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        if !self.is_judged() {
            return None;
        }
        match self.deciding_stage() {
            Some(failed) if failed.is_failure() => {
                failed.judgement.as_ref().map(|judgement| judgement.verdict)
            }
            _ => Some(Verdict::Accepted),
        }
    }

    /// Returns whether a stage has a judgement.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        self.compile.iter().chain(&self.runs).any(|report| report.judgement.is_some())
    }

    /// Returns the index of the first run that failed.
    #[must_use]
    pub fn first_failed_run(&self) -> Option<usize> {
        self.runs.iter().position(StageReport::is_failure)
    }

    /// Returns how many runs have each verdict that occurs, in the order of [`Verdict::ALL`].
    #[must_use]
    pub fn verdict_counts(&self) -> Vec<(Verdict, usize)> {
        let of = |verdict| {
            self.runs.iter().flat_map(|run| &run.judgement).filter(move |one| one.verdict == verdict)
        };
        Verdict::ALL
            .iter()
            .map(|&verdict| (verdict, of(verdict).count()))
            .filter(|&(_, count)| count > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, StageName, StageReport, Status};
    use crate::judge::{Judgement, Verdict};

    fn check(compile: Option<Status>, runs: Vec<Status>, stage: Option<StageName>, name: &str) {
        let report = |stage, status: &Status| StageReport::new(stage, status.clone());
        let outcome = Outcome {
            compile: compile.map(|status| report(StageName::Compile, &status)),
            runs: (0..).zip(&runs).map(|(index, status)| report(StageName::Run(index), status)).collect(),
            ..Outcome::default()
        };
        assert_eq!(outcome.deciding_stage().map(|report| report.stage), stage, "{outcome:?}");
        assert_eq!(outcome.status_name().as_str(), name, "{outcome:?}");
    }

    #[test]
    fn the_first_stage_that_did_not_succeed_decides() {
        let (ok, nonzero, segfault) = (Status::Exited(0), Status::Exited(3), Status::Signaled(11));
        let (compile, run) = (Some(StageName::Compile), |index| Some(StageName::Run(index)));
        check(None, vec![ok.clone()], run(0), "ok");
        check(None, vec![ok.clone(), ok.clone()], run(0), "ok");
        check(None, vec![ok.clone(), nonzero.clone(), segfault.clone()], run(1), "nonzero");
        check(Some(ok.clone()), vec![segfault.clone()], run(0), "signal");
        check(Some(nonzero), vec![], compile, "compile_error");
        check(Some(segfault), vec![], compile, "signal");
        check(Some(Status::Cancelled), vec![], compile, "cancelled");
        check(Some(ok), vec![], None, "cancelled");
        check(None, vec![], None, "cancelled");
        check(None, vec![Status::Exited(0), Status::Skipped], run(0), "ok");
    }

    #[test]
    fn the_first_run_that_failed_is_the_verdict() {
        let outcome = |verdicts: &[Option<Verdict>]| Outcome {
            runs: (0..)
                .zip(verdicts)
                .map(|(index, verdict)| StageReport {
                    judgement: verdict.map(Box::<Judgement>::from),
                    ..StageReport::new(StageName::Run(index), Status::Exited(0))
                })
                .collect(),
            ..Outcome::default()
        };
        let (accepted, wrong) = (Some(Verdict::Accepted), Some(Verdict::WrongAnswer));
        let (late, skipped) = (Some(Verdict::TimeLimitExceeded), Some(Verdict::Skipped));
        for (verdicts, verdict, first_failed) in [
            (&[None, None][..], None, None),
            (&[accepted, None], accepted, None),
            (&[accepted, wrong, late], wrong, Some(1)),
            (&[accepted, late, skipped, skipped], late, Some(1)),
        ] {
            let outcome = outcome(verdicts);
            assert_eq!(
                (outcome.verdict(), outcome.first_failed_run()),
                (verdict, first_failed),
                "{verdicts:?}"
            );
            let deciding = first_failed.unwrap_or(0);
            assert_eq!(outcome.deciding_stage(), Some(&outcome.runs[deciding]));
        }
        let counts = outcome(&[accepted, wrong, accepted, skipped, None]).verdict_counts();
        assert_eq!(counts, [(Verdict::Accepted, 2), (Verdict::WrongAnswer, 1), (Verdict::Skipped, 1)]);
    }
}
