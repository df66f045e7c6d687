//! `/api/v2/packages`: what Piston calls its installed languages. The administrator of the host installs them, not a client.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::api::lenient_json::{self, Scalar};
use crate::api::piston::error::{self, PistonError};
use crate::api::piston::runtimes::available;
use crate::app_state::AppState;
use crate::domain::caller::Caller;
use crate::http::error::ApiError;
use crate::http::request_body::{self, BodyLimits};

/// A language as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PackageJson {
    language: String,
    language_version: String,
    installed: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Package {
    language: Scalar,
    version: Scalar,
}

/// Returns the languages that are available.
///
/// # Errors
/// 503 if the daemon does not answer.
pub(crate) async fn packages(State(state): State<Arc<AppState>>) -> Result<Json<Vec<PackageJson>>, ApiError> {
    let runtimes = available(&state).await?.into_iter();
    let json = |(language, language_version)| PackageJson { language, language_version, installed: true };
    Ok(Json(runtimes.map(|runtime| (runtime.name, runtime.version.to_string())).map(json).collect()))
}

/// Refuses to install or to remove a package.
///
/// # Errors
/// Always; 404 for a request that is valid.
pub(crate) async fn refuse(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut reservation = state.budgets.of(&caller).reservation();
    let body =
        request_body::read(request.into_body(), BodyLimits::new(&state.config), &mut reservation).await?;
    let package: Package = match lenient_json::parse(&body) {
        Ok(package) => package,
        Err(message) => return Ok(error::invalid(message)),
    };
    let text = |scalar: Scalar| scalar.to_text().unwrap_or_else(|| "undefined".to_owned());
    let (language, version) = (text(package.language), text(package.version));
    let message = format!("Requested package {language}-{version} does not exist");
    Ok((StatusCode::NOT_FOUND, Json(PistonError { message })).into_response())
}
