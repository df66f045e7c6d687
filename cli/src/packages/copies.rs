//! Package sets that are copies of files of the administrator: JAR files, and directories of headers.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use protocol::packages::{InstalledPackage, is_file_name};

/// First bytes of a zip archive, which a JAR file is.
const ZIP: &[u8] = b"PK\x03\x04";

/// Copies a JAR file into the directory of packages. The package has the name of the file, such as `gson-2.10.1.jar`.
pub(super) fn copy_jar(path: &Path, directory: &Path) -> Result<InstalledPackage, String> {
    let name = valid_name(path)?;
    let mut start = Vec::new();
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
    let read = File::open(path).and_then(|file| file.take(ZIP.len() as u64).read_to_end(&mut start));
    read.map_err(|error| format!("read {}: {error}", path.display()))?;
    if !is_file || start != ZIP || !name.ends_with(".jar") {
        return Err(format!("{} is not a JAR file", path.display()));
    }
    fs::copy(path, directory.join(&name)).map_err(|error| format!("copy {}: {error}", path.display()))?;
    let (title, version) = name_and_version(name.trim_end_matches(".jar"));
    Ok(InstalledPackage { name: title, version, modules: Vec::new(), file: Some(name) })
}

/// Copies what is in a directory of headers into the directory of packages. Programs include it as if that directory were the
/// one of the administrator.
pub(super) fn copy_headers(path: &Path, directory: &Path) -> Result<InstalledPackage, String> {
    let name = valid_name(path)?;
    let mut modules = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| format!("read {}: {error}", path.display()))? {
        let entry = entry.map_err(|error| format!("read {}: {error}", path.display()))?;
        copy_tree(&entry.path(), &directory.join(entry.file_name()))?;
        modules.extend(entry.file_name().into_string().ok());
    }
    modules.sort();
    let (name, version) = name_and_version(&name);
    Ok(InstalledPackage { name, version, modules, file: None })
}

/// Copies files and directories. Nothing else is copied, and a link is an error: what it leads to is not part of the set.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<(), String> {
    let error = |error: io::Error| format!("copy {}: {error}", from.display());
    let kind = from.symlink_metadata().map_err(error)?.file_type();
    if kind.is_file() {
        return fs::copy(from, to).map(drop).map_err(error);
    }
    if !kind.is_dir() {
        return Err(format!(
            "{} is neither a file nor a directory; copy the directory with `cp -rL` first",
            from.display()
        ));
    }
    match fs::create_dir(to) {
        Err(problem) if problem.kind() != io::ErrorKind::AlreadyExists => return Err(error(problem)),
        _ => {}
    }
    for entry in fs::read_dir(from).map_err(error)? {
        let entry = entry.map_err(error)?;
        copy_tree(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn valid_name(path: &Path) -> Result<String, String> {
    let real = path.canonicalize().map_err(|error| format!("read {}: {error}", path.display()))?;
    let name = real.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if is_file_name(name) {
        return Ok(name.to_owned());
    }
    Err(format!("{}: the name must consist of letters, digits and '.', '_', '+', '-'", path.display()))
}

/// Returns the parts of a name such as `commons-lang3-3.12.0`: the version begins with a digit after the last `-` before one.
fn name_and_version(text: &str) -> (String, Option<String>) {
    let is_version = |index: &usize| text[index + 1..].starts_with(|first: char| first.is_ascii_digit());
    match text.match_indices('-').map(|(index, _)| index).find(is_version) {
        Some(index) if index > 0 => (text[..index].to_owned(), Some(text[index + 1..].to_owned())),
        _ => (text.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_part_that_begins_with_a_digit() {
        for (text, name, version) in [
            ("gson-2.10.1", "gson", Some("2.10.1")),
            ("commons-lang3-3.12.0", "commons-lang3", Some("3.12.0")),
            ("guava-32.1.3-jre", "guava", Some("32.1.3-jre")),
            ("eigen3", "eigen3", None),
            ("-1", "-1", None),
        ] {
            assert_eq!(name_and_version(text), (name.to_owned(), version.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn only_files_are_copied() {
        let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let include = from.path().join("json-3.1");
        fs::create_dir_all(include.join("nlohmann/detail")).unwrap();
        fs::write(include.join("nlohmann/json.hpp"), "1").unwrap();
        fs::write(include.join("nlohmann/detail/a.hpp"), "2").unwrap();
        let package = copy_headers(&include, to.path()).unwrap();
        assert_eq!((package.name.as_str(), package.version.as_deref()), ("json", Some("3.1")));
        assert_eq!(package.modules, ["nlohmann"]);
        assert_eq!(fs::read_to_string(to.path().join("nlohmann/detail/a.hpp")).unwrap(), "2");
        std::os::unix::fs::symlink("/etc", include.join("link")).unwrap();
        assert!(copy_headers(&include, to.path()).unwrap_err().contains("neither a file nor a directory"));
        let jar = from.path().join("a-1.jar");
        fs::write(&jar, "text").unwrap();
        assert!(copy_jar(&jar, to.path()).unwrap_err().ends_with("is not a JAR file"));
        fs::write(&jar, [ZIP, b"rest"].concat()).unwrap();
        assert_eq!(copy_jar(&jar, to.path()).unwrap().file.as_deref(), Some("a-1.jar"));
        let name = from.path().join("a:b.jar");
        fs::write(&name, ZIP).unwrap();
        assert!(copy_jar(&name, to.path()).unwrap_err().contains("the name must consist of"));
    }
}
