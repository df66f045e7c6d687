//! Short-lived tokens for WebSockets: a page cannot set headers when it opens one, and a key in a URL would be logged.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use keys::{KeyHash, random_text, sha256};

/// Time for which a token can be used.
pub(crate) const TOKEN_LIFETIME: Duration = Duration::from_secs(60);
/// Tokens of all keys that can be used. The oldest makes room.
const MAX_TOKENS: usize = 16_384;
/// Tokens of one key that can be used. The oldest makes room, so that one key cannot displace those of others.
const MAX_TOKENS_PER_KEY: usize = 64;
/// Random characters of a token: 190 bits.
const TOKEN_LENGTH: usize = 32;

/// The tokens that can be used, each once.
#[derive(Debug, Default)]
pub(crate) struct SessionTokens(Mutex<HashMap<[u8; 32], Issued>>);

#[derive(Clone, Copy, Debug)]
struct Issued {
    key: KeyHash,
    expires: Instant,
}

impl SessionTokens {
    /// Creates a token for a key. `None` if the operating system has no random bytes.
    pub(crate) fn issue(&self, key: KeyHash, now: Instant) -> Option<String> {
        let token = random_text(TOKEN_LENGTH).ok()?;
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, issued| issued.expires > now);
        let of_key = tokens.values().filter(|issued| issued.key == key).count();
        if of_key >= MAX_TOKENS_PER_KEY {
            remove_oldest(&mut tokens, |issued| issued.key == key);
        } else if tokens.len() >= MAX_TOKENS {
            remove_oldest(&mut tokens, |_| true);
        }
        tokens.insert(sha256(token.as_bytes()), Issued { key, expires: now + TOKEN_LIFETIME });
        Some(token)
    }

    /// Returns the key of a token that can be used.
    pub(crate) fn peek(&self, token: &str, now: Instant) -> Option<KeyHash> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(&sha256(token.as_bytes())).filter(|issued| issued.expires > now).map(|issued| issued.key)
    }

    /// Returns the key of a token, which cannot be used again.
    pub(crate) fn redeem(&self, token: &str, now: Instant) -> Option<KeyHash> {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let issued = tokens.remove(&sha256(token.as_bytes()))?;
        (issued.expires > now).then_some(issued.key)
    }
}

fn remove_oldest(tokens: &mut HashMap<[u8; 32], Issued>, is_candidate: impl Fn(&Issued) -> bool) {
    let candidates = tokens.iter().filter(|(_, issued)| is_candidate(issued));
    if let Some(oldest) = candidates.min_by_key(|(_, issued)| issued.expires).map(|(hash, _)| *hash) {
        tokens.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use keys::ApiKey;

    use super::*;

    #[test]
    fn a_token_can_be_used_once_and_for_a_minute() {
        let tokens = SessionTokens::default();
        let (key, now) = (ApiKey::generate().unwrap().hash(), Instant::now());
        let token = tokens.issue(key, now).unwrap();
        assert_eq!(tokens.redeem(&token, now + Duration::from_secs(59)), Some(key));
        assert_eq!(tokens.redeem(&token, now), None);
        let late = tokens.issue(key, now).unwrap();
        assert_eq!(tokens.redeem(&late, now + TOKEN_LIFETIME), None);
        assert_eq!(tokens.redeem("", now), None);
    }

    #[test]
    fn a_key_displaces_only_its_own_tokens() {
        let tokens = SessionTokens::default();
        let now = Instant::now();
        let (greedy, other) = (ApiKey::generate().unwrap().hash(), ApiKey::generate().unwrap().hash());
        let of_other = tokens.issue(other, now).unwrap();
        let first = tokens.issue(greedy, now + Duration::from_millis(1)).unwrap();
        for number in 2..1000 {
            tokens.issue(greedy, now + Duration::from_millis(number)).unwrap();
        }
        assert_eq!(tokens.0.lock().unwrap().len(), MAX_TOKENS_PER_KEY + 1);
        assert_eq!(tokens.redeem(&first, now), None);
        assert_eq!(tokens.redeem(&of_other, now), Some(other));
    }
}
