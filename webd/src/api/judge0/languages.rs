//! `GET /languages`: the languages of this host under the ids of Judge0.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use protocol::{Availability, Language};
use serde_json::{Value, json};

use crate::api::judge0::error::not_found;
use crate::api::judge0::language::{ARCHIVED, Judge0Language, MULTI_FILE, PLAIN_TEXT};
use crate::app_state::AppState;
use crate::http::error::ApiError;
use protocol::version_range::LanguageVersion;

/// Returns the languages, ordered by name.
///
/// # Errors
/// 503 if the daemon does not answer.
pub(crate) async fn languages(State(state): State<Arc<AppState>>) -> Result<Json<Vec<Value>>, ApiError> {
    let languages = state.daemon.recent_languages().await?;
    let mut listed: Vec<_> =
        Judge0Language::all(&languages).filter_map(|one| Some((name(&one, &languages)?, one.id))).collect();
    listed.sort();
    Ok(Json(listed.into_iter().map(|(name, id)| json!({"id": id, "name": name})).collect()))
}

/// Returns the languages and those that are archived, ordered by name.
///
/// # Errors
/// 503 if the daemon does not answer.
pub(crate) async fn all(State(state): State<Arc<AppState>>) -> Result<Json<Vec<Value>>, ApiError> {
    let languages = state.daemon.recent_languages().await?;
    let available =
        Judge0Language::all(&languages).filter_map(|one| Some((name(&one, &languages)?, one.id, false)));
    let archived = (1..).zip(ARCHIVED).map(|(id, name)| (name.to_owned(), id, true));
    let mut listed: Vec<_> = available.chain(archived).collect();
    listed.sort();
    let json = |(name, id, is_archived)| json!({"id": id, "name": name, "is_archived": is_archived});
    Ok(Json(listed.into_iter().map(json).collect()))
}

/// Returns one language.
///
/// # Errors
/// 404 for an unknown id, 503 if the daemon does not answer.
pub(crate) async fn language(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Ok(id) = id.parse::<u32>() else { return Ok(not_found(&headers)) };
    let languages = state.daemon.recent_languages().await?;
    if let Some(language) = Judge0Language::find(id, &languages)
        && let Some(name) = name(&language, &languages)
    {
        let json = json!({
            "id": id, "name": name, "is_archived": false, "source_file": language.source_file,
            "compile_cmd": language.compile_cmd, "run_cmd": language.run_cmd,
        });
        return Ok(Json(json).into_response());
    }
    let archived = (id as usize).checked_sub(1).and_then(|index| ARCHIVED.get(index));
    Ok(match archived {
        Some(name) => Json(json!({
            "id": id, "name": name, "is_archived": true, "source_file": null, "compile_cmd": null, "run_cmd": null,
        }))
        .into_response(),
        None => not_found(&headers),
    })
}

/// Returns the name of a language with its version on this host; `None` if it is not available.
pub(crate) fn name(language: &Judge0Language, languages: &[Language]) -> Option<String> {
    let own = languages.iter().find(|one| one.name == language.own)?;
    let Availability::Available { version } = &own.availability else { return None };
    if [MULTI_FILE, PLAIN_TEXT].contains(&language.id) {
        return Some(language.name.clone().into_owned());
    }
    Some(format!("{} ({})", language.name, LanguageVersion::from_reported(version)))
}
