//! HTTP as a transport: listener and connection limits, middleware, bodies, and the files of the page.

pub(crate) mod body;
pub(crate) mod door;
pub(crate) mod error;
pub(crate) mod metered;
pub(crate) mod pace;
pub(crate) mod pieces;
pub mod server;
pub(crate) mod static_files;
