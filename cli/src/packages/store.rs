//! The package sets on this host. A set is complete or does not exist: its description is written last, and replaced at once.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use protocol::packages::{DEFAULT_FILE, DEFAULT_SET, NO_SET, PackageSet, SET_FILE, SetFile, is_set_name};

/// Time for which the files of a set that was replaced or removed stay: programs that run may use them.
const KEPT_FOR: Duration = Duration::from_secs(3600);

/// The directory of all package sets.
#[derive(Debug)]
pub(super) struct Store(PathBuf);

/// The package sets of a language, which no other command changes meanwhile.
#[derive(Debug)]
pub(super) struct LockedLanguage {
    directory: PathBuf,
    _lock: File,
}

/// A set that is being installed.
#[derive(Debug)]
pub(super) struct NewSet<'a> {
    language: &'a LockedLanguage,
    name: String,
    /// Name of its directory, which is a number.
    number: String,
}

impl Store {
    pub(super) const fn new(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// Returns the languages that have package sets, and the sets, the default set first.
    pub(super) fn list(&self) -> Result<Vec<(String, Vec<PackageSet>)>, String> {
        let mut languages = Vec::new();
        for id in names_in(&self.0)? {
            let sets = list_sets(&self.0.join(&id))?;
            if !sets.is_empty() {
                languages.push((id, sets));
            }
        }
        Ok(languages)
    }

    /// Locks the sets of a language. Waits until no other command changes them.
    pub(super) fn lock(&self, id: &str) -> Result<LockedLanguage, String> {
        let directory = self.0.join(id);
        let locked = fs::create_dir_all(&directory).and_then(|()| File::open(&directory)).and_then(|file| {
            file.lock()?;
            Ok(file)
        });
        let lock = locked.map_err(|error| format!("lock {}: {error}", directory.display()))?;
        let language = LockedLanguage { directory, _lock: lock };
        language.clean(SystemTime::now());
        Ok(language)
    }
}

impl LockedLanguage {
    /// Returns the description of a set and the directory of its packages, if it exists.
    pub(super) fn read(&self, name: &str) -> Result<Option<(SetFile, PathBuf)>, String> {
        let directory = self.directory.join(name);
        let Some(file) = read_set(&directory)? else { return Ok(None) };
        let packages = directory.join(&file.directory);
        Ok(Some((file, packages)))
    }

    /// Creates an empty directory for the packages of a set.
    pub(super) fn begin(&self, name: &str) -> Result<NewSet<'_>, String> {
        let directory = self.directory.join(name);
        fs::create_dir_all(&directory).map_err(|error| format!("create {}: {error}", directory.display()))?;
        let newest = names_in(&directory)?.iter().filter_map(|name| name.parse::<u64>().ok()).max();
        let number = newest.map_or(1, |newest| newest + 1).to_string();
        let packages = directory.join(&number);
        fs::create_dir(&packages).map_err(|error| format!("create {}: {error}", packages.display()))?;
        Ok(NewSet { language: self, name: name.to_owned(), number })
    }

    /// Removes a set. Its files stay for a while.
    pub(super) fn remove(&self, name: &str) -> Result<(), String> {
        let file = self.directory.join(name).join(SET_FILE);
        fs::remove_file(&file).map_err(|error| match error.kind() {
            ErrorKind::NotFound => format!("there is no package set {name}"),
            _ => format!("remove {}: {error}", file.display()),
        })?;
        if self.default_set().as_deref() == Some(name) {
            let _ = fs::remove_file(self.directory.join(DEFAULT_FILE));
        }
        Ok(())
    }

    /// Makes a set the default one; `none` is none.
    pub(super) fn set_default(&self, name: &str) -> Result<(), String> {
        if name != NO_SET && (!is_set_name(name) || self.read(name)?.is_none()) {
            return Err(format!("there is no package set {name:?}"));
        }
        replace(&self.directory.join(DEFAULT_FILE), &format!("{name}\n"))
    }

    fn default_set(&self) -> Option<String> {
        fs::read_to_string(self.directory.join(DEFAULT_FILE)).ok().map(|text| text.trim().to_owned())
    }

    /// Removes the files of sets that were replaced or removed some time ago, and those of installations that did not finish.
    fn clean(&self, now: SystemTime) {
        let sets = names_in(&self.directory).unwrap_or_default();
        for directory in sets.iter().filter(|name| is_set_name(name)).map(|name| self.directory.join(name)) {
            let current = read_set(&directory).ok().flatten().map(|file| file.directory);
            let is_old = fs::metadata(&directory)
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|changed| now.duration_since(changed).is_ok_and(|age| age >= KEPT_FOR));
            if !is_old {
                continue;
            }
            for name in names_in(&directory).unwrap_or_default() {
                if name.parse::<u64>().is_ok() && Some(&name) != current.as_ref() {
                    let _ = fs::remove_dir_all(directory.join(name));
                }
            }
            // Fails while the set exists.
            let _ = fs::remove_dir(&directory);
        }
    }
}

