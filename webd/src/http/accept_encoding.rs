//! The encodings that a client accepts (RFC 9110, section 12.5.3).

use axum::http::{HeaderMap, header};

/// Returns whether the client accepts an encoding: it is listed, and its weight is not zero.
pub(crate) fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    let listed = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    listed.flat_map(|list| list.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refuses = ["q=0", "q=0.0", "q=0.00", "q=0.000"];
        named && !parts.any(|part| refuses.iter().any(|weight| part.eq_ignore_ascii_case(weight)))
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn an_encoding_is_used_if_the_client_lists_it() {
        for (listed, accepted) in [
            ("br", true),
            ("gzip, deflate, br", true),
            ("gzip;q=1.0, BR ; q=0.5", true),
            ("gzip", false),
            ("br;q=0", false),
            ("br; q=0.000", false),
            ("br;Q=0", false),
            ("", false),
        ] {
            let mut request = HeaderMap::new();
            request.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(listed));
            assert_eq!(accepts(&request, "br"), accepted, "{listed}");
        }
        assert!(!accepts(&HeaderMap::new(), "br"));
    }
}
