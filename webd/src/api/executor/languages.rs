//! `GET /api/languages`: the languages of this host, for pages, editors and people.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use protocol::{Availability, Language, PackageSet, ToolchainVersion};
use serde::Serialize;

use crate::api::executor::limits::LimitsJson;
use crate::api::executor::options::LanguageOptionJson;
use crate::app_state::AppState;
use crate::http::error::ApiError;

/// A language as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    options: Vec<LanguageOptionJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    formatter: Option<String>,
    versions: Vec<VersionJson>,
    packages: Vec<PackageSetJson>,
}

/// A version of a language.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VersionJson {
    version: String,
    title: String,
    default: bool,
    packages: Vec<PackageSetJson>,
}

/// A package set.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PackageSetJson {
    name: String,
    default: bool,
    packages: Vec<PackageJson>,
}

/// A package of a set.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PackageJson {
    name: String,
    version: Option<String>,
}

/// Hints for an editor.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EditorJson {
    mode: String,
    line_comment: String,
    indent: u32,
}

/// Returns all languages, including those that are not available on this host.
///
/// # Errors
/// 503 if the daemon does not answer.
pub(crate) async fn languages(
    State(state): State<Arc<AppState>>,
) -> Result<Json<Vec<LanguageJson>>, ApiError> {
    let languages = state.daemon.languages().await?;
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
            limits: LimitsJson::from(&language.limits),
            compile_limits: language.compile_limits.as_ref().map(LimitsJson::from),
            editor: EditorJson {
                mode: language.editor.mode,
                line_comment: language.editor.line_comment,
                indent: language.editor.indent,
            },
            example: language.example,
            options: language.options.into_iter().map(LanguageOptionJson::from).collect(),
            formatter: language.formatter,
            versions: language.versions.into_iter().map(VersionJson::from).collect(),
            packages: language.packages.into_iter().map(PackageSetJson::from).collect(),
        }
    }
}

impl From<ToolchainVersion> for VersionJson {
    fn from(version: ToolchainVersion) -> Self {
        Self {
            version: version.version,
            title: version.title,
            default: version.is_default,
            packages: version.packages.into_iter().map(PackageSetJson::from).collect(),
        }
    }
}

impl From<PackageSet> for PackageSetJson {
    fn from(set: PackageSet) -> Self {
        let package =
            |package: protocol::Package| PackageJson { name: package.name, version: package.version };
        Self {
            name: set.name,
            default: set.is_default,
            packages: set.packages.into_iter().map(package).collect(),
        }
    }
}
