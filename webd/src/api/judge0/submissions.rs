//! `/submissions`: programs that are run, and their results.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use protocol::{ExecuteRequest, Language};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::judge0::attributes::{Check, Settings};
use crate::api::judge0::authentication::is_authorized;
use crate::api::judge0::error::{AttributeErrors, not_found, unprocessable, with_message};
use crate::api::judge0::fields::FieldList;
use crate::api::judge0::languages;
use crate::api::judge0::limits::{MAX_BATCH, MAX_QUEUE};
use crate::api::judge0::parameters::{Attributes, Parameters};
use crate::api::judge0::runner;
use crate::api::judge0::submission::{MAX_RESULTS, Submission};
use crate::api::lenient_json::List;
use crate::app_state::AppState;
use crate::domain::budget::Reservation;
use crate::domain::caller::Caller;
use crate::http::error::ApiError;
use crate::http::multipart;
use crate::http::request_body::{self, BodyLimits};

/// Submissions of one page of the list.
const PER_PAGE: usize = 20;
/// Part of the queue that one caller may use, as a divisor.
const CALLER_SHARE: usize = 2;

/// Stores a submission and runs it. With `wait=true` the answer is its result.
///
/// # Errors
/// [`ApiError`] if the body cannot be read, if the daemon does not answer, or if the caller's key does not allow it.
pub(crate) async fn create(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let parameters = match parameters(request, &state, &caller).await? {
        Ok(parameters) => parameters,
        Err(refused) => return Ok(refused),
    };
    if !has_room(&state, &caller, 1) {
        return Ok(queue_is_full());
    }
    let fields = match FieldList::parse(parameters.text("fields").as_deref()) {
        Ok(fields) => fields,
        Err(message) => return Ok(with_message(StatusCode::BAD_REQUEST, &message)),
    };
    let languages = state.daemon.recent_languages().await?;
    let is_base64 = parameters.flag("base64_encoded");
    let settings = match settings(&state, &parameters.attributes(), is_base64, &languages) {
        Ok(settings) => settings,
        Err(errors) => return Ok(unprocessable(&errors)),
    };
    accept(&state, &caller, [&settings].into_iter()).await?;
    let submission = start(&state, &caller, settings);
    if !parameters.flag("wait") {
        return Ok((StatusCode::CREATED, Json(json!({"token": submission.token}))).into_response());
    }
    submission.finished().await;
    let json = fields.json(&submission, &language_name(&submission, &languages), is_base64);
    Ok((StatusCode::CREATED, Json(json)).into_response())
}

/// Stores several submissions and runs them.
///
/// # Errors
/// As [`create`].
pub(crate) async fn create_batch(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let parameters = match parameters(request, &state, &caller).await? {
        Ok(parameters) => parameters,
        Err(refused) => return Ok(refused),
    };
    let batch = match &parameters.submissions {
        List::Elements(batch) if !batch.is_empty() => batch,
        List::TooLong => return Ok(too_large_batch()),
        _ => return Ok(empty_batch()),
    };
    if !has_room(&state, &caller, batch.len()) {
        return Ok(queue_is_full());
    }
    let languages = state.daemon.recent_languages().await?;
    let is_base64 = parameters.flag("base64_encoded");
    let checked: Vec<_> =
        batch.iter().map(|attributes| settings(&state, attributes, is_base64, &languages)).collect();
    accept(&state, &caller, checked.iter().flatten()).await?;
    let is_any_valid = checked.iter().any(Result::is_ok);
    let answer = |checked| match checked {
        Ok(settings) => json!({"token": start(&state, &caller, settings).token}),
        Err(errors) => json!(errors),
    };
    let answers: Vec<Value> = checked.into_iter().map(answer).collect();
    let status = if is_any_valid { StatusCode::CREATED } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Json(answers)).into_response())
}

