//! The table of routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};

use crate::api::error_format::format_errors;
use crate::api::executor::execute::execute;
use crate::api::executor::format::format;
use crate::api::executor::languages::languages;
use crate::api::executor::session::Session;
use crate::api::executor::submissions;
use crate::api::executor::token::token;
use crate::api::monitoring::{health, metrics, readiness};
use crate::api::openapi;
use crate::api::piston;
use crate::api::route::{Access, Route};
use crate::api::websocket_session::open;
use crate::api::{jobe, judge0, mcp};
use crate::app_state::AppState;
use crate::http::compression::compress;
use crate::http::error::ApiError;
use crate::http::middleware;
use crate::http::unread_body::close_if_unread;

/// All routes except the files of the page.
const ROUTES: [Route; 11] = [
    ("/api/execute", Access::Key, || post(execute)),
    ("/api/format", Access::Key, || post(format)),
    ("/api/session", Access::Key, || get(open::<Session>)),
    ("/api/token", Access::Key, || post(token)),
    ("/api/submissions", Access::Key, || post(submissions::submit).get(submissions::list)),
    ("/api/submissions/{token}", Access::Key, || {
        get(submissions::fetch).put(submissions::put).delete(submissions::cancel)
    }),
    ("/api/languages", Access::Public, || get(languages)),
    ("/healthz", Access::Public, || get(health)),
    ("/readyz", Access::Public, || get(readiness)),
    ("/metrics", Access::Public, || get(metrics)),
    ("/openapi.json", Access::Public, || get(openapi::serve)),
];

/// Returns the path of each route.
pub fn paths() -> impl Iterator<Item = &'static str> {
    let compatible =
        piston::routes::ROUTES.iter().chain(&jobe::routes::ROUTES).chain(&judge0::routes::ROUTES);
    ROUTES.iter().chain(&mcp::routes::ROUTES).chain(compatible).map(|(path, ..)| *path)
}

/// The route that may have an address of its own.
const METRICS: &str = "/metrics";

/// Returns the routes of the address for metrics.
pub(crate) fn metrics_router(state: Arc<AppState>) -> Router {
    Router::new()
        .route(METRICS, get(metrics))
        .fallback(async || ApiError::not_found())
        .layer(from_fn_with_state(Arc::clone(&state), compress))
        .layer(from_fn_with_state(Arc::clone(&state), middleware::limit_client))
        .layer(from_fn(close_if_unread))
        .layer(from_fn_with_state(Arc::clone(&state), middleware::observe))
        .with_state(state)
}

/// Returns all routes and the page, with the middleware around them. Metrics are left out if they have an address of their
/// own.
pub(crate) fn router(state: Arc<AppState>) -> Router {
    let mut router = Router::new();
    let is_elsewhere = |path: &str| path == METRICS && state.config.metrics_listen.is_some();
    for (path, access, methods) in ROUTES.into_iter().filter(|(path, ..)| !is_elsewhere(path)) {
        let methods = || access.protect(methods(), &state);
        // A path with a slash at its end is the same resource: clients that join a base URL with a path often add one.
        router = router.route(path, methods()).route(&format!("{path}/"), methods());
    }
    if state.config.mcp.enabled {
        router = router.merge(mcp::routes::router(&state));
    }
    if state.config.piston.enabled {
        router = router.merge(piston::routes::router(&state));
    }
    if state.config.jobe.enabled {
        router = router.merge(jobe::routes::router(&state));
    }
    if state.config.judge0.enabled {
        router = router.merge(judge0::routes::router(&state));
    }
    router = router.fallback(page).layer(from_fn_with_state(Arc::clone(&state), compress));
    if !state.config.allowed_origins.is_empty() {
        let cors = middleware::cors(&state.config.allowed_origins);
        router = router.layer(cors).layer(from_fn(middleware::preflight_without_content));
    }
    router
        .layer(from_fn_with_state(Arc::clone(&state), middleware::check_head))
        .layer(from_fn_with_state(Arc::clone(&state), middleware::hold_unavailable))
        .layer(from_fn_with_state(Arc::clone(&state), middleware::limit_client))
        .layer(from_fn_with_state(Arc::clone(&state), format_errors))
        .layer(from_fn(close_if_unread))
        .layer(from_fn_with_state(Arc::clone(&state), middleware::observe))
        .with_state(state)
}

async fn page(State(state): State<Arc<AppState>>, request: Request) -> Response {
    state.files.serve(&request)
}
