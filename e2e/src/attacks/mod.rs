//! Attacks on the whole product.
//!
//! A case comes from one of four places: programs that attack (`probes.json` and the
//! other JSON files of a collection), raw HTTP and socket cases (`protocol.json`), and the programs and cases of this repository in `e2e/attacks`, `own_wire` and `own_keys`. All are judged
//! by the response and by the state of the host afterwards.

pub mod collection;
pub mod expect;
pub mod fixtures;
pub mod host;
pub mod http_attacks;
pub mod judging;
pub mod own;
pub mod own_keys;
pub mod own_wire;
pub mod probe;
pub mod raw_http;
pub mod socket_attacks;
pub mod starters;
pub mod target;
pub mod verdict;