/// Returns the selected fields of a submission of the caller.
///
/// # Errors
/// [`ApiError`] if the daemon does not answer.
pub(crate) async fn submission(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(token): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = Parameters::of_query(uri.query());
    let fields = match FieldList::parse(query.text("fields").as_deref()) {
        Ok(fields) => fields,
        Err(message) => return Ok(with_message(StatusCode::BAD_REQUEST, &message)),
    };
    let found = find(&state, &token).filter(|found| found.is_of(&caller));
    let Some(submission) = found else { return Ok(not_found(&headers)) };
    let languages = state.daemon.recent_languages().await?;
    let name = language_name(&submission, &languages);
    Ok(Json(fields.json(&submission, &name, query.flag("base64_encoded"))).into_response())
}

/// Returns the selected fields of several submissions of the caller, in the order of their tokens; null for an unknown
/// token.
///
/// # Errors
/// [`ApiError`] if the daemon does not answer.
pub(crate) async fn batch(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Parameters::of_query(uri.query());
    let tokens = query.text("tokens").unwrap_or_default();
    let tokens: Vec<_> = tokens.split(',').map(str::trim).filter(|token| !token.is_empty()).collect();
    if tokens.is_empty() {
        return Ok(empty_batch());
    }
    if tokens.len() > MAX_BATCH {
        return Ok(too_large_batch());
    }
    let fields = match FieldList::parse(query.text("fields").as_deref()) {
        Ok(fields) => fields,
        Err(message) => return Ok(with_message(StatusCode::BAD_REQUEST, &message)),
    };
    let languages = state.daemon.recent_languages().await?;
    let is_base64 = query.flag("base64_encoded");
    let json = |token: &str| {
        let submission = find(&state, token).filter(|found| found.is_of(&caller))?;
        Some(fields.json(&submission, &language_name(&submission, &languages), is_base64))
    };
    let submissions: Vec<_> = tokens.into_iter().map(json).collect();
    Ok(Json(json!({"submissions": submissions})).into_response())
}

/// Lists the submissions for an administrator, the newest first.
///
/// # Errors
/// [`ApiError`] if the daemon does not answer.
pub(crate) async fn list(
    State(state): State<Arc<AppState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !is_authorized(&state, &headers, uri.query()) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    let query = Parameters::of_query(uri.query());
    let number = |name: &str, default: usize| match query.text(name) {
        None => Ok(default),
        Some(text) => match text.trim().parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!("invalid {name}: {text}")),
        },
    };
    let (page, per_page) = match (number("page", 1), number("per_page", PER_PAGE)) {
        (Ok(page), Ok(per_page)) => (page, per_page.min(MAX_RESULTS)),
        (Err(message), _) | (_, Err(message)) => {
            return Ok(with_message(StatusCode::BAD_REQUEST, &message));
        }
    };
    let fields = match FieldList::parse(query.text("fields").as_deref()) {
        Ok(fields) => fields,
        Err(message) => return Ok(with_message(StatusCode::BAD_REQUEST, &message)),
    };
    let languages = state.daemon.recent_languages().await?;
    let all = state.judge0.results.all(Instant::now());
    let pages = all.len().div_ceil(per_page);
    let is_base64 = query.flag("base64_encoded");
    let json = |one: &Arc<Submission>| fields.json(one, &language_name(one, &languages), is_base64);
    let listed: Vec<_> =
        all.iter().skip((page - 1).saturating_mul(per_page)).take(per_page).map(json).collect();
    let meta = json!({
        "current_page": page,
        "next_page": (page < pages).then(|| page + 1),
        "prev_page": (page > 1).then(|| page - 1),
        "total_pages": pages,
        "total_count": all.len(),
    });
    Ok(Json(json!({"submissions": listed, "meta": meta})).into_response())
}

