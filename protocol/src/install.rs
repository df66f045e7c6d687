//! What a language needs on a host, as its language file says: packages of Debian, npm and PyPI.
//!
//! The names become arguments of package managers that run as root, so they are checked when a file is read.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer};

/// Maximum length of the name of a package, in bytes.
const MAX_PACKAGE_NAME: usize = 128;
/// Maximum number of packages of each kind in a language file.
const MAX_PACKAGES: usize = 64;

/// The section `install` of a language file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Install {
    /// Packages of Debian.
    pub apt: Vec<AptPackage>,
    /// Packages of npm, which are installed for all users of the host.
    pub npm: Vec<NpmPackage>,
    /// Packages of PyPI, each with its version. They are installed into the directory of the toolchain.
    pub pip: Vec<PipPackage>,
    /// Directory below [`TOOLCHAINS`] for the packages of PyPI: `NAME/VERSION`.
    pub toolchain: Option<ToolchainDirectory>,
    /// Programs of the language's launcher that root runs after each installation.
    pub after: Vec<LauncherProgram>,
}

/// Directory of toolchains that are not packages of the host. Programs see only what their language file mounts.
pub const TOOLCHAINS: &str = "/opt/executor/toolchains";

impl Install {
    /// Checks the properties that the types do not ensure.
    ///
    /// # Errors
    /// A message for the author of the file, which begins with the key.
    pub fn check(&self) -> Result<(), String> {
        let counts = [("apt", self.apt.len()), ("npm", self.npm.len()), ("pip", self.pip.len())];
        if let Some((kind, _)) = counts.iter().find(|(_, count)| *count > MAX_PACKAGES) {
            return Err(format!("install.{kind}: must have at most {MAX_PACKAGES} packages"));
        }
        if self.pip.is_empty() != self.toolchain.is_none() {
            return Err(
                "install.toolchain: is required with install.pip, and has no effect without it".to_owned()
            );
        }
        Ok(())
    }

    /// Returns whether the language needs nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.apt.is_empty() && self.npm.is_empty() && self.pip.is_empty()
    }
}

/// Defines a text that is checked when it is read.
macro_rules! checked_text {
    ($(#[$documentation:meta])* $name:ident, $is_valid:expr, $expected:literal) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if text.len() <= MAX_PACKAGE_NAME && is_valid(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(format!("{text:?} is not {}", $expected))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

checked_text!(
    /// Name of a package of Debian (Debian policy, 5.6.1). A final `-` would make apt-get(8) remove the package.
    AptPackage,
    |text| text.len() >= 2 && is_word(text, "+.-") && !text.ends_with('-') && !text.contains(char::is_uppercase),
    "the name of a package of Debian: lower-case letters, digits and '+', '.', '-'"
);
checked_text!(
    /// Name of a package of npm, with or without a version: `lodash`, `@types/node@20.19.43`.
    NpmPackage,
    |text| {
        let (scope, name) = match text.strip_prefix('@').map(|text| text.split_once('/')) {
            None => (None, text),
            Some(Some((scope, name))) => (Some(scope), name),
            Some(None) => return false,
        };
        let (name, version) = name.split_once('@').map_or((name, None), |(name, version)| (name, Some(version)));
        scope.is_none_or(|scope| is_word(scope, "._-"))
            && is_word(name, "._-")
            && version.is_none_or(|version| is_word(version, ".+-"))
    },
    "the name of a package of npm, such as lodash, lodash@4.17.21 or @types/node"
);
checked_text!(
    /// Name of a package of PyPI, with or without a version: `numpy`, `numpy==2.1.0`.
    PipPackage,
    |text| {
        let (name, version) = text.split_once("==").map_or((text, None), |(name, version)| (name, Some(version)));
        is_word(name, "._-") && version.is_none_or(|version| is_word(version, ".+!_-"))
    },
    "the name of a package of PyPI, such as numpy or numpy==2.1.0"
);
checked_text!(
    /// Directory of a toolchain, relative to [`TOOLCHAINS`]: `NAME/VERSION`.
    ToolchainDirectory,
    |text| text.split_once('/').is_some_and(|(name, version)| is_word(name, "._+-") && is_word(version, "._+-")),
    "a directory NAME/VERSION of letters, digits and '.', '_', '+', '-'"
);
checked_text!(
    /// Name of a program in the launcher directory of a language.
    LauncherProgram,
    |text| is_word(text, "_-"),
    "the name of a program in the launcher of the language"
);

/// Returns whether a text begins with a letter or a digit and consists of these and of `others`.
fn is_word(text: &str, others: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || others.contains(letter))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn check<Text: FromStr>(valid: &[&str], invalid: &[&str]) {
        for text in valid {
            assert!(Text::from_str(text).is_ok(), "{text:?} is refused");
        }
        let long = "a".repeat(MAX_PACKAGE_NAME + 1);
        for text in invalid.iter().copied().chain([
            "",
            "-y",
            "--download-only",
            "a b",
            "a;b",
            "a\nb",
            "ä",
            "../a",
            &*long,
        ]) {
            assert!(Text::from_str(text).is_err(), "{text:?} is accepted");
        }
    }

    #[test]
    fn names_of_packages_cannot_be_anything_else() {
        check::<AptPackage>(
            &["gcc", "g++-11", "libpython3-dev", "lua5.4", "openjdk-17-jdk-headless"],
            &["g", "gcc-", "Gcc", "gcc/testing", "gcc=1", "gcc:i386", "./a.deb", "gcc*"],
        );
        check::<NpmPackage>(
            &["lodash", "lodash@4.17.21", "@types/node", "@types/node@20.19.43", "typescript@7.0.2-rc.1"],
            &["@types", "@/a", "@a/", "a/b", "a@", "a@b@c", "git+ssh://a", "file:a", "a@file:b", "a@../b"],
        );
        check::<PipPackage>(
            &["numpy", "numpy==2.1.0", "scikit-learn", "ziglang==0.13.0", "a==1!2.0+x"],
            &["numpy>=1", "numpy==", "a @ file:b", "a[b]", "./a", "-r", "git+https://a", "a==1==2"],
        );
        check::<ToolchainDirectory>(
            &["zig/0.13.0", "c++/11"],
            &["zig", "zig/", "/zig", "zig/..", "a/b/c", "zig/.x"],
        );
        check::<LauncherProgram>(&["archive", "record"], &["a/b", ".a", "a.b"]);
    }

    #[test]
    fn packages_of_pypi_have_a_directory() {
        let install = |text: &str| toml::from_str::<Install>(text).map_err(|error| error.to_string());
        assert_eq!(install("apt = [\"gcc\"]").unwrap().check(), Ok(()));
        assert_eq!(install("pip = [\"a==1\"]\ntoolchain = \"a/1\"").unwrap().check(), Ok(()));
        assert!(install("pip = [\"a==1\"]").unwrap().check().unwrap_err().starts_with("install.toolchain: "));
        assert!(install("apt = [\"--yes\"]").unwrap_err().contains("is not the name of a package of Debian"));
        assert!(install("gem = [\"a\"]").unwrap_err().contains("unknown field `gem`"));
        let many = Install { apt: vec!["gcc".parse().unwrap(); MAX_PACKAGES + 1], ..Install::default() };
        assert!(many.check().unwrap_err().starts_with("install.apt: "));
    }
}
