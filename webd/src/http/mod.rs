//! HTTP as a transport: listener and connection limits, middleware, request and response bodies, and the files of the
//! page.

pub(crate) mod chunked_body;
pub(crate) mod connection_guard;
pub(crate) mod counting_stream;
pub(crate) mod error;
pub(crate) mod middleware;
pub(crate) mod peer;
pub(crate) mod request_body;
pub(crate) mod server;
pub(crate) mod static_files;
pub(crate) mod timed_body;
pub(crate) mod write_timeout;
