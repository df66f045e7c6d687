//! An admitted execution. The types are the proof that everything was checked; nothing checks it again.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{ExecutionId, Limits, RunRequest};

use crate::admission::relative_path::RelativePath;
use crate::languages::toolchain::Toolchain;
use crate::queue::ClientKey;

/// An admitted execution.
#[derive(Debug)]
pub(crate) struct Job {
    /// Names the execution in events, in the log and in the audit log.
    pub(crate) id: ExecutionId,
    pub(crate) toolchain: Arc<Toolchain>,
    /// The main file first.
    pub(crate) sources: Vec<Source>,
    pub(crate) runs: Vec<RunRequest>,
    pub(crate) limits: Limits,
    /// The client that requested it, or `None` for an internal job.
    pub(crate) client: Option<ClientKey>,
}

/// A source file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: RelativePath,
    pub(crate) content: Bytes,
}
