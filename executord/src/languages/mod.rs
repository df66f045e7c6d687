//! Languages. Each is a data file; see docs/languages.md for its format.

pub(crate) mod arguments;
mod file_check;
pub(crate) mod format;
mod formatter;
mod host;
mod line_of;
pub(crate) mod load;
mod option_check;
mod option_format;
pub(crate) mod options;
pub(crate) mod packages;
mod probed_version;
pub(crate) mod registry;
#[cfg(test)]
pub(crate) mod shipped;
mod stage_kind;
pub(crate) mod toolchain;
