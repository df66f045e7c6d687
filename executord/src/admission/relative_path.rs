//! Paths that a request may contain.

use std::fmt;
use std::path::Path;

use protocol::bounds::MAX_PATH;

/// A path that stays inside the work directory and that no command mistakes for an option.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RelativePath(String);

/// Maximum number of components of a path.
const MAX_DEPTH: usize = 16;
/// Maximum number of bytes of a component: `NAME_MAX`, the limit of most file systems.
const MAX_COMPONENT: usize = 255;
/// Maximum number of bytes of a name from which a compiler makes those of other files.
const MAX_USUAL_NAME: usize = 100;

impl RelativePath {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn extension(&self) -> Option<&str> {
        Path::new(&self.0).extension()?.to_str()
    }

    /// Splits the path before its last part, the file name.
    pub(crate) fn split_directories(&self) -> (&str, &str) {
        self.0.split_at(self.0.rfind('/').map_or(0, |slash| slash + 1))
    }

    /// Returns whether every toolchain can be expected to take a file of this name, without its directories, for a source.
    pub(crate) fn has_usual_name(&self) -> bool {
        let (_, name) = self.split_directories();
        name.len() <= MAX_USUAL_NAME
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && is_usual(name)
    }

    /// Returns whether every toolchain can be expected to find a file in these directories.
    pub(crate) fn has_usual_directories(&self) -> bool {
        let (directories, _) = self.split_directories();
        directories.split('/').all(is_usual)
    }

    /// Returns the path without its extension.
    pub(crate) fn stem(&self) -> &str {
        let extension = self.extension().map_or(0, |extension| extension.len() + 1);
        &self.0[..self.0.len() - extension]
    }

    /// Returns whether `other` would be inside this path, if this path were a directory.
    pub(crate) fn is_above(&self, other: &Self) -> bool {
        other.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Returns whether a component has only characters that no command separates, expands, or takes for an address.
fn is_usual(component: &str) -> bool {
    component.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
}

impl fmt::Display for RelativePath {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl TryFrom<&str> for RelativePath {
    type Error = String;

    fn try_from(path: &str) -> Result<Self, String> {
        let refused = |why: &str| Err(format!("the file name {path:?} {why}"));
        if path.is_empty() {
            return Err("a file name is empty".to_owned());
        }
        if path.len() > MAX_PATH {
            return Err(format!("a file name is longer than {MAX_PATH} bytes"));
        }
        if path.starts_with('/') {
            return refused("is absolute; names are relative to the work directory");
        }
        if path.chars().any(char::is_control) {
            return refused("contains a control character");
        }
        if path.split('/').count() > MAX_DEPTH {
            return refused("has too many components");
        }
        for component in path.split('/') {
            match component {
                "" => return refused("has an empty component"),
                "." | ".." => return refused("contains . or .."),
                _ if component.len() > MAX_COMPONENT => return refused("has a component that is too long"),
                // Compilers would take such a name for an option, or for a file of options.
                _ if component.starts_with(['-', '@']) => {
                    return refused("has a component that begins with - or @");
                }
                _ => {}
            }
        }
        Ok(Self(path.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::RelativePath;
    use proptest::prelude::{any, proptest};
    use std::path::{Component, Path};

    #[test]
    fn paths_stay_in_the_work_directory() {
        fn check(path: &str, stays: bool) {
            assert_eq!(RelativePath::try_from(path).is_ok(), stays, "{path:?}");
        }
        for path in ["main.py", "a/b/c.txt", ".hidden", "Größe.txt", "a b", "..a", "a..", "con"] {
            check(path, true);
        }
        for path in [
            "",
            ".",
            "..",
            "/",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a/./b",
            "a//b",
            "a/",
            "./a",
            "a\0b",
            "a\nb",
            "-rf",
            "a/-x",
            "@file",
            "\u{7f}",
            "\u{1b}[31m",
        ] {
            check(path, false);
        }
        check(&"x".repeat(255), true);
        check(&"x".repeat(256), false);
        check(&["a"; 16].join("/"), true);
        check(&["a"; 17].join("/"), false);
    }

    #[test]
    fn a_path_is_above_what_it_contains() {
        let path = |text: &str| RelativePath::try_from(text).unwrap();
        assert!(path("a").is_above(&path("a/b")));
        assert!(!path("a").is_above(&path("ab")));
        assert!(!path("a").is_above(&path("a")));
    }

    proptest! {
        #[test]
        fn accepted_paths_have_only_normal_components(path in any::<String>()) {
            if let Ok(path) = RelativePath::try_from(&*path) {
                assert!(Path::new(path.as_str()).components().all(|part| matches!(part, Component::Normal(_))));
            }
        }
    }
}
