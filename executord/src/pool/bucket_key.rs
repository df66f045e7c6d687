//! The key of a bucket of the pool.

use crate::languages::toolchain::StageKind;

/// A stage of a language.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BucketKey {
    /// [`crate::languages::toolchain::Toolchain::id`].
    pub(crate) language: String,
    pub(crate) stage: StageKind,
}
