//! The search for output files.
//!
//! The directory belongs to a program: the program chooses names, types, sizes and depth. So every name is
//! opened by itself, below the descriptor of its directory and without following links; every list is bounded; and the
//! search ends after a fixed CPU time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::fstat;
use nix::time::{ClockId, clock_gettime};

use super::archive::{ArchiveLimits, ArchiveWriter, MAX_PART, OmittedFiles};
use super::pattern::{Component, MAX_NAME, OutputPattern};

/// Maximum number of directories below one another. Each is an open descriptor.
const MAX_DEPTH: usize = 32;
/// Maximum number of directories of one directory that are searched, the first by name.
const MAX_DIRECTORIES: usize = 4096;
/// CPU time after which the search ends.
const MAX_CPU_TIME: Duration = Duration::from_secs(1);

/// No link is followed, no mount point crossed, and no directory left.
const RESOLVE: ResolveFlag = ResolveFlag::RESOLVE_BENEATH
    .union(ResolveFlag::RESOLVE_NO_SYMLINKS)
    .union(ResolveFlag::RESOLVE_NO_MAGICLINKS)
    .union(ResolveFlag::RESOLVE_NO_XDEV);
/// Opening a pipe or a device must not wait, and a terminal must not become the controlling one.
const OPEN: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// A position in a pattern: the pattern, and its component that is to match the next name.
type State = (usize, usize);

/// A search.
pub(super) struct Search<'a, W> {
    patterns: &'a [OutputPattern],
    limits: ArchiveLimits,
    /// The owner that files must have.
    uid: u32,
    archive: ArchiveWriter<W>,
    files: u32,
    total_left: u64,
    omitted: OmittedFiles,
    buffer: Vec<u8>,
}

/// What a name in a directory may be, by its position in the patterns.
#[derive(Default)]
struct Role {
    /// Whether a file of this name is asked for.
    is_file: bool,
    /// Whether that is by its exact name.
    is_exact: bool,
    /// Where the search continues if it is a directory.
    next: Vec<State>,
}

/// The first names of a directory, of those that were added.
struct FirstNames<T> {
    max: usize,
    heap: BinaryHeap<Named<T>>,
    dropped: u32,
}

/// Ordered by name.
struct Named<T>(String, T);

impl<'a, W: Write> Search<'a, W> {
    pub(super) fn new(
        patterns: &'a [OutputPattern],
        limits: ArchiveLimits,
        uid: u32,
        archive: ArchiveWriter<W>,
    ) -> Self {
        let omitted = OmittedFiles::default();
        let (files, total_left) = (0, limits.total_bytes);
        Self { patterns, limits, uid, archive, files, total_left, omitted, buffer: vec![0; MAX_PART] }
    }

    /// Writes all files below `top` that match to the archive, in the order of their names, those of a directory before
    /// those of directories in it.
    ///
    /// # Errors
    /// If the archive cannot be written.
    pub(super) fn run(mut self, top: OwnedFd) -> io::Result<()> {
        let states = (0..self.patterns.len()).map(|pattern| (pattern, 0)).collect();
        self.directory(top, "", states, 1)?;
        self.archive.end(&self.omitted)
    }

