//! The callback of a submission: the request that webd sends when it has reached its final state, signed as in Standard
//! Webhooks 1.0.

#[cfg(feature = "cluster")]
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderName, HeaderValue, Method, header};
use bytes::Bytes;
#[cfg(feature = "cluster")]
use keys::KeyName;
use serde::Serialize;

#[cfg(feature = "cluster")]
use crate::api::executor::recorded_answer;
use crate::api::executor::submission_json::SubmissionJson;
use crate::app_state::AppState;
use crate::domain::callbacks::client::CallbackRequest;
use crate::domain::caller::Caller;
use crate::domain::submissions::callback_queue::ClaimedCallback;
use crate::domain::submissions::callback_runner::{Deliver, Delivery};
use crate::domain::submissions::submission::{Owner, Submission};
use crate::domain::utc_time::to_rfc3339;
use crate::http::error::ApiError;

/// Bytes of a result in a callback. A longer one is left out, and the receiver fetches it.
const MAX_RESULT: usize = 1024 * 1024;
/// Headers of the message: its id, which is that of the submission; the time of the attempt, in seconds since 1970; and
/// the signatures of both and of the body, one for each secret in use, separated by blanks.
const HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("webhook-id"),
    HeaderName::from_static("webhook-timestamp"),
    HeaderName::from_static("webhook-signature"),
];

/// The body of a callback.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CallbackJson {
    /// `submission.` and the state.
    #[serde(rename = "type")]
    kind: String,
    /// When the submission reached its state.
    timestamp: String,
    /// The submission, as `GET /api/submissions/{token}` returns it.
    data: SubmissionJson,
    /// Whether the result is missing because it is longer than [`MAX_RESULT`].
    result_omitted: bool,
}

/// Checks the URL of a callback in a request. Returns it as it is stored.
///
/// # Errors
/// 400 if it is not accepted, or if the caller's key has no secret to sign with.
pub(crate) fn check(
    state: &AppState,
    caller: &Caller,
    url: Option<String>,
) -> Result<Option<String>, ApiError> {
    let Some(url) = url else { return Ok(None) };
    let invalid = |message: String| ApiError::invalid_request(format!("`callback_url` {message}"));
    state.callbacks.check(&url).map_err(invalid)?;
    let is_kept = state.submissions.as_ref().is_some_and(|store| store.keeps_callbacks());
    if !is_kept {
        return Err(invalid("is not supported by this server".to_owned()));
    }
    if state.keys.callback_secrets(caller.key_name()).is_empty() {
        let message =
            "needs a secret of the API key: ask the administrator for `executor key callback-secret`";
        return Err(invalid(message.to_owned()));
    }
    Ok(Some(url))
}

/// Returns what delivers a callback.
pub(crate) fn deliver(state: Arc<AppState>) -> Deliver {
    Arc::new(move |claimed| {
        let state = Arc::clone(&state);
        Box::pin(async move {
            let delivery = attempt(&state, claimed).await;
            state.metrics.callback(delivery);
            delivery
        })
    })
}

async fn attempt(state: &AppState, claimed: ClaimedCallback) -> Delivery {
    let ClaimedCallback { owner: Owner(key), url, submission, attempts, .. } = claimed;
    let id = submission.id.to_string();
    #[cfg(feature = "cluster")]
    let Ok(submission) = answered(state, &key, submission).await else {
        tracing::info!(%key, %id, "callback not delivered: not enough memory for its body");
        return Delivery::Failed;
    };
    // Both were so when the submission was accepted; the configuration or the key may have changed.
    let secrets = state.keys.callback_secrets(&key);
    let Some(url) = state.callbacks.check(&url).ok().filter(|_| !secrets.is_empty()) else {
        tracing::warn!(%key, %id, "callback refused: its key no longer has a secret, or its host is no longer allowed");
        return Delivery::Refused;
    };
    let body = body(submission);
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let signatures: Vec<_> = secrets.iter().map(|secret| secret.sign(&id, timestamp, &body)).collect();
    let values = [id.clone(), timestamp.to_string(), signatures.join(" ")];
    let mut headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    headers.extend(
        HEADERS.into_iter().zip(values).filter_map(|(name, value)| Some((name, value.parse().ok()?))),
    );
    let host = url.host().to_owned();
    match state.callbacks.deliver(CallbackRequest { url, method: Method::POST, headers, body }).await {
        Ok(()) => Delivery::Delivered,
        Err(error) => {
            // The path and the query of the URL may have a secret of the receiver.
            tracing::info!(%key, %id, ?host, attempts, %error, "callback not delivered");
            if error.is_final() { Delivery::Refused } else { Delivery::Failed }
        }
    }
}

/// Writes the answer of a submission that another server ran.
#[cfg(feature = "cluster")]
async fn answered(state: &AppState, key: &KeyName, submission: Submission) -> Result<Submission, ApiError> {
    let caller = Owner(key.clone()).caller(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    recorded_answer::written(submission, &state.budgets.of(&caller)).await
}

fn body(mut submission: Submission) -> Bytes {
    let result_omitted = submission.result.as_ref().is_some_and(|result| result.len() > MAX_RESULT);
    if result_omitted {
        submission.result = None;
    }
    let finished = Duration::from_millis(submission.finished.unwrap_or(submission.created));
    let json = CallbackJson {
        kind: format!("submission.{}", submission.state.name()),
        timestamp: to_rfc3339(UNIX_EPOCH + finished),
        data: submission.into(),
        result_omitted,
    };
    // Serializing texts and numbers into memory cannot fail.
    serde_json::to_vec(&json).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::domain::submissions::submission::SubmissionState;

    fn submission(state: SubmissionState, result: &str) -> Submission {
        Submission {
            id: Uuid::from_u128(1),
            state,
            created: 1_000,
            started: Some(2_000),
            finished: Some(1_700_000_000_123),
            result: Some(Bytes::copy_from_slice(result.as_bytes())),
            #[cfg(feature = "cluster")]
            recording: None,
        }
    }

    #[test]
    fn a_body_is_the_submission_and_a_long_result_is_left_out() {
        let parsed = |submission| serde_json::from_slice::<Value>(&body(submission)).unwrap();
        let finished = parsed(submission(SubmissionState::Finished, r#"{"output":"42\n"}"#));
        assert_eq!(finished["type"], "submission.finished");
        assert_eq!(finished["timestamp"], "2023-11-14T22:13:20.123Z");
        assert_eq!(finished["data"]["token"], "00000000-0000-0000-0000-000000000001");
        assert_eq!(finished["data"]["result"], json!({"output": "42\n"}));
        assert_eq!(finished["result_omitted"], false);
        let long = format!("{{\"output\":\"{}\"}}", "x".repeat(MAX_RESULT));
        let long = parsed(submission(SubmissionState::Finished, &long));
        assert_eq!((&long["data"]["result"], &long["result_omitted"]), (&Value::Null, &json!(true)));
        let failed = parsed(submission(SubmissionState::Failed, r#"{"code":"failed"}"#));
        assert_eq!(
            (&failed["type"], &failed["data"]["error"]),
            (&json!("submission.failed"), &json!({"code": "failed"}))
        );
    }

    #[test]
    fn a_name_is_that_of_json() {
        for state in SubmissionState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}
