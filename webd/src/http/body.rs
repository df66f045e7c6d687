//! A request's body, read under bounds: its kind, its length, the time it takes, the memory of all together.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::domain::budget::Share;
use crate::http::error::ApiError;

/// What a byte of a body costs: itself, and the text that is read out of it.
pub(crate) const COST: usize = 2;

/// How a body is bounded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes.
    pub(crate) bytes: usize,
    /// Until it is there.
    pub(crate) time: Duration,
}

/// Refuse what is not JSON in plain UTF-8. Insisting on the type keeps forms of other sites out: a browser asks
/// before it sends JSON across sites.
///
/// # Errors
/// 415.
pub(crate) fn insist_on_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let unsupported =
        |words: &str| Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", words));
    if headers.contains_key(header::CONTENT_ENCODING) {
        return unsupported("the body must not be compressed: leave Content-Encoding out");
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    match (types.next().map(|value| value.to_str()), types.next()) {
        (Some(Ok(value)), None) if is_json(value) => Ok(()),
        _ => unsupported("Content-Type must be application/json, in UTF-8"),
    }
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// The whole body.
///
/// # Errors
/// 413, 408, 503 if all requests together hold too much, or 400 if it breaks off.
pub(crate) async fn read(body: Body, bounds: Bounds, share: &mut Share) -> Result<Bytes, ApiError> {
    match timeout(bounds.time, read_all(body, bounds.bytes, share)).await {
        Ok(read) => read,
        Err(_) => {
            let words = format!("the body did not arrive within {} s", bounds.time.as_secs());
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", words))
        }
    }
}

async fn read_all(mut body: Body, max: usize, share: &mut Share) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::too_large(format!("the body is longer than {max} bytes"));
    let announced = http_body::Body::size_hint(&body).lower();
    if announced > max as u64 {
        return Err(too_large());
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::invalid_json("the body breaks off"))?;
        let Ok(piece) = frame.into_data() else { continue };
        if whole.len() + piece.len() > max {
            return Err(too_large());
        }
        share.grow(piece.len() * COST)?;
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(content_type: &'static str, taken: bool) {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        assert_eq!(insist_on_json(&headers).is_ok(), taken, "{content_type}");
    }

    #[test]
    fn only_json_in_utf8_is_taken() {
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
