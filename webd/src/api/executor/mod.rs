//! Executor's own API: `/api/execute`, `/api/session` and `/api/languages`.

pub(crate) mod answer;
pub(crate) mod execute;
pub(crate) mod frames;
pub(crate) mod handshake;
pub(crate) mod languages;
pub(crate) mod request;
pub(crate) mod session;
pub(crate) mod stream;
pub(crate) mod strict;
