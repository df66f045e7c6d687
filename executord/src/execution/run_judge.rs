//! What judges the runs of one execution.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use protocol::{Judgement, RunRequest, Verdict};

use crate::admission::job::Judge;
use crate::execution::executor::Executor;
use crate::execution::interactor::Interactor;
use crate::execution::judge::{self, JudgeKind};
use crate::execution::judge_program::{Compiled, PreparedProgram};
use crate::execution::stage::StageResult;
use crate::execution::stages::{JudgedRun, Stage, Stages};
use crate::failure::Failure;
use crate::queue::Permit;

/// Output and expected output that are compared at once, in bytes together. A thread that may block compares longer
/// ones.
const COMPARED_AT_ONCE: usize = 64 * 1024;

/// What judges the runs.
pub(super) enum RunJudge<'a> {
    /// Runs with an expected output are compared with it.
    Comparison,
    Checker(PreparedProgram<'a>),
    Interactor(Interactor<'a>),
}

/// The result of preparing a judge.
pub(super) enum Preparation<'a> {
    /// With the wall-clock time that its compilation took.
    Ready(RunJudge<'a>, Duration),
    /// It cannot be compiled: the judgement of all runs.
    Broken(Judgement),
    Cancelled,
}

impl<'a> RunJudge<'a> {
    /// Prepares the judge of an execution: compiles the client's program, if its language is compiled.
    pub(super) async fn prepare(stages: &Stages<'a>, permit: &Permit) -> Result<Preparation<'a>, Failure> {
        let (program, kind) = match &stages.job.judge {
            Judge::Comparison => return Ok(Preparation::Ready(Self::Comparison, Duration::ZERO)),
            Judge::Checker(program) => (program, JudgeKind::Checker),
            Judge::Interactor { program, .. } => (program, JudgeKind::Interactor),
        };
        Ok(match PreparedProgram::compile(program, kind, stages, permit).await? {
            Compiled::Ready(program, used) => {
                let judge = match stages.job.judge {
                    Judge::Interactor { transcript, .. } => {
                        Self::Interactor(Interactor { program, transcript })
                    }
                    Judge::Checker(_) | Judge::Comparison => Self::Checker(program),
                };
                Preparation::Ready(judge, used)
            }
            Compiled::Broken(judgement) => Preparation::Broken(judgement),
            Compiled::Cancelled => Preparation::Cancelled,
        })
    }

    /// Returns the judge of a run, if it is judged.
    pub(super) fn of_run(&self, run: &RunRequest) -> Option<&dyn JudgedRun> {
        let is_judged = !matches!(self, Self::Comparison) || run.expected.is_some();
        is_judged.then_some(self)
    }

    /// Judges a run that was not judged while it took place: by its status, or by its output if it succeeded.
    async fn judge(
        &self,
        stages: &Stages<'_>,
        stage: &Stage<'_>,
        result: &mut StageResult,
    ) -> Result<(), Failure> {
        let (report, stdout) = (&mut result.report, std::mem::take(&mut result.stdout));
        report.judgement = judge::of_solution(&report.status, &report.usage).map(Box::new);
        if !report.status.is_success() {
            return Ok(());
        }
        match self {
            Self::Comparison => report.judgement = compare(stage.request, stdout).await.map(Box::new),
            Self::Checker(checker) => {
                let ended = checker.run(stages, stage, Bytes::from(stdout), None, stage.permit).await?;
                result.judge_time = ended.report.usage.wall_time;
                report.judgement = (!stage.cancel.is_cancelled())
                    .then(|| Box::new(judge::of_judge(ended.end(JudgeKind::Checker))));
            }
            // It has judged the dialogue.
            Self::Interactor(_) => {}
        }
        Ok(())
    }

    /// Removes the build of the judge.
    pub(super) fn release(self, executor: &Executor) -> Result<(), Failure> {
        match self {
            Self::Comparison => Ok(()),
            Self::Checker(program) | Self::Interactor(Interactor { program, .. }) => {
                program.release(executor)
            }
        }
    }
}

impl JudgedRun for RunJudge<'_> {
    fn run<'s>(
        &'s self,
        stages: &'s Stages<'_>,
        stage: &'s Stage<'_>,
    ) -> BoxFuture<'s, Result<StageResult, Failure>> {
        Box::pin(async move {
            if let Self::Interactor(interactor) = self {
                return interactor.run_dialogue(stages, stage).await;
            }
            let mut result = stages.run_program(stage).await?;
            self.judge(stages, stage, &mut result).await?;
            Ok(result)
        })
    }

    fn reads_output(&self) -> bool {
        !matches!(self, Self::Interactor(_))
    }
}

/// Compares the output of a run with the expected one.
async fn compare(run: &RunRequest, stdout: Vec<u8>) -> Option<Judgement> {
    let expected = run.expected.clone()?;
    if expected.stdout.len() + stdout.len() <= COMPARED_AT_ONCE {
        return Some(judge::of_output(&expected, &stdout));
    }
    let compared = tokio::task::spawn_blocking(move || judge::of_output(&expected, &stdout)).await;
    // It cannot be cancelled, and does not panic.
    Some(compared.unwrap_or_else(|_| Verdict::JudgeError.into()))
}
