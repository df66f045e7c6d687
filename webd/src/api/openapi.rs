//! `GET /openapi.json`: the API described for programs. The description is a file, written by hand; tests hold the
//! routes and real answers against it.

use axum::http::header;
use axum::response::IntoResponse;

/// OpenAPI 3.1.
pub const DESCRIPTION: &str = include_str!("openapi.json");

/// The description.
pub async fn serve() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION)
}
