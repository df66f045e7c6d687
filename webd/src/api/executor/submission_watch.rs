//! Waiting for a submission: for its final state, or for each of its states.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

#[cfg(feature = "cluster")]
use crate::api::executor::recorded_answer;
use crate::api::executor::submission_json::SubmissionJson;
use crate::app_state::AppState;
use crate::domain::caller::Caller;
use crate::domain::submissions::store::{Change, SubmissionStore};
use crate::domain::submissions::submission::{Owner, Submission, SubmissionState};
use crate::http::error::ApiError;

/// Longest time of an event stream.
const MAX_STREAM: Duration = Duration::from_secs(4 * 60 * 60);
/// Interval at which the store is read even if it announced no change.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Time without events after which a comment is sent, so that proxies do not close the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The comment.
const KEEP_ALIVE_COMMENT: &[u8] = b": still here\n\n";

/// A client that waits for a submission.
pub(crate) struct SubmissionWatch {
    store: Arc<dyn SubmissionStore>,
    owner: Owner,
    id: Uuid,
    #[cfg(feature = "cluster")]
    budget: crate::domain::budget::Budget,
}

impl SubmissionWatch {
    /// Creates the watch of a submission of the caller.
    pub(crate) fn new(
        store: &Arc<dyn SubmissionStore>,
        #[cfg_attr(
            not(feature = "cluster"),
            expect(unused_variables, reason = "only recordings need memory")
        )]
        state: &AppState,
        caller: &Caller,
        id: Uuid,
    ) -> Self {
        Self {
            store: Arc::clone(store),
            owner: Owner::of(caller),
            id,
            #[cfg(feature = "cluster")]
            budget: state.budgets.of(caller),
        }
    }

    /// Returns the submission as it is.
    ///
    /// # Errors
    /// 404 if the caller has no such submission.
    pub(crate) async fn get(&self) -> Result<Submission, ApiError> {
        let submission = self.store.get(self.owner.clone(), self.id).await?;
        let submission = submission.ok_or_else(ApiError::not_found)?;
        #[cfg(feature = "cluster")]
        let submission = recorded_answer::written(submission, &self.budget).await?;
        Ok(submission)
    }

    /// Returns the submission when its state is final, or at the deadline.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn until_final(&self, deadline: Instant) -> Result<Submission, ApiError> {
        let mut state = None;
        loop {
            let submission = self.next(state, deadline).await?;
            if submission.state.is_final() || Instant::now() >= deadline {
                return Ok(submission);
            }
            state = Some(submission.state);
        }
    }

    /// Returns the submission when its state is another one than `known`, or at the deadline.
    async fn next(&self, known: Option<SubmissionState>, deadline: Instant) -> Result<Submission, ApiError> {
        loop {
            // Before the store is read, so that no change is missed between the two.
            let mut changes = self.store.changes();
            let submission = self.get().await?;
            if Some(submission.state) != known || Instant::now() >= deadline {
                return Ok(submission);
            }
            let changed = async {
                loop {
                    match changes.recv().await {
                        Ok(Change { id, .. }) if id != self.id => {}
                        Ok(_) | Err(RecvError::Lagged(_)) => return,
                        Err(RecvError::Closed) => std::future::pending().await,
                    }
                }
            };
            let _ = timeout_at(deadline.min(Instant::now() + CHECK_INTERVAL), changed).await;
        }
    }

    /// Returns each state as a server-sent event, until the final one.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn events(self) -> Result<Response, ApiError> {
        let first = Some(self.get().await?);
        let states = StateStream { watch: self, first, known: None, end: Instant::now() + MAX_STREAM };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        let body = Body::from_stream(stream::unfold(Some(states), StateStream::next_chunk));
        Ok((headers, body).into_response())
    }
}

/// The states of a submission, as server-sent events.
struct StateStream {
    watch: SubmissionWatch,
    /// The submission as it was when the stream was requested, until it is sent.
    first: Option<Submission>,
    /// The state that was sent last.
    known: Option<SubmissionState>,
    end: Instant,
}

impl StateStream {
    /// Returns the next chunk and the state after it; `None` after the last event.
    async fn next_chunk(states: Option<Self>) -> Option<(Result<Bytes, Infallible>, Option<Self>)> {
        let mut states = states?;
        let next = match states.first.take() {
            Some(first) => Ok(first),
            None => states.watch.next(states.known, Instant::now() + KEEP_ALIVE).await,
        };
        let (chunk, is_last) = match next {
            Ok(submission) if Some(submission.state) == states.known => {
                (Bytes::from_static(KEEP_ALIVE_COMMENT), Instant::now() >= states.end)
            }
            Ok(submission) => {
                states.known = Some(submission.state);
                let is_final = submission.state.is_final();
                (event("submission", &SubmissionJson::from(submission)), is_final)
            }
            Err(error) => (event("error", &error.body), true),
        };
        Some((Ok(chunk), (!is_last).then_some(states)))
    }
}

fn event(name: &str, data: &impl serde::Serialize) -> Bytes {
    // Serializing into memory cannot fail; JSON has no line feeds.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}
