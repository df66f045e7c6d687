//! `POST /api/execute` with a body of type `multipart/form-data`: the request as JSON in the part `request`, which is the first,
//! and the stdin of each run in a part of its own.

use axum::body::Body;
use axum::http::header;
use bytes::BytesMut;
use protocol::bounds::MAX_UPLOAD;
use protocol::{ExecuteRequest, Stdin};
use tokio::time::timeout;

use crate::api::executor::request::{self, ParsedRequest};
use crate::app_state::AppState;
use crate::domain::budget::Reservation;
use crate::domain::caller::Caller;
use crate::domain::execution::Execution;
use crate::domain::upload::Upload;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::multipart::{MULTIPART_MEMORY, Multipart, Part};
use crate::http::request_body::{MEMORY_PER_BYTE, is_json};

/// Name of the part that has the request as JSON.
const REQUEST: &str = "request";

/// An execution whose request and uploads the daemon has, or the reason why not. The name of the language is known after the
/// request was read.
pub(crate) struct Uploaded {
    /// The execution, with what else the request asks for: its own request is with the daemon.
    pub(crate) execution: Result<(Execution, ParsedRequest), ApiError>,
    /// The requested language, for messages.
    pub(crate) language: String,
}

/// Reads the body, sends it to the daemon while it arrives, and returns the execution. It is not queued before its input is
/// complete. `reservation` is the memory of the request.
pub(crate) async fn upload(
    body: Body,
    boundary: String,
    caller: &Caller,
    mut reservation: Reservation,
    state: &AppState,
) -> Uploaded {
    let mut language = String::new();
    let all = async {
        reservation.grow(MULTIPART_MEMORY)?;
        let mut multipart = Multipart::new(body, boundary);
        let read = read_request(&mut multipart, state.config.max_body_length(), &mut reservation);
        let mut parsed = timeout(state.config.timeouts.body, read)
            .await
            .map_err(|_| late(state.config.timeouts.body))??;
        language.clone_from(&parsed.request.language);
        let mut uploads = Expected::new(&parsed.request, parsed.has_runs);
        let request = std::mem::take(&mut parsed.request);
        let mut upload = state.dispatcher.execute_with_uploads(caller, request).await?;
        while let Some(mut part) = next_part(&mut multipart, &mut upload).await? {
            let run = uploads.take(&part.name)?;
            forward(&mut part, run, &mut upload).await?;
        }
        uploads.all_taken()?;
        Ok((upload.finish().await?, parsed))
    };
    let time = state.config.timeouts.upload;
    let execution = timeout(time, all).await.unwrap_or_else(|_| Err(late(time)));
    Uploaded { execution, language }
}

fn late(time: std::time::Duration) -> ApiError {
    let message = format!("the body did not arrive within {} s", time.as_secs());
    ApiError::new(ErrorCode::RequestTimeout, message)
}

/// Reads the first part, which must be the request.
async fn read_request(
    multipart: &mut Multipart,
    max_length: usize,
    reservation: &mut Reservation,
) -> Result<ParsedRequest, ApiError> {
    let part = multipart.next_part().await?.filter(|part| part.name == REQUEST);
    let Some(mut part) = part else {
        return Err(ApiError::invalid_request("the first part must be `request`, with the request as JSON"));
    };
    let content_type = part.headers().get(header::CONTENT_TYPE).map(|value| value.to_str());
    if !content_type.is_none_or(|value| value.is_ok_and(is_json)) {
        let message = "the part `request` must be application/json in UTF-8";
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType, message));
    }
    let mut text = BytesMut::new();
    while let Some(chunk) = part.chunk().await? {
        if text.len() + chunk.len() > max_length {
            let message = format!("the part `request` is longer than {max_length} bytes");
            return Err(ApiError::new(ErrorCode::TooLarge, message));
        }
        reservation.grow(chunk.len() * MEMORY_PER_BYTE)?;
        text.extend_from_slice(&chunk);
    }
    request::parse_with_uploads(&text)
}

/// Waits for the next part, or until the daemon refuses the execution.
async fn next_part(multipart: &mut Multipart, upload: &mut Upload) -> Result<Option<Part>, ApiError> {
    tokio::select! {
        biased;
        refused = upload.refused() => Err(refused.into()),
        part = multipart.next_part() => part,
    }
}

/// Sends the content of a part while it arrives.
async fn forward(part: &mut Part, run: u32, upload: &mut Upload) -> Result<(), ApiError> {
    let mut length = 0;
    loop {
        let chunk = tokio::select! {
            biased;
            refused = upload.refused() => return Err(refused.into()),
            chunk = part.chunk() => chunk?,
        };
        let Some(chunk) = chunk else { return Ok(()) };
        length += chunk.len();
        if length > MAX_UPLOAD {
            let message = format!("the part `{}` is longer than {MAX_UPLOAD} bytes (64 MiB)", part.name);
            return Err(ApiError::new(ErrorCode::TooLarge, message));
        }
        upload.send(run, chunk).await?;
    }
}

/// The runs whose stdin is still expected.
struct Expected {
    /// Whether the request has `runs`.
    has_runs: bool,
    /// Whether each run gets its stdin from a part.
    uploads: Vec<bool>,
    /// Whether that part was there.
    taken: Vec<bool>,
}

impl Expected {
    fn new(request: &ExecuteRequest, has_runs: bool) -> Self {
        let uploads: Vec<_> = request.runs.iter().map(|run| run.stdin == Stdin::Upload).collect();
        Self { has_runs, taken: vec![false; uploads.len()], uploads }
    }

    fn name(&self, run: usize) -> String {
        if self.has_runs { format!("stdin[{run}]") } else { "stdin".to_owned() }
    }

    /// Returns the run of a part.
    fn take(&mut self, name: &str) -> Result<u32, ApiError> {
        let invalid = |message: String| Err(ApiError::invalid_request(message));
        let Some(run) = (0..self.uploads.len()).find(|&run| self.name(run) == name) else {
            let expected = if self.has_runs { "`stdin[N]` for run N of `runs`" } else { "`stdin`" };
            let name: String = name.chars().take(64).collect();
            return invalid(format!("unexpected part `{name}`: after `request`, the parts are {expected}"));
        };
        if !self.uploads[run] {
            return invalid(format!(
                "the part `{name}` and `stdin` in the request must not be used together"
            ));
        }
        if std::mem::replace(&mut self.taken[run], true) {
            return invalid(format!("there are two parts `{name}`"));
        }
        u32::try_from(run).map_err(|_| ApiError::invalid_request("too many runs"))
    }

    /// Checks that no part is missing.
    fn all_taken(&self) -> Result<(), ApiError> {
        let missing = self.uploads.iter().zip(&self.taken).position(|(uploads, taken)| *uploads && !taken);
        match missing {
            None => Ok(()),
            Some(run) => {
                let message = format!(
                    "the part `{}` is missing, and the request has no `stdin` for it",
                    self.name(run)
                );
                Err(ApiError::invalid_request(message))
            }
        }
    }
}
