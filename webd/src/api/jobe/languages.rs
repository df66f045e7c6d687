//! `GET languages`: the names and versions of the languages.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use protocol::{Availability, Language};

use crate::api::jobe::defaults::LanguageDefaults;
use crate::app_state::AppState;
use crate::http::error::ApiError;
use protocol::version_range::LanguageVersion;

/// Returns pairs of a name and a version, ordered by name.
///
/// # Errors
/// 503 if the daemon does not answer.
pub(crate) async fn languages(
    State(state): State<Arc<AppState>>,
) -> Result<Json<Vec<(String, String)>>, ApiError> {
    let languages = state.daemon.recent_languages().await?;
    let pair = |language: &Language| match &language.availability {
        Availability::Available { version } => {
            let id = LanguageDefaults::id_of(&language.name).to_owned();
            Some((id, LanguageVersion::from_reported(version).to_string()))
        }
        Availability::Unavailable { .. } => None,
    };
    let mut pairs: Vec<_> = languages.iter().filter_map(pair).collect();
    pairs.sort();
    Ok(Json(pairs))
}
