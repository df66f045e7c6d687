//! Which path leads where.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use crate::api::executor::execute::execute;
use crate::api::executor::handshake::session;
use crate::api::executor::languages::languages;
use crate::api::openapi;
use crate::domain::budget::Budget;
use crate::domain::connections::Connections;
use crate::domain::daemon;
use crate::http::door;
use crate::http::static_files::StaticFiles;
use crate::ops::config::Config;
use crate::ops::metrics::{CONTENT_TYPE, Metrics};

/// What all requests share.
#[derive(Debug)]
pub struct Front {
    /// What the administrator decided.
    pub(crate) config: Config,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// Memory for bodies and answers.
    pub(crate) budget: Budget,
    /// The way to the daemon, for executions.
    pub(crate) connections: Connections,
    files: StaticFiles,
}

/// A path and its methods. `openapi.json` describes each of them.
type Route = (&'static str, fn() -> MethodRouter<Arc<Front>>);

/// Every route there is, beside the files of the page.
const ROUTES: [Route; 7] = [
    ("/api/execute", || post(execute)),
    ("/api/session", || get(session)),
    ("/api/languages", || get(languages)),
    ("/healthz", || get(alive)),
    ("/readyz", || get(ready)),
    ("/metrics", || get(metrics)),
    ("/openapi.json", || get(openapi::serve)),
];

impl Front {
    /// Under this configuration.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let budget = Budget::new(config.max_memory_bytes.get());
        let files = StaticFiles::new(&config.web, &config.embed_origins);
        let connections = Connections::to(config.socket.clone());
        Self { config, metrics: Metrics::default(), budget, connections, files }
    }

    /// A route's own name, for metrics.
    pub(crate) fn route(&self, path: &str) -> &'static str {
        paths().find(|route| *route == path).unwrap_or("other")
    }
}

/// The path of each route.
pub fn paths() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|(path, _)| *path)
}

/// All routes, with what every request passes around them.
pub(crate) fn router(front: Arc<Front>) -> Router {
    let mut router = Router::new();
    for (path, methods) in ROUTES {
        router = router.route(path, methods());
    }
    router = router.fallback(page);
    if !front.config.allowed_origins.is_empty() {
        router = router.layer(door::cors(&front.config.allowed_origins));
    }
    router
        .layer(from_fn_with_state(Arc::clone(&front), door::guard))
        .layer(from_fn_with_state(Arc::clone(&front), door::observe))
        .with_state(front)
}

async fn alive() -> &'static str {
    "ok"
}

/// Whether an execution would be taken now.
async fn ready(State(front): State<Arc<Front>>) -> Response {
    let not_ready = |words: &'static str| (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    match daemon::status(&front.config.socket).await {
        Ok(status) if status.draining => not_ready("the daemon is about to stop"),
        Ok(_) => "ok".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            not_ready("the daemon does not answer")
        }
    }
}

async fn metrics(State(front): State<Arc<Front>>) -> Response {
    let status = daemon::status(&front.config.socket).await.ok();
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], front.metrics.text(status)).into_response()
}

async fn page(State(front): State<Arc<Front>>, request: Request) -> Response {
    front.files.serve(&request)
}
