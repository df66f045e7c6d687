//! The files that belong to the repository.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Directories that hold no source files, wherever they are.
const IGNORED: [&str; 6] = [".git", "target", "node_modules", "corpus", "artifacts", "dist"];

/// The working copy.
#[derive(Clone, Debug)]
pub struct Repository {
    root: PathBuf,
    files: Vec<PathBuf>,
}

impl Repository {
    /// Returns the repository that this crate was built in.
    ///
    /// # Errors
    /// If a directory cannot be read.
    pub fn own() -> io::Result<Self> {
        Self::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
    }

    /// Lists the files below `root`.
    ///
    /// # Errors
    /// If a directory cannot be read.
    pub fn open(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let mut files = Vec::new();
        list(&root, &root, &mut files)?;
        files.sort();
        Ok(Self { root, files })
    }

    /// Returns all files, relative to the root, in order.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Returns the files below a folder, given relative to the root.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a Path> {
        self.files.iter().map(PathBuf::as_path).filter(move |file| file.starts_with(folder))
    }

    /// Returns whether a path, given relative to the root, exists.
    #[must_use]
    pub fn has(&self, path: &Path) -> bool {
        self.root.join(path).exists()
    }

    /// Reads a file, given relative to the root.
    ///
    /// # Errors
    /// If it cannot be read or is not UTF-8.
    pub fn read(&self, path: impl AsRef<Path>) -> io::Result<String> {
        let path = path.as_ref();
        fs::read_to_string(self.root.join(path))
            .map_err(|error| io::Error::new(error.kind(), format!("read {}: {error}", path.display())))
    }

    /// Returns the names of the workspace's crates and their folders.
    ///
    /// # Errors
    /// If a manifest cannot be read.
    pub fn crates(&self) -> io::Result<Vec<Package>> {
        let workspace = self.manifest(Path::new("Cargo.toml"))?;
        let members = workspace.get("workspace").and_then(|workspace| workspace.get("members"));
        let members = members.and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let mut all = Vec::new();
        for member in members.iter().filter_map(toml::Value::as_str) {
            let manifest = self.manifest(&Path::new(member).join("Cargo.toml"))?;
            let name = manifest.get("package").and_then(|package| package.get("name"));
            let name = name.and_then(toml::Value::as_str).unwrap_or(member).to_owned();
            all.push(Package { name, folder: member.into(), manifest });
        }
        Ok(all)
    }

    fn manifest(&self, path: &Path) -> io::Result<toml::Table> {
        self.read(path)?.parse().map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
    }
}

/// A crate of the workspace.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name in `Cargo.toml`.
    pub name: String,
    /// Its folder, relative to the root.
    pub folder: PathBuf,
    /// Its `Cargo.toml`.
    pub manifest: toml::Table,
}

fn list(root: &Path, directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !IGNORED.iter().any(|ignored| name == *ignored) {
                list(root, &entry.path(), files)?;
            }
        } else if kind.is_file()
            && let Ok(path) = entry.path().strip_prefix(root)
        {
            files.push(path.to_owned());
        }
    }
    Ok(())
}
