//! `/api/submissions`: executions that are stored before they run.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use protocol::ExecuteRequest;
use tokio::time::Instant;
use uuid::Uuid;

use crate::api::executor::request::{ParsedRequest, parse_submission};
use crate::api::executor::submission_callback;
use crate::api::executor::submission_json::{AcceptedJson, BatchJson, ListJson, MAX_BATCH, SubmissionJson};
use crate::api::executor::submission_watch::SubmissionWatch;
use crate::api::executor::unknown_language::explained;
use crate::app_state::AppState;
use crate::domain::caller::{Caller, Credential};
use crate::domain::submissions::derived_id::is_reserved;
use crate::domain::submissions::store::{Inserted, StoreError, SubmissionStore};
use crate::domain::submissions::submission::{NewSubmission, Owner, SubmissionState};
use crate::http::connection_guard::ConnectionGuard;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::request_body::{self, BodyLimits};

/// Longest time to wait for a result in one request.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Submissions of one list.
const MAX_LIST: u32 = 100;
/// Seconds after which a client may submit again if its share of the store is full.
const FULL_RETRY_AFTER: u64 = 60;

/// Stores one submission or a batch.
///
/// # Errors
/// [`ApiError`] if nothing was stored.
pub(crate) async fn submit(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    store(&state)?;
    let body = read(&state, &caller, request).await?;
    let batch: Option<BatchJson> = serde_json::from_slice(&body).ok();
    let Some(BatchJson { submissions }) = batch else {
        let accepted = accept(&state, &caller, vec![(Uuid::new_v4(), body)], parse_submission).await?;
        return Ok(answer(StatusCode::ACCEPTED, &accepted[0]));
    };
    if submissions.is_empty() || submissions.len() > MAX_BATCH {
        return Err(ApiError::invalid_request(format!("`submissions` must have 1 to {MAX_BATCH} elements")));
    }
    let bodies = submissions.into_iter().map(|raw| Bytes::copy_from_slice(raw.get().as_bytes()));
    let bodies = bodies.map(|body| (Uuid::new_v4(), body)).collect();
    let accepted = accept(&state, &caller, bodies, parse_submission).await?;
    Ok((StatusCode::ACCEPTED, Json(ListJson { submissions: accepted })).into_response())
}

/// Stores a submission under an id that the client chose. The same request again has no effect.
///
/// # Errors
/// [`ApiError`] if it is not stored, or if another submission has the id.
pub(crate) async fn put(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    store(&state)?;
    let id = Uuid::try_parse(&token)
        .map_err(|_| ApiError::invalid_request("the last part of the path must be a UUID"))?;
    if is_reserved(&caller, id) {
        let message = "the UUID must not have version 8 without an API key: these are for `Idempotency-Key`";
        return Err(ApiError::invalid_request(message));
    }
    let body = read(&state, &caller, request).await?;
    let accepted = accept(&state, &caller, vec![(id, body)], parse_submission).await?;
    let is_new = accepted[0].status == SubmissionState::Queued;
    Ok(answer(if is_new { StatusCode::ACCEPTED } else { StatusCode::OK }, &accepted[0]))
}

/// Returns a submission; with `wait`, when it reaches a final state or the time has passed; as an event stream if the
/// client asks for one.
///
/// # Errors
/// 404 if the caller has no such submission.
pub(crate) async fn fetch(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Extension(guard): Extension<Arc<ConnectionGuard>>,
    Path(token): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let store = store(&state)?;
    let wait = wait(&uri)?;
    let id = own_id(&caller, &token)?;
    let watch = SubmissionWatch::new(store, &state, &caller, id);
    let accepts_events = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|value| value.to_str().is_ok_and(|text| text.contains("text/event-stream")));
    if accepts_events {
        return watch.events().await;
    }
    let deadline = Instant::now() + wait;
    let submission = tokio::select! {
        submission = watch.until_final(deadline) => submission?,
        () = guard.stopping(), if !wait.is_zero() => watch.get().await?,
    };
    Ok(Json(SubmissionJson::from(submission)).into_response())
}

