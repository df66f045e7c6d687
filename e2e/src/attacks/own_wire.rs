//! Our own attacks that are no programs: against webd, against the socket, and by local users.

use super::front::Sink;
use super::target::Target;

/// Run them.
pub async fn run(_target: &mut Target, _sink: &mut Sink<'_>) {}
