//! Checks of the repository that the compiler does not make. `make lint` runs them all, `cargo run -p tidy -- CHECK` runs
//! one.
//!
//! | check | finds |
//! |---|---|
//! | `graph` | cycles between the files of a crate |
//! | `layers` | dependencies between crates and folders that the architecture does not allow, `unsafe` in other places |
//! | `words` | names and phrases that `tidy/words.toml` rejects |
//! | `links` | relative links and anchors in Markdown that lead nowhere |
//! | `monitoring` | metrics in dashboards and alert rules that are not documented |
//! | `failures` | failures in docs/cluster.md without a test |
//! | `languages` | rows of the list of languages that differ from the language files |
//! | `docs` | keys, error codes, metrics, tests and limits that the documentation and the code do not share |

#![forbid(unsafe_code)]

pub mod documentation;
pub mod failures;
pub mod finding;
pub mod graph;
pub mod language_list;
pub mod layers;
pub mod links;
pub mod markdown;
pub mod monitoring;
pub mod repository;
pub mod rust;
pub mod text;
pub mod words;

use std::io;

use finding::Finding;
use repository::Repository;

/// A check of the whole repository.
pub type Check = fn(&Repository) -> io::Result<Vec<Finding>>;

/// All checks by name.
pub const CHECKS: [(&str, Check); 8] = [
    ("graph", graph::check),
    ("layers", layers::check),
    ("words", words::check),
    ("links", links::check),
    ("docs", documentation::check),
    ("monitoring", monitoring::check),
    ("failures", failures::check),
    ("languages", language_list::check),
];
