//! The routes of Jobe.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post, put};

use crate::api::jobe::error::not_found;
use crate::api::jobe::files;
use crate::api::jobe::languages::languages;
use crate::api::jobe::runs::runs;
use crate::api::route::{Access, Route};
use crate::app_state::AppState;
use crate::http::cross_site::refuse_cross_site;

/// Where the API is: what CodeRunner adds to the host and the port that it is configured with.
const PREFIX: &str = "/jobe";

/// All routes.
pub(crate) const ROUTES: [Route; 3] = [
    ("/jobe/index.php/restapi/languages", Access::Public, || get(languages).options(files::options)),
    ("/jobe/index.php/restapi/runs", Access::Key, || post(runs).options(files::options)),
    ("/jobe/index.php/restapi/files/{id}", Access::Key, || {
        put(files::put).head(files::head).options(files::options)
    }),
];

/// Returns whether a path belongs to the API.
pub(crate) fn is_below(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns all routes. Any other path and method is not found.
pub(crate) fn router(state: &Arc<AppState>) -> Router<Arc<AppState>> {
    let mut router = Router::new();
    for (path, access, methods) in ROUTES {
        let methods = || access.protect(methods(), state).fallback(not_found);
        router = router.route(path, methods()).route(&format!("{path}/"), methods());
    }
    for path in [PREFIX, "/jobe/", "/jobe/{*path}"] {
        router = router.route(path, any(not_found));
    }
    router.layer(from_fn_with_state(Arc::clone(state), refuse_cross_site))
}
