//! The source files of the program.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, chown, fchown};
use std::path::Path;

use crate::plan::{SourceEntry, User};
use crate::start_message::StartMessage;

/// Bytes of an upload that are copied at once.
const UPLOAD_PIECE: usize = 64 * 1024;

/// Where the contents of the source files are.
pub(crate) struct SourceContents {
    /// The contents of all sources but the upload, one after the other.
    pub(crate) message: StartMessage,
    /// A sealed memory file, which the daemon may read at the same time: its position is shared.
    pub(crate) upload: Option<File>,
}

/// Writes the source files into `/box`.
///
/// They are written as root into directories of root, which no permission has to be overridden for, and change their owner
/// only when all are written.
pub(super) fn write_sources(
    entries: &[SourceEntry],
    mut contents: SourceContents,
    user: &User,
) -> io::Result<()> {
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
        let written = match (&contents.upload, entry.is_upload) {
            (Some(upload), true) => copy_from_start(upload, &mut file)?,
            (None, true) => return Err(io::ErrorKind::InvalidInput.into()),
            (_, false) => io::copy(&mut (&mut contents.message).take(entry.length), &mut file)?,
        };
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

/// Copies a file from its beginning to its end, whatever its position is. Returns the number of bytes.
fn copy_from_start(from: &File, to: &mut File) -> io::Result<u64> {
    let mut buffer = vec![0; UPLOAD_PIECE];
    let mut copied = 0;
    loop {
        match from.read_at(&mut buffer, copied)? {
            0 => return Ok(copied),
            count => {
                to.write_all(&buffer[..count])?;
                copied += count as u64;
            }
        }
    }
}
