//! Names of streams, consumers and subjects.

use std::fmt::{self, Write};
use std::str::FromStr;

use keys::sha256;
use serde::Deserialize;
use uuid::Uuid;

/// Buckets of a pool's work. Tenants of one bucket share its turns.
pub const BUCKETS: u8 = 16;
/// Stream with the state and the result of each submission.
pub const SUBMISSIONS: &str = "SUBS";
/// Stream with the callbacks that are due.
pub const CALLBACKS: &str = "CALL";
/// Queue group of fronts that deliver callbacks.
pub const CALLBACK_GROUP: &str = "fronts";
/// Key-value bucket with the status of each node.
pub const NODES: &str = "executor_nodes";
/// Key-value bucket with the usage of each key.
pub const USAGE: &str = "executor_usage";
/// Queue group of nodes that wait for work.
pub const WAKE_GROUP: &str = "nodes";

/// Bytes of the name of a pool, of a node or of a front.
const MAX_NAME: usize = 32;

/// Name of a pool, a node or a front: lower-case letters, digits, `-` and `_`. It is part of subjects.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of this host as far as it can be one: everything else becomes `-`.
    #[must_use]
    pub fn of_host(host: &str) -> Self {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let short = host.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let name: String =
            short.chars().take(MAX_NAME).map(|c| if is_allowed(c) { c } else { '-' }).collect();
        Self(if name.is_empty() { "node".to_owned() } else { name })
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("{text:?} is not a name of 1 to {MAX_NAME} lower-case letters, digits, `-` and `_`"))
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The first 8 bytes of a SHA-256, as they are in subjects: they tell clients apart and do not name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 8]);

impl Digest {
    /// Returns the digest of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&sha256(text.as_bytes())[..8]);
        Self(bytes)
    }

    /// Returns the bucket of a tenant: the first hexadecimal digit.
    #[must_use]
    pub const fn bucket(self) -> u8 {
        self.0[0] >> 4
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != 16
            || !text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        {
            return Err(());
        }
        u64::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| ())
    }
}

/// A submission: its owner, and its id, which is unique for the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SubmissionKey {
    /// Digest of the name of the key that submitted it.
    pub owner: Digest,
    /// Its id.
    pub id: Uuid,
}

impl SubmissionKey {
    /// Returns the key of a submission of an owner.
    #[must_use]
    pub fn new(owner: &str, id: Uuid) -> Self {
        Self { owner: Digest::of(owner), id }
    }

    /// Returns the subject with its state.
    #[must_use]
    pub fn state(self) -> String {
        format!("x.sub.{self}.state")
    }

    /// Returns the subject with its result.
    #[must_use]
    pub fn result(self) -> String {
        format!("x.sub.{self}.result")
    }

    /// Returns the subject with the URL of its callback. No node may write it.
    #[must_use]
    pub fn callback_url(self) -> String {
        format!("x.sub.{self}.callback")
    }

    /// Returns the subject that has its callback while that is due.
    #[must_use]
    pub fn callback(self) -> String {
        format!("x.call.{}.{self}", self.owner.bucket())
    }

    /// Returns the subject on which its changes are announced.
    #[must_use]
    pub fn hint(self) -> String {
        format!("x.hint.{self}")
    }

    /// Returns the filter for its state, its result and the URL of its callback.
    #[must_use]
    pub fn all(self) -> String {
        format!("x.sub.{self}.*")
    }

    /// Returns the submission that a subject of [`SubmissionKey::state`], [`SubmissionKey::result`] or
    /// [`SubmissionKey::hint`] is about.
    #[must_use]
    pub fn of_subject(subject: &str) -> Option<Self> {
        let rest = subject.strip_prefix("x.sub.").or_else(|| subject.strip_prefix("x.hint."))?;
        let mut tokens = rest.split('.');
        Self::from_tokens(tokens.next()?, tokens.next()?)
    }

    /// Returns the submission that the text of [`SubmissionKey::fmt`] names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (owner, id) = text.split_once('.')?;
        Self::from_tokens(owner, id)
    }

    fn from_tokens(owner: &str, id: &str) -> Option<Self> {
        Some(Self { owner: owner.parse().ok()?, id: Uuid::try_parse(id).ok()? })
    }
}

impl fmt::Display for SubmissionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}.{}", self.owner, self.id.simple())
    }
}

/// Returns the filter for the callbacks of the owners of one bucket.
#[must_use]
pub fn callbacks_of_bucket(bucket: u8) -> String {
    format!("x.call.{bucket}.*.*")
}

/// Returns the subject on which callbacks that have become due are announced.
#[must_use]
pub fn callback_due() -> String {
    "x.due".to_owned()
}

