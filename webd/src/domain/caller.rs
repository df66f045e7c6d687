//! The caller of an execution: a client, and its API key.

use std::sync::{Arc, Mutex, PoisonError};

use keys::{KeyHash, KeyName};
use protocol::ExecuteRequest;

use crate::domain::client_identity::ClientIdentity;
use crate::domain::keys::rate_limiter::RateState;

/// The origin of a request. Every request carries it as an extension, and a session keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    client: ClientIdentity,
    credential: Credential,
    key_name: KeyName,
    /// The state of the rate limit after the last execution that this caller asked for.
    rate: Arc<Mutex<Option<RateState>>>,
}

/// What a request has as a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// The hash of a key.
    Key(KeyHash),
    /// The name of a key, for what one with the key has submitted before.
    Name(KeyName),
    /// Nothing.
    Anonymous,
}

impl Caller {
    /// Creates a caller with a key, or without one. [`crate::domain::keys::key_store::KeyStore`] does this for
    /// requests.
    pub(crate) fn new(client: ClientIdentity, credential: Credential, key_name: KeyName) -> Self {
        Self { client, credential, key_name, rate: Arc::default() }
    }

    /// Creates a caller without a key.
    pub(crate) fn anonymous(client: ClientIdentity) -> Self {
        Self::new(client, Credential::Anonymous, KeyName::anonymous())
    }

    /// Returns the client at the other end.
    pub(crate) const fn client(&self) -> ClientIdentity {
        self.client
    }

    /// Returns the key in the request.
    pub(crate) const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Returns the name of the key.
    pub(crate) const fn key_name(&self) -> &KeyName {
        &self.key_name
    }

    /// Returns the name of the caller, `key:NAME` or an address: the daemon schedules fairly between these names, and
    /// what is stored for a caller is stored under it.
    pub(crate) fn tag(&self) -> String {
        match self.credential {
            Credential::Key(_) | Credential::Name(_) => format!("key:{}", self.key_name),
            Credential::Anonymous => self.client.tag(),
        }
    }

    /// Puts the caller into a request to the daemon. One with a key is in no network: it is the same client everywhere.
    pub(crate) fn sign(&self, request: &mut ExecuteRequest) {
        request.client = Some(self.tag());
        request.client_networks = match self.credential {
            Credential::Key(_) | Credential::Name(_) => Vec::new(),
            Credential::Anonymous => self.client.networks(),
        };
    }

    /// Stores the remaining rate.
    pub(crate) fn set_rate(&self, state: RateState) {
        *self.rate.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    /// Returns the remaining rate after the last execution, if there is a rate limit.
    pub(crate) fn rate(&self) -> Option<RateState> {
        *self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
