//! Capabilities and Landlock: what a process may do beyond its user's rights, and which files it may touch.

use std::io;
use std::path::Path;

use caps::{CapSet, Capability, CapsHashSet};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope,
};

use crate::plan::BindMount;
use crate::sys::process;

/// Keep `kept` and nothing else, in every set that counts for this process.
pub(crate) fn drop_capabilities(kept: &[Capability]) -> io::Result<()> {
    let kept = kept.iter().copied().collect();
    let none = CapsHashSet::new();
    // The permitted set last: the effective one may never exceed it.
    for (set, wanted) in
        [(CapSet::Inheritable, &none), (CapSet::Effective, &kept), (CapSet::Permitted, &kept)]
    {
        caps::set(None, set, wanted).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Root's programs that are started from now on have this process's capabilities, if it has none of them taken out of
/// its bounding set before.
pub(crate) fn let_inherit() -> io::Result<()> {
    let permitted = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
    caps::set(None, CapSet::Inheritable, &permitted).map_err(io::Error::other)
}

/// No program started from now on can have a capability that it does not inherit.
pub(crate) fn drop_bounding_set() -> io::Result<()> {
    for capability in 0..=63 {
        match process::drop_from_bounding_set(capability) {
            // The kernel knows no more of them.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            answer => answer?,
        }
    }
    Ok(())
}

/// The second line behind the mounts: a file that shows up where it should not still cannot be opened. As
/// much of it as this kernel has; see landlock(7).
pub(crate) fn restrict_files(binds: &[BindMount]) -> io::Result<()> {
    const ABI_WANTED: ABI = ABI::V6;
    let read = AccessFs::from_read(ABI_WANTED);
    let all = AccessFs::from_all(ABI_WANTED);
    let write = AccessFs::WriteFile | AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::Truncate;
    // What is shown in /etc has the rule of that.
    let has_own = |bind: &&BindMount| bind.executable || !bind.target.starts_with("/etc");
    let shown = binds.iter().filter(has_own).map(|bind| {
        let access = if bind.executable { read } else { AccessFs::ReadFile | AccessFs::ReadDir };
        (bind.target.as_path(), access)
    });
    let own = [
        // What is built is mounted below it, perhaps only later; a rule for the mount point itself would be none for
        // what is mounted there.
        ("/mnt", all),
        ("/etc", AccessFs::ReadFile | AccessFs::ReadDir),
        ("/proc", write),
        ("/dev", write | AccessFs::IoctlDev),
        ("/dev/shm", all),
        ("/tmp", all),
        ("/box", all),
    ]
    .map(|(path, access)| (Path::new(path), access));
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(|ruleset| ruleset.scope(Scope::from_all(ABI_WANTED)))
        .and_then(|ruleset| ruleset.create())
        .map_err(io::Error::other)?;
    for (path, access) in shown.chain(own) {
        // Not every sandbox has everything.
        let Ok(directory) = PathFd::new(path) else { continue };
        ruleset = ruleset.add_rule(PathBeneath::new(directory, access)).map_err(io::Error::other)?;
    }
    ruleset.restrict_self().map_err(io::Error::other)?;
    Ok(())
}
