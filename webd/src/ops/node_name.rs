//! The name of a node: one webd with its executord, among others behind a load balancer.

use hyper::http::HeaderValue;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Bytes of a name.
const MAX_LENGTH: usize = 64;

/// A name of letters, digits, `.`, `_` and `-`, which can be the name of a server in the configuration of a balancer and
/// the value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName(String);

impl NodeName {
    /// Returns the name as the value of a header.
    pub(crate) fn header(&self) -> HeaderValue {
        // The letters of a name are valid in a header.
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("invalid"))
    }
}

impl std::str::FromStr for NodeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("{text:?} is not a name of 1 to {MAX_LENGTH} letters, digits, '.', '_' and '-'"))
    }
}

/// Deserializes a name; an empty string is none.
pub(crate) fn optional_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<NodeName>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_valid_in_a_header_and_in_the_configuration_of_a_balancer() {
        let longest = "n".repeat(MAX_LENGTH);
        for valid in ["node-1", "NODE_1.example.org", "7", &longest] {
            assert_eq!(valid.parse::<NodeName>().unwrap().header(), valid);
        }
        for invalid in ["", "node 1", "node/1", "nöde", "a\nb", "%H", &format!("{longest}n")] {
            assert!(invalid.parse::<NodeName>().is_err(), "{invalid:?}");
        }
    }
}
