//! The other end of a connection.

use std::net::IpAddr;

use hyper::HeaderMap;

use crate::domain::client_identity::{ClientIdentity, Network};

/// The address of the connection's other end: a client, or a proxy. Every request carries it as an extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Peer {
    /// Identifies the client of a request with these headers.
    pub(crate) fn client(self, headers: &HeaderMap, trusted_proxies: &[Network]) -> ClientIdentity {
        let values = headers.get_all("x-forwarded-for").iter();
        let forwarded_for: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
        ClientIdentity::new(self.0, &forwarded_for, trusted_proxies)
    }
}
