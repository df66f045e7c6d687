//! Answers of submissions that ran on another server: they are written from the events that were stored there.

use bytes::Bytes;
use protocol::Event;

use crate::api::executor::collected_answer::collect_answer;
use crate::api::executor::request;
use crate::domain::budget::Budget;
use crate::domain::execution::{EventSource, ExecutionError, ExecutionEvent};
use crate::domain::submissions::cluster::ParsedSubmission;
use crate::domain::submissions::submission::{Recording, Submission, SubmissionState};
use crate::http::error::ApiError;

/// The events of an execution that has ended.
struct RecordedEvents(std::vec::IntoIter<Event>);

impl EventSource for RecordedEvents {
    async fn next_event(&mut self) -> Result<ExecutionEvent, ExecutionError> {
        self.0.next().ok_or(protocol::ClientError::Closed)?.try_into()
    }
}

/// Writes the answer of a submission, if the store has a recording instead.
///
/// # Errors
/// If there is no memory for the answer.
pub(crate) async fn written(mut submission: Submission, budget: &Budget) -> Result<Submission, ApiError> {
    let Some(Recording { events, encoding, is_compact }) = submission.recording.take() else {
        return Ok(submission);
    };
    let answer = collect_answer(RecordedEvents(events.into_iter()), encoding, is_compact, budget).await;
    submission.result = Some(match answer {
        Ok((json, _reservation)) => json.into(),
        Err(error) if submission.state == SubmissionState::Finished => return Err(error),
        // Serializing texts and numbers into memory cannot fail.
        Err(error) => Bytes::from(serde_json::to_vec(&error.body).unwrap_or_default()),
    });
    Ok(submission)
}

/// Parses the body of a submission; `None` if it is not valid.
pub(crate) fn parse(body: &[u8]) -> Option<ParsedSubmission> {
    let (parsed, _) = request::parse_submission(body).ok()?;
    Some(ParsedSubmission {
        request: parsed.request,
        encoding: parsed.encoding,
        is_compact: parsed.is_compact,
    })
}
