//! Reading the installation sections of language files.

use std::path::{Path, PathBuf};

use protocol::install::Install;
use protocol::language_name::is_same;
use protocol::packages::PackageSupport;
use serde::Deserialize;

/// What `executor install` reads of a language file. executord checks the rest.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LanguageFile {
    pub(crate) name: String,
    #[serde(default)]
    variant: String,
    pub(crate) title: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    pub(crate) install: Install,
    /// How the language uses package sets, if it does.
    pub(crate) packages: Option<PackageSupport>,
    /// Directory of the language's launcher, if it has one.
    #[serde(skip)]
    pub(crate) launcher: Option<PathBuf>,
}

impl LanguageFile {
    /// Returns the name, with the variant after `@` if there is one.
    pub(crate) fn id(&self) -> String {
        if self.variant.is_empty() { self.name.clone() } else { format!("{}@{}", self.name, self.variant) }
    }

    /// Returns whether a user means this file by a name: its id or an alias. The name alone means the file without a
    /// variant.
    fn is_called(&self, name: &str) -> bool {
        is_same(&self.id(), name) || self.aliases.iter().any(|alias| is_same(alias, name))
    }
}

/// Reads all language files, ordered by id. A file in a later directory replaces one with the same id.
///
/// # Errors
/// A message with the path and, where known, the line.
pub(crate) fn read(directories: &[PathBuf]) -> Result<Vec<LanguageFile>, String> {
    let mut files: Vec<LanguageFile> = Vec::new();
    for directory in directories {
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        for path in paths {
            let file = read_file(&path, directories)?;
            files.retain(|other| other.id() != file.id());
            files.push(file);
        }
    }
    if files.is_empty() {
        let directories: Vec<_> = directories.iter().map(|path| path.display().to_string()).collect();
        return Err(format!("no language file in {}", directories.join(" or ")));
    }
    files.sort_by_key(LanguageFile::id);
    Ok(files)
}

fn read_file(path: &Path, directories: &[PathBuf]) -> Result<LanguageFile, String> {
    let error = |message: &dyn std::fmt::Display| format!("{}: {message}", path.display());
    let text = std::fs::read_to_string(path).map_err(|read_error| error(&read_error))?;
    let file: LanguageFile = toml::from_str(&text).map_err(|parse_error| error(&parse_error))?;
    file.install.check().map_err(|message| error(&message))?;
    let by_name = directories.iter().rev().map(|directory| directory.join(&file.name));
    let launcher = [path.with_extension("")].into_iter().chain(by_name).find(|directory| directory.is_dir());
    Ok(LanguageFile { launcher, ..file })
}

/// Returns the files that the names stand for, each once, in the order of the names.
///
/// # Errors
/// The first name that stands for none.
pub(crate) fn find<'a>(files: &'a [LanguageFile], names: &[String]) -> Result<Vec<&'a LanguageFile>, String> {
    let mut found: Vec<&LanguageFile> = Vec::new();
    for name in names {
        let file = files.iter().find(|file| file.is_called(name)).ok_or_else(|| name.clone())?;
        if !found.iter().any(|other| other.id() == file.id()) {
            found.push(file);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, name: &str, text: &str) {
        std::fs::write(directory.join(name).with_extension("toml"), text).unwrap();
    }

    #[test]
    fn files_are_found_by_id_and_alias_and_later_directories_win() {
        let [shipped, own] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        write(
            shipped.path(),
            "c",
            "name = \"c\"\ntitle = \"C\"\naliases = [\"gcc\"]\n[install]\napt = [\"gcc\"]",
        );
        write(
            shipped.path(),
            "c-11",
            "name = \"c\"\nvariant = \"11\"\ntitle = \"C\"\naliases = [\"gcc-11\"]",
        );
        write(own.path(), "mine", "name = \"c\"\ntitle = \"My C\"\n[install]\napt = [\"tcc\"]");
        std::fs::create_dir(shipped.path().join("c")).unwrap();
        let directories = [shipped.path().to_owned(), own.path().to_owned()];
        let files = read(&directories).unwrap();
        let find = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            find(&files, &names).map(|found| found.iter().map(|file| file.id()).collect::<Vec<_>>())
        };
        assert_eq!(find(&["C", "c", "GCC-11", "c@11"]), Ok(vec!["c".to_owned(), "c@11".to_owned()]));
        assert_eq!(find(&["gcc"]), Err("gcc".to_owned()));
        assert_eq!((files[0].title.as_str(), files[0].install.apt[0].as_str()), ("My C", "tcc"));
        assert_eq!(files[0].launcher, Some(shipped.path().join("c")));
    }

    #[test]
    fn mistakes_are_refused_with_the_file() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(&[directory.path().to_owned()]).unwrap_err().starts_with("no language file in "));
        write(directory.path(), "x", "name = \"x\"\ntitle = \"X\"\n[install]\napt = [\"; reboot\"]");
        let error = read(&[directory.path().to_owned()]).unwrap_err();
        assert!(error.contains("x.toml") && error.contains("line 4"), "{error}");
    }
}
