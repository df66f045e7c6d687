//! `POST /api/token`: exchanges an API key for a token that opens one WebSocket.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use serde::Serialize;

use crate::app_state::AppState;
use crate::domain::caller::Caller;
use crate::domain::keys::session_tokens::TOKEN_LIFETIME;
use crate::http::error::{ApiError, ErrorCode};

/// A token, and how to use it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TokenJson {
    token: String,
    /// The WebSocket subprotocols to offer.
    protocols: [String; 2],
    /// Seconds.
    expires_in: u64,
}

/// Returns a new token.
///
/// # Errors
/// 401 for a request without a key.
pub(crate) async fn token(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<TokenJson>, ApiError> {
    let Some(token) = state.keys.issue_token(&caller) else {
        let message = "a token needs an API key: send it as `Authorization: Bearer KEY`";
        return Err(ApiError::new(ErrorCode::Unauthorized, message));
    };
    let protocols = [crate::http::authentication::SUBPROTOCOL.to_owned(), format!("token.{token}")];
    Ok(Json(TokenJson { token, protocols, expires_in: TOKEN_LIFETIME.as_secs() }))
}
