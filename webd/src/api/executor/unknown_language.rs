//! The error for an unknown language, with the names that the client can use instead.

use crate::api::executor::stopping_daemon::unavailable_if_stopping;
use crate::domain::daemon_info::DaemonInfo;
use crate::http::error::{ApiError, ErrorCode};

/// Adds the requested name and the available names to an error about an unknown language. If the daemon does not
/// answer, only the requested name is added. Of other errors, only that of a daemon that stops is replaced; see
/// [`unavailable_if_stopping`].
pub(crate) async fn explained(error: ApiError, requested: &str, daemon: &DaemonInfo) -> ApiError {
    if error.body.code != ErrorCode::UnsupportedLanguage {
        return unavailable_if_stopping(error, daemon).await;
    }
    let mut explained = ApiError::unsupported_language(requested);
    explained.body.requested = error.body.requested.or(explained.body.requested);
    explained.body.available = daemon.available_names().await.ok();
    explained
}
