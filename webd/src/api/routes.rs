//! The table of routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};

use crate::api::executor::execute::execute;
use crate::api::executor::handshake::session;
use crate::api::executor::languages::languages;
use crate::api::monitoring::{health, metrics, readiness};
use crate::api::openapi;
use crate::app_state::AppState;
use crate::http::middleware;

/// A path and its methods. `openapi.json` describes each of them.
type Route = (&'static str, fn() -> MethodRouter<Arc<AppState>>);

/// All routes except the files of the page.
const ROUTES: [Route; 7] = [
    ("/api/execute", || post(execute)),
    ("/api/session", || get(session)),
    ("/api/languages", || get(languages)),
    ("/healthz", || get(health)),
    ("/readyz", || get(readiness)),
    ("/metrics", || get(metrics)),
    ("/openapi.json", || get(openapi::serve)),
];

/// Returns the path of each route.
pub fn paths() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|(path, _)| *path)
}

/// Returns all routes and the page, with the middleware around them.
pub(crate) fn router(state: Arc<AppState>) -> Router {
    let mut router = Router::new();
    for (path, methods) in ROUTES {
        router = router.route(path, methods());
    }
    router = router.fallback(page);
    if !state.config.allowed_origins.is_empty() {
        router = router.layer(middleware::cors(&state.config.allowed_origins));
    }
    router
        .layer(from_fn_with_state(Arc::clone(&state), middleware::check_head))
        .layer(from_fn_with_state(Arc::clone(&state), middleware::observe))
        .with_state(state)
}

async fn page(State(state): State<Arc<AppState>>, request: Request) -> Response {
    state.files.serve(&request)
}
