//! The secret that signs the callbacks of a key, and the signature, both as in Standard Webhooks 1.0.
//!
//! A secret is `whsec_` and the base64 of 24 to 64 bytes. It is stored as it is, unlike a key, because webd needs it to
//! sign.

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Start of every secret.
const PREFIX: &str = "whsec_";
/// Bytes of a secret, by the specification.
const LENGTHS: RangeInclusive<usize> = 24..=64;
/// Bytes of a generated secret: as many as a SHA-256.
const GENERATED_LENGTH: usize = 32;
/// Start of a symmetric signature.
const VERSION: &str = "v1,";

/// A secret. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallbackSecret(Vec<u8>);

impl CallbackSecret {
    /// Creates a secret from random bytes of the operating system.
    ///
    /// # Errors
    /// If the operating system has none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = vec![0; GENERATED_LENGTH];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Returns the text, which the receiver of callbacks needs.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// Returns the signature of a message: one of the header `webhook-signature`. `id` and `timestamp`, in seconds
    /// since 1970, are those of the other two headers.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        // Fails for no length of a key (RFC 2104).
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("{VERSION}{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for CallbackSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("CallbackSecret(…)")
    }
}

impl TryFrom<String> for CallbackSecret {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let encoded = text.strip_prefix(PREFIX);
        let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
        bytes
            .filter(|bytes| LENGTHS.contains(&bytes.len()))
            .map(Self)
            .ok_or("a callback secret is \"whsec_\" and the base64 of 24 to 64 bytes")
    }
}

impl From<CallbackSecret> for String {
    fn from(secret: CallbackSecret) -> Self {
        secret.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the reference implementations.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn secret(text: &str) -> Result<CallbackSecret, &'static str> {
        CallbackSecret::try_from(text.to_owned())
    }

    #[test]
    fn a_signature_is_that_of_the_reference_implementations() {
        let signature = secret(SECRET).unwrap().sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_signature_depends_on_every_part() {
        let signed = |text: &str, id: &str, timestamp: u64, body: &[u8]| {
            secret(text).unwrap().sign(id, timestamp, body)
        };
        let first = signed(SECRET, "a", 1, b"x");
        let other = CallbackSecret::generate().unwrap().text();
        for different in
            [signed(&other, "a", 1, b"x"), signed(SECRET, "b", 1, b"x"), signed(SECRET, "a", 2, b"x")]
        {
            assert_ne!(different, first);
        }
        assert_ne!(signed(SECRET, "a", 1, b"y"), first);
    }

    #[test]
    fn a_secret_is_read_as_it_is_written_and_is_not_shown() {
        let generated = CallbackSecret::generate().unwrap();
        assert_eq!(secret(&generated.text()), Ok(generated.clone()));
        assert_eq!(secret(SECRET).unwrap().text(), SECRET);
        assert_eq!(format!("{generated:?}"), "CallbackSecret(…)");
        for wrong in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            &SECRET[6..],
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS*",
            &format!("whsec_{}", "AAAA".repeat(22)),
        ] {
            assert!(secret(wrong).is_err(), "{wrong}");
        }
    }
}
