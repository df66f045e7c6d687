//! `/etc/executor/keys.toml`: the hash and the limits of each key.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::time::Duration;

use protocol::quantity::Quantity;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::api_key::KeyHash;
use crate::callback_secret::CallbackSecret;
use crate::name::{ANONYMOUS, KeyName};
use crate::rate::Rate;
use crate::timestamp::Timestamp;

/// Keys in a file.
pub const MAX_KEYS: usize = 10_000;
/// Bytes of a file: room for [`MAX_KEYS`] keys with all limits.
pub const MAX_FILE: u64 = 8 * 1024 * 1024;
/// Languages of a key.
pub const MAX_LANGUAGES: usize = 64;

/// First lines of a file.
const HEADER: &str = "\
# API keys of Executor. `executor key` rewrites this file, and webd reads it again when it changes: comments are lost.
# The key `anonymous` holds for requests without a key.
";

/// All keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyFile {
    /// By name.
    pub keys: BTreeMap<KeyName, KeyEntry>,
}

/// One key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyEntry {
    /// Hash of the key; `anonymous` has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<KeyHash>,
    /// Hash of the key before the last rotation, while it is still accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_hash: Option<KeyHash>,
    /// Time from which the previous key is not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_expires: Option<Timestamp>,
    /// When the key was created or last rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Time from which the key is not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Secret that signs the callbacks of the key's submissions. Without it, they cannot have any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_secret: Option<CallbackSecret>,
    /// Secret before the last replacement, while callbacks are signed with it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_callback_secret: Option<CallbackSecret>,
    /// Time from which callbacks are not signed with the previous secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_callback_secret_expires: Option<Timestamp>,
    /// Whether the key is not accepted; only for `anonymous`, because other keys are removed.
    #[serde(skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// The limits of the key.
    #[serde(flatten)]
    pub limits: KeyLimits,
}

/// Limits of a key; a missing one does not limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyLimits {
    /// Executions for each period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Concurrent executions, including queued ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<NonZeroU32>,
    /// CPU time of all executions of a day in UTC.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_duration",
        deserialize_with = "read_duration"
    )]
    pub cpu_per_day: Option<Duration>,
    /// Names of the languages; all if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub languages: Option<Vec<String>>,
}

/// The file is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// It is not TOML, or a key of it is unknown or has a wrong value.
    #[error("{0}")]
    Syntax(String),
    /// A key is not complete or contradicts itself.
    #[error("key `{name}`: {message}")]
    Key {
        /// The key.
        name: KeyName,
        /// The mistake.
        message: &'static str,
    },
    /// Two keys have one hash.
    #[error("the keys `{0}` and `{1}` have the same hash")]
    SameHash(KeyName, KeyName),
    /// There are more than [`MAX_KEYS`].
    #[error("there are {0} keys, and at most {MAX_KEYS} are allowed")]
    TooMany(usize),
}

impl KeyFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`KeyFileError`]. The message never quotes a line of the text, which may hold a key that was put there by
    /// mistake.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let file: Self = toml::from_str(text).map_err(|error| {
            let line =
                error.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            KeyFileError::Syntax(format!("{place}{}", error.message()))
        })?;
        file.check()?;
        Ok(file)
    }

    /// Returns the text of the file.
    ///
    /// # Errors
    /// [`KeyFileError`] if a file with these keys could not be read.
    pub fn text(&self) -> Result<String, KeyFileError> {
        self.check()?;
        let keys = toml::to_string(self).map_err(|error| KeyFileError::Syntax(error.to_string()))?;
        Ok(format!("{HEADER}\n{keys}"))
    }

    fn check(&self) -> Result<(), KeyFileError> {
        if self.keys.len() > MAX_KEYS {
            return Err(KeyFileError::TooMany(self.keys.len()));
        }
        let mut owners: HashMap<KeyHash, &KeyName> = HashMap::new();
        for (name, entry) in &self.keys {
            if let Some(message) = entry.mistake(name) {
                return Err(KeyFileError::Key { name: name.clone(), message });
            }
            for hash in [entry.hash, entry.previous_hash].into_iter().flatten() {
                if let Some(other) = owners.insert(hash, name) {
                    return Err(KeyFileError::SameHash(other.clone(), name.clone()));
                }
            }
        }
        Ok(())
    }
}

