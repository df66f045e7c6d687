//! The API key of a request: from its headers to its caller.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use keys::KeyName;

use crate::app_state::AppState;
use crate::domain::caller::Caller;
use crate::domain::client_identity::ClientIdentity;
use crate::domain::keys::rate_limiter::RateState;
use crate::domain::keys::refusal::AuthenticationError;
use crate::domain::limit_scope::Holder;
use crate::http::error::{ApiError, ErrorCode};

/// Headers that name a key as it is: that of Jobe, and that of Judge0.
pub(crate) const KEY_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-api-key"), HeaderName::from_static("x-auth-token")];
/// Scheme of a key in the `Authorization` header (RFC 6750).
const BEARER: &str = "bearer";
/// WebSocket subprotocol that a page offers in addition to its token, and that the server selects: the token itself is not sent
/// back.
pub(crate) const SUBPROTOCOL: &str = "executor";
/// Start of the WebSocket subprotocol that names a session token.
const TOKEN_SUBPROTOCOL: &str = "token.";
/// Name of the rate limit in its headers.
const POLICY: &str = "executions";
/// Headers of a rate limit, as in draft-ietf-httpapi-ratelimit-headers-10.
pub(crate) const RATE_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("ratelimit-policy"), HeaderName::from_static("ratelimit")];

/// The name of the key that a response is for. A response carries it as an extension, for the request log.
#[derive(Clone, Debug)]
pub(crate) struct AnsweredKey(pub(crate) KeyName);

/// Identifies the caller of a request that needs a key, or refuses the request; adds the rate limit to the response.
pub(crate) async fn require_key(
    State(state): State<Arc<AppState>>,
    mut request: Request,
    next: Next,
) -> Response {
    // Without a client the request did not pass the listener's middleware.
    let Some(client) = request.extensions().get::<Caller>().map(Caller::client) else {
        return ApiError::from(AuthenticationError::Missing).into_response();
    };
    let headers = request.headers();
    let identified = match session_token(headers) {
        Some(token) => state.keys.redeem_token(token, client),
        None => credential(headers).and_then(|key| state.keys.authenticate(key, client)),
    };
    let caller = match identified {
        Ok(caller) => caller,
        Err(error) => return ApiError::from(error).into_response(),
    };
    request.extensions_mut().insert(caller.clone());
    let mut response = next.run(request).await;
    if let Some(rate) = caller.rate() {
        add_rate(response.headers_mut(), &rate);
    }
    response.extensions_mut().insert(AnsweredKey(caller.key_name().clone()));
    response
}

/// Returns the caller of a request, and whose limits it counts for. A request without an accepted key counts for its address:
/// whether it needs one is decided later, by [`require_key`]. A session token is not used up here.
pub(crate) fn limited_caller(
    state: &AppState,
    headers: &HeaderMap,
    client: ClientIdentity,
) -> (Caller, Holder) {
    if let Some(key) = session_token(headers).and_then(|token| state.keys.key_of_token(token)) {
        return (Caller::anonymous(client), Holder::Key(key));
    }
    let identified = credential(headers).and_then(|key| state.keys.authenticate(key, client));
    let caller = identified.unwrap_or_else(|_| Caller::anonymous(client));
    let holder = Holder::of(&caller);
    (caller, holder)
}

/// Returns what a request has as a key. Other schemes of `Authorization` are for a proxy: they are no keys.
///
/// # Errors
/// [`AuthenticationError::Ambiguous`] if several headers name different keys.
pub(crate) fn credential(headers: &HeaderMap) -> Result<Option<&str>, AuthenticationError> {
    let authorization = headers.get_all(header::AUTHORIZATION).iter().filter_map(of_authorization);
    let others = KEY_HEADERS.into_iter().flat_map(|name| headers.get_all(name)).map(HeaderValue::as_bytes);
    let mut keys = authorization.chain(others);
    let Some(first) = keys.next() else { return Ok(None) };
    if keys.any(|other| other != first) {
        return Err(AuthenticationError::Ambiguous);
    }
    str::from_utf8(first).map(Some).map_err(|_| AuthenticationError::Unknown)
}

