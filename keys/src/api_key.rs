//! The text of a key, and its hash.
//!
//! A key is `exk_`, 32 random characters of base62 (190 bits), and 6 characters of base62 with the CRC-32 of what
//! precedes them. The prefix lets scanners of source code recognize a leaked key, and the checksum tells a mistyped key
//! from a revoked one without a look-up.
//!
//! The hash is one SHA-256. Slow hashes such as argon2 protect passwords, which people choose from few; nobody can
//! search 190 random bits, however fast the hash is, and a slow hash would cost each request milliseconds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Start of every key.
const PREFIX: &str = "exk_";
/// Random characters of a key.
const RANDOM_LENGTH: usize = 32;
/// Characters of the checksum: 62⁶ is more than 2³².
const CHECKSUM_LENGTH: usize = 6;
/// Characters of a key.
const KEY_LENGTH: usize = PREFIX.len() + RANDOM_LENGTH + CHECKSUM_LENGTH;
/// Digits of base62.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Start of a hash in a file.
const HASH_PREFIX: &str = "sha256:";
/// Bytes of SHA-256.
const HASH_LENGTH: usize = 32;

/// The text of a key. It is a secret: it has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// The SHA-256 of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash([u8; HASH_LENGTH]);

impl ApiKey {
    /// Creates a key from random bytes of the operating system.
    ///
    /// # Errors
    /// If the operating system has none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut text = format!("{PREFIX}{}", random_text(RANDOM_LENGTH)?);
        text.push_str(&checksum(&text));
        Ok(Self(text))
    }

    /// Returns the key in a text; `None` if it is not a valid key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_key = text.len() == KEY_LENGTH && text.starts_with(PREFIX) && text.is_ascii();
        let (start, end) = text.split_at_checked(KEY_LENGTH - CHECKSUM_LENGTH)?;
        (is_key && checksum(start) == end).then(|| Self(text.to_owned()))
    }

    /// Returns the text, to show it once to the person who created it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Returns the hash, by which the key is found.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(sha256(self.0.as_bytes()))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("ApiKey(…)")
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(HASH_PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("KeyHash(…)")
    }
}

impl FromStr for KeyHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a hash is \"sha256:\" and 64 hexadecimal digits".to_owned();
        let digits = text.strip_prefix(HASH_PREFIX).ok_or_else(wrong)?;
        if digits.len() != 2 * HASH_LENGTH || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut hash = [0; HASH_LENGTH];
        for (index, byte) in hash.iter_mut().enumerate() {
            let pair = digits.get(2 * index..2 * index + 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(hash))
    }
}

impl TryFrom<String> for KeyHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> Self {
        hash.to_string()
    }
}

/// Returns random characters of base62, each with the same probability.
///
/// # Errors
/// If the operating system has no random bytes.
pub fn random_text(length: usize) -> Result<String, getrandom::Error> {
    /// Bytes from here on would favour the first digits: 248 is the largest multiple of 62 below 256.
    const FIRST_REJECTED: u8 = 248;
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes)?;
        let digits = bytes.iter().filter(|byte| **byte < FIRST_REJECTED);
        text.extend(digits.map(|byte| char::from(DIGITS[usize::from(byte % 62)])).take(length - text.len()));
    }
    Ok(text)
}

/// Returns the SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; HASH_LENGTH] {
    Sha256::digest(bytes).into()
}

fn checksum(text: &str) -> String {
    let mut rest = crc32(text.as_bytes());
    let mut digits = [0; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

/// Returns the CRC-32 of ISO-HDLC, the one of zip and gzip.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xEDB8_8320;
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let mask = if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            (crc >> 1) ^ mask
        })
    });
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(checksum("123456789"), "3jZRME");
    }

    #[test]
    fn a_key_is_recognized_and_a_mistyped_one_is_not() {
        let key = ApiKey::generate().unwrap();
        assert_eq!(key.text().len(), 42);
        assert_eq!(ApiKey::parse(key.text()), Some(key.clone()));
        assert_ne!(ApiKey::generate().unwrap(), key);
        for position in 0..key.text().len() {
            let mut mistyped = key.text().as_bytes().to_vec();
            mistyped[position] = if mistyped[position] == b'x' { b'y' } else { b'x' };
            let mistyped = String::from_utf8(mistyped).unwrap();
            assert!(ApiKey::parse(&mistyped).is_none(), "{mistyped}");
        }
        for text in ["", "exk_", "é", &"é".repeat(21), &key.text()[1..], &format!("{}0", key.text())] {
            assert!(ApiKey::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn nothing_shows_a_key_by_accident() {
        let key = ApiKey::generate().unwrap();
        assert_eq!(format!("{key:?} {:?}", key.hash()), "ApiKey(…) KeyHash(…)");
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = KeyHash(sha256(b"abc"));
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.parse(), Ok(hash));
        for wrong in
            ["", "sha256:", &text[7..], &text[..70], &text.replace("ba", "+a"), &text.replace("ba", "é")]
        {
            assert!(wrong.parse::<KeyHash>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn random_characters_have_the_length_that_was_asked_for() {
        for length in [0, 1, 32, 1000] {
            let text = random_text(length).unwrap();
            assert!(text.len() == length && text.bytes().all(|byte| DIGITS.contains(&byte)), "{text}");
        }
    }
}
