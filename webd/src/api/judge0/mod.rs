//! The API of Judge0 CE, version 1.13.1: programs are submitted, and their results fetched by token.

mod attributes;
mod authentication;
mod callback;
pub(crate) mod error;
pub(crate) mod fields;
mod information;
mod language;
mod languages;
mod limits;
mod parameters;
pub(crate) mod routes;
mod runner;
mod status;
pub(crate) mod submission;
mod submissions;
