//! API keys: their text and hash, `/etc/executor/keys.toml`, which `executor key` writes and webd reads, and the usage
//! file, which webd writes and `executor key usage` reads. Decisions about requests are webd's.

#![forbid(unsafe_code)]

mod api_key;
mod callback_secret;
mod key_file;
mod name;
mod rate;
mod timestamp;
mod usage;

pub use api_key::{ApiKey, KeyHash, random_text, sha256};
pub use callback_secret::CallbackSecret;
pub use key_file::{KeyEntry, KeyFile, KeyFileError, KeyLimits, MAX_FILE, MAX_KEYS, MAX_LANGUAGES};
pub use name::{ANONYMOUS, KeyName, MAX_NAME};
pub use rate::{Period, Rate};
pub use timestamp::{SECONDS_PER_DAY, Timestamp};
pub use usage::{KeyUsage, MAX_USAGE_FILE, USAGE_FILE, UsageFile};

/// File with the hashes and limits of all keys.
pub const DEFAULT_KEY_FILE: &str = "/etc/executor/keys.toml";
/// Directory in which webd keeps what must survive a restart.
pub const DEFAULT_STATE_DIRECTORY: &str = "/var/lib/executor-webd";
