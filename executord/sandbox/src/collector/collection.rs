//! The order to a collector: the directory, the patterns and the bounds.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::archive::ArchiveLimits;
use super::pattern::OutputPattern;
use crate::plan::User;

/// The order to a collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// The user of the program.
    pub user: User,
    /// The directory to search.
    pub directory: CollectedDir,
    /// The files that are asked for.
    pub patterns: Vec<OutputPattern>,
    /// The bounds of the archive.
    pub limits: ArchiveLimits,
}

/// A directory of the sandbox that can be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CollectedDir {
    /// The work directory, `/box`.
    WorkDir,
    /// The build directory, `/build`.
    BuildDir,
}

impl CollectedDir {
    /// Returns its path. It is a mount point in a read-only directory of root, so no program can put anything in its place.
    const fn path(self) -> &'static str {
        match self {
            Self::WorkDir => "/box",
            // `/build` is a link to it.
            Self::BuildDir => "/mnt/build",
        }
    }

    pub(super) fn as_path(self) -> &'static Path {
        Path::new(self.path())
    }
}
