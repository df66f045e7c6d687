//! The name of a key: it is in logs, in metrics, and in the daemon's queue.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Name of the key of requests without a key.
pub const ANONYMOUS: &str = "anonymous";
/// Bytes of a name. `key:NAME` is the name of a client in the daemon, which allows 64.
pub const MAX_NAME: usize = 48;

/// Name of a key: letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyName(String);

impl KeyName {
    /// Returns the name of the key of requests without a key.
    #[must_use]
    pub fn anonymous() -> Self {
        Self(ANONYMOUS.to_owned())
    }

    /// Returns whether this is the name of the key of requests without a key.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.0 == ANONYMOUS
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for KeyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if starts_well && text.len() <= MAX_NAME && text.bytes().all(is_allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "the name of a key has at most {MAX_NAME} letters, digits, `.`, `_` and `-`, and starts with a letter or a digit"
        ))
    }
}

impl TryFrom<String> for KeyName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<KeyName> for String {
    fn from(name: KeyName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_into_a_log_line_and_a_label() {
        let long = "a".repeat(MAX_NAME);
        for text in ["alice", "team-7.ci_2", "7", "anonymous", &long] {
            assert_eq!(text.parse::<KeyName>().unwrap().as_str(), text);
        }
        for text in ["", "-a", ".a", "a b", "a\n", "é", "a/b", "a\"", &format!("{long}a")] {
            assert!(text.parse::<KeyName>().is_err(), "{text}");
        }
    }
}
