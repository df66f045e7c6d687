//! `executor packages add`.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use clap::Args;
use protocol::install::{NpmPackage, PipPackage};
use protocol::packages::{
    DEFAULT_SET, InstalledPackage, Installer as Kind, PRELOAD_FILE, PackageSupport, SetFile, SetName,
};

use crate::failure::Failure;
use crate::install::language_files::LanguageFile;
use crate::packages::copies::{copy_headers, copy_jar, copy_tree};
use crate::packages::installer::Installer;
use crate::packages::listing::summary;
use crate::packages::store::{LockedLanguage, Store};

/// Arguments of `executor packages add`.
#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// Name or alias of the language; NAME@VARIANT is another version of a language
    pub(super) language: String,
    /// Packages: names of PyPI (numpy, numpy==2.1.0) or npm (lodash, lodash@4.17.21), JAR files, or directories of headers
    #[arg(required = true, value_name = "PACKAGE")]
    packages: Vec<String>,
    /// Package set to install into
    #[arg(long, value_name = "NAME", default_value = DEFAULT_SET)]
    set: SetName,
    /// Module that pre-warmed interpreters import before a program comes; can be repeated
    #[arg(long, value_name = "MODULE")]
    preload: Vec<String>,
    /// User who runs the package manager
    #[arg(long, value_name = "NAME", default_value = "executor-packages")]
    user: String,
}

/// Installs packages, and returns what to tell the administrator.
pub(super) fn add(
    store: &Store,
    file: &LanguageFile,
    support: &PackageSupport,
    arguments: &AddArguments,
) -> Result<String, Failure> {
    support.check().map_err(Failure::Usage)?;
    check_preload(&arguments.preload, support).map_err(Failure::Usage)?;
    let name = arguments.set.as_str();
    let language = store.lock(&file.id()).map_err(Failure::Local)?;
    let old = language.read(name).map_err(Failure::Local)?;
    let requested = old.iter().flat_map(|(file, _)| file.requested.clone()).collect();
    let requested = merged(support.installer, requested, &arguments.packages).map_err(Failure::Usage)?;
    let mut preload = old.iter().flat_map(|(file, _)| file.preload.clone()).collect::<Vec<_>>();
    preload.extend(
        arguments.preload.iter().filter(|module| !preload.contains(module)).cloned().collect::<Vec<_>>(),
    );
    let packages = install(
        &language,
        name,
        support,
        old,
        arguments,
        SetFile { requested, preload, ..SetFile::default() },
    );
    let set = packages.map_err(Failure::Local)?.describe(name, false);
    Ok(format!("{} has the package set {}", file.title, summary(&set)))
}

/// Installs a set next to the one that it replaces.
fn install(
    language: &LockedLanguage,
    name: &str,
    support: &PackageSupport,
    old: Option<(SetFile, PathBuf)>,
    arguments: &AddArguments,
    set: SetFile,
) -> Result<SetFile, String> {
    let new = language.begin(name)?;
    let directory = new.directory();
    let filled = match support.installer {
        Kind::Pip | Kind::Npm => download(support, &directory, &arguments.user, &set.requested),
        Kind::Jar | Kind::Headers => copy(support.installer, &directory, old, &arguments.packages),
    };
    let finished = filled.and_then(|packages| {
        if !set.preload.is_empty() {
            let modules = set.preload.join("\n");
            std::fs::write(directory.join(PRELOAD_FILE), modules)
                .map_err(|error| format!("write {PRELOAD_FILE}: {error}"))?;
        }
        let set = SetFile { packages, ..set };
        new.finish(set.clone())?;
        Ok(set)
    });
    if finished.is_err() {
        new.abandon();
    }
    finished
}

fn download(
    support: &PackageSupport,
    directory: &Path,
    user: &str,
    names: &[String],
) -> Result<Vec<InstalledPackage>, String> {
    let installer = Installer::new(user, directory.to_owned())?;
    let packages = match support.installer {
        Kind::Npm => installer.npm(names)?,
        _ => installer.pip(&support.interpreter, &support.target, names)?,
    };
    installer.seal()?;
    Ok(packages)
}

/// Copies the files of the old set and the new ones.
fn copy(
    kind: Kind,
    directory: &Path,
    old: Option<(SetFile, PathBuf)>,
    paths: &[String],
) -> Result<Vec<InstalledPackage>, String> {
    let mut packages = Vec::new();
    if let Some((file, files)) = old {
        copy_tree(&files, directory)?;
        packages = file.packages;
    }
    for path in paths.iter().map(Path::new) {
        let package = match kind {
            Kind::Jar => copy_jar(path, directory)?,
            _ => copy_headers(path, directory)?,
        };
        // Another version of a library has another file, and a program can use one of them only.
        let replaced = packages.extract_if(.., |other: &mut InstalledPackage| other.name == package.name);
        for file in replaced.filter(|other| other.file != package.file).filter_map(|other| other.file) {
            std::fs::remove_file(directory.join(&file)).map_err(|error| format!("remove {file}: {error}"))?;
        }
        packages.push(package);
    }
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(packages)
}

