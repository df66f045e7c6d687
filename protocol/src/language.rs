//! What a client may know about a language.

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{MAX_ITEMS, MAX_TEXT};
use crate::limits::Limits;

/// A language of this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Language {
    /// What to write in a request.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub name: String,
    /// What to show to people.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub title: String,
    /// Other names that mean the same.
    #[serde(deserialize_with = "bounded::texts::<_, MAX_ITEMS, MAX_TEXT>")]
    pub aliases: Vec<String>,
    /// File name extensions without the dot, the usual one first.
    #[serde(deserialize_with = "bounded::texts::<_, MAX_ITEMS, MAX_TEXT>")]
    pub extensions: Vec<String>,
    /// What the main file is called when the client does not say.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub file_name: String,
    /// Whether programs can be run in it here.
    pub availability: Availability,
    /// What a run may use by default.
    pub limits: Limits,
    /// What a compilation may use, for a language that is compiled.
    pub compile_limits: Option<Limits>,
    /// Hints for an editor.
    pub editor: Editor,
    /// A small program that works.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub example: String,
}

/// Whether a toolchain was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Availability {
    /// It was, and this is what it says of its version.
    Available {
        /// One line.
        #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
        version: String,
    },
    /// It was not.
    Unavailable {
        /// What is missing.
        #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
        reason: String,
    },
}

/// Hints for an editor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Editor {
    /// The editor's name for the language's syntax, as Monaco calls it.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub mode: String,
    /// What starts a comment to the end of the line.
    #[serde(deserialize_with = "bounded::text::<_, MAX_TEXT>")]
    pub line_comment: String,
    /// Columns of one step of indentation.
    pub indent: u32,
}
