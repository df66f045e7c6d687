//! A finished execution with the bytes that each stage wrote, for the APIs that do not report live.

use protocol::{Outcome, StageName, StageReport, StreamName};

use tokio::time::{Instant, timeout_at};

use crate::domain::budget::{Budget, BudgetExceeded, Reservation};
use crate::domain::execution::{Execution, ExecutionError, ExecutionEvent};
use crate::domain::output_collector::MAX_COLLECTED_OUTPUT;

/// Memory for one byte of output: it is in its stream and in the merged output, and twice more in the answer that is made
/// of it, where a byte may need 4 characters.
const MEMORY_PER_BYTE: usize = 10;

/// An execution after its last event.
#[derive(Debug)]
pub(crate) struct CollectedExecution {
    /// The compilation, or the check of the syntax; `None` for a language that has neither.
    pub(crate) compile: Option<CollectedStage>,
    /// The runs; none if the compilation failed.
    pub(crate) runs: Vec<CollectedStage>,
    /// Memory of the output.
    pub(crate) reservation: Reservation,
}

/// A stage and its output.
#[derive(Debug)]
pub(crate) struct CollectedStage {
    pub(crate) report: StageReport,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// Both in the order in which they arrived.
    pub(crate) merged: Vec<u8>,
}

/// Why an execution has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    #[error(transparent)]
    Budget(#[from] BudgetExceeded),
    /// It was still queued at the time by which it had to start.
    #[error("the execution did not start in time")]
    NotStarted,
}

#[derive(Debug, Default)]
struct Output {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    merged: Vec<u8>,
    is_truncated: bool,
}

impl CollectedExecution {
    /// Reads events up to the last one. Dropping the future cancels the execution.
    ///
    /// # Errors
    /// [`CollectError`] if the execution has no outcome, or if there is no memory for its output.
    pub(crate) async fn collect(execution: Execution, budget: &Budget) -> Result<Self, CollectError> {
        Self::collect_until_last(execution, budget, None).await
    }

    /// Reads events up to the last one, as [`CollectedExecution::collect`] does.
    ///
    /// # Errors
    /// Also if the execution has not started at `deadline`.
    pub(crate) async fn collect_if_started_by(
        execution: Execution,
        budget: &Budget,
        deadline: Instant,
    ) -> Result<Self, CollectError> {
        Self::collect_until_last(execution, budget, Some(deadline)).await
    }

    async fn collect_until_last(
        mut execution: Execution,
        budget: &Budget,
        mut start_deadline: Option<Instant>,
    ) -> Result<Self, CollectError> {
        let mut reservation = budget.reservation();
        let mut outputs: Vec<(StageName, Output)> = Vec::new();
        let mut collected = 0;
        let outcome = loop {
            let next = execution.next_event();
            let event = match start_deadline {
                Some(deadline) => timeout_at(deadline, next).await.map_err(|_| CollectError::NotStarted)?,
                None => next.await,
            };
            match event? {
                ExecutionEvent::Started { .. } => start_deadline = None,
                ExecutionEvent::StageStarted(stage) => outputs.push((stage, Output::default())),
                ExecutionEvent::Output { stage, stream, bytes } => {
                    let Some((_, output)) = outputs.iter_mut().rfind(|(name, _)| *name == stage) else {
                        continue;
                    };
                    let room = MAX_COLLECTED_OUTPUT - collected;
                    let kept = &bytes[..bytes.len().min(room)];
                    collected += kept.len();
                    output.is_truncated |= kept.len() < bytes.len();
                    reservation.grow(kept.len() * MEMORY_PER_BYTE)?;
                    output.write(stream, kept);
                }
                // The requests of these APIs ask for no output files, keep no program, and have no live input.
                ExecutionEvent::Queued { .. }
                | ExecutionEvent::WaitingForInput(_)
                | ExecutionEvent::BuildKept(_)
                | ExecutionEvent::OutputFile { .. }
                | ExecutionEvent::OutputFileChunk { .. }
                | ExecutionEvent::OutputFilesEnd { .. }
                | ExecutionEvent::StageFinished(_) => {}
                ExecutionEvent::Finished(outcome) => break outcome,
            }
        };
        Ok(Self::new(outcome, outputs, reservation))
    }

    fn new(outcome: Outcome, mut outputs: Vec<(StageName, Output)>, reservation: Reservation) -> Self {
        let mut stage = |mut report: StageReport| {
            let output = outputs.iter_mut().find(|(name, _)| *name == report.stage);
            let output = output.map(|(_, output)| std::mem::take(output)).unwrap_or_default();
            report.stdout_truncated |= output.is_truncated;
            let Output { stdout, stderr, merged, .. } = output;
            CollectedStage { report, stdout, stderr, merged }
        };
        let compile = outcome.compile.map(&mut stage);
        Self { compile, runs: outcome.runs.into_iter().map(stage).collect(), reservation }
    }

    /// Returns the compilation, if it failed.
    pub(crate) fn failed_compilation(&self) -> Option<&CollectedStage> {
        self.compile.as_ref().filter(|stage| !stage.report.status.is_success())
    }
}

impl Output {
    fn write(&mut self, stream: StreamName, bytes: &[u8]) {
        match stream {
            StreamName::Stdout => self.stdout.extend_from_slice(bytes),
            StreamName::Stderr => self.stderr.extend_from_slice(bytes),
        }
        self.merged.extend_from_slice(bytes);
    }
}
