//! The APIs that webd serves, one folder for each, and the table of all routes. JSON in, JSON out; everything else is in
//! `domain`.

pub(crate) mod error_format;
pub(crate) mod executor;
pub(crate) mod jobe;
pub(crate) mod judge0;
pub(crate) mod lenient_json;
pub(crate) mod mcp;
pub(crate) mod monitoring;
pub(crate) mod openapi;
pub(crate) mod piston;
pub(crate) mod route;
pub(crate) mod routes;
#[cfg(test)]
pub(crate) mod schema_test;
pub(crate) mod strict_json;
pub(crate) mod websocket_session;
