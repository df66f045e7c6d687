//! How fast the product is, beside the bare command and other ways to keep a program to itself; see
//! docs/performance.md.
//!
//! Everything is measured in one run, in rounds in which all ways take turns, so that whatever else this host does is
//! beside each of them. Nothing here reads what an earlier run has written: times of two runs can not be compared.

pub mod chart;
pub mod client;
pub mod groups;
pub mod growth;
pub mod load;
pub mod naive;
pub mod programs;
pub mod report;
pub mod rounds;
pub mod runner;
pub mod stand;
pub mod statistics;
pub mod surroundings;
pub mod sustained;

use std::io;

/// An error with what was done when it came.
pub(crate) fn at<T>(deed: &str, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{deed}: {error}")))
}
