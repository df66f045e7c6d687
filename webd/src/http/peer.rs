//! The other end of a connection.

use std::net::IpAddr;

use hyper::HeaderMap;

use crate::domain::client_identity::{ClientIdentity, Network};

/// The address of the connection's other end: a client, or a proxy. Every request carries it as an extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Peer {
    /// Returns the client at the other end, or `None` if that is a trusted proxy, whose requests name their clients.
    pub(crate) fn direct_client(self, trusted_proxies: &[Network]) -> Option<ClientIdentity> {
        let is_proxy = Network::any_contains(trusted_proxies, self.0);
        (!is_proxy).then(|| ClientIdentity::new(self.0, &[], &[]))
    }

    /// Identifies the client of a request with these headers.
    pub(crate) fn client(self, headers: &HeaderMap, trusted_proxies: &[Network]) -> ClientIdentity {
        let values = headers.get_all("x-forwarded-for").iter();
        let forwarded_for: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
        ClientIdentity::new(self.0, &forwarded_for, trusted_proxies)
    }
}
