//! `POST /api/format`: formats source code with the formatter of its language, which runs in a sandbox like any program.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use protocol::bounds::MAX_LANGUAGE_NAME;
use protocol::{ExecuteRequest, ToolchainRequest};
use serde::{Deserialize, Serialize};

use crate::api::executor::request::parse_json;
use crate::api::executor::sources::SourceFields;
use crate::api::executor::unknown_language::explained;
use crate::app_state::AppState;
use crate::domain::budget::{Budget, Reservation};
use crate::domain::caller::Caller;
use crate::domain::collected_execution::{CollectedExecution, CollectedStage};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::request_body::{self, BodyLimits};

/// The body of a request. Unknown fields are refused, never ignored.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Format {
    language: String,
    code: String,
    filename: Option<String>,
}

/// The formatted code.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FormattedJson {
    code: String,
}

/// Formats source code. If the client disconnects, the formatter is cancelled.
///
/// # Errors
/// [`ErrorCode::NotFormatted`] with the formatter's message if it does not accept the code, and as `POST /api/execute`.
pub(crate) async fn format(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<FormattedJson>, ApiError> {
    let (head, body) = request.into_parts();
    request_body::require_json(&head.headers)?;
    let budget = state.budgets.of(&caller);
    let mut reservation = budget.reservation();
    let body = request_body::read(body, BodyLimits::new(&state.config), &mut reservation).await?;
    let request = parse_json::<Format>(&body)?.into_request()?;
    drop(body);
    let language = request.language.clone();
    match run_formatter(&caller, request, reservation, &budget, &state).await {
        Ok(code) => Ok(Json(FormattedJson { code })),
        Err(error) => Err(explained(error, &language, &state.daemon).await),
    }
}

impl Format {
    fn into_request(self) -> Result<ExecuteRequest, ApiError> {
        let Self { language, code, filename } = self;
        if language.len() > MAX_LANGUAGE_NAME {
            return Err(ApiError::unsupported_language(&language));
        }
        let sources = SourceFields { code: Some(code), filename, files: None };
        Ok(ExecuteRequest {
            language,
            files: sources.into_files("")?,
            toolchain: ToolchainRequest { format: true, ..ToolchainRequest::default() },
            ..ExecuteRequest::default()
        })
    }
}

/// Returns the formatted code. The request holds `reservation` until the daemon has it.
async fn run_formatter(
    caller: &Caller,
    request: ExecuteRequest,
    reservation: Reservation,
    budget: &Budget,
    state: &AppState,
) -> Result<String, ApiError> {
    let execution = state.dispatcher.execute(caller, request).await?;
    drop(reservation);
    let collected = CollectedExecution::collect(execution, budget).await?;
    collected.runs.into_iter().next().map_or_else(|| Err(not_formatted("it did not run")), formatted)
}

/// Returns what the formatter wrote, or why that is not the formatted code.
fn formatted(run: CollectedStage) -> Result<String, ApiError> {
    let CollectedStage { report, stdout, stderr, .. } = run;
    if !report.status.is_success() || report.stdout_truncated {
        let message = String::from_utf8_lossy(&stderr);
        let reason = match report.status.exceeded_limit() {
            Some(limit) => format!("it exceeded its limit `{limit}`"),
            None if message.trim().is_empty() => format!("its status is `{}`", report.status.name()),
            None => return Err(ApiError::new(ErrorCode::NotFormatted, message.trim())),
        };
        return Err(not_formatted(&reason));
    }
    String::from_utf8(stdout).map_err(|_| not_formatted("its output is not UTF-8"))
}

fn not_formatted(reason: &str) -> ApiError {
    ApiError::new(ErrorCode::NotFormatted, format!("the formatter failed: {reason}"))
}
