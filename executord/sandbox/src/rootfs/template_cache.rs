//! The templates of one supervisor.
//!
//! A template is kept as a mount namespace of its own, which contains nothing of the host but the bind mounts of the plan.
//! The supervisor enters it to fork init, which gets a copy of its mounts and of no others. Neither init nor the program
//! can write to a template.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, pivot_root};

use super::template::build_template;
use crate::error::{At, SetupError, Step};
use crate::plan::{BindMount, BuildDir, Plan};
use crate::user_namespace::UserNamespace;

/// Number of templates that a supervisor keeps. Each takes some tens of kilobytes of kernel memory.
const CAPACITY: usize = 8;

/// A cache of templates, the most recently used first.
pub(crate) struct TemplateCache {
    /// Where templates are built: an empty directory in a file system that only the supervisor sees.
    staging_dir: PathBuf,
    /// The supervisor's own mount namespace, which contains the host.
    host: OwnedFd,
    /// `/proc` of the supervisor's mount namespace.
    proc: OwnedFd,
    templates: Vec<Template>,
}

struct Template {
    namespace: OwnedFd,
    key: TemplateKey,
}

/// The properties of a plan that its template depends on.
#[derive(PartialEq)]
pub(crate) struct TemplateKey {
    binds: Vec<(BindMount, FileId)>,
    has_build_dir: bool,
    has_terminal: bool,
    /// Whether files of root belong to root of the user namespace of zygotes.
    is_for_zygote: bool,
}

/// The identity of a file: a bind mount keeps the file that it was created from, even if its path leads to another later.
#[derive(PartialEq)]
struct FileId {
    device: u64,
    inode: u64,
    /// The time of the last change, of a directory that is merged with others: what is added to it later may not be seen.
    changed: Option<(i64, i64)>,
}

impl TemplateCache {
    /// Creates an empty cache.
    ///
    /// # Errors
    /// If the root directory of this process is not that of its mount namespace, among others.
    pub(crate) fn new(staging_dir: PathBuf) -> io::Result<Self> {
        let proc = open("/proc", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let host = current_namespace(proc.as_fd())?;
        let cache = Self { staging_dir, host, proc, templates: Vec::new() };
        cache.check_root()?;
        Ok(cache)
    }

    /// Checks that the root directory of this process is that of its mount namespace. After chroot(2) it is not: a template would
    /// contain the mounts above it, and [`TemplateCache::leave`] would lead to another directory.
    fn check_root(&self) -> io::Result<()> {
        // In a file system that no other mount shows.
        let before = FileId::of(&self.staging_dir, false)?;
        self.leave()?;
        if FileId::of(&self.staging_dir, false).is_ok_and(|after| after == before) {
            return Ok(());
        }
        Err(io::Error::other(
            "sandboxes cannot be created after chroot(2): use pivot_root(2), as container runtimes do by default",
        ))
    }

    /// Enters the template of a plan, which is built if it is not in the cache. `users` is the user namespace of a plan with a
    /// zygote. [`TemplateCache::leave`] leaves the template.
    pub(crate) fn enter(&mut self, plan: &Plan, users: Option<&UserNamespace>) -> Result<(), SetupError> {
        let key = TemplateKey::of(plan).at(Step::BindHost)?;
        let template = match self.templates.iter().position(|template| template.key == key) {
            Some(index) => self.templates.remove(index),
            None => Template { namespace: self.create(plan, users)?, key },
        };
        let entered = setns(&template.namespace, CloneFlags::CLONE_NEWNS).at(Step::PivotRoot);
        self.templates.insert(0, template);
        self.templates.truncate(CAPACITY);
        entered
    }

    /// Returns to the supervisor's mount namespace. After an error the supervisor cannot continue.
    pub(crate) fn leave(&self) -> io::Result<()> {
        Ok(setns(&self.host, CloneFlags::CLONE_NEWNS)?)
    }

    /// Builds a template, and returns a mount namespace that contains nothing else.
    fn create(&self, plan: &Plan, users: Option<&UserNamespace>) -> Result<OwnedFd, SetupError> {
        let created =
            build_template(plan, &self.staging_dir, users).and_then(|()| self.isolate().at(Step::PivotRoot));
        self.leave().at(Step::PivotRoot)?;
        match umount2(&self.staging_dir, MntFlags::MNT_DETACH) {
            // EINVAL: building failed before the template's root was mounted.
            Ok(()) | Err(Errno::EINVAL) => created,
            Err(error) => Err(error).at(Step::PivotRoot),
        }
    }

    /// Creates a mount namespace, makes the template its root and unmounts the host's root. Unlike with chroot(2), no mount
    /// of the host remains in it.
    fn isolate(&self) -> io::Result<OwnedFd> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        chdir(&self.staging_dir)?;
        // As in pivot_root(2), "pivot_root(".", ".")": the old root is stacked on the new one and unmounted there.
        pivot_root(".", ".")?;
        umount2(".", MntFlags::MNT_DETACH)?;
        current_namespace(self.proc.as_fd())
    }
}

/// Opens the mount namespace of this process.
fn current_namespace(proc: BorrowedFd) -> io::Result<OwnedFd> {
    Ok(openat(proc, "self/ns/mnt", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?)
}

impl TemplateKey {
    pub(crate) fn of(plan: &Plan) -> io::Result<Self> {
        let is_merged =
            |bind: &BindMount| plan.binds.iter().filter(|other| other.target == bind.target).count() > 1;
        let binds =
            plan.binds.iter().map(|bind| Ok((bind.clone(), FileId::of(&bind.source, is_merged(bind))?)));
        Ok(Self {
            binds: binds.collect::<io::Result<_>>()?,
            has_build_dir: plan.build_dir != BuildDir::None,
            has_terminal: plan.terminal.is_some(),
            is_for_zygote: plan.zygote,
        })
    }
}

impl FileId {
    fn of(path: &Path, is_merged: bool) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let changed = is_merged.then(|| (metadata.ctime(), metadata.ctime_nsec()));
        Ok(Self { device: metadata.dev(), inode: metadata.ino(), changed })
    }
}
