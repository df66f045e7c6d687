//! `executor run` against a scripted executord.

#![forbid(unsafe_code)]

#[path = "../fake_daemon/mod.rs"]
mod fake_daemon;
mod interaction;
mod output_files;
mod request;
mod results;