    /// Searches a directory, whose path ends in a slash unless it is empty.
    fn directory(
        &mut self,
        directory: OwnedFd,
        path: &str,
        states: Vec<State>,
        depth: usize,
    ) -> io::Result<()> {
        if depth > MAX_DEPTH || used_cpu_time()? > MAX_CPU_TIME {
            self.omitted.is_incomplete = true;
            return Ok(());
        }
        let states = self.with_empty_depths(states);
        let (files, directories) = match self.exact_names(&states) {
            Some(names) => self.look_up(&states, names),
            // A second descriptor, because the list takes its own.
            None => match open_beneath(directory.as_fd(), ".", OFlag::O_DIRECTORY).and_then(Dir::from_fd) {
                Ok(list) => self.list(&states, list),
                Err(_) => {
                    self.omitted.unreadable = self.omitted.unreadable.saturating_add(1);
                    return Ok(());
                }
            },
        };
        for Named(name, role) in files {
            self.file(directory.as_fd(), path, &name, &role)?;
        }
        for Named(name, next) in directories {
            match open_beneath(directory.as_fd(), &name, OFlag::O_DIRECTORY) {
                Ok(below) => self.directory(below, &format!("{path}{name}/"), next, depth + 1)?,
                Err(Errno::EACCES) => self.omitted.unreadable = self.omitted.unreadable.saturating_add(1),
                // It does not exist, or is no directory.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Adds the states after each `**`, which matches no directory too.
    fn with_empty_depths(&self, mut states: Vec<State>) -> Vec<State> {
        let mut index = 0;
        while let Some(&(pattern, component)) = states.get(index) {
            let components = self.patterns[pattern].components();
            let after = (pattern, component + 1);
            if components[component] == Component::AnyDepth
                && after.1 < components.len()
                && !states.contains(&after)
            {
                states.push(after);
            }
            index += 1;
        }
        states
    }

    /// Returns the names that the patterns ask for, if they ask for names only: the directory need not be read then.
    fn exact_names(&self, states: &[State]) -> Option<Vec<String>> {
        let names = states.iter().map(|&(pattern, component)| {
            match &self.patterns[pattern].components()[component] {
                Component::Name(name) => Some(name.clone()),
                Component::Wild(_) | Component::AnyDepth => None,
            }
        });
        names.collect()
    }

    fn role(&self, states: &[State], name: &str) -> Role {
        let mut role = Role::default();
        for &(pattern, component) in states {
            let components = self.patterns[pattern].components();
            let (is_last, current) = (component + 1 == components.len(), &components[component]);
            if !current.matches(name) {
                continue;
            }
            role.is_file |= is_last;
            role.is_exact |= is_last && matches!(current, Component::Name(_));
            let next = match current {
                Component::AnyDepth => Some((pattern, component)),
                _ => (!is_last).then_some((pattern, component + 1)),
            };
            role.next.extend(next.filter(|next| !role.next.contains(next)));
        }
        role
    }

    /// Returns files and directories that may have the exact names of the patterns.
    fn look_up(
        &self,
        states: &[State],
        mut names: Vec<String>,
    ) -> (Vec<Named<Role>>, Vec<Named<Vec<State>>>) {
        names.sort_unstable();
        names.dedup();
        let (mut files, mut directories) = (Vec::new(), Vec::new());
        for name in names {
            let role = self.role(states, &name);
            if !role.next.is_empty() {
                directories.push(Named(name.clone(), role.next.clone()));
            }
            if role.is_file {
                files.push(Named(name, role));
            }
        }
        (files, directories)
    }

    /// Returns files and directories of a directory that are asked for.
    fn list(&mut self, states: &[State], mut list: Dir) -> (Vec<Named<Role>>, Vec<Named<Vec<State>>>) {
        // One more, so that the archive is full before a file is left out.
        let files_left = (self.limits.files - self.files) as usize + 1;
        let (mut files, mut directories) = (FirstNames::new(files_left), FirstNames::new(MAX_DIRECTORIES));
        for (number, entry) in list.iter().enumerate() {
            if number % 1024 == 0 && used_cpu_time().is_ok_and(|used| used > MAX_CPU_TIME) {
                self.omitted.is_incomplete = true;
                break;
            }
            let Ok(entry) = entry else {
                self.omitted.is_incomplete = true;
                break;
            };
            let bytes = entry.file_name().to_bytes();
            if matches!(bytes, b"." | b"..") {
                continue;
            }
            let kind = entry.file_type();
            let Ok(name) = std::str::from_utf8(bytes) else {
                let would_match = self.role(states, &String::from_utf8_lossy(bytes));
                let is_asked_for = if kind == Some(Type::Directory) {
                    !would_match.next.is_empty()
                } else {
                    would_match.is_file
                };
                self.omitted.invalid_name = self.omitted.invalid_name.saturating_add(u32::from(is_asked_for));
                continue;
            };
            let role = self.role(states, name);
            if kind == Some(Type::Directory) {
                if role.is_file && role.is_exact {
                    self.omitted.not_regular = self.omitted.not_regular.saturating_add(1);
                }
                if !role.next.is_empty() {
                    directories.add(name, role.next);
                }
            } else if role.is_file && matches!(kind, Some(Type::File) | None) {
                files.add(name, role);
            } else if role.is_file {
                self.omitted.not_regular = self.omitted.not_regular.saturating_add(1);
            }
        }
        self.omitted.too_many = self.omitted.too_many.saturating_add(files.dropped);
        self.omitted.is_incomplete |= directories.dropped > 0;
        (files.sorted(), directories.sorted())
    }

    /// Adds a file to the archive, if it is a regular one and there is room for it.
    fn file(&mut self, directory: BorrowedFd, path: &str, name: &str, role: &Role) -> io::Result<()> {
        if path.len() + name.len() > MAX_NAME {
            self.omitted.invalid_name = self.omitted.invalid_name.saturating_add(1);
            return Ok(());
        }
        let opened = open_beneath(directory, name, OFlag::empty());
        let (file, size) = match opened.and_then(|file| Ok((fstat(&file)?, file))) {
            Ok((status, file)) if is_regular_file_of(&status, self.uid) => {
                (File::from(file), u64::try_from(status.st_size).unwrap_or(0))
            }
            // That a pattern matches a directory is no mistake, unless it names it.
            Ok((status, _)) if is_directory(&status) && !role.is_exact => return Ok(()),
            // A link, a socket, or another file system.
            Ok(_) | Err(Errno::ELOOP | Errno::ENXIO | Errno::EXDEV) => {
                self.omitted.not_regular = self.omitted.not_regular.saturating_add(1);
                return Ok(());
            }
            Err(Errno::ENOENT) => return Ok(()),
            Err(_) => {
                self.omitted.unreadable = self.omitted.unreadable.saturating_add(1);
                return Ok(());
            }
        };
        if self.files >= self.limits.files {
            self.omitted.too_many = self.omitted.too_many.saturating_add(1);
            return Ok(());
        }
        let length = size.min(self.limits.file_bytes).min(self.total_left);
        if length == 0 && size > 0 {
            self.omitted.too_large = self.omitted.too_large.saturating_add(1);
            return Ok(());
        }
        self.files += 1;
        self.archive.file(&format!("{path}{name}"), size)?;
        self.content(file, length)
    }

    fn content(&mut self, mut file: File, length: u64) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            let wanted = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            // A file that is shorter than it was shows as truncated.
            let Ok(count @ 1..) = file.read(&mut self.buffer[..wanted]) else { break };
            self.archive.data(&self.buffer[..count])?;
            left -= count as u64;
        }
        self.total_left -= length - left;
        Ok(())
    }
}

impl<T> FirstNames<T> {
    fn new(max: usize) -> Self {
        Self { max, heap: BinaryHeap::new(), dropped: 0 }
    }