/// Lists the submissions of a key.
///
/// # Errors
/// 401 without a key: anonymous submissions are found by their tokens only.
pub(crate) async fn list(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<ListJson<SubmissionJson>>, ApiError> {
    let store = store(&state)?;
    if *caller.credential() == Credential::Anonymous {
        let message = "a list needs an API key; without one, submissions are found by their tokens";
        return Err(ApiError::new(ErrorCode::Unauthorized, message));
    }
    let limit = match parameter(&uri, "limit") {
        None => MAX_LIST,
        Some(text) => match text.parse::<NonZeroU32>() {
            Ok(limit) if limit.get() <= MAX_LIST => limit.get(),
            _ => return Err(ApiError::invalid_request(format!("`limit` must be 1 to {MAX_LIST}"))),
        },
    };
    let before = match parameter(&uri, "before") {
        None => None,
        Some(text) => {
            Some(Uuid::try_parse(text).map_err(|_| ApiError::invalid_request("`before` must be a token"))?)
        }
    };
    let listed = store.list(Owner::of(&caller), before, limit).await?;
    Ok(Json(ListJson { submissions: listed.into_iter().map(SubmissionJson::from).collect() }))
}

/// Cancels a submission, or forgets one that has ended.
///
/// # Errors
/// 404 if the caller has no such submission.
pub(crate) async fn cancel(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(token): Path<String>,
) -> Result<Json<AcceptedJson>, ApiError> {
    let store = store(&state)?;
    let id = own_id(&caller, &token)?;
    let before = store.cancel(Owner::of(&caller), id).await?.ok_or_else(ApiError::not_found)?;
    let status = if before.is_final() { before } else { SubmissionState::Cancelled };
    Ok(Json(AcceptedJson { token: id, status }))
}

/// Returns the id of a submission that may be one of the caller's.
///
/// # Errors
/// 404 for everything else.
fn own_id(caller: &Caller, token: &str) -> Result<Uuid, ApiError> {
    let id = Uuid::try_parse(token).ok().filter(|id| !is_reserved(caller, *id));
    id.ok_or_else(ApiError::not_found)
}

/// Returns the store.
///
/// # Errors
/// 404 if submissions are not enabled.
pub(crate) fn store(state: &AppState) -> Result<&Arc<dyn SubmissionStore>, ApiError> {
    state
        .submissions
        .as_ref()
        .ok_or_else(|| ApiError::new(ErrorCode::NotFound, "submissions are not enabled on this server"))
}

async fn read(state: &AppState, caller: &Caller, request: Request) -> Result<Bytes, ApiError> {
    let (head, body) = request.into_parts();
    request_body::require_json(&head.headers)?;
    let mut reservation = state.budgets.of(caller).reservation();
    request_body::read(body, BodyLimits::new(&state.config), &mut reservation).await
}

/// Parses the body of a submission, and returns the URL of its callback if it has one.
pub(crate) type Parse = fn(&[u8]) -> Result<(ParsedRequest, Option<String>), ApiError>;

/// Checks submissions as `POST /api/execute` does, and stores them: all of them or none.
///
/// # Errors
/// [`ApiError`] if they are not stored. In a batch, the message says which of them is not valid.
pub(crate) async fn accept(
    state: &AppState,
    caller: &Caller,
    bodies: Vec<(Uuid, Bytes)>,
    parse: Parse,
) -> Result<Vec<AcceptedJson>, ApiError> {
    let store = store(state)?;
    let is_batch = bodies.len() > 1;
    let mut requests = Vec::with_capacity(bodies.len());
    let mut new = Vec::with_capacity(bodies.len());
    for (index, (id, body)) in bodies.into_iter().enumerate() {
        let (request, callback) = checked(state, caller, &body, parse).await.map_err(|mut error| {
            if is_batch {
                error.body.error = format!("submissions[{index}]: {}", error.body.error);
            }
            error
        })?;
        requests.push(request);
        let (owner, address) = (Owner::of(caller), caller.client().address());
        new.push(NewSubmission { id, owner, address, body, callback });
    }
    // The second of two requests with one id waits until the first is stored, so that its rate counts once.
    let _turn = match new.as_slice() {
        [single] => Some(state.submission_ids.lock(&single.owner, single.id).await),
        _ => None,
    };
    if let [single] = new.as_slice()
        && let Some(existing) = existing(store, single).await?
    {
        return Ok(vec![existing]);
    }
    state.dispatcher.accept(caller, &requests).await?;
    let accepted: Vec<_> = new
        .iter()
        .map(|submission| AcceptedJson { token: submission.id, status: SubmissionState::Queued })
        .collect();
    match store.insert(new).await? {
        Inserted::New => Ok(accepted),
        Inserted::Existing(status) => {
            Ok(accepted.into_iter().map(|accepted| AcceptedJson { status, ..accepted }).collect())
        }
        Inserted::Conflict => Err(conflict()),
        Inserted::Full => {
            let message =
                "the store of submissions has no room for more of this client; fetch and delete some";
            let mut error = ApiError::new(ErrorCode::Busy, message);
            error.body.retry_after = Some(FULL_RETRY_AFTER);
            Err(error)
        }
    }
}

/// Checks the body of one submission.
async fn checked(
    state: &AppState,
    caller: &Caller,
    body: &[u8],
    parse: Parse,
) -> Result<(ExecuteRequest, Option<String>), ApiError> {
    let (request, callback) = match parse(body) {
        Ok((parsed, callback)) => (parsed.request, callback),
        Err(error) => return Err(explained(error, "", &state.daemon).await),
    };
    // Without the daemon, an unknown language is found when the submission runs.
    if matches!(state.daemon.language_name(&request.language).await, Ok(None)) {
        let error = ApiError::unsupported_language(&request.language);
        return Err(explained(error, &request.language, &state.daemon).await);
    }
    Ok((request, submission_callback::check(state, caller, callback)?))
}

/// Returns the submission that the caller stored before under the id of a new one.
async fn existing(
    store: &Arc<dyn SubmissionStore>,
    new: &NewSubmission,
) -> Result<Option<AcceptedJson>, ApiError> {
    match store.find(new.owner.clone(), new.id, new.body.clone()).await? {
        None => Ok(None),
        Some(Inserted::Existing(status)) => Ok(Some(AcceptedJson { token: new.id, status })),
        Some(_) => Err(conflict()),
    }
}

fn conflict() -> ApiError {
    ApiError::new(ErrorCode::Conflict, "another submission with this id and another body exists")
}

/// Answers with where the submission is found.
fn answer(status: StatusCode, accepted: &AcceptedJson) -> Response {
    let mut response = (status, Json(accepted)).into_response();
    if let Ok(location) = HeaderValue::try_from(format!("/api/submissions/{}", accepted.token)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn wait(uri: &Uri) -> Result<Duration, ApiError> {
    let Some(text) = parameter(uri, "wait") else { return Ok(Duration::ZERO) };
    let seconds = text.parse().ok().map(Duration::from_secs).filter(|wait| *wait <= MAX_WAIT);
    let message = || format!("`wait` must be a whole number of seconds, at most {}", MAX_WAIT.as_secs());
    seconds.ok_or_else(|| ApiError::invalid_request(message()))
}

/// Returns a parameter of the query. No parameter here needs escapes.
fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        #[cfg(feature = "cluster")]
        match error {
            StoreError::Invalid(message) => return Self::invalid_request(message),
            StoreError::TooLarge => return Self::new(ErrorCode::TooLarge, error.to_string()),
            _ => {}
        }
        tracing::error!(%error, "cannot use the store of submissions");
        Self::new(ErrorCode::Unavailable, "the store of submissions is unavailable, try again later")
    }
}
