//! What Judge0 tells of itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use crate::api::judge0::authentication::is_authorized;
use crate::api::judge0::limits;
use crate::api::judge0::status::{self, StatusJson};
use crate::app_state::AppState;
use crate::http::error::ApiError;

/// The version whose API this is.
const VERSION: &str = "1.13.1";

/// Returns the version. Clients check it.
pub(crate) async fn about() -> Json<Value> {
    Json(json!({
        "version": VERSION,
        "homepage": env!("CARGO_PKG_REPOSITORY"),
        "source_code": env!("CARGO_PKG_REPOSITORY"),
        "maintainer": "the administrator of this server",
    }))
}

/// Returns the version as text.
pub(crate) async fn version() -> &'static str {
    VERSION
}

/// Returns the licence as text.
pub(crate) async fn license() -> &'static str {
    env!("CARGO_PKG_LICENSE")
}

/// Returns the sandbox as text.
pub(crate) async fn isolate() -> String {
    format!("The sandbox of Executor {}, in place of isolate\n", env!("CARGO_PKG_VERSION"))
}

/// Returns defaults and maxima.
pub(crate) async fn config_info(State(state): State<Arc<AppState>>) -> Json<Value> {
    Json(limits::config_info(&state.config.judge0))
}

/// Returns what is known of the host. It reveals nothing of the host but its architecture.
pub(crate) async fn system_info() -> Json<Value> {
    Json(json!({"Architecture": std::env::consts::ARCH, "Operating system": std::env::consts::OS}))
}

/// Returns all statuses.
pub(crate) async fn statuses() -> Json<Vec<StatusJson>> {
    Json(status::all())
}

/// Returns the slots of the daemon as workers of a queue.
///
/// # Errors
/// 503 if the daemon does not answer.
pub(crate) async fn workers(State(state): State<Arc<AppState>>) -> Result<Json<Value>, ApiError> {
    let status = state.daemon.status().await?;
    let working = status.running.min(status.slots);
    Ok(Json(json!([{
        "queue": "default", "size": status.queued, "available": status.slots, "idle": status.slots - working,
        "working": working, "paused": 0, "failed": 0,
    }])))
}

/// Returns that the token of the request is right: the middleware has checked it.
pub(crate) async fn authenticate() -> StatusCode {
    StatusCode::OK
}

/// Returns whether the request has the token of an administrator.
pub(crate) async fn authorize(
    State(state): State<Arc<AppState>>,
    uri: Uri,
    headers: HeaderMap,
) -> StatusCode {
    if is_authorized(&state, &headers, uri.query()) { StatusCode::OK } else { StatusCode::FORBIDDEN }
}
