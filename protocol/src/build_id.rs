//! Id of a program that the daemon keeps.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Id of a kept program: a secret of its client. It has at least 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BuildId(pub [u8; 32]);

impl fmt::Display for BuildId {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// Hides the id, which must not get into a log.
impl fmt::Debug for BuildId {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("BuildId(..)")
    }
}

/// The error of a text that is not a [`BuildId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a build: it must have 64 hexadecimal digits")]
pub struct InvalidBuildId;

impl FromStr for BuildId {
    type Err = InvalidBuildId;

    fn from_str(text: &str) -> Result<Self, InvalidBuildId> {
        let mut id = [0; 32];
        if text.len() != 2 * id.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidBuildId);
        }
        for (index, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| InvalidBuildId)?;
        }
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use super::{BuildId, InvalidBuildId};

    #[test]
    fn an_id_is_64_digits_and_is_not_logged() {
        let mut bytes = [0xa5; 32];
        bytes[0] = 1;
        let id = BuildId(bytes);
        let text = id.to_string();
        assert!(text.starts_with("01a5") && text.len() == 64);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(format!("{id:?}"), "BuildId(..)");
        for invalid in ["", "01a5", &text[1..], &format!("{text}0"), &text.replace('a', "g"), &"é".repeat(32)]
        {
            assert_eq!(invalid.parse::<BuildId>(), Err(InvalidBuildId), "{invalid}");
        }
    }
}
