//! Benchmark: the latency and throughput of Executor compared with the bare command and other ways to isolate a
//! program; see docs/performance.md.
//!
//! Everything is measured in one run, in rounds in which all variants take turns, so that other load on the host
//! affects each of them. Nothing here reads the results of an earlier run: times of two runs cannot be compared.

#![forbid(unsafe_code)]

pub mod bursts;
pub mod case;
pub mod chart;
pub mod client;
pub mod closed_loop;
pub mod daemon_pair;
pub mod groups;
pub mod growth;
pub mod host;
pub mod inputs;
pub mod keys;
pub mod load;
pub mod naive;
pub mod programs;
pub mod readme;
pub mod report;
pub mod rounds;
pub mod runner;
pub mod runs;
pub mod statistics;
pub mod summary;
pub mod sustained;
pub mod testbed;
pub mod variant;

use std::io;

/// Adds the operation that failed to an error.
pub(crate) fn at<T>(operation: &str, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{operation}: {error}")))
}
