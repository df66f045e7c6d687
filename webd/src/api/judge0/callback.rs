//! The callback of a submission: its result, sent to the URL that the client gave.

use axum::http::{HeaderValue, Method, header};
use tokio::time::timeout;

use crate::api::judge0::fields::FieldList;
use crate::api::judge0::limits::{CALLBACK_TIMEOUT, CALLBACK_TRIES};
use crate::api::judge0::submission::Submission;
use crate::domain::callbacks::client::{CallbackClient, CallbackRequest, DeliveryError};

/// Sends the default fields of a finished submission, in base64. Judge0 keeps no record of a callback that fails.
pub(crate) async fn send(client: &CallbackClient, submission: &Submission) {
    let Some(url) = &submission.settings.callback else { return };
    let json = FieldList::default().json(submission, &submission.settings.language.name, true);
    let request = CallbackRequest {
        url: url.clone(),
        method: Method::PUT,
        headers: vec![(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        body: json.to_string().into(),
    };
    for _ in 0..CALLBACK_TRIES {
        let attempt = timeout(CALLBACK_TIMEOUT, client.deliver(request.clone())).await;
        match attempt.unwrap_or(Err(DeliveryError::Timeout)) {
            Ok(()) => return,
            Err(error) => {
                tracing::info!(token = %submission.token, %error, "cannot deliver the callback of a submission");
                if matches!(error, DeliveryError::Status(_) | DeliveryError::NotPublic) {
                    return;
                }
            }
        }
    }
}
