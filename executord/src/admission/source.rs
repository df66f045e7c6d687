//! An admitted source file.

use std::sync::Arc;

use bytes::Bytes;

use crate::admission::relative_path::RelativePath;
use crate::uploads::Upload;

/// Name of the archive of a request in the work directory, until it is unpacked.
pub(crate) const ARCHIVE: &str = ".archive.zip";

/// A source file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: RelativePath,
    pub(crate) content: Content,
}

/// The content of a source file.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Bytes(Bytes),
    /// The uploaded stdin of a run, for what judges the run.
    Upload(Arc<Upload>),
}

impl Content {
    /// Returns its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Upload(upload) => upload.length,
        }
    }

    /// Returns the bytes, unless it is an upload.
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Upload(_) => None,
        }
    }

    /// Returns the upload, if it is one.
    pub(crate) fn upload(&self) -> Option<&Upload> {
        match self {
            Self::Bytes(_) => None,
            Self::Upload(upload) => Some(upload),
        }
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}
