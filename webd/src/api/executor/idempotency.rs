//! `Idempotency-Key` on `POST /api/execute`: a request that is repeated with the same key gets the answer of the first
//! (draft-ietf-httpapi-idempotency-key-header). The first request is stored as a submission, whose id follows from the key.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use crate::api::executor::request;
use crate::api::executor::submission_watch::SubmissionWatch;
use crate::api::executor::submissions;
use crate::app_state::AppState;
use crate::domain::caller::Caller;
use crate::domain::submissions::derived_id::derived_id;
use crate::domain::submissions::submission::SubmissionState;
use crate::http::connection_guard::ConnectionGuard;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::middleware::IDEMPOTENCY_KEY;

/// Bytes of a key.
const MAX_LENGTH: usize = 255;
/// Time after which a client that still waits gets an error; it can repeat the request.
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

/// Returns the id of the submission that a request with a key is; `None` for a request without one.
///
/// # Errors
/// [`ErrorCode::InvalidRequest`] if the key is not one header of visible characters.
pub(crate) fn submission_id(headers: &HeaderMap, caller: &Caller) -> Result<Option<Uuid>, ApiError> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = match (keys.next(), keys.next()) {
        (None, _) => return Ok(None),
        (Some(key), None) => key.as_bytes(),
        (Some(_), Some(_)) => return Err(invalid()),
    };
    if !(1..=MAX_LENGTH).contains(&key.len()) || !key.iter().all(|byte| (0x20..=0x7e).contains(byte)) {
        return Err(invalid());
    }
    Ok(Some(derived_id(caller, key)))
}

/// Runs a program once for all requests with the same key, and returns its answer.
///
/// # Errors
/// [`ApiError`] if there is no answer, or if the key was used for another request.
pub(crate) async fn execute(
    state: &AppState,
    caller: &Caller,
    guard: &ConnectionGuard,
    id: Uuid,
    body: Bytes,
) -> Result<Response, ApiError> {
    let store = submissions::store(state)?;
    let parse = |body: &[u8]| request::parse(body).map(|parsed| (parsed, None));
    submissions::accept(state, caller, vec![(id, body)], parse).await?;
    let watch = SubmissionWatch::new(store, state, caller, id);
    let submission = tokio::select! {
        submission = watch.until_final(Instant::now() + MAX_WAIT) => submission?,
        () = guard.stopping() => return Err(unavailable("the server is stopping, repeat the request later")),
    };
    let result = submission.result.unwrap_or_default();
    match submission.state {
        SubmissionState::Finished => Ok(json(StatusCode::OK, result)),
        SubmissionState::Failed => Ok(json(status(&result), result)),
        SubmissionState::Cancelled | SubmissionState::Expired => {
            Err(unavailable("the execution was cancelled or waited for too long; use another key"))
        }
        SubmissionState::Queued | SubmissionState::Running => {
            Err(unavailable("repeat the request to wait longer"))
        }
    }
}

/// Returns the status of a stored error.
fn status(error: &[u8]) -> StatusCode {
    let error: Value = serde_json::from_slice(error).unwrap_or_default();
    let has_code = |code: &ErrorCode| serde_json::to_value(code).is_ok_and(|code| code == error["code"]);
    ErrorCode::ALL.iter().find(|code| has_code(code)).unwrap_or(&ErrorCode::Failed).status()
}

fn json(status: StatusCode, body: Bytes) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn unavailable(message: &str) -> ApiError {
    ApiError::new(ErrorCode::Unavailable, message)
}

fn invalid() -> ApiError {
    ApiError::invalid_request(format!(
        "Idempotency-Key must be one value of 1 to {MAX_LENGTH} visible characters"
    ))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::domain::client_identity::ClientIdentity;

    #[test]
    fn a_key_is_one_header_of_visible_characters() {
        let caller = Caller::anonymous(ClientIdentity::new("192.0.2.1".parse().unwrap(), &[], &[]));
        let id = |keys: &[&str]| {
            let keys = keys.iter().map(|key| (IDEMPOTENCY_KEY, HeaderValue::from_str(key).unwrap()));
            submission_id(&keys.collect(), &caller).map_err(|error| error.body.code)
        };
        assert_eq!(id(&["a"]), Ok(Some(derived_id(&caller, b"a"))));
        assert_eq!(id(&[]), Ok(None));
        for wrong in [&[""][..], &["a", "a"], &["\t"], &[&"a".repeat(256)]] {
            assert_eq!(id(wrong), Err(ErrorCode::InvalidRequest), "{wrong:?}");
        }
    }

    #[test]
    fn a_stored_error_has_its_status() {
        assert_eq!(status(br#"{"error":"x","code":"quota_exceeded"}"#), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(status(b"damaged"), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
