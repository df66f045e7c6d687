//! Errors in the form of the API that the request was for. Handlers and middleware return
//! [`ApiError`](crate::http::error::ApiError); this layer is around all of them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::{jobe, judge0, piston};
use crate::app_state::AppState;
use crate::http::error::ErrorBody;
use crate::ops::config::Config;

/// An API whose errors differ from those of this server's own API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorFormat {
    Jobe,
    Judge0,
    Piston,
}

/// Rewrites the body of an error.
pub(crate) async fn format_errors(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let format = ErrorFormat::of_path(request.uri().path(), &state.config);
    let mut response = next.run(request).await;
    match (format, response.extensions_mut().remove::<ErrorBody>()) {
        (Some(format), Some(error)) => format.rewrite(response, &error),
        _ => response,
    }
}

impl ErrorFormat {
    /// Returns the format of the API at a path; `None` for this server's own.
    fn of_path(path: &str, config: &Config) -> Option<Self> {
        if config.piston.enabled && piston::routes::is_below(path) {
            return Some(Self::Piston);
        }
        if config.jobe.enabled && jobe::routes::is_below(path) {
            return Some(Self::Jobe);
        }
        if config.judge0.enabled && judge0::routes::is_below(path, &config.judge0) {
            return Some(Self::Judge0);
        }
        None
    }

    /// Replaces the body, and keeps the status and all headers that do not describe the body.
    fn rewrite(self, response: Response, error: &ErrorBody) -> Response {
        let rewritten = match self {
            Self::Jobe => jobe::error::response(error),
            Self::Judge0 => judge0::error::response(error),
            Self::Piston => piston::error::response(error),
        };
        let (mut head, _) = response.into_parts();
        for header in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
            head.headers.remove(header);
        }
        let (new, body) = rewritten.into_parts();
        head.headers.extend(new.headers);
        if new.status != StatusCode::OK {
            head.status = new.status;
        }
        (head, body).into_response()
    }
}