impl KeyEntry {
    /// Returns the secrets that sign callbacks at a time, the newest first.
    #[must_use]
    pub fn callback_secrets(&self, now: Timestamp) -> Vec<&CallbackSecret> {
        let is_in_use = self.previous_callback_secret_expires.is_some_and(|expires| now < expires);
        let previous = self.previous_callback_secret.as_ref().filter(|_| is_in_use);
        self.callback_secret.iter().chain(previous).collect()
    }

    fn mistake(&self, name: &KeyName) -> Option<&'static str> {
        let is_anonymous = name.as_str() == ANONYMOUS;
        let languages = self.limits.languages.as_deref();
        let is_language = |name: &String| (1..=protocol::bounds::MAX_LANGUAGE_NAME).contains(&name.len());
        if is_anonymous && (self.hash.is_some() || self.previous_hash.is_some() || self.expires.is_some()) {
            return Some("this key holds for requests without a key, and can have neither a hash nor an end");
        }
        if !is_anonymous && self.hash.is_none() {
            return Some("`hash` is required");
        }
        if !is_anonymous && self.disabled {
            return Some("only `anonymous` can be disabled; remove the key instead");
        }
        if self.previous_hash.is_some() != self.previous_expires.is_some() {
            return Some("`previous_hash` and `previous_expires` belong together");
        }
        let previous = self.previous_callback_secret.is_some();
        if previous != self.previous_callback_secret_expires.is_some() {
            return Some("`previous_callback_secret` and `previous_callback_secret_expires` belong together");
        }
        if previous && self.callback_secret.is_none() {
            return Some("`previous_callback_secret` requires `callback_secret`");
        }
        if self.limits.cpu_per_day.is_some_and(|time| time.is_zero()) {
            return Some("`cpu_per_day` must be more than zero");
        }
        if languages.is_some_and(|names| names.is_empty() || names.len() > MAX_LANGUAGES) {
            return Some("`languages` must have at least one language and at most 64");
        }
        if languages.is_some_and(|names| !names.iter().all(is_language)) {
            return Some("`languages` must be names of languages");
        }
        None
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "required by serde")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::ref_option, reason = "required by serde")]
fn write_duration<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(&Quantity(*time)),
        None => serializer.serialize_none(),
    }
}

