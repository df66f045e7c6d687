//! Web origins in the configuration.

use hyper::http::{HeaderValue, Uri};
use serde::Deserialize;

/// A web origin: `https://example.org`, with the port unless it is the default of the scheme (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(pub HeaderValue);

impl Origin {
    /// Returns whether this is the wildcard `*`.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_origin = |uri: &Uri| {
            let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
            text == format!("{scheme}://{authority}") && !authority.as_str().contains('@')
        };
        match (text.parse::<Uri>(), HeaderValue::from_str(&text)) {
            (Ok(uri), Ok(value)) if text == "*" || is_origin(&uri) => Ok(Self(value)),
            _ => Err(format!("{text:?} is not an origin such as https://example.org")),
        }
    }
}
