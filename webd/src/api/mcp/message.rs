//! What webd itself reads of a message of the protocol (JSON-RPC 2.0). The SDK reads the rest.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::http::error::{ApiError, ErrorCode};

/// Header with the id of a session.
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// Bytes of the id of a session, and of the id of a request as JSON.
const MAX_ID: usize = 128;
/// Values in one message: the SDK parses a message into a tree, in which a short value takes much more memory than in
/// the text.
const MAX_VALUES: usize = 32 * 1024;
/// Memory for one value in such a tree, and in what is parsed from it.
pub(crate) const MEMORY_PER_VALUE: usize = 400;

/// Message from a client.
#[derive(Debug, Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct CancelledParams<'a> {
    #[serde(borrow, rename = "requestId")]
    request_id: &'a RawValue,
}

impl<'a> Message<'a> {
    /// Parses the body of a request.
    ///
    /// # Errors
    /// A 400, or [`ErrorCode::TooLarge`] for more than [`MAX_VALUES`] values.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ApiError> {
        if count_values(body) > MAX_VALUES {
            let message = format!("the message has more than {MAX_VALUES} JSON values");
            return Err(ApiError::new(ErrorCode::TooLarge, message));
        }
        let message: Self = serde_json::from_slice(body).map_err(|error| {
            if error.is_data() {
                return ApiError::invalid_request("the body must be one message of JSON-RPC 2.0");
            }
            ApiError::new(ErrorCode::InvalidJson, format!("the body is not valid JSON: {error}"))
        })?;
        if message.id.is_some_and(|id| id.get().len() > MAX_ID) {
            return Err(ApiError::invalid_request(format!("`id` must be at most {MAX_ID} bytes long")));
        }
        Ok(message)
    }

    /// Returns the id, as JSON, if the message is a request.
    pub(crate) fn request_id(&self) -> Option<&'a str> {
        self.id.filter(|_| self.method.is_some()).map(RawValue::get)
    }

    /// Returns whether the message begins a session.
    pub(crate) fn is_initialize(&self) -> bool {
        self.method.as_deref() == Some("initialize")
    }

    /// Returns the id, as JSON, of the request that the client no longer needs.
    pub(crate) fn cancelled_request(&self) -> Option<&'a str> {
        if self.method.as_deref() != Some("notifications/cancelled") {
            return None;
        }
        let params: CancelledParams = serde_json::from_str(self.params?.get()).ok()?;
        Some(params.request_id.get())
    }
}

/// Returns the id of the session of a request.
///
/// # Errors
/// A 400 if it is too long, or not visible ASCII.
pub(crate) fn session_id(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get(SESSION_ID) else { return Ok(None) };
    match value.to_str() {
        Ok(id) if id.len() <= MAX_ID => Ok(Some(id)),
        _ => Err(ApiError::invalid_request(format!(
            "{SESSION_ID} must be at most {MAX_ID} characters of visible ASCII"
        ))),
    }
}

/// Returns an upper bound of the number of values in JSON.
pub(crate) fn count_values(json: &[u8]) -> usize {
    let (mut count, mut is_string, mut is_escaped) = (1, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            b',' | b':' | b'[' | b'{' if !is_string => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_message_is_a_request_a_notification_or_a_cancellation() {
        let request = br#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"x":[1]}}"#;
        let message = Message::parse(request).unwrap();
        assert_eq!((message.request_id(), message.is_initialize()), (Some("\"a\""), false));
        let message = Message::parse(br#"{"id":1,"method":"initialize"}"#).unwrap();
        assert_eq!((message.request_id(), message.is_initialize()), (Some("1"), true));
        let message = Message::parse(br#"{"id":1,"result":{}}"#).unwrap();
        assert_eq!(message.request_id(), None);

        let cancelled = |params: &str| {
            let body = format!(r#"{{"method":"notifications/cancelled","params":{params}}}"#);
            let message = Message::parse(body.as_bytes()).unwrap();
            message.cancelled_request().map(str::to_owned)
        };
        assert_eq!(cancelled(r#"{"requestId":7,"reason":"x"}"#).as_deref(), Some("7"));
        assert_eq!(cancelled(r#"{"requestId":"7"}"#).as_deref(), Some("\"7\""));
        assert_eq!(cancelled("{}"), None);
    }

    #[test]
    fn other_bodies_are_refused() {
        let code = |body: &[u8]| Message::parse(body).unwrap_err().body.code;
        assert_eq!(code(b"{"), ErrorCode::InvalidJson);
        assert_eq!(code(b"[]"), ErrorCode::InvalidRequest);
        assert_eq!(code(br#"{"method":1}"#), ErrorCode::InvalidRequest);
        assert_eq!(
            code(format!(r#"{{"id":"{}"}}"#, "x".repeat(MAX_ID)).as_bytes()),
            ErrorCode::InvalidRequest
        );
        let many = format!(r#"{{"params":[0{}]}}"#, ",0".repeat(MAX_VALUES));
        assert_eq!(code(many.as_bytes()), ErrorCode::TooLarge);
    }

    #[test]
    fn values_are_counted_outside_of_texts() {
        assert_eq!(count_values(b"1"), 1);
        assert!(count_values(br#"{"a":[1,2]}"#) >= 4);
        assert_eq!(count_values(br#""a,b:[{\",""#), 1);
    }

    #[test]
    fn the_id_of_a_session_is_short() {
        let check = |value: &str| {
            let headers = HeaderMap::from_iter([(SESSION_ID, HeaderValue::from_str(value).unwrap())]);
            session_id(&headers).map(|id| id.map(str::to_owned)).ok()
        };
        assert_eq!(check("abc"), Some(Some("abc".to_owned())));
        assert_eq!(check(&"x".repeat(MAX_ID + 1)), None);
        assert_eq!(session_id(&HeaderMap::new()), Ok(None));
    }
}
