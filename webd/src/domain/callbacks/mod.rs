//! Callbacks: requests that webd sends to a URL that a client named.
//!
//! [`url`] decides which URLs are accepted, [`address`] to which addresses a connection may go, and [`client`] sends one
//! request. A client must not be able to reach what only this host can reach: see `docs/threat-model.md`.

pub(crate) mod address;
pub(crate) mod client;
pub(crate) mod tls;
pub(crate) mod url;