/// Returns the filter for the states and results of an owner.
#[must_use]
pub fn of_owner(owner: Digest) -> String {
    format!("x.sub.{owner}.*.*")
}

/// Returns the stream with the work of a pool.
#[must_use]
pub fn work_stream(pool: &Name) -> String {
    format!("WORK_{pool}")
}

/// Returns the subject of the work of a tenant.
#[must_use]
pub fn work(pool: &Name, tenant: Digest) -> String {
    format!("x.work.{pool}.{}.{tenant}", tenant.bucket())
}

/// Returns the bucket of a subject of [`work`] of a pool.
#[must_use]
pub fn bucket_of_work(pool: &Name, subject: &str) -> Option<u8> {
    subject.strip_prefix(&format!("x.work.{pool}."))?.split('.').next()?.parse().ok()
}

/// Returns the filter for the work of one bucket.
#[must_use]
pub fn work_of_bucket(pool: &Name, bucket: u8) -> String {
    format!("x.work.{pool}.{bucket}.*")
}

/// Returns the consumer of a bucket.
#[must_use]
pub fn consumer(bucket: u8) -> String {
    format!("b{bucket}")
}

/// Returns the subject on which the bucket of new work is announced.
#[must_use]
pub fn wake(pool: &Name) -> String {
    format!("x.wake.{pool}")
}

/// Returns the subject on which cancelled submissions are announced.
#[must_use]
pub fn cancel(pool: &Name) -> String {
    format!("x.cancel.{pool}")
}

/// Returns the stream of a key-value bucket, as all clients of NATS name it.
#[must_use]
pub fn kv_stream(bucket: &str) -> String {
    format!("KV_{bucket}")
}

/// Returns the subject of a key of a key-value bucket.
#[must_use]
pub fn kv_subject(bucket: &str, key: &str) -> String {
    format!("$KV.{bucket}.{key}")
}

/// Returns a text as hexadecimal digits, for a subject that must not contain all of its characters.
#[must_use]
pub fn hex(text: &str) -> String {
    text.bytes().fold(String::with_capacity(2 * text.len()), |mut hex, byte| {
        // Writing into a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Returns the text of hexadecimal digits.
#[must_use]
pub fn from_hex(hex: &str) -> Option<String> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    let byte = |index| u8::from_str_radix(hex.get(index..index + 2)?, 16).ok();
    String::from_utf8((0..hex.len()).step_by(2).map(byte).collect::<Option<_>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_contain_digests_and_no_names() {
        let pool: Name = "main".parse().unwrap();
        let tenant = Digest::of("key:alice");
        assert_eq!(tenant.to_string().len(), 16);
        assert_eq!(tenant.bucket(), u8::from_str_radix(&tenant.to_string()[..1], 16).unwrap());
        assert_eq!(work(&pool, tenant), format!("x.work.main.{}.{tenant}", tenant.bucket()));
        assert_eq!(bucket_of_work(&pool, &work(&pool, tenant)), Some(tenant.bucket()));
        assert_eq!(bucket_of_work(&"other".parse().unwrap(), &work(&pool, tenant)), None);
        assert!(tenant.bucket() < BUCKETS);
        let id = Uuid::from_u128(7);
        let key = SubmissionKey::new("alice", id);
        for subject in [key.state(), key.result(), key.hint()] {
            assert_eq!(SubmissionKey::of_subject(&subject), Some(key));
            assert!(!subject.contains("alice"));
        }
        assert_eq!(key.callback(), format!("x.call.{}.{key}", key.owner.bucket()));
        assert_eq!(SubmissionKey::parse(&key.to_string()), Some(key));
        for wrong in ["x.sub.a.b.state", "x.other.0.0", "", "x.hint.", "x.sub.0123456789ABCDEF.0.state"] {
            assert_eq!(SubmissionKey::of_subject(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_cannot_change_the_meaning_of_a_subject() {
        for wrong in ["", "a.b", "*", ">", "a b", "A", &"a".repeat(33)] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong}");
        }
        for (host, name) in [("Node-1.example.org", "node-1"), ("", "node"), ("a*b", "a-b")] {
            assert_eq!(Name::of_host(host).as_str(), name);
            assert!(Name::of_host(host).as_str().parse::<Name>().is_ok());
        }
    }

    #[test]
    fn hexadecimal_digits_are_read_as_they_are_written() {
        for text in ["", "a.b_c-1", "key"] {
            assert_eq!(from_hex(&hex(text)).as_deref(), Some(text));
        }
        for wrong in ["0", "zz", "é0", "ff"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
