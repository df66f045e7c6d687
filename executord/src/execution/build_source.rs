//! Where the runs of an execution find what was compiled.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::execution::build_cache::CachedBuild;
use crate::failure::Failure;
use crate::pool::kept_build::KeptBuild;
use crate::pool::slot::Slot;

/// Where the runs find what was compiled.
pub(super) enum BuildSource<'a> {
    /// Nothing was: the language is interpreted.
    None,
    /// In the slot of this execution's compilation, which serves one run after the other.
    Slot(&'a Mutex<Slot>),
    /// In the slot of an earlier execution's compilation.
    BuildKept(Arc<KeptBuild>),
    /// In the build cache.
    Cache(Box<CachedBuild>),
}

impl BuildSource<'_> {
    /// Returns a mount of the build, for the sandbox of one run.
    pub(super) async fn mount(&self) -> Result<Option<OwnedFd>, Failure> {
        match self {
            Self::None => Ok(None),
            Self::Slot(slot) => Ok(Some(slot.lock().await.share_build().await?.0)),
            Self::BuildKept(build) => build.mount().await.map(Some),
            Self::Cache(build) => build.mount().await.map(Some),
        }
    }
}
