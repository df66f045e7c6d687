//! A run as a dialogue: the solution and an interactor, each in its own sandbox, connected by the daemon.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use protocol::Status;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::execution::judge::{self, JudgeKind, Recorder};
use crate::execution::judge_program::{EndedJudge, PreparedProgram};
use crate::execution::program_permit::{PermitPair, ProgramPermit};
use crate::execution::stage::{StageResult, links};
use crate::execution::stages::{Stage, Stages};
use crate::failure::Failure;

/// An interactor that can run.
pub(super) struct Interactor<'a> {
    pub(super) program: PreparedProgram<'a>,
    /// Whether the client gets the transcript.
    pub(super) transcript: bool,
}

impl Interactor<'_> {
    /// Runs the solution and the interactor at the same time. Returns the result of the solution, with its judgement.
    pub(super) async fn run_dialogue(
        &self,
        stages: &Stages<'_>,
        stage: &Stage<'_>,
    ) -> Result<StageResult, Failure> {
        let recorder = self.transcript.then(Arc::<Mutex<Recorder>>::default);
        let (solution_link, interactor_link) = links(recorder.clone());
        let (end_solution, end_interactor) = (stage.cancel.child_token(), stage.cancel.child_token());
        let pair = PermitPair::new(stage.permit.permit());
        let solution_stage = Stage {
            link: Some(&solution_link),
            cancel: &end_solution,
            permit: ProgramPermit::Half(&pair, 0),
            ..*stage
        };
        let solution = async {
            let result = stages.run_program(&solution_stage).await;
            solution_link.end();
            result
        };
        let interactor = async {
            let link = Some((&interactor_link, &end_interactor));
            let result =
                self.program.run(stages, stage, Bytes::new(), link, ProgramPermit::Half(&pair, 1)).await;
            interactor_link.end();
            result
        };
        let grace = stages.executor.grace;
        let (solution, interactor) =
            both(solution, interactor, [&end_solution, &end_interactor], grace).await;
        let (mut solution, interactor) = (solution?, interactor?);
        solution.judge_time =
            interactor.report.usage.wall_time.saturating_sub(solution.report.usage.wall_time);
        let interactor_ended_first = interactor.decided < solution.decided;
        let report = &mut solution.report;
        report.judgement = judge::of_dialogue(
            (&report.status, &report.usage),
            interactor.end(JudgeKind::Interactor),
            interactor_ended_first,
        )
        .filter(|_| !stage.cancel.is_cancelled())
        .map(Box::new);
        if let (Some(judgement), Some(recorder)) = (&mut report.judgement, recorder) {
            let recorder = std::mem::take(&mut *recorder.lock().unwrap_or_else(PoisonError::into_inner));
            judgement.transcript = Some(recorder.into_transcript());
        }
        Ok(solution)
    }
}

/// Waits for both programs. When one of them has failed, the verdict does not depend on the other any more: it is ended
/// after the grace period. Neither is dropped before its end.
async fn both(
    solution: impl Future<Output = Result<StageResult, Failure>>,
    interactor: impl Future<Output = Result<EndedJudge, Failure>>,
    [end_solution, end_interactor]: [&CancellationToken; 2],
    grace: Duration,
) -> (Result<StageResult, Failure>, Result<EndedJudge, Failure>) {
    match select(pin!(solution), pin!(interactor)).await {
        Either::Left((solution, interactor)) => {
            let has_failed = !solution.as_ref().is_ok_and(|result| result.report.status.is_success());
            let interactor = wait(interactor, has_failed.then_some(grace), end_interactor).await;
            (solution, interactor)
        }
        Either::Right((interactor, solution)) => {
            let has_failed =
                !interactor.as_ref().is_ok_and(|result| result.report.status == Status::Exited(0));
            let solution = wait(solution, has_failed.then_some(grace), end_solution).await;
            (solution, interactor)
        }
    }
}

/// Waits for a program, and ends it if it is still there after `grace`.
async fn wait<T>(
    mut program: impl Future<Output = T> + Unpin,
    grace: Option<Duration>,
    end: &CancellationToken,
) -> T {
    if let Some(grace) = grace {
        match timeout(grace, &mut program).await {
            Ok(result) => return result,
            Err(_) => end.cancel(),
        }
    }
    program.await
}
