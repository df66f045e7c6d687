//! Raw frames against executord: the `socket` cases of `protocol.json`.

use std::io;
use std::path::Path;

use super::front::Sink;
use super::target::Target;

/// Run them.
///
/// # Errors
/// If there are none.
pub async fn run(
    _directory: &Path,
    _target: &mut Target,
    _seed: u64,
    _sink: &mut Sink<'_>,
) -> io::Result<()> {
    Ok(())
}
