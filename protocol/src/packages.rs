//! Package sets: packages that an administrator installed for the programs of a language.
//!
//! `executor packages` writes them, executord reads them, and clients choose one of them by its name.

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::bounds::{MAX_PACKAGE_SET_NAME, MAX_PACKAGES, MAX_TEXT};

/// Directory of all package sets, as `LANGUAGE/SET`. A language is named by its id: `python`, or `python@pypy` for a variant.
pub const PACKAGES: &str = "/opt/executor/packages";
/// File in the directory of a language that names its default set. Without it, the set [`DEFAULT_SET`] is the default.
pub const DEFAULT_FILE: &str = ".default";
/// Name of the set that is the default unless the administrator names another.
pub const DEFAULT_SET: &str = "default";
/// In a request, and in [`DEFAULT_FILE`]: no package set. No set has this name.
pub const NO_SET: &str = "none";
/// File in the directory of a set that describes it. The set exists if the file does.
pub const SET_FILE: &str = "set.json";
/// File in the directory of packages with the modules that a pre-warmed interpreter imports, each on a line.
pub const PRELOAD_FILE: &str = "preload";

/// Package set of a language, as clients see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageSet {
    /// Name in requests.
    #[serde(deserialize_with = "bounded::string::<_, MAX_PACKAGE_SET_NAME>")]
    pub name: String,
    /// Whether requests without a set use it.
    pub is_default: bool,
    /// What it contains, ordered by name.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_PACKAGES>")]
    pub packages: Vec<Package>,
}

/// Package of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Name, as its package manager knows it; that of a JAR file or of a directory without its version.
    #[serde(deserialize_with = "bounded::string::<_, MAX_TEXT>")]
    pub name: String,
    /// Version, if it has one.
    #[serde(deserialize_with = "bounded::optional_string::<_, MAX_TEXT>")]
    pub version: Option<String>,
}

/// What a language file says about package sets: its section `packages`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageSupport {
    /// How packages are installed.
    pub installer: Installer,
    /// Interpreter for which the packages of PyPI are installed.
    #[serde(default = "python")]
    pub interpreter: String,
    /// Where programs see the packages. It replaces a mount of the language with the same target.
    #[serde(default = "target")]
    pub target: String,
    /// Environment variables of programs with packages.
    #[serde(default)]
    pub environment: std::collections::BTreeMap<String, String>,
    /// What a set adds to `{libraries}` and `{each_library}`.
    #[serde(default)]
    pub libraries: Libraries,
    /// Whether a pre-warmed interpreter can import modules of a set before its program comes.
    #[serde(default)]
    pub preload: bool,
    /// Regular expression for the message about an import that failed. Group 1 is the module.
    pub missing: Option<String>,
}

fn python() -> String {
    "python3".to_owned()
}

fn target() -> String {
    "/packages".to_owned()
}

/// How the packages of a language are installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Installer {
    /// Wheels of PyPI.
    Pip,
    /// Packages of npm, without their scripts.
    Npm,
    /// Copies of JAR files.
    Jar,
    /// Copies of directories of headers.
    Headers,
}

impl Installer {
    /// Returns the part of the directory of packages that programs see; empty for all of it.
    #[must_use]
    pub const fn subdirectory(self) -> &'static str {
        match self {
            Self::Npm => "node_modules",
            Self::Pip | Self::Jar | Self::Headers => "",
        }
    }
}

/// What a package set adds to the libraries of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Libraries {
    /// Nothing.
    #[default]
    None,
    /// The directory of the set.
    Directory,
    /// Each file of the set.
    Files,
}

/// Description of a package set on the host: [`SET_FILE`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetFile {
    /// Directory of the packages, in that of the set. Each installation has a new one, because programs may use the old one.
    pub directory: String,
    /// What the administrator asked for, so that packages can be added later.
    pub requested: Vec<String>,
    /// What is installed, ordered by name.
    pub packages: Vec<InstalledPackage>,
    /// Modules that pre-warmed interpreters import.
    #[serde(default)]
    pub preload: Vec<String>,
}

/// Package in a [`SetFile`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstalledPackage {
    /// See [`Package::name`].
    pub name: String,
    /// See [`Package::version`].
    pub version: Option<String>,
    /// Names by which programs import it.
    #[serde(default)]
    pub modules: Vec<String>,
    /// The file in the directory of the packages, if it is one.
    #[serde(default)]
    pub file: Option<String>,
}

impl SetFile {
    /// Checks what executord makes paths and arguments of.
    ///
    /// # Errors
    /// A message with the field.
    pub fn check(&self) -> Result<(), String> {
        if self.packages.len() > MAX_PACKAGES {
            return Err(format!("packages: must be at most {MAX_PACKAGES}"));
        }
        if !is_file_name(&self.directory) {
            return Err(format!("directory: {:?} is not the name of a directory", self.directory));
        }
        match self
            .packages
            .iter()
            .filter_map(|package| package.file.as_ref())
            .find(|file| !is_file_name(file))
        {
            Some(file) => Err(format!("packages: {file:?} is not the name of a file")),
            None => Ok(()),
        }
    }

    /// Returns the set as clients see it.
    #[must_use]
    pub fn describe(&self, name: &str, is_default: bool) -> PackageSet {
        let packages = self.packages.iter();
        let packages =
            packages.map(|package| Package { name: package.name.clone(), version: package.version.clone() });
        PackageSet { name: name.to_owned(), is_default, packages: packages.collect() }
    }
}

/// Returns whether a text can be the name of a package set: lower-case letters, digits and `-`, `_`, a letter or a digit first,
/// and not [`NO_SET`].
#[must_use]
pub fn is_set_name(text: &str) -> bool {
    let is_allowed =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter);
    text.len() <= MAX_PACKAGE_SET_NAME
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(is_allowed)
        && text != NO_SET
}

/// Returns whether a text can be the name of a file of a package set: letters, digits and `.`, `_`, `+`, `-`, a letter or a digit
/// first. So it can be a part of a search path and of a command.
#[must_use]
pub fn is_file_name(text: &str) -> bool {
    text.len() <= 255
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "._+-".contains(letter))
}

impl PackageSupport {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// A message for the author of the language file, which begins with the key.
    pub fn check(&self) -> Result<(), String> {
        if !self.target.starts_with('/') || self.target.contains(':') || self.target.contains("..") {
            return Err("packages.target: must be an absolute path without ':' and '..'".to_owned());
        }
        let is_program = self.interpreter.starts_with(|first: char| first.is_ascii_alphanumeric())
            && is_file_name(&self.interpreter);
        if !is_program {
            return Err("packages.interpreter: must be the name of a program".to_owned());
        }
        Ok(())
    }
}

/// Name of a package set, checked when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetName(String);

impl SetName {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for SetName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_set_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{text:?} is not the name of a package set: lower-case letters, digits and '-', '_', at most \
             {MAX_PACKAGE_SET_NAME}, and not {NO_SET:?}"
        ))
    }
}

impl<'de> Deserialize<'de> for SetName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
