//! How a whole execution ended.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::bounded;
use crate::bounds::MAX_RUNS;
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
    /// that did not succeed, else the first run. `None` if the execution was cancelled before its first run.
    #[must_use]
    pub fn deciding_stage(&self) -> Option<&StageReport> {
        let failed = |report: &&StageReport| !report.status.is_success();
        let failed_compile = self.compile.as_ref().filter(failed);
        failed_compile.or_else(|| self.runs.iter().find(failed)).or(self.runs.first())
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
}

#[cfg(test)]
mod tests {
    use super::{Outcome, StageName, StageReport, Status};

    fn check(compile: Option<Status>, runs: Vec<Status>, stage: Option<StageName>, name: &str) {
        let report =
            |stage, status: &Status| StageReport { stage, status: status.clone(), ..StageReport::default() };
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
    }
}
