//! The package sets of a language: which are installed, which one a request gets, and what is said after an import that failed.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use protocol::PackageSet;
use protocol::bounds::{MAX_HINT, MAX_PACKAGE_SETS};
use protocol::packages::{
    DEFAULT_FILE, DEFAULT_SET, Libraries, NO_SET, PackageSupport, SET_FILE, SetFile, is_set_name,
};
use regex::Regex;
use tracing::warn;

use crate::languages::format::MountAt;

/// Maximum size of the description of a set, in bytes: that of the most packages.
const MAX_SET_FILE: u64 = 1024 * 1024;

/// How a language uses package sets, and the sets that are installed for it.
#[derive(Clone, Debug)]
pub(crate) struct Packages {
    pub(super) support: PackageSupport,
    /// The message about an import that failed.
    missing: Option<Regex>,
    /// The default set first, then by name.
    sets: Vec<InstalledSet>,
}

/// A package set that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstalledSet {
    pub(super) name: String,
    pub(super) is_default: bool,
    /// Directory of its packages on the host.
    directory: PathBuf,
    file: SetFile,
}

impl Packages {
    /// Finds the sets that are installed for the language `id` below `root`. A set that cannot be used is left out, and the log
    /// has the reason.
    ///
    /// # Errors
    /// A message for the author of the language file, which begins with the key.
    pub(super) fn find(support: PackageSupport, root: &Path, id: &str) -> Result<Self, String> {
        support.check()?;
        let missing = support.missing.as_deref().map(Regex::new).transpose();
        let missing = missing.map_err(|error| format!("packages.missing: {error}"))?;
        let sets = installed_sets(&root.join(id));
        Ok(Self { support, missing, sets })
    }

    pub(super) fn sets(&self) -> &[InstalledSet] {
        &self.sets
    }

    /// Returns whether requests without a set get one.
    pub(super) fn has_default(&self) -> bool {
        self.sets.iter().any(|set| set.is_default)
    }

    /// Returns what clients may know of the sets.
    pub(super) fn describe(&self) -> Vec<PackageSet> {
        self.sets.iter().map(|set| set.file.describe(&set.name, set.is_default)).collect()
    }

    /// Returns a mount of a set.
    pub(super) fn mount(&self, set: &InstalledSet) -> MountAt {
        let source = set.directory.join(self.support.installer.subdirectory());
        MountAt { source, target: self.support.target.clone().into(), executable: true }
    }

    /// Returns what a set adds to the libraries of a command: paths in the sandbox.
    pub(super) fn libraries(&self, set: &InstalledSet) -> Vec<PathBuf> {
        let target = Path::new(&self.support.target);
        match self.support.libraries {
            Libraries::None => Vec::new(),
            Libraries::Directory => vec![target.to_owned()],
            Libraries::Files => set
                .file
                .packages
                .iter()
                .filter_map(|package| Some(target.join(package.file.as_ref()?)))
                .collect(),
        }
    }

    /// Returns what may help with an import that failed, if `text` is the message about one. `chosen` is the set that the program
    /// had.
    pub(super) fn hint(&self, title: &str, chosen: Option<&str>, text: &str) -> Option<String> {
        let captures = self.missing.as_ref()?.captures(text)?;
        let module = captures.get(1)?.as_str();
        let others: Vec<_> = self.sets.iter().filter(|set| Some(&*set.name) != chosen).collect();
        if self.sets.is_empty() {
            return None;
        }
        if let Some(set) = others.iter().find(|set| set.has_module(module)) {
            return Some(shortened(format!("{module} is in the package set {} of {title}", set.name)));
        }
        let names: Vec<_> = self.sets.iter().map(InstalledSet::summary).collect();
        let names = names.join("; ");
        Some(shortened(format!(
            "no package set of {title} on this server has {module}; it has the sets: {names}"
        )))
    }
}

