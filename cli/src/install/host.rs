//! What `executor install` asks and changes on the host.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::stat::{Mode, umask};

use crate::failure::Failure;
use crate::install::steps::Step;

/// The packages of Debian on this host.
#[derive(Debug, Default)]
pub(super) struct DebianPackages {
    installed: BTreeSet<String>,
    /// Size of all of them in bytes, as they declare it.
    pub(super) bytes: u64,
}

impl DebianPackages {
    /// Asks dpkg. A host without dpkg has none.
    pub(super) fn read() -> Self {
        let format = "${db:Status-Status} ${Installed-Size} ${Package} ${Provides}\n";
        let output = Command::new("dpkg-query").args(["--show", "--showformat", format]).output();
        let Ok(output) = output else { return Self::default() };
        Self::parse(&String::from_utf8_lossy(&output.stdout))
    }

    fn parse(text: &str) -> Self {
        let mut packages = Self::default();
        for line in text.lines() {
            let mut words = line.split(' ');
            if let (Some("installed"), Some(kilobytes), Some(name)) =
                (words.next(), words.next(), words.next())
            {
                packages.bytes += kilobytes.parse::<u64>().unwrap_or(0) * 1024;
                packages.installed.insert(name.to_owned());
                // A list such as `npm, nodejs-dev (= 20)`.
                let provided = words.map(|word| word.trim_end_matches(','));
                let is_name = |word: &&str| word.starts_with(|first: char| first.is_ascii_lowercase());
                packages.installed.extend(provided.filter(is_name).map(str::to_owned));
            }
        }
        packages
    }

    pub(super) fn has(&self, package: &str) -> bool {
        self.installed.contains(package)
    }
}

/// Returns the bytes that the files below directories occupy.
pub(super) fn disk_usage(directories: &[PathBuf]) -> u64 {
    directories.iter().map(|directory| disk_usage_of(directory)).sum()
}

fn disk_usage_of(path: &Path) -> u64 {
    let Ok(metadata) = path.symlink_metadata() else { return 0 };
    let below = match std::fs::read_dir(path) {
        Ok(entries) if metadata.is_dir() => entries.flatten().map(|entry| disk_usage_of(&entry.path())).sum(),
        _ => 0,
    };
    metadata.blocks() * 512 + below
}

/// Runs a command with the terminal of this one, so that its progress is visible.
///
/// # Errors
/// If it cannot be started, or does not succeed.
pub(super) fn run(step: &Step) -> Result<(), Failure> {
    // Programs of other users read what is installed, whatever the umask of the administrator.
    umask(Mode::from_bits_truncate(0o022));
    let mut command = Command::new(&step.program);
    command.args(&step.args).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    let status = command
        .status()
        .map_err(|error| Failure::Local(format!("start {}: {error}", step.program.display())))?;
    if status.success() { Ok(()) } else { Err(Failure::Local(format!("`{step}` ended with {status}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_installed_packages_count() {
        let text = "installed 100 gcc c-compiler, gcc-x86-64 (= 4:12)\nconfig-files 7 old\nnot-installed  new\ninstalled 1 libc6\n";
        let packages = DebianPackages::parse(text);
        assert_eq!(packages.bytes, 101 * 1024);
        assert!(
            packages.has("gcc")
                && packages.has("libc6")
                && packages.has("c-compiler")
                && !packages.has("old")
                && !packages.has("new")
        );
    }

    #[test]
    fn the_size_of_a_directory_is_that_of_its_files() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("d")).unwrap();
        let before = disk_usage(&[directory.path().to_owned()]);
        std::fs::write(directory.path().join("d/f"), vec![1; 100_000]).unwrap();
        let after = disk_usage(&[directory.path().to_owned(), "/no/such".into()]);
        assert!(after - before >= 100_000, "{before} {after}");
    }
}
