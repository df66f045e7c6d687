//! HTTP as a transport: listener and connection limits, middleware, request and response bodies, and the files of the
//! page.

pub(crate) mod accept_encoding;
pub(crate) mod authentication;
pub(crate) mod body_with;
pub(crate) mod chunked_body;
pub(crate) mod compression;
pub(crate) mod connection_guard;
pub(crate) mod connection_refusal;
pub(crate) mod connection_table;
pub(crate) mod counting_stream;
pub(crate) mod cross_site;
pub(crate) mod error;
pub(crate) mod middleware;
pub(crate) mod multipart;
pub(crate) mod peer;
pub(crate) mod quiet_stream;
pub(crate) mod request_body;
pub(crate) mod request_id;
pub(crate) mod server;
pub(crate) mod static_files;
pub(crate) mod unread_body;
pub(crate) mod websocket;
pub(crate) mod write_timeout;
