//! The answer of an execution in one piece.

use protocol::Status;

use crate::api::executor::answer::Answer;
use crate::domain::budget::{Budget, Reservation};
use crate::domain::encoding::Encoding;
use crate::domain::execution::{AppliedLimits, EventSource, ExecutionEvent};
use crate::domain::output_collector::OutputCollector;
use crate::domain::output_files::CollectedFiles;
use crate::http::error::ApiError;

/// Waits for the end, and returns the JSON of the answer, and the memory that it holds.
///
/// # Errors
/// [`ApiError`] if there is no answer.
pub(crate) async fn collect_answer(
    mut execution: impl EventSource,
    encoding: Encoding,
    is_compact: bool,
    budget: &Budget,
) -> Result<(Vec<u8>, Reservation), ApiError> {
    let mut output = OutputCollector::new(encoding, budget);
    let mut files = CollectedFiles::new(encoding, budget);
    let mut limits: Option<AppliedLimits> = None;
    let mut build = None;
    let outcome = loop {
        match execution.next_event().await? {
            ExecutionEvent::Queued { .. } | ExecutionEvent::WaitingForInput(_) => {}
            ExecutionEvent::Started { limits: applied, .. } => limits = Some(applied),
            ExecutionEvent::StageStarted(stage) => output.start_stage(stage),
            ExecutionEvent::Output { stage, stream, bytes } => output.write(stage, stream, &bytes)?,
            ExecutionEvent::StageFinished(report) => {
                output.reserve_judgement(&report)?;
                output.finish_stage(&report);
            }
            ExecutionEvent::OutputFile { stage, name, size } => files.start(stage, name, size)?,
            ExecutionEvent::OutputFileChunk { stage, bytes } => files.push(stage, &bytes)?,
            ExecutionEvent::OutputFilesEnd { stage, omitted } => files.end(stage, omitted)?,
            ExecutionEvent::BuildKept(id) => build = Some(id),
            ExecutionEvent::Finished(outcome) => break outcome,
        }
    };
    output.finish();
    // Such a run may have been active when a run before it failed.
    for run in outcome.runs.iter().filter(|run| run.status == Status::Skipped) {
        output.discard(run.stage);
        files.discard(run.stage);
    }
    let limits = limits.as_ref();
    let json = if is_compact {
        serde_json::to_vec(&Answer::compact(&outcome, limits, &output, &files).with_build(build))
    } else {
        serde_json::to_vec(&Answer::with_output(&outcome, limits, &output, &files).with_build(build))
    };
    let json = json.map_err(|error| ApiError::failed(outcome.id, error.to_string()))?;
    let mut reservation = output.into_reservation();
    reservation.absorb(files.into_reservation());
    Ok((json, reservation))
}
