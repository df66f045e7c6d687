//! What each key used today: webd writes it so that a quota of a day survives a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::KeyName;
use crate::timestamp::Timestamp;

/// Name of the file in webd's state directory.
pub const USAGE_FILE: &str = "usage.json";
/// Bytes of the file: room for [`crate::MAX_KEYS`] keys.
pub const MAX_USAGE_FILE: u64 = 2 * 1024 * 1024;

/// The usage of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageFile {
    /// The day, in UTC.
    pub day: Timestamp,
    /// By the name of the key. Keys that were not used are missing.
    pub keys: BTreeMap<KeyName, KeyUsage>,
}

/// The usage of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyUsage {
    /// Executions that were started.
    pub executions: u64,
    /// CPU time of all compilations and runs, in microseconds.
    pub cpu_us: u64,
}

impl UsageFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// If it is not valid. The message quotes nothing of the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map_err(|error| format!("not a usage file (line {}, column {})", error.line(), error.column()))
    }

    /// Returns the text of the file.
    #[must_use]
    pub fn text(&self) -> String {
        // Maps with text keys and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_as_it_is_written() {
        let usage = KeyUsage { executions: 3, cpu_us: 1_500_000 };
        let file = UsageFile {
            day: "2026-11-30".parse().unwrap(),
            keys: BTreeMap::from([("alice".parse().unwrap(), usage)]),
        };
        let text = r#"{"day":"2026-11-30","keys":{"alice":{"executions":3,"cpu_us":1500000}}}"#;
        assert_eq!(file.text(), text);
        assert_eq!(UsageFile::parse(text), Ok(file));
        for wrong in
            ["", "{}", "root:x:0:0", r#"{"day":"x","keys":{}}"#, r#"{"day":"2026-11-30","keys":{"a b":{}}}"#]
        {
            let message = UsageFile::parse(wrong).unwrap_err();
            assert!(message.starts_with("not a usage file") && !message.contains("root"), "{message}");
        }
    }
}
