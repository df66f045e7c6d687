//! Reading of cases from files. A case that cannot be read is a failed case and does not stop the others.

use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::verdict::{Level, Verdict};

/// Entry of a collection that is not a valid case: for example, it has an unknown key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidCase {
    /// Name of the case, or of its file.
    pub id: String,
    /// Class of the case, if it can be read.
    pub class: String,
    /// Importance of the case, if it can be read.
    pub level: Level,
    /// The error.
    pub message: String,
}

impl InvalidCase {
    /// Returns the failure.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict {
            id: self.id.clone(),
            level: self.level,
            failures: vec![format!("cannot read the case: {}", self.message)],
            took: std::time::Duration::ZERO,
            reason: None,
        }
    }
}

/// Reads a JSON file.
///
/// # Errors
/// If the file cannot be read or is not JSON.
pub fn read_json(path: &Path) -> io::Result<Value> {
    let to_message = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
    let text = std::fs::read(path).map_err(|error| to_message(&error))?;
    serde_json::from_slice(&text).map_err(|error| to_message(&error))
}

/// Parses each entry of a list by itself. `source` names the list in the id of an entry that has none.
#[must_use]
pub fn parse_entries<T: DeserializeOwned>(list: Value, source: &str) -> Vec<Result<T, InvalidCase>> {
    let Value::Array(entries) = list else {
        let message = "not a list of cases".to_owned();
        let (id, class) = (source.to_owned(), String::new());
        return vec![Err(InvalidCase { id, class, level: Level::Must, message })];
    };
    entries.into_iter().enumerate().map(|(index, entry)| parse_entry(entry, source, index)).collect()
}

fn parse_entry<T: DeserializeOwned>(entry: Value, source: &str, index: usize) -> Result<T, InvalidCase> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    let id = text("id").unwrap_or_else(|| format!("{source}[{index}]"));
    let class = text("class").unwrap_or_default();
    let level = entry.get("level").and_then(|level| serde_json::from_value(level.clone()).ok());
    serde_json::from_value(entry).map_err(|error| InvalidCase {
        id,
        class,
        level: level.unwrap_or(Level::Must),
        message: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::parse_entries;
    use crate::attacks::verdict::Level;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Case {
        id: String,
        class: String,
        level: Level,
    }

    #[test]
    fn an_invalid_entry_fails_by_itself() {
        let list = json!([
            {"id": "a", "class": "c", "level": "must"},
            {"id": "b", "class": "c", "level": "info", "invented": 1},
            {"class": "c"},
            7,
            {"id": "e", "class": "c", "level": "should"},
        ]);
        let entries = parse_entries::<Case>(list, "more.json");
        let ids: Vec<_> =
            entries.iter().map(|entry| entry.as_ref().map_or_else(|e| &*e.id, |case| &*case.id)).collect();
        assert_eq!(ids, ["a", "b", "more.json[2]", "more.json[3]", "e"]);
        let failed: Vec<_> = entries.iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, true, true, true, false]);
        let invalid = entries[1].as_ref().unwrap_err();
        assert_eq!((&*invalid.class, invalid.level), ("c", Level::Info));
        assert!(invalid.message.contains("invented"), "{}", invalid.message);
        assert!(!invalid.verdict().is_passed());
        assert!(parse_entries::<Case>(json!({"http": []}), "x.json")[0].is_err());
    }
}
