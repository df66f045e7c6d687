//! Raw HTTP against webd: the `http` cases of `protocol.json`.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::target::Target;
use super::verdict::Verdict;

/// Where verdicts go, and which cases are wanted.
pub struct Sink<'a> {
    /// Takes a verdict.
    pub note: &'a mut (dyn FnMut(Verdict) + Send),
    /// Takes the name of a case that was left out.
    pub left_out: &'a mut Vec<String>,
    /// Whether a case of that name and class is wanted.
    pub wanted: &'a (dyn Fn(&str, &str) -> bool + Sync),
    /// Cases that take longer are left out.
    pub patience: Duration,
}

/// Run them.
///
/// # Errors
/// If there are none.
pub async fn run(_directory: &Path, _target: &Target, _sink: &mut Sink<'_>) -> io::Result<()> {
    Ok(())
}
