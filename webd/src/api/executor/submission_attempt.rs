//! One attempt to run a stored submission: from its JSON to the JSON of the answer or of the error.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::api::executor::collected_answer::collect_answer;
use crate::api::executor::request;
use crate::api::executor::unknown_language::explained;
use crate::app_state::AppState;
use crate::domain::submissions::runner::{Attempt, AttemptEnd};
use crate::domain::submissions::submission::ClaimedSubmission;
use crate::http::error::{ApiError, ErrorCode};

/// Time until the next attempt if the error names none.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Returns what runs a submission.
pub(crate) fn attempt(state: Arc<AppState>) -> Attempt {
    Arc::new(move |claimed| Box::pin(run(Arc::clone(&state), claimed.clone())))
}

async fn run(state: Arc<AppState>, claimed: ClaimedSubmission) -> AttemptEnd {
    let caller = claimed.caller();
    let parsed = match request::parse_submission(&claimed.body) {
        Ok((parsed, _)) => parsed,
        // It was valid when it was stored: this webd is another version.
        Err(error) => return failed(&error),
    };
    let language = parsed.request.language.clone();
    let budget = state.budgets.of(&caller);
    let (encoding, is_compact) = (parsed.encoding, parsed.is_compact);
    let execution = match state.dispatcher.execute_accepted(&caller, parsed.request).await {
        Ok(execution) => execution,
        Err(error) => return end(explained(error.into(), &language, &state.daemon).await, false),
    };
    match collect_answer(execution, encoding, is_compact, &budget).await {
        Ok((json, _reservation)) => AttemptEnd::Finished(json.into()),
        Err(error) => end(explained(error, &language, &state.daemon).await, true),
    }
}

/// Returns how an attempt with an error ends. One that had started counts, unless the daemon was busy: a program that
/// ends the daemon each time must not be run indefinitely.
fn end(error: ApiError, has_started: bool) -> AttemptEnd {
    let is_busy = matches!(error.body.code, ErrorCode::Busy | ErrorCode::RateLimited);
    let is_down =
        matches!(error.body.code, ErrorCode::Unavailable | ErrorCode::Overloaded | ErrorCode::Forbidden);
    if !is_busy && !is_down {
        return failed(&error);
    }
    let after = error.body.retry_after.map_or(RETRY_DELAY, Duration::from_secs);
    AttemptEnd::Retry { after, counts: is_down && has_started }
}

fn failed(error: &ApiError) -> AttemptEnd {
    // Serializing texts and numbers into memory cannot fail.
    AttemptEnd::Failed(Bytes::from(serde_json::to_vec(&error.body).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_another_attempt_can_change_is_tried_again() {
        let check = |code, has_started, expected: Option<bool>| {
            let counts = match end(ApiError::new(code, "x"), has_started) {
                AttemptEnd::Retry { counts, .. } => Some(counts),
                _ => None,
            };
            assert_eq!(counts, expected, "{code:?}");
        };
        check(ErrorCode::Busy, true, Some(false));
        check(ErrorCode::RateLimited, false, Some(false));
        check(ErrorCode::Unavailable, false, Some(false));
        check(ErrorCode::Unavailable, true, Some(true));
        check(ErrorCode::Failed, true, None);
        check(ErrorCode::QuotaExceeded, false, None);
        check(ErrorCode::UnsupportedLanguage, true, None);
        check(ErrorCode::Unauthorized, false, None);
    }
}