/// Returns the key of an `Authorization` header: after `Bearer`, or alone, as clients of Piston send it.
fn of_authorization(value: &HeaderValue) -> Option<&[u8]> {
    let value = value.as_bytes().trim_ascii();
    match value.split_at_checked(BEARER.len()) {
        Some((scheme, key))
            if scheme.eq_ignore_ascii_case(BEARER.as_bytes()) && key.first() == Some(&b' ') =>
        {
            Some(key.trim_ascii())
        }
        _ => (!value.contains(&b' ')).then_some(value),
    }
}

/// Returns the token that a page offers as a subprotocol of a WebSocket.
fn session_token(headers: &HeaderMap) -> Option<&str> {
    let is_websocket =
        headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter(|_| is_websocket);
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    offered.find_map(|name| name.trim().strip_prefix(TOKEN_SUBPROTOCOL))
}

/// Returns whether the client of a WebSocket offers [`SUBPROTOCOL`]. A browser fails a connection for which it offered
/// subprotocols and the server selected none.
pub(crate) fn offers_subprotocol(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    offered.any(|name| name.trim() == SUBPROTOCOL)
}

/// Adds the remaining rate. `t` is the time until all of it is available again.
fn add_rate(headers: &mut HeaderMap, state: &RateState) {
    let [policy, limit] = RATE_HEADERS;
    let (quota, window) = (state.rate.count, state.rate.period.duration().as_secs());
    let restored_in = state.restored_in.as_millis().div_ceil(1000);
    let texts = [
        (policy, format!("\"{POLICY}\";q={quota};w={window}")),
        (limit, format!("\"{POLICY}\";r={};t={restored_in}", state.remaining)),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
}

impl From<AuthenticationError> for ApiError {
    fn from(error: AuthenticationError) -> Self {
        Self::new(ErrorCode::Unauthorized, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&'static str, &'static str)], expected: Result<Option<&str>, AuthenticationError>) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        assert_eq!(credential(&headers), expected, "{headers:?}");
    }

    #[test]
    fn the_headers_of_all_apis_name_a_key() {
        check(&[], Ok(None));
        check(&[("authorization", "Bearer k")], Ok(Some("k")));
        check(&[("authorization", "bearer   k ")], Ok(Some("k")));
        check(&[("authorization", "k")], Ok(Some("k")));
        check(&[("x-api-key", "k")], Ok(Some("k")));
        check(&[("x-auth-token", "k")], Ok(Some("k")));
        check(&[("authorization", "Bearer k"), ("x-api-key", "k")], Ok(Some("k")));
        check(&[("authorization", "Bearer k"), ("x-api-key", "j")], Err(AuthenticationError::Ambiguous));
        check(&[("authorization", "Basic azpq")], Ok(None));
        check(&[("authorization", "Digest username=\"a\", realm=\"b\"")], Ok(None));
        check(&[("authorization", "Basic azpq"), ("x-api-key", "k")], Ok(Some("k")));
        check(&[("authorization", "Bearer ")], Ok(Some("Bearer")));
        check(&[("x-api-key", "")], Ok(Some("")));
    }

    #[test]
    fn only_a_websocket_has_a_session_token() {
        let headers = |upgrade: &'static str, protocol: &'static str| {
            HeaderMap::from_iter([
                (header::UPGRADE, HeaderValue::from_static(upgrade)),
                (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol)),
            ])
        };
        assert_eq!(session_token(&headers("WebSocket", "executor, token.abc")), Some("abc"));
        assert_eq!(session_token(&headers("websocket", "executor")), None);
        assert_eq!(session_token(&headers("h2c", "token.abc")), None);
        assert!(offers_subprotocol(&headers("websocket", "token.abc ,executor")));
        assert!(!offers_subprotocol(&headers("websocket", "token.executor")));
    }
}
