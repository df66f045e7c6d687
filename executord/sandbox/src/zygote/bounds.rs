//! What bounds a zygote, for its supervisor and for the daemon that expects it to exist.

use std::ffi::CStr;
use std::time::Duration;

/// Maximum age of a zygote when it forks: files of the host that it has read may have changed since.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(600);
/// Maximum number of sandboxes that are forked from one zygote: they share what it chose at random. Starting another one takes
/// about as much CPU time as four forks.
pub(crate) const MAX_FORKS: u32 = 256;
/// Time without a sandbox after which a zygote is ended, in milliseconds.
pub(crate) const MAX_IDLE: u16 = 30_000;
/// The same as a duration.
pub const ZYGOTE_IDLE_TIME: Duration = Duration::from_millis(MAX_IDLE as u64);
/// The most zygotes of a slot. One for each language would hold much memory in each slot, and with one in all, two languages
/// that take turns would each time start another.
pub(crate) const MAX_ZYGOTES: usize = 2;

/// Where a zygote may write files until it is ready: its own file system, which its forks do not have.
pub(super) const TEMPORARY_DIRECTORY: &CStr = c"/tmp";
