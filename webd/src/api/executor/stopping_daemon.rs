//! The error of a daemon that refuses an execution because it stops, which it reports as if it were busy.

use crate::domain::daemon_info::DaemonInfo;
use crate::http::error::{ApiError, ErrorCode};

/// Returns `busy` as `unavailable` if the daemon is stopping, and every other error as it is. A load balancer sends the
/// request to another node then; a busy daemon would be worth waiting for.
pub(crate) async fn unavailable_if_stopping(error: ApiError, daemon: &DaemonInfo) -> ApiError {
    if error.body.code != ErrorCode::Busy {
        return error;
    }
    match daemon.status().await {
        Ok(status) if status.draining => {
            let message = "the execution service is stopping, try again later";
            let mut unavailable = ApiError::new(ErrorCode::Unavailable, message);
            unavailable.body.retry_after = error.body.retry_after;
            unavailable
        }
        _ => error,
    }
}
