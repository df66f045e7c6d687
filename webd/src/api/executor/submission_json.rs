//! The JSON of submissions.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::domain::submissions::submission::{Submission, SubmissionState};

/// Submissions of one batch.
pub(crate) const MAX_BATCH: usize = 100;

/// A submission.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SubmissionJson {
    #[cfg_attr(test, schemars(with = "String"))]
    token: Uuid,
    status: SubmissionState,
    created_ms: u64,
    started_ms: Option<u64>,
    finished_ms: Option<u64>,
    /// The answer, as of `POST /api/execute`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(schema_with = "any_object"))]
    result: Option<Box<RawValue>>,
    /// Why there is no answer, as the error of `POST /api/execute`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(schema_with = "any_object"))]
    error: Option<Box<RawValue>>,
}

#[cfg(test)]
fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object"})
}

/// The answer to a new submission.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AcceptedJson {
    #[cfg_attr(test, schemars(with = "String"))]
    pub(crate) token: Uuid,
    pub(crate) status: SubmissionState,
}

/// A list of submissions.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ListJson<T> {
    pub(crate) submissions: Vec<T>,
}

/// Several submissions in one request. Any other body is one submission.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchJson<'a> {
    #[serde(borrow)]
    pub(crate) submissions: Vec<&'a RawValue>,
}

impl From<Submission> for SubmissionJson {
    fn from(submission: Submission) -> Self {
        let is_finished = submission.state == SubmissionState::Finished;
        let stored = submission.result.as_ref().and_then(raw);
        let (result, error) = if is_finished { (stored, None) } else { (None, stored) };
        Self {
            token: submission.id,
            status: submission.state,
            created_ms: submission.created,
            started_ms: submission.started,
            finished_ms: submission.finished,
            result,
            error,
        }
    }
}

/// Returns stored JSON without parsing it into values.
fn raw(json: &Bytes) -> Option<Box<RawValue>> {
    RawValue::from_string(String::from_utf8(json.to_vec()).ok()?).ok()
}
