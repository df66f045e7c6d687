//! The tests of submissions with the store of many servers: the same API, and the same tests.

#![forbid(unsafe_code)]
#![cfg(feature = "cluster")]

#[path = "submissions.rs"]
mod submissions;
