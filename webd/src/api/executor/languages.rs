//! `GET /api/languages`: what this host can run, for pages, editors and people.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use protocol::{Availability, Language};
use serde::Serialize;

use crate::api::executor::answer::LimitsJson;
use crate::api::routes::Front;
use crate::domain::daemon;
use crate::http::error::ApiError;

/// A language as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct LanguageJson {
    name: String,
    title: String,
    aliases: Vec<String>,
    extensions: Vec<String>,
    file_name: String,
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    limits: LimitsJson,
    compile_limits: Option<LimitsJson>,
    editor: EditorJson,
    example: String,
}

#[derive(Debug, Serialize)]
struct EditorJson {
    mode: String,
    line_comment: String,
    indent: u32,
}

/// All languages, also those that cannot run here.
///
/// # Errors
/// 503 if the daemon does not answer.
pub(crate) async fn languages(State(front): State<Arc<Front>>) -> Result<Json<Vec<LanguageJson>>, ApiError> {
    let languages = daemon::languages(&front.config.socket).await?;
    Ok(Json(languages.into_iter().map(LanguageJson::from).collect()))
}

impl From<Language> for LanguageJson {
    fn from(language: Language) -> Self {
        let (version, reason) = match language.availability {
            Availability::Available { version } => (Some(version), None),
            Availability::Unavailable { reason } => (None, Some(reason)),
        };
        Self {
            name: language.name,
            title: language.title,
            aliases: language.aliases,
            extensions: language.extensions,
            file_name: language.file_name,
            available: version.is_some(),
            version,
            reason,
            limits: LimitsJson::new(&language.limits),
            compile_limits: language.compile_limits.as_ref().map(LimitsJson::new),
            editor: EditorJson {
                mode: language.editor.mode,
                line_comment: language.editor.line_comment,
                indent: language.editor.indent,
            },
            example: language.example,
        }
    }
}
