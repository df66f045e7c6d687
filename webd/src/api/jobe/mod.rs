//! The API of Jobe, version 2.2: what Moodle's CodeRunner runs programs with.

pub(crate) mod answer;
pub(crate) mod defaults;
pub(crate) mod error;
mod files;
mod languages;
mod parameters;
pub(crate) mod routes;
mod run_spec;
mod runs;