/// Returns what the set was made from, and `new`. A package with another version replaces the one of the same name.
fn merged(kind: Kind, mut requested: Vec<String>, new: &[String]) -> Result<Vec<String>, String> {
    for package in new {
        match kind {
            Kind::Pip => drop(PipPackage::from_str(package)?),
            Kind::Npm => drop(NpmPackage::from_str(package)?),
            Kind::Jar | Kind::Headers => {}
        }
        requested.retain(|other| base_name(kind, other) != base_name(kind, package));
        requested.push(package.clone());
    }
    Ok(requested)
}

/// Returns the name of a package without its version.
fn base_name(kind: Kind, package: &str) -> String {
    match kind {
        // PyPI does not distinguish these (PEP 503).
        Kind::Pip => {
            package.split("==").next().unwrap_or(package).to_ascii_lowercase().replace(['_', '.'], "-")
        }
        Kind::Npm => match package[1..].find('@') {
            Some(index) => package[..=index].to_owned(),
            None => package.to_owned(),
        },
        Kind::Jar | Kind::Headers => package.to_owned(),
    }
}

fn check_preload(modules: &[String], support: &PackageSupport) -> Result<(), String> {
    if !modules.is_empty() && !support.preload {
        return Err(
            "--preload: the interpreter of this language cannot import modules before a program comes"
                .to_owned(),
        );
    }
    let is_module = |text: &String| {
        let is_part = |part: &str| {
            let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            !part.is_empty() && part.chars().all(is_allowed)
        };
        text.split('.').all(is_part)
    };
    match modules.iter().find(|module| !is_module(module)) {
        None => Ok(()),
        Some(module) => Err(format!("--preload: {module:?} is not the name of a module")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_version_replaces_another() {
        let merge = |kind, old: &[&str], new: &[&str]| merged(kind, words(old), &words(new));
        assert_eq!(
            merge(Kind::Pip, &["numpy==1.0", "pandas"], &["NumPy", "zope.interface"]),
            Ok(words(&["pandas", "NumPy", "zope.interface"]))
        );
        assert_eq!(merge(Kind::Pip, &["a_b"], &["a-b==2"]), Ok(words(&["a-b==2"])));
        assert_eq!(
            merge(Kind::Npm, &["lodash@4.0.0", "@types/node"], &["@types/node@20.1.0", "lodash"]),
            Ok(words(&["@types/node@20.1.0", "lodash"]))
        );
        for (kind, package) in [
            (Kind::Pip, "--index-url=x"),
            (Kind::Pip, "./wheel"),
            (Kind::Pip, "git+https://x"),
            (Kind::Npm, "--global"),
            (Kind::Npm, "file:x"),
            (Kind::Npm, ""),
        ] {
            assert!(merge(kind, &[], &[package]).is_err(), "{package}");
        }
    }

    #[test]
    fn modules_are_names() {
        let support = |preload| {
            toml::from_str::<PackageSupport>(&format!("installer = \"pip\"\npreload = {preload}")).unwrap()
        };
        assert_eq!(check_preload(&words(&["numpy", "matplotlib.pyplot"]), &support(true)), Ok(()));
        for module in ["", "a b", "a;b", "a..b", "../a", "a\nb"] {
            assert!(check_preload(&words(&[module]), &support(true)).is_err(), "{module:?}");
        }
        assert!(check_preload(&words(&["numpy"]), &support(false)).is_err());
        assert_eq!(check_preload(&[], &support(false)), Ok(()));
    }

    #[test]
    fn another_version_of_a_jar_replaces_the_old_one() {
        let [files, old, new] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let jar = |name: &str| {
            let path = files.path().join(name);
            std::fs::write(&path, b"PK\x03\x04").unwrap();
            path.display().to_string()
        };
        let first = copy(Kind::Jar, old.path(), None, &[jar("a-1.jar"), jar("b-1.jar")]).unwrap();
        let file = SetFile { packages: first, ..SetFile::default() };
        let second =
            copy(Kind::Jar, new.path(), Some((file, old.path().to_owned())), &[jar("a-2.jar")]).unwrap();
        let files: Vec<_> = second.iter().filter_map(|package| package.file.as_deref()).collect();
        assert_eq!(files, ["a-2.jar", "b-1.jar"]);
        assert!(!new.path().join("a-1.jar").exists() && new.path().join("b-1.jar").exists());
    }
}
