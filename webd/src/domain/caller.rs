//! Who asks for an execution.

use protocol::ExecuteRequest;

use crate::domain::client_identity::ClientIdentity;

/// The origin of a request. Every request carries it as an extension, and a session keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    client: ClientIdentity,
}

impl Caller {
    /// Creates the caller at an address.
    pub(crate) const fn new(client: ClientIdentity) -> Self {
        Self { client }
    }

    /// Returns the client at the other end.
    pub(crate) const fn client(&self) -> ClientIdentity {
        self.client
    }

    /// Returns the name of the caller: the daemon schedules fairly between these names, and what is stored for a caller
    /// is stored under it.
    pub(crate) fn tag(&self) -> String {
        self.client.tag()
    }

    /// Puts the caller into a request to the daemon.
    pub(crate) fn sign(&self, request: &mut ExecuteRequest) {
        request.client = Some(self.tag());
        request.client_networks = self.client.networks();
    }
}
