//! `GET /api/v2/runtimes`: the languages of this host.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::api::piston::runtime::Runtime;
use crate::app_state::AppState;
use crate::http::error::ApiError;

/// A language as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RuntimeJson {
    language: String,
    version: String,
    aliases: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<&'static str>,
}

/// Returns the languages that are available.
///
/// # Errors
/// 503 if the daemon does not answer.
pub(crate) async fn runtimes(State(state): State<Arc<AppState>>) -> Result<Json<Vec<RuntimeJson>>, ApiError> {
    let json = |runtime: Runtime| RuntimeJson {
        version: runtime.version.to_string(),
        language: runtime.name,
        aliases: runtime.aliases,
        runtime: runtime.runtime,
    };
    Ok(Json(available(&state).await?.into_iter().map(json).collect()))
}

/// Returns the languages that are available.
///
/// # Errors
/// 503 if the daemon does not answer.
pub(crate) async fn available(state: &AppState) -> Result<Vec<Runtime>, ApiError> {
    Ok(state.daemon.recent_languages().await?.iter().flat_map(Runtime::all_of).collect())
}
