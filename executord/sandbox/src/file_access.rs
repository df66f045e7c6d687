//! Landlock: a second line of defence behind the mounts. A file that is visible by mistake still cannot be opened.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope,
};

use crate::plan::BindMount;

/// The Landlock features to use. An older kernel applies those that it has; see landlock(7).
const ABI_VERSION: ABI = ABI::V6;

/// The paths that a program may open, and how.
pub(crate) struct FileAccess(Vec<(PathBuf, BitFlags<AccessFs>)>);

impl FileAccess {
    /// Returns the rules for a sandbox with these bind mounts.
    pub(crate) fn new(binds: &[BindMount]) -> Self {
        let all = AccessFs::from_all(ABI_VERSION);
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let write = read | AccessFs::WriteFile | AccessFs::Truncate;
        // Files in /etc that are not executable are covered by the rule for /etc.
        let needs_rule = |bind: &&BindMount| bind.executable || !bind.target.starts_with("/etc");
        let bound = binds.iter().filter(needs_rule).map(|bind| {
            let access = if bind.executable { AccessFs::from_read(ABI_VERSION) } else { read };
            (bind.target.clone(), access)
        });
        let own = [
            // The parent of the build directory: that may be mounted later, and a rule for its mount point would not apply
            // to the mount.
            ("/mnt", all),
            ("/etc", read),
            ("/proc", write),
            ("/dev", write | AccessFs::IoctlDev),
            ("/dev/shm", all),
            ("/tmp", all),
            ("/box", all),
        ]
        .map(|(path, access)| (PathBuf::from(path), access));
        Self(bound.chain(own).collect())
    }

    /// Returns the rule for a process that reads files below `directory`, which must exist when it is restricted.
    pub(crate) fn read_only(directory: &Path) -> Self {
        Self(vec![(directory.to_owned(), AccessFs::ReadFile | AccessFs::ReadDir)])
    }

    /// Restricts this process and its future children to these paths.
    pub(crate) fn restrict(&self) -> io::Result<()> {
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI_VERSION))
            .and_then(|ruleset| ruleset.scope(Scope::from_all(ABI_VERSION)))
            .and_then(|ruleset| ruleset.create())
            .map_err(io::Error::other)?;
        for (path, access) in &self.0 {
            // Not every sandbox has every path.
            let Ok(opened) = PathFd::new(path) else { continue };
            ruleset = ruleset.add_rule(PathBeneath::new(opened, *access)).map_err(io::Error::other)?;
        }
        ruleset.restrict_self().map_err(io::Error::other)?;
        Ok(())
    }
}
