//! `GET /healthz`, `GET /readyz` and `GET /metrics`: the state of the service, for probes and for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app_state::AppState;
use crate::ops::metrics::CONTENT_TYPE;

/// Answers as long as webd runs.
pub(crate) async fn health() -> &'static str {
    "ok"
}

/// Returns whether this node should get requests: webd is not about to stop, and the daemon would accept an execution now.
pub(crate) async fn readiness(State(state): State<Arc<AppState>>) -> Response {
    let not_ready = |reason: &'static str| (StatusCode::SERVICE_UNAVAILABLE, reason).into_response();
    if state.drain.has_begun() {
        return not_ready("webd is stopping");
    }
    match state.daemon.status().await {
        Ok(status) if status.draining => not_ready("the daemon is stopping"),
        Ok(_) => "ok".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready: cannot query executord");
            not_ready("the daemon does not answer")
        }
    }
}

/// Returns the metrics of webd and of the daemon.
pub(crate) async fn metrics(State(state): State<Arc<AppState>>) -> Response {
    let daemon = state.daemon.status().await.ok();
    let submissions = match &state.submissions {
        // A store that fails is reported by the requests that need it.
        Some(store) => store.statistics().await.ok().flatten(),
        None => None,
    };
    let text = state.metrics.exposition(
        daemon,
        &state.keys.totals(),
        submissions,
        #[cfg(feature = "cluster")]
        state.cluster.as_ref().map(|cluster| cluster.metrics()).as_ref(),
    );
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}
