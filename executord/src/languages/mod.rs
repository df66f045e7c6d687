//! Languages. Each is a data file; see docs/languages.md for its format.

pub(crate) mod format;
mod host;
pub(crate) mod load;
pub(crate) mod registry;
#[cfg(test)]
pub(crate) mod shipped;
pub(crate) mod toolchain;
