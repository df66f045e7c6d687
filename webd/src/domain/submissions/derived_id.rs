//! Ids of submissions that follow from the `Idempotency-Key` of a request.

use keys::sha256;
use uuid::{Builder, Uuid, Version};

use crate::domain::caller::{Caller, Credential};

/// Returns the id of the submission that the caller's requests with this key are.
pub(crate) fn derived_id(caller: &Caller, key: &[u8]) -> Uuid {
    // Anonymous clients share their submissions: the address keeps their keys apart.
    let text = [b"idempotency key of ", caller.tag().as_bytes(), b": ", key].concat();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&sha256(&text)[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// Returns whether only requests with an `Idempotency-Key` may use this id. The id of an anonymous submission is its only
/// protection, and one that follows from an address and a key is not secret: somebody who guesses both must neither fetch nor
/// cancel the submission, nor submit another program under its id.
pub(crate) fn is_reserved(caller: &Caller, id: Uuid) -> bool {
    *caller.credential() == Credential::Anonymous && id.get_version() == Some(Version::Custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client_identity::ClientIdentity;

    #[test]
    fn an_id_follows_from_the_caller_and_the_key() {
        let caller =
            |address: &str| Caller::anonymous(ClientIdentity::new(address.parse().unwrap(), &[], &[]));
        let id = |address: &str, key: &[u8]| derived_id(&caller(address), key);
        let first = id("192.0.2.1", b"a");
        assert_eq!(id("192.0.2.1", b"a"), first);
        assert_ne!(id("192.0.2.1", b"b"), first);
        assert_ne!(id("192.0.2.2", b"a"), first);
        assert!(is_reserved(&caller("192.0.2.2"), first));
        assert!(!is_reserved(&caller("192.0.2.1"), Uuid::new_v4()));
    }
}
