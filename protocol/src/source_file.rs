//! Source file of a program, a checker or an interactor.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{MAX_FRAME, MAX_PATH};

/// Source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Path relative to the work directory, with `/` between components.
    #[serde(deserialize_with = "bounded::optional_string::<_, MAX_PATH>")]
    pub path: Option<String>,
    /// Content. The main file must not contain NUL.
    #[serde(deserialize_with = "bounded::bytes::<_, MAX_FRAME>")]
    pub content: Bytes,
}
