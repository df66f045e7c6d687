//! The routes of Judge0: below `/judge0`, and at the root if the administrator wants that.

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{any, get, post};

use crate::api::judge0::{authentication, error, information, languages, submissions};
use crate::api::route::{Access, Route};
use crate::app_state::AppState;
use crate::http::cross_site::refuse_cross_site;
use crate::ops::compat_config::Judge0Config;

/// Where the API is.
const PREFIX: &str = "/judge0";

/// All routes.
pub(crate) const ROUTES: [Route; 16] = [
    ("/judge0/about", Access::Public, || get(information::about)),
    ("/judge0/version", Access::Public, || get(information::version)),
    ("/judge0/license", Access::Public, || get(information::license)),
    ("/judge0/isolate", Access::Public, || get(information::isolate)),
    ("/judge0/config_info", Access::Public, || get(information::config_info)),
    ("/judge0/system_info", Access::Public, || get(information::system_info)),
    ("/judge0/statuses", Access::Public, || get(information::statuses)),
    ("/judge0/workers", Access::Public, || get(information::workers)),
    ("/judge0/authenticate", Access::Key, || post(information::authenticate)),
    ("/judge0/authorize", Access::Key, || post(information::authorize)),
    ("/judge0/languages", Access::Public, || get(languages::languages)),
    ("/judge0/languages/all", Access::Public, || get(languages::all)),
    ("/judge0/languages/{id}", Access::Public, || get(languages::language)),
    ("/judge0/submissions", Access::Key, || post(submissions::create).get(submissions::list)),
    ("/judge0/submissions/batch", Access::Key, || post(submissions::create_batch).get(submissions::batch)),
    ("/judge0/submissions/{token}", Access::Key, || get(submissions::submission).delete(submissions::delete)),
];

/// Returns whether a path belongs to the API.
pub(crate) fn is_below(path: &str, config: &Judge0Config) -> bool {
    let is_below =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let at_root = || {
        ROUTES.iter().any(|(route, ..)| {
            let first = route[PREFIX.len() + 1..].split('/').next().unwrap_or_default();
            is_below(&format!("/{first}"))
        })
    };
    is_below(PREFIX) || config.root && at_root()
}

/// Returns all routes. Any other path below the prefix, and any other method, is not found.
pub(crate) fn router(state: &Arc<AppState>) -> Router<Arc<AppState>> {
    let mut router = Router::new();
    let prefixes = if state.config.judge0.root { &[PREFIX, ""][..] } else { &[PREFIX] };
    for (path, access, methods) in ROUTES {
        for prefix in prefixes {
            let path = path.replace(PREFIX, prefix);
            let methods = || access.protect(methods(), state).fallback(not_found);
            router = router.route(&path, methods()).route(&format!("{path}/"), methods());
        }
    }
    for path in [PREFIX, "/judge0/", "/judge0/{*path}"] {
        router = router.route(path, any(not_found));
    }
    router
        .layer(from_fn_with_state(Arc::clone(state), authentication::authenticate))
        .layer(from_fn_with_state(Arc::clone(state), refuse_cross_site))
}

async fn not_found(headers: HeaderMap) -> Response {
    error::not_found(&headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_at_the_root_are_judge0s_by_setting_only() {
        for (path, below, at_root) in [
            ("/judge0/submissions", true, true),
            ("/judge0", true, true),
            ("/submissions", false, true),
            ("/submissions/batch", false, true),
            ("/languages/all", false, true),
            ("/api/languages", false, false),
            ("/", false, false),
            ("/submissionsx", false, false),
        ] {
            let config = |root| Judge0Config { root, ..Judge0Config::default() };
            assert_eq!(is_below(path, &config(false)), below, "{path}");
            assert_eq!(is_below(path, &config(true)), at_root, "{path}");
        }
    }
}
