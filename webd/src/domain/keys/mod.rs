//! API keys: the client of a request, and its limits. No file here reads a file or knows HTTP.
//!
//! A key is looked up by the SHA-256 of the text that the client sent. The look-up is not constant-time and need not
//! be: its duration depends on bits of that hash only, and nobody can choose a text whose hash begins like that of a
//! key that he does not know.

pub(crate) mod account;
pub(crate) mod admission;
pub(crate) mod client_table;
pub(crate) mod key_ring;
pub(crate) mod key_store;
pub(crate) mod rate_limiter;
pub(crate) mod refusal;
pub(crate) mod session_tokens;
