//! The files of an archive, written into a directory.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::zip::{self, Entry};
use crate::admission::relative_path::RelativePath;

/// Bytes of one file: what Judge0 extracts.
const MAX_FILE: u64 = 10_240 * 1024;
/// File types of stat(2).
const FILE_TYPE: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const PERMISSIONS: u32 = 0o777;
/// The owner can always read and write.
const OWNER: u32 = 0o600;
const DEFAULT_MODE: u32 = 0o644;

/// Writes the files of an archive below `directory`. Files that are there stay as they are. Everything that cannot be
/// written goes to `report`.
pub(super) fn extract(archive: &[u8], directory: &Path, report: &mut dyn FnMut(String)) {
    let entries = match zip::entries(archive) {
        Ok(entries) => entries,
        Err(message) => return report(message.to_owned()),
    };
    for entry in entries {
        if let Err(error) = extract_entry(archive, &entry, directory) {
            report(format!("{:?}: {error}", entry.name));
            if error.kind() == io::ErrorKind::StorageFull {
                return;
            }
        }
    }
}

fn extract_entry(archive: &[u8], entry: &Entry<'_>, directory: &Path) -> io::Result<()> {
    let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
    let is_directory = entry.name.ends_with('/');
    // Some programs name the files of the current directory so.
    let name = entry.name.trim_end_matches('/').trim_start_matches("./");
    if is_directory && ["", "."].contains(&name) {
        return Ok(());
    }
    let name = RelativePath::try_from(name).map_err(invalid)?;
    match entry.mode.map(|mode| mode & FILE_TYPE) {
        None | Some(0 | DIRECTORY | REGULAR) => {}
        Some(_) => return Err(invalid("links and special files are not supported".to_owned())),
    }
    let path = directory.join(name.as_str());
    if is_directory {
        return create_dir(&path);
    }
    if u64::from(entry.size) > MAX_FILE {
        return Err(invalid(format!("the file is larger than {MAX_FILE} bytes")));
    }
    if fs::symlink_metadata(&path).is_ok() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_dir(parent)?;
    }
    let content = zip::content(archive, entry, MAX_FILE)?;
    let mode = entry.mode.map_or(DEFAULT_MODE, |mode| mode & PERMISSIONS | OWNER);
    OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?.write_all(&content)
}

fn create_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::zip::tests::{File, archive};
    use super::*;

    /// Extracts files, and returns the directory and the reported messages.
    fn extracted(files: &[File<'_>], existing: &[(&str, &str)]) -> (tempfile::TempDir, Vec<String>) {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in existing {
            fs::write(directory.path().join(name), content).unwrap();
        }
        let mut problems = Vec::new();
        extract(&archive(files, true), directory.path(), &mut |problem| problems.push(problem));
        (directory, problems)
    }

    #[test]
    fn files_keep_their_permissions_and_existing_ones_their_content() {
        let files: &[File<'_>] = &[
            ("a.h", 0o100_644, b"new"),
            ("./", 0o040_755, b""),
            ("dir/", 0o040_755, b""),
            ("dir/run", 0o100_755, b"run"),
            ("./deep/er/x", 0, b"x"),
            ("secret", 0o100_000, b"s"),
        ];
        let (directory, problems) = extracted(files, &[("a.h", "old")]);
        assert_eq!(problems, [""; 0]);
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        assert_eq!(
            (read("a.h"), read("dir/run"), read("deep/er/x")),
            ("old".into(), "run".into(), "x".into())
        );
        let mode =
            |name: &str| fs::metadata(directory.path().join(name)).unwrap().permissions().mode() & 0o700;
        assert_eq!((mode("dir/run"), mode("deep/er/x"), mode("secret")), (0o700, 0o600, 0o600));
    }

    #[test]
    fn nothing_leaves_the_directory_and_no_links_are_made() {
        let outside = ["../x", "/tmp/x", "a/../../x", "", "a\0b", "-o", "@x", ".//x", "a/./x"];
        for name in outside {
            let (directory, problems) = extracted(&[(name, 0o100_644, b"1"), ("good", 0, b"2")], &[]);
            assert_eq!(problems.len(), 1, "{name:?}");
            assert!(directory.path().join("good").exists(), "{name:?}");
        }
        let (directory, problems) =
            extracted(&[("link", 0o120_777, b"/etc/passwd"), ("fifo", 0o010_644, b"")], &[]);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_has_a_maximum_size() {
        let large = vec![0; usize::try_from(MAX_FILE).unwrap() + 1];
        let (directory, problems) = extracted(&[("large", 0, &large), ("fits", 0, &large[1..])], &[]);
        assert!(problems.len() == 1 && problems[0].contains("larger than 10485760 bytes"), "{problems:?}");
        assert!(directory.path().join("fits").exists() && !directory.path().join("large").exists());
    }
}
