//! Representations of bytes in JSON.

use serde::Deserialize;

/// Encoding of a string field that holds bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// Text.
    #[default]
    Utf8,
    /// Base64 with padding (RFC 4648, section 4).
    Base64,
}
