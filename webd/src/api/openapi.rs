//! `GET /openapi.json`: the description of the API. It is a file written by hand; tests compare it with the routes, with
//! the Rust types, and with real responses.

use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::app_state::AppState;

/// The description, in OpenAPI 3.1.
pub const DESCRIPTION: &str = include_str!("openapi.json");

/// What the description says about privacy on a server that stores nothing.
const NOT_STORED: &str = "They are not written to a disk or to a log.";
/// What it says on a server that accepts submissions.
const STORED: &str = "Submissions (/api/submissions) are stored on the disk of the server, or of its message queue: the request, the address of the \
    client and the name of its API key until the submission has ended, and the result until it is deleted or expires. If the \
    request has a callback_url, the result is sent there. Other \
    programs are not written to a disk. Nothing of a program is written to a log.";

/// The description of a server that accepts submissions.
static WITH_SUBMISSIONS: LazyLock<String> = LazyLock::new(|| DESCRIPTION.replacen(NOT_STORED, STORED, 1));

/// Returns the description.
pub(crate) async fn serve(State(state): State<Arc<AppState>>) -> impl IntoResponse {
    let description = if state.submissions.is_some() { &WITH_SUBMISSIONS } else { DESCRIPTION };
    ([(header::CONTENT_TYPE, "application/json")], description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_says_what_is_stored() {
        assert!(DESCRIPTION.contains(NOT_STORED) && !DESCRIPTION.contains("stored on the disk"));
        assert!(WITH_SUBMISSIONS.contains(STORED) && !WITH_SUBMISSIONS.contains(NOT_STORED));
    }
}