    fn add(&mut self, name: &str, value: T) {
        if self.heap.len() >= self.max {
            self.dropped = self.dropped.saturating_add(1);
            if self.heap.peek().is_none_or(|last| *last.0 <= *name) {
                return;
            }
            self.heap.pop();
        }
        self.heap.push(Named(name.to_owned(), value));
    }

    fn sorted(self) -> Vec<Named<T>> {
        self.heap.into_sorted_vec()
    }
}

impl<T> PartialEq for Named<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Named<T> {}

impl<T> PartialOrd for Named<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Named<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

/// Checks that [`Search`] can open anything at all in a directory: a system call filter of whoever started the daemon
/// may forbid openat2(2), as `RestrictSUIDSGID=` of systemd.exec(5) does.
///
/// # Errors
/// `ENOSYS` or `EPERM`, if the filter forbids it.
pub(super) fn check_access(directory: BorrowedFd) -> nix::Result<()> {
    open_beneath(directory, ".", OFlag::O_DIRECTORY).map(drop)
}

/// Opens a name in a directory, for reading.
fn open_beneath(directory: BorrowedFd, name: &str, flags: OFlag) -> nix::Result<OwnedFd> {
    let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
    openat2(directory, name.as_c_str(), OpenHow::new().flags(OPEN | flags).resolve(RESOLVE))
}

fn is_regular_file_of(status: &libc::stat, uid: u32) -> bool {
    status.st_mode & libc::S_IFMT == libc::S_IFREG && status.st_uid == uid
}

const fn is_directory(status: &libc::stat) -> bool {
    status.st_mode & libc::S_IFMT == libc::S_IFDIR
}

fn used_cpu_time() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}
