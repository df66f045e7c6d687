//! The page: files of the built web directory, or a word about how to build it.

use std::path::Path;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower_http::services::ServeDir;

use crate::error::ApiError;

/// What the page may load and do: only what comes from here. Editors set styles on elements and start workers.
const PAGE_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";
/// What stands where the page would be.
const NOT_BUILT: &str = include_str!("not_built.html");

/// Files of one directory.
#[derive(Clone, Debug)]
pub(crate) struct StaticFiles {
    files: ServeDir,
}

impl StaticFiles {
    /// Of this directory, whether it exists or not.
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            files: ServeDir::new(directory)
                .redirect_to_trailing_slash(false)
                .precompressed_gzip()
                .precompressed_br(),
        }
    }

    /// The file at the request's path.
    pub(crate) async fn serve(mut self, request: Request) -> Response {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return ApiError::not_found().into_response();
        }
        let path = request.uri().path().to_owned();
        let found = self.files.try_call(request).await;
        let mut response = match found {
            Ok(found) if found.status() == StatusCode::BAD_REQUEST => {
                return ApiError::invalid_request("this is not a path").into_response();
            }
            Ok(found) if found.status() != StatusCode::NOT_FOUND => found.map(Body::new),
            // A name that the file system does not take is a name that is not there.
            Ok(_) | Err(_) if path != "/" => return ApiError::not_found().into_response(),
            Ok(_) | Err(_) => {
                ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response()
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(&path)));
        response
    }
}

/// Names below `/assets/` carry a hash of what is in them; all others may change under the same name.
fn cache_control(path: &str) -> &'static str {
    if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}
