//! The Model Context Protocol at `/mcp`, for AI agents. The crate `mcp` has the tools; this module brings them to HTTP, with
//! the keys, limits and memory of every other request.

pub(crate) mod backend;
pub(crate) mod endpoint;
pub(crate) mod message;
pub(crate) mod routes;
