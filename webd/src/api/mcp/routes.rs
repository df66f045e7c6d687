//! The route of the Model Context Protocol.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

use crate::api::mcp::endpoint;
use crate::api::route::{Access, Route};
use crate::app_state::AppState;

/// All routes. There is no `GET`: it would be for messages that no request of the client caused, and there are none.
pub(crate) const ROUTES: [Route; 1] =
    [("/mcp", Access::Key, || post(endpoint::post).delete(endpoint::delete))];

/// Returns all routes.
pub(crate) fn router(state: &Arc<AppState>) -> Router<Arc<AppState>> {
    let mut router = Router::new();
    for (path, access, methods) in ROUTES {
        let methods = || access.protect(methods(), state);
        router = router.route(path, methods()).route(&format!("{path}/"), methods());
    }
    router
}
