//! A request body, read within limits: its type, its length, its time, and the memory of all requests together.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::domain::budget::Reservation;
use crate::http::error::{ApiError, ErrorCode};
use crate::ops::config::Config;

/// Memory for one byte of a body: itself, and the text that is parsed from it.
pub(crate) const MEMORY_PER_BYTE: usize = 2;

/// Limits of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// Maximum length in bytes.
    pub(crate) length: usize,
    /// Maximum time until the last byte has arrived.
    pub(crate) time: Duration,
}

impl BodyLimits {
    /// Returns the limits of a configuration.
    pub(crate) fn new(config: &Config) -> Self {
        Self { length: config.max_body_length(), time: config.timeouts.body }
    }
}

/// Checks that the body is JSON in plain UTF-8. Requiring the content type also rejects forms of other sites: a browser
/// sends a preflight request before it sends JSON across origins.
///
/// # Errors
/// [`ErrorCode::UnsupportedMediaType`].
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let unsupported = |message: &str| Err(ApiError::new(ErrorCode::UnsupportedMediaType, message));
    if headers.contains_key(header::CONTENT_ENCODING) {
        return unsupported("compressed bodies are not supported, remove the Content-Encoding header");
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    match (types.next().map(|value| value.to_str()), types.next()) {
        (Some(Ok(value)), None) if is_json(value) => Ok(()),
        _ => unsupported("Content-Type must be application/json in UTF-8"),
    }
}

/// Returns whether a content type is JSON in UTF-8.
pub(crate) fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// Reads the whole body.
///
/// # Errors
/// [`ErrorCode::TooLarge`], [`ErrorCode::RequestTimeout`], [`ErrorCode::Overloaded`] if all requests together hold too
/// much memory, or [`ErrorCode::InvalidJson`] if the body ends early.
pub(crate) async fn read(
    body: Body,
    limits: BodyLimits,
    reservation: &mut Reservation,
) -> Result<Bytes, ApiError> {
    match timeout(limits.time, read_all(body, limits.length, reservation)).await {
        Ok(read) => read,
        Err(_) => {
            let message = format!("the body did not arrive within {} s", limits.time.as_secs());
            Err(ApiError::new(ErrorCode::RequestTimeout, message))
        }
    }
}

async fn read_all(
    mut body: Body,
    max_length: usize,
    reservation: &mut Reservation,
) -> Result<Bytes, ApiError> {
    let too_large =
        || ApiError::new(ErrorCode::TooLarge, format!("the body is longer than {max_length} bytes"));
    let content_length = http_body::Body::size_hint(&body).lower();
    if content_length > max_length as u64 {
        return Err(too_large());
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let incomplete = |_| ApiError::new(ErrorCode::InvalidJson, "the body is incomplete");
        let Ok(chunk) = frame.map_err(incomplete)?.into_data() else { continue };
        if whole.len() + chunk.len() > max_length {
            return Err(too_large());
        }
        reservation.grow(chunk.len() * MEMORY_PER_BYTE)?;
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(content_type: &'static str, accepted: bool) {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        assert_eq!(require_json(&headers).is_ok(), accepted, "{content_type}");
    }

    #[test]
    fn only_json_in_utf8_is_accepted() {
        check("application/json", true);
        check("Application/JSON; charset=UTF-8", true);
        check("application/json;charset=\"utf-8\"", true);
        check("application/json; charset=utf-16", false);
        check("text/plain", false);
        check("application/json-patch+json", false);
        check("application/x-www-form-urlencoded", false);
        check("", false);
    }
}
