//! The slots of this host and the sandboxes in them: free, pre-warmed for a language, or in use by an execution.

pub(crate) mod demand;
pub(crate) mod reaper;
pub(crate) mod sandbox;
pub(crate) mod sandbox_pool;
pub(crate) mod slot;
