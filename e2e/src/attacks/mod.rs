//! Attacks on the whole product, and whether they were refused.
//!
//! A case comes from one of four places: programs that attack (`probes.json`), raw HTTP and socket cases
//! (`protocol.json`), and our own programs and cases in `e2e/attacks` and `own_wire`. All are judged alike: by what
//! came back, and by what is to be seen on the host afterwards.

pub mod expect;
pub mod fixtures;
pub mod host;
pub mod http_attacks;
pub mod own;
pub mod own_wire;
pub mod probe;
pub mod raw_http;
pub mod socket_attacks;
pub mod target;
pub mod verdict;
