//! The type of a route.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;

use crate::app_state::AppState;
use crate::http::authentication::require_key;

/// A path, who may use it, and its methods. `openapi.json` describes each of them.
pub(crate) type Route = (&'static str, Access, fn() -> MethodRouter<Arc<AppState>>);

/// Who may use a route.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    /// All users.
    Public,
    /// Requests with an API key; also others, as long as anonymous requests are allowed.
    Key,
}

impl Access {
    /// Returns the methods of a route with the check of the key around them, if there is one.
    pub(crate) fn protect(
        self,
        methods: MethodRouter<Arc<AppState>>,
        state: &Arc<AppState>,
    ) -> MethodRouter<Arc<AppState>> {
        match self {
            Self::Public => methods,
            Self::Key => methods.layer(from_fn_with_state(Arc::clone(state), require_key)),
        }
    }
}
