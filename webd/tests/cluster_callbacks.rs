//! The tests of callbacks with the store of many servers: the same API, and the same tests.

#![forbid(unsafe_code)]
#![cfg(feature = "cluster")]

#[path = "callbacks.rs"]
mod callbacks;
