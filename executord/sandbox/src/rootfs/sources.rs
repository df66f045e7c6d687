//! The source files of the program.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown, fchown};
use std::path::Path;

use crate::plan::{SourceEntry, User};

/// Writes the source files into `/box`. `contents` has their contents, one after the other.
///
/// They are written as root into directories of root, which no permission has to be overridden for, and change their owner
/// only when all are written.
pub(super) fn write_sources(entries: &[SourceEntry], mut contents: File, user: &User) -> io::Result<()> {
    let top = Path::new("box");
    for entry in entries {
        let path = top.join(&entry.path);
        let parent = path.parent().unwrap_or(top);
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)?;
        let written = io::copy(&mut contents.by_ref().take(entry.length), &mut file)?;
        if written != entry.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        fchown(&file, Some(user.uid), Some(user.gid))?;
    }
    for entry in entries {
        for directory in entry.path.ancestors().skip(1) {
            chown(top.join(directory), Some(user.uid), Some(user.gid))?;
        }
    }
    chown(top, Some(user.uid), Some(user.gid))
}
