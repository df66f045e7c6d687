//! The tokens of Judge0: `X-Auth-Token` for every request, and `X-Auth-User` for what only an administrator may do. Both may
//! be query parameters.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::judge0::parameters::Parameters;
use crate::app_state::AppState;
use crate::domain::caller::Caller;

const AUTH_TOKEN: &str = "X-Auth-Token";
const AUTH_USER: &str = "X-Auth-User";

/// Refuses requests without the right `X-Auth-Token`. If none is configured, the token may be an API key; another one is
/// ignored, as Judge0 does.
pub(crate) async fn authenticate(
    State(state): State<Arc<AppState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let given = given(request.headers(), request.uri().query(), AUTH_TOKEN);
    let configured = &state.config.judge0.auth_token;
    if !configured.is_empty() {
        let is_let_in = match &given {
            Some(given) => is_one_of(given, configured),
            None => is_first_authorization(&state, &request),
        };
        if !is_let_in {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        request.headers_mut().remove(AUTH_TOKEN);
    } else if let Some(token) = given
        && let Some(client) = request.extensions().get::<Caller>().map(Caller::client)
        && state.keys.authenticate(Some(&token), client).is_err()
    {
        request.headers_mut().remove(AUTH_TOKEN);
    }
    next.run(request).await
}

/// Returns whether a client asks about its right token of an administrator. The client judge0api does so before it sends the
/// other token.
fn is_first_authorization(state: &AppState, request: &Request) -> bool {
    request.uri().path().trim_end_matches('/').ends_with("/authorize")
        && is_authorized(state, request.headers(), request.uri().query())
}

/// Returns whether a request has the token of an administrator. Without a configured one, none has.
pub(crate) fn is_authorized(state: &AppState, headers: &HeaderMap, query: Option<&str>) -> bool {
    let configured = &state.config.judge0.admin_token;
    !configured.is_empty()
        && given(headers, query, AUTH_USER).is_some_and(|given| is_one_of(&given, configured))
}

fn given(headers: &HeaderMap, query: Option<&str>, name: &'static str) -> Option<String> {
    let of_header = headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    of_header.or_else(|| Parameters::of_query(query).text(name))
}

/// Returns whether a token is one of those that are configured, which are separated by blanks as in Judge0.
fn is_one_of(given: &str, configured: &str) -> bool {
    configured.split_whitespace().fold(false, |is_known, token| is_known | is_equal(given, token))
}

/// Compares in a time that does not depend on where the texts differ.
fn is_equal(given: &str, configured: &str) -> bool {
    let difference = given.bytes().zip(configured.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b));
    given.len() == configured.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_equal_or_not() {
        for (given, equal) in
            [("secret", true), ("secreT", false), ("secre", false), ("secrets", false), ("", false)]
        {
            assert_eq!(is_equal(given, "secret"), equal, "{given}");
            assert_eq!(is_one_of(given, "other  secret"), equal, "{given}");
        }
    }
}
