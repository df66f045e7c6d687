//! The routes of Piston: those of a server of one's own below `/api/v2`, and those of the public server below
//! `/api/v2/piston`.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};

use crate::api::piston::error::not_found;
use crate::api::piston::execute::{execute, require_json};
use crate::api::piston::session::Session;
use crate::api::piston::{packages, runtimes};
use crate::api::route::{Access, Route};
use crate::api::websocket_session::open;
use crate::app_state::AppState;

/// Where the API is.
const PREFIX: &str = "/api/v2";

/// All routes. Those of the public server are the same, below another prefix.
pub(crate) const ROUTES: [Route; 4] = [
    ("/api/v2/runtimes", Access::Public, || get(runtimes::runtimes)),
    ("/api/v2/execute", Access::Key, || post(execute)),
    ("/api/v2/connect", Access::Key, || get(open::<Session>)),
    ("/api/v2/packages", Access::Public, || {
        get(packages::packages).post(packages::refuse).delete(packages::refuse)
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
        let public = path.replace(PREFIX, "/api/v2/piston");
        for path in [path, &public] {
            let methods = || access.protect(methods(), state).fallback(not_found);
            router = router.route(path, methods()).route(&format!("{path}/"), methods());
        }
    }
    for path in [PREFIX, "/api/v2/", "/api/v2/{*path}"] {
        router = router.route(path, any(not_found));
    }
    router.layer(from_fn_with_state(Arc::clone(state), require_json))
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn only_paths_of_version_2_are_pistons() {
        for (path, is_piston) in [
            ("/api/v2", true),
            ("/api/v2/", true),
            ("/api/v2/piston/execute", true),
            ("/api/v2x", false),
            ("/api/execute", false),
            ("/", false),
        ] {
            assert_eq!(is_below(path), is_piston, "{path}");
        }
    }
}
