//! `GET /openapi.json`: the description of the API. It is a file written by hand; tests compare it with the routes, with
//! the Rust types, and with real responses.

use axum::http::header;
use axum::response::IntoResponse;

/// The description, in OpenAPI 3.1.
pub const DESCRIPTION: &str = include_str!("openapi.json");

/// Returns the description.
pub(crate) async fn serve() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION)
}
