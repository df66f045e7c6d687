//! Languages as clients see them.

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{MAX_ITEMS, MAX_OPTIONS, MAX_PACKAGE_SETS, MAX_TEXT};
use crate::limits::Limits;
use crate::options::LanguageOption;
use crate::packages::PackageSet;
use crate::toolchain::ArgumentPatterns;

/// Language of this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Language {
    /// Name for requests.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub name: String,
    /// Name to display.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub title: String,
    /// Other names for requests.
    #[serde(deserialize_with = "bounded::strings::<_, MAX_ITEMS, MAX_TEXT>")]
    pub aliases: Vec<String>,
    /// File name extensions without the dot, the usual one first.
    #[serde(deserialize_with = "bounded::strings::<_, MAX_ITEMS, MAX_TEXT>")]
    pub extensions: Vec<String>,
    /// Default name of the main file.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub file_name: String,
    /// Whether this host can run programs in it.
    pub availability: Availability,
    /// Default limits of a run.
    pub limits: Limits,
    /// Limits of a compilation; `None` for a language that is not compiled.
    pub compile_limits: Option<Limits>,
    /// Hints for an editor.
    pub editor: Editor,
    /// Small example program.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub example: String,
    /// Options that a request can set.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_OPTIONS>")]
    pub options: Vec<LanguageOption>,
    /// Arguments that a request can add to the commands.
    pub arguments: ArgumentPatterns,
    /// Name of the program that formats source code, or `None` if this host has none for the language.
    #[serde(deserialize_with = "bounded::optional_string::<_, MAX_TEXT>")]
    pub formatter: Option<String>,
    /// Versions that this host has, the newest first. The other fields describe the default version.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ITEMS>")]
    pub versions: Vec<ToolchainVersion>,
    /// Ids that the API of Judge0 has for it, besides those that webd knows.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ITEMS>")]
    pub judge0_ids: Vec<u32>,
    /// Package sets of the default version, the default set first.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_PACKAGE_SETS>")]
    pub packages: Vec<PackageSet>,
}

/// Version of a language on this host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolchainVersion {
    /// Version that the toolchain reports.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub version: String,
    /// Name to display, such as `Python (PyPy)`.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub title: String,
    /// Whether requests without a version use it.
    pub is_default: bool,
    /// Its package sets, the default set first.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_PACKAGE_SETS>")]
    pub packages: Vec<PackageSet>,
}

/// Whether the toolchain of a language is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Availability {
    /// The toolchain is installed.
    Available {
        /// Version that it reports, on one line.
        #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
        version: String,
    },
    /// The toolchain is not installed, or does not work.
    Unavailable {
        /// What is missing.
        #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
        reason: String,
    },
}

/// Hints for an editor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Editor {
    /// Name of the syntax in the Monaco editor.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub mode: String,
    /// Start of a comment that extends to the end of the line.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub line_comment: String,
    /// Columns per indentation level.
    pub indent: u32,
}