/// Removes a submission for an administrator, and returns what is removed.
///
/// # Errors
/// [`ApiError`] if the daemon does not answer.
pub(crate) async fn delete(
    State(state): State<Arc<AppState>>,
    Path(token): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !is_authorized(&state, &headers, uri.query()) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    if !state.config.judge0.enable_delete {
        return Ok(with_message(StatusCode::BAD_REQUEST, "delete not allowed"));
    }
    let fields = match FieldList::parse(Parameters::of_query(uri.query()).text("fields").as_deref()) {
        Ok(fields) => fields,
        Err(message) => return Ok(with_message(StatusCode::BAD_REQUEST, &message)),
    };
    let Some(submission) = find(&state, &token) else { return Ok(not_found(&headers)) };
    if !submission.is_finished() {
        let message =
            format!("submission cannot be deleted because its status is {}", submission.result().status.id());
        return Ok(with_message(StatusCode::BAD_REQUEST, &message));
    }
    let languages = state.daemon.recent_languages().await?;
    state.judge0.results.remove(submission.token, Instant::now());
    Ok(Json(fields.json(&submission, &language_name(&submission, &languages), true)).into_response())
}

/// Reads the parameters of a request. Memory of the body is released when it has been parsed: what is stored of it is
/// bounded by the store.
async fn parameters(
    request: Request,
    state: &AppState,
    caller: &Caller,
) -> Result<Result<Parameters, Response>, ApiError> {
    let (head, body) = request.into_parts();
    let mut reservation: Reservation = state.budgets.of(caller).reservation();
    let limits = BodyLimits::new(&state.config);
    let body = request_body::read(body, limits, &mut reservation).await?;
    if let Some(boundary) = multipart::boundary(&head.headers)? {
        return Parameters::of_multipart(head.uri.query(), boundary, body).await.map(Ok);
    }
    let parameters = Parameters::new(head.uri.query(), &head.headers, &body);
    Ok(parameters.map_err(|message| with_message(StatusCode::BAD_REQUEST, &message)))
}

/// Checks a submission.
fn settings(
    state: &AppState,
    attributes: &Attributes,
    is_base64: bool,
    languages: &[Language],
) -> Result<Settings, AttributeErrors> {
    let callbacks = state.config.judge0.enable_callbacks.then_some(&state.callbacks);
    Check { is_base64, languages, callbacks }.settings(attributes)
}

/// Counts submissions against the limits of the caller's key: all of them or none.
async fn accept(
    state: &AppState,
    caller: &Caller,
    submissions: impl Iterator<Item = &Settings>,
) -> Result<(), ApiError> {
    let language = |settings: &Settings| ExecuteRequest {
        language: settings.language.own.clone().into_owned(),
        ..ExecuteRequest::default()
    };
    let requests: Vec<_> = submissions.map(language).collect();
    Ok(state.dispatcher.accept(caller, &requests).await?)
}

/// Stores a submission and begins to run it.
fn start(state: &Arc<AppState>, caller: &Caller, settings: Settings) -> Arc<Submission> {
    let submission = Arc::new(Submission::new(caller, settings));
    let (token, bytes) = (submission.token, submission.bytes());
    state.judge0.results.insert(token, &caller.tag(), Arc::clone(&submission), bytes, Instant::now());
    tokio::spawn(runner::run(Arc::clone(state), caller.clone(), Arc::clone(&submission)));
    submission
}

/// Returns whether `count` more submissions may wait.
fn has_room(state: &AppState, caller: &Caller, count: usize) -> bool {
    let is_pending = |submission: &Submission| !submission.is_settled();
    let (all, own) = state.judge0.results.count(&caller.tag(), Instant::now(), is_pending);
    all + count <= MAX_QUEUE && own + count <= MAX_QUEUE / CALLER_SHARE
}

fn find(state: &AppState, token: &str) -> Option<Arc<Submission>> {
    state.judge0.results.get(Uuid::parse_str(token).ok()?, Instant::now())
}

fn language_name(submission: &Submission, languages: &[Language]) -> String {
    let language = &submission.settings.language;
    languages::name(language, languages).unwrap_or_else(|| language.name.clone().into_owned())
}

fn queue_is_full() -> Response {
    with_message(StatusCode::SERVICE_UNAVAILABLE, "queue is full")
}

fn empty_batch() -> Response {
    with_message(StatusCode::BAD_REQUEST, "there should be at least one submission in a batch")
}

fn too_large_batch() -> Response {
    let message = format!("number of submissions in a batch should be less than or equal to {MAX_BATCH}");
    with_message(StatusCode::BAD_REQUEST, &message)
}