impl NewSet<'_> {
    /// Returns the directory of the packages.
    pub(super) fn directory(&self) -> PathBuf {
        self.language.directory.join(&self.name).join(&self.number)
    }

    /// Makes the packages those of the set.
    pub(super) fn finish(&self, file: SetFile) -> Result<(), String> {
        let file = SetFile { directory: self.number.clone(), ..file };
        file.check()?;
        let text = serde_json::to_string_pretty(&file).map_err(|error| error.to_string())?;
        replace(&self.language.directory.join(&self.name).join(SET_FILE), &text)
    }

    /// Removes what was installed. The set stays as it was.
    pub(super) fn abandon(self) {
        let _ = fs::remove_dir_all(self.directory());
        // Fails if the set existed before.
        let _ = fs::remove_dir(self.language.directory.join(&self.name));
    }
}

fn list_sets(directory: &Path) -> Result<Vec<PackageSet>, String> {
    let default = fs::read_to_string(directory.join(DEFAULT_FILE)).ok();
    let default = default.as_deref().map_or(DEFAULT_SET, str::trim);
    let mut sets = Vec::new();
    for name in names_in(directory)?.iter().filter(|name| is_set_name(name)) {
        if let Some(file) = read_set(&directory.join(name))? {
            sets.push(file.describe(name, name == default));
        }
    }
    sets.sort_by_key(|set| (!set.is_default, set.name.clone()));
    Ok(sets)
}

fn read_set(directory: &Path) -> Result<Option<SetFile>, String> {
    let path = directory.join(SET_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("read {}: {error}", path.display())),
    };
    let file: SetFile =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    file.check().map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Some(file))
}

/// Returns the names of the directories in a directory, in order. One that does not exist has none.
fn names_in(directory: &Path) -> Result<Vec<String>, String> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("read {}: {error}", directory.display())),
    };
    let entries = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// Replaces a file at once: a reader sees the old content or the new one.
fn replace(path: &Path, text: &str) -> Result<(), String> {
    let new = path.with_extension("new");
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    });
    written.map_err(|error| format!("write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(language: &LockedLanguage, name: &str, package: &str) -> PathBuf {
        let set = language.begin(name).unwrap();
        fs::write(set.directory().join("file"), package).unwrap();
        let packages =
            vec![protocol::packages::InstalledPackage { name: package.to_owned(), ..Default::default() }];
        set.finish(SetFile { packages, ..SetFile::default() }).unwrap();
        set.directory()
    }

    fn names(store: &Store) -> Vec<(String, bool, String)> {
        let languages = store.list().unwrap();
        let sets = languages.into_iter().flat_map(|(_, sets)| sets);
        sets.map(|set| (set.name, set.is_default, set.packages[0].name.clone())).collect()
    }

    fn entry(name: &str, is_default: bool, package: &str) -> (String, bool, String) {
        (name.to_owned(), is_default, package.to_owned())
    }

    #[test]
    fn a_set_is_the_old_one_until_the_new_one_is_complete() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path().to_owned());
        let language = store.lock("python").unwrap();
        let old = install(&language, "web", "one");
        let unfinished = language.begin("web").unwrap();
        assert_eq!(names(&store), [entry("web", false, "one")]);
        let directory = unfinished.directory();
        unfinished.abandon();
        assert!(!directory.exists() && old.exists());
        let new = install(&language, "web", "two");
        assert_eq!(names(&store), [entry("web", false, "two")]);
        // Programs may still use the old one.
        assert!(old.exists() && new.exists() && old != new);
        let (file, packages) = language.read("web").unwrap().unwrap();
        assert_eq!((file.packages[0].name.as_str(), packages), ("two", new));
        language.begin("other").unwrap().abandon();
        assert!(!root.path().join("python/other").exists());
    }

    #[test]
    fn one_set_is_the_default() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path().to_owned());
        let language = store.lock("python").unwrap();
        install(&language, "default", "one");
        install(&language, "web", "two");
        assert_eq!(names(&store), [entry("default", true, "one"), entry("web", false, "two")]);
        language.set_default("web").unwrap();
        assert_eq!(names(&store), [entry("web", true, "two"), entry("default", false, "one")]);
        language.set_default("none").unwrap();
        assert_eq!(names(&store), [entry("default", false, "one"), entry("web", false, "two")]);
        assert!(language.set_default("missing").is_err() && language.set_default("../web").is_err());
        language.set_default("web").unwrap();
        language.remove("web").unwrap();
        assert_eq!(names(&store), [entry("default", true, "one")]);
        assert_eq!(language.remove("web"), Err("there is no package set web".to_owned()));
    }

    #[test]
    fn files_that_nothing_needs_are_removed_after_a_while() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path().to_owned());
        let language = store.lock("python").unwrap();
        let old = install(&language, "web", "one");
        let new = install(&language, "web", "two");
        let removed = install(&language, "gone", "three");
        language.remove("gone").unwrap();
        assert!(old.exists() && removed.exists());
        language.clean(SystemTime::now() + KEPT_FOR + Duration::from_secs(1));
        assert!(!old.exists() && new.exists() && !removed.exists());
        assert!(!root.path().join("python/gone").exists());
        assert_eq!(names(&store), [entry("web", false, "two")]);
    }
}
