//! The id of a request: that of the client or of a proxy, or a new one. The response and the request log have it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header of the id.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Bytes of an id that is accepted.
const MAX_LENGTH: usize = 128;

/// Returns the id that the request has, if it is one header of letters, digits, `.`, `_` and `-`; otherwise a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let mut ids = headers.get_all(X_REQUEST_ID).iter();
    if let (Some(id), None) = (ids.next(), ids.next())
        && is_valid(id.as_bytes())
    {
        return id.clone();
    }
    let mut text = Uuid::encode_buffer();
    let text = Uuid::new_v4().simple().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
}

fn is_valid(id: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_used_if_it_cannot_forge_a_log_line() {
        let id = |values: &[&str]| {
            let values = values.iter().map(|value| (X_REQUEST_ID, HeaderValue::from_str(value).unwrap()));
            request_id(&values.collect()).to_str().unwrap().to_owned()
        };
        let longest = "a".repeat(MAX_LENGTH);
        for valid in ["a", "01HX-7_z.9", &longest] {
            assert_eq!(id(&[valid]), valid);
        }
        for invalid in
            [&["a b"][..], &["a", "b"], &[""], &["\"x\""], &["a=b"], &[&format!("{longest}a")], &[]]
        {
            assert_eq!(id(invalid).len(), 32, "{invalid:?}");
        }
        assert_ne!(id(&[]), id(&[]));
    }
}
