//! An admitted source file.

use bytes::Bytes;

use crate::admission::relative_path::RelativePath;

/// A source file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: RelativePath,
    pub(crate) content: Bytes,
}