fn read_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Quantity::<Duration>::deserialize(deserializer).map(|Quantity(time)| Some(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let message = match KeyFile::parse(&text.replace("HASH", HASH)) {
            Ok(_) => "valid".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("exk_") && !message.contains("whsec_AAAA"), "{message}");
    }

    #[test]
    fn a_mistake_is_reported_with_its_place() {
        check("", "valid");
        check("[keys.alice]\nhash = 'HASH'", "valid");
        check("[keys.anonymous]\ndisabled = true", "valid");
        check(
            "[keys.'a.b-c_d']\nhash = 'HASH'\nrate = '60/min'\nconcurrent = 4\ncpu_per_day = '1h'",
            "valid",
        );
        check("[keys.alice]\nhash = 'HASH'\nlanguages = ['python']\nexpires = '2027-01-31'", "valid");
        check("[keys.anonymous]\ncallback_secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'", "valid");
        check("[keys.alice]\nhash = 'HASH'\ncallback_secret = 'whsec_AAAA'", "line 3: a callback secret is");
        check(
            "[keys.anonymous]\nprevious_callback_secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'",
            "belong together",
        );
        check(
            "[keys.anonymous]\nprevious_callback_secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'\n\
             previous_callback_secret_expires = '2027-01-31'",
            "requires `callback_secret`",
        );
        check("[keys.alice]", "key `alice`: `hash` is required");
        check("[keys.alice]\nhash = 'exk_secret'", "line 2: a hash is");
        check("[keys.alice]\nhash = 'HASH'\nraet = '60/min'", "unknown field");
        check("[keys.alice]\nhash = 'HASH'\nrate = '60'", "is not a rate such as");
        check("[keys.alice]\nhash = 'HASH'\nconcurrent = 0", "nonzero");
        check("[keys.alice]\nhash = 'HASH'\ncpu_per_day = '0s'", "more than zero");
        check("[keys.alice]\nhash = 'HASH'\ncpu_per_day = 3600", "a quantity with its unit");
        check("[keys.alice]\nhash = 'HASH'\nlanguages = []", "at least one language");
        check("[keys.alice]\nhash = 'HASH'\nlanguages = ['']", "must be names of languages");
        check("[keys.alice]\nhash = 'HASH'\nexpires = 'soon'", "is not a date");
        check("[keys.alice]\nhash = 'HASH'\ndisabled = true", "only `anonymous` can be disabled");
        check("[keys.alice]\nhash = 'HASH'\nprevious_expires = '2027-01-31'", "belong together");
        check("[keys.anonymous]\nhash = 'HASH'", "neither a hash nor an end");
        check("[keys.anonymous]\nexpires = '2027-01-31'", "neither a hash nor an end");
        check("[keys.'a b']\nhash = 'HASH'", "the name of a key has at most");
        check("[keys.a]\nhash = 'HASH'\n[keys.b]\nhash = 'HASH'", "the keys `a` and `b` have the same hash");
        check("[keys.a]\nhash = 'HASH'\n[keys.a]\nhash = 'HASH'", "line 3");
        check("[key.alice]", "unknown field `key`");
        check("exk_secret", "line 1");
        check("\0", "line 1");
        check(&"[".repeat(100_000), "line 1");
    }

    #[test]
    fn more_keys_than_allowed_are_refused() {
        let keys: String = (0..=MAX_KEYS)
            .map(|number| format!("[keys.k{number}]\nhash = 'sha256:{number:064x}'\n"))
            .collect();
        assert_eq!(KeyFile::parse(&keys), Err(KeyFileError::TooMany(MAX_KEYS + 1)));
    }

    #[test]
    fn a_file_is_read_as_it_is_written() {
        let text = format!(
            "[keys.anonymous]\nrate = '10/min'\n[keys.alice]\nhash = '{HASH}'\nconcurrent = 4\ncpu_per_day = '90m'\n\
             languages = ['python', 'cpp']\nexpires = '2027-01-31T08:00:00Z'\ncreated = '2026-11-30'\n\
             callback_secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'\n\
             previous_callback_secret = 'whsec_AfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'\n\
             previous_callback_secret_expires = '2026-12-02'\n\
             previous_hash = '{}'\nprevious_expires = '2026-12-01'\n[keys.'b.c']\nhash = '{}'\n",
            HASH.replace("ba", "bb"),
            HASH.replace("ba", "bc"),
        );
        let file = KeyFile::parse(&text).unwrap();
        let written = file.text().unwrap();
        assert_eq!(KeyFile::parse(&written), Ok(file), "{written}");
        assert!(written.contains("cpu_per_day = \"5400s\""), "{written}");
    }

    #[test]
    fn a_previous_secret_signs_until_it_expires() {
        let secret = |text: &str| Some(CallbackSecret::try_from(text.to_owned()).unwrap());
        let entry = KeyEntry {
            callback_secret: secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            previous_callback_secret: secret("whsec_AfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            previous_callback_secret_expires: Some(Timestamp(100)),
            ..KeyEntry::default()
        };
        let at = |seconds| -> Vec<_> {
            let secrets = entry.callback_secrets(Timestamp(seconds));
            secrets.into_iter().map(|secret| secret.text()[6..8].to_owned()).collect()
        };
        assert_eq!(at(99), ["Mf", "Af"]);
        assert_eq!(at(100), ["Mf"]);
        assert_eq!(KeyEntry::default().callback_secrets(Timestamp(0)), Vec::<&CallbackSecret>::new());
    }
}
