//! The APIs that webd serves, one folder for each, and the table of all routes.

pub(crate) mod executor;
pub mod openapi;
pub mod routes;
