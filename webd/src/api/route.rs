//! The type of a route.

use std::sync::Arc;

use axum::routing::MethodRouter;

use crate::app_state::AppState;

/// A path and its methods. `openapi.json` describes each of them.
pub(crate) type Route = (&'static str, fn() -> MethodRouter<Arc<AppState>>);