impl InstalledSet {
    fn has_module(&self, module: &str) -> bool {
        let first = module.split(['.', '/']).next().unwrap_or(module);
        self.file.packages.iter().any(|package| {
            let names = package.modules.iter().chain([&package.name]);
            names.into_iter().any(|name| name == module || name == first)
        })
    }

    /// Returns the name, and its first packages.
    fn summary(&self) -> String {
        const LISTED: usize = 8;
        let mut names: Vec<_> = self.file.packages.iter().map(|package| package.name.as_str()).collect();
        if names.len() > LISTED {
            names.truncate(LISTED);
            names.push("…");
        }
        format!("{} ({})", self.name, names.join(", "))
    }
}

/// Returns a hint that fits into its bound.
fn shortened(mut hint: String) -> String {
    if hint.len() > MAX_HINT {
        let longest = MAX_HINT - '…'.len_utf8();
        let end = (0..=longest).rev().find(|&index| hint.is_char_boundary(index)).unwrap_or(0);
        hint.truncate(end);
        hint.push('…');
    }
    hint.replace('\n', " ")
}

/// Returns the set that a request gets: the requested one, or the default one if it requests none, or `None`.
///
/// # Errors
/// A message for the client, if there is no such set.
pub(super) fn choose<'a>(
    packages: Option<&'a Packages>,
    title: &str,
    requested: Option<&str>,
) -> Result<Option<&'a InstalledSet>, String> {
    let sets = packages.map_or(&[][..], Packages::sets);
    match requested {
        None => Ok(sets.iter().find(|set| set.is_default)),
        Some(NO_SET) => Ok(None),
        Some(name) => match sets.iter().find(|set| set.name == name) {
            Some(set) => Ok(Some(set)),
            None if sets.is_empty() => {
                Err(format!("`packages`: there is no package set {name:?}; this server has none for {title}"))
            }
            None => {
                let names: Vec<_> = sets.iter().map(|set| set.name.as_str()).chain([NO_SET]).collect();
                let names = names.join(", ");
                Err(format!("`packages`: there is no package set {name:?} of {title}; available: {names}"))
            }
        },
    }
}

fn installed_sets(directory: &Path) -> Vec<InstalledSet> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<_> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.retain(|name| is_set_name(name) && directory.join(name).join(SET_FILE).is_file());
    names.sort();
    names.truncate(MAX_PACKAGE_SETS);
    let default = read_bounded(&directory.join(DEFAULT_FILE)).map(|text| text.trim().to_owned());
    let default = default.unwrap_or_else(|_| DEFAULT_SET.to_owned());
    let mut sets = Vec::new();
    for name in names {
        match read_set(&directory.join(&name)) {
            Ok((packages, file)) => {
                sets.push(InstalledSet { is_default: name == default, name, directory: packages, file });
            }
            Err(problem) => warn!(problem, "cannot use package set {}", directory.join(&name).display()),
        }
    }
    sets.sort_by(|one, other| (!one.is_default, &one.name).cmp(&(!other.is_default, &other.name)));
    sets
}

/// Returns the directory of the packages of a set, and its description.
fn read_set(directory: &Path) -> Result<(PathBuf, SetFile), String> {
    check_owner(directory)?;
    let text = read_bounded(&directory.join(SET_FILE)).map_err(|error| error.to_string())?;
    let file: SetFile = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    file.check()?;
    let packages = directory.join(&file.directory);
    check_owner(&packages)?;
    Ok((packages, file))
}

/// Checks that only root can write to a directory of packages.
pub(crate) fn check_owner(directory: &Path) -> Result<(), String> {
    let metadata =
        directory.symlink_metadata().map_err(|error| format!("{}: {error}", directory.display()))?;
    let is_ours = metadata.uid() == 0 || metadata.uid() == geteuid().as_raw();
    if metadata.is_dir() && is_ours && metadata.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(format!("{} must be a directory that only root can write to", directory.display()))
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_SET_FILE).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
