//! Files that the program left behind: writing them below a directory, and as JSON.
//!
//! The program chose their names. They are written below the directory one component at a time and without following
//! links, and a file that exists is replaced, never opened.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use protocol::{OmittedFiles, SourceFile, StageName};
use serde_json::{Value, json};

use crate::failure::Failure;

/// The name of a file that is not complete yet, in the directory of the file. No pattern of a shell finds it.
const PARTIAL: &str = ".executor-partial";

/// The output files of an execution.
#[derive(Default)]
pub(crate) struct OutputFiles {
    /// Where to write them.
    directory: Option<OwnedFd>,
    /// The name of the directory, for messages.
    directory_name: String,
    /// Files that are not written unless the program changed them.
    sources: Vec<SourceFile>,
    open: Option<OpenFile>,
    /// As JSON, by stage.
    collected: Vec<(StageName, Value)>,
    omitted: Vec<(StageName, OmittedFiles)>,
    /// What to tell the user in the end.
    messages: Vec<String>,
}

struct OpenFile {
    stage: StageName,
    name: String,
    size: u64,
    content: Vec<u8>,
}

impl OutputFiles {
    /// Creates an empty list of files, which are to be written to `directory`. `sources` are skipped unless they
    /// changed.
    pub(crate) fn new(directory: Option<&Path>, sources: &[SourceFile]) -> Result<Self, Failure> {
        let Some(path) = directory else { return Ok(Self::default()) };
        let usage = |error: io::Error| Failure::Usage(format!("open {}: {error}", path.display()));
        DirBuilder::new().recursive(true).create(path).map_err(usage)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let opened = open(path, flags, Mode::empty()).map_err(|error| usage(error.into()))?;
        Ok(Self {
            directory: Some(opened),
            directory_name: path.display().to_string(),
            sources: sources.to_vec(),
            ..Self::default()
        })
    }

    /// Begins a file.
    pub(crate) fn start(&mut self, stage: StageName, name: String, size: u64) -> Result<(), Failure> {
        self.finish()?;
        self.open = Some(OpenFile { stage, name, size, content: Vec::new() });
        Ok(())
    }

    /// Adds content of the current file.
    pub(crate) fn push(&mut self, bytes: &Bytes) {
        if let Some(open) = &mut self.open {
            open.content.extend_from_slice(bytes);
        }
    }

    /// Ends the files of a stage.
    pub(crate) fn end(&mut self, stage: StageName, omitted: OmittedFiles) -> Result<(), Failure> {
        self.finish()?;
        if omitted != OmittedFiles::default() {
            self.messages.push(message_of(&omitted));
        }
        self.omitted.push((stage, omitted));
        Ok(())
    }

    /// Returns the final messages for the user.
    pub(crate) fn messages(&self) -> &[String] {
        &self.messages
    }

    /// Adds the files of a stage to its JSON object, if the client asked for files.
    pub(crate) fn add_to(&self, stage: StageName, object: &mut Value) {
        let Some((_, omitted)) = self.omitted.iter().find(|(name, _)| *name == stage) else { return };
        let files = self.collected.iter().filter(|(name, _)| *name == stage);
        object["output_files"] = files.map(|(_, file)| file.clone()).collect();
        if *omitted != OmittedFiles::default() {
            let OmittedFiles { too_many, too_large, not_regular, invalid_name, unreadable, is_incomplete } =
                omitted;
            object["output_files_omitted"] = json!({
                "too_many": too_many, "too_large": too_large, "not_regular": not_regular,
                "invalid_name": invalid_name, "unreadable": unreadable, "incomplete": is_incomplete,
            });
        }
    }

    /// Writes the current file.
    fn finish(&mut self) -> Result<(), Failure> {
        let Some(file) = self.open.take() else { return Ok(()) };
        let is_cut = (file.content.len() as u64) < file.size;
        let is_unchanged = self.sources.iter().any(|source| {
            source.path.as_ref() == Some(&file.name) && source.content == file.content && !is_cut
        });
        if let Some(directory) = self.directory.as_ref().filter(|_| !is_unchanged) {
            write_below(directory.as_fd(), &file.name, &file.content).map_err(|error| {
                let (directory, name) = (&self.directory_name, file.name.escape_debug());
                Failure::Local(format!("write {directory}/{name}: {error}"))
            })?;
        }
        if is_cut {
            let (name, length, size) = (file.name.escape_debug(), file.content.len(), file.size);
            self.messages.push(format!("output file {name} was cut: {length} of {size} bytes"));
        }
        self.collected.push((file.stage, as_json(&file, is_cut)));
        Ok(())
    }
}

fn as_json(file: &OpenFile, is_cut: bool) -> Value {
    let mut object = json!({ "name": file.name, "size": file.size, "truncated": is_cut });
    match std::str::from_utf8(&file.content) {
        Ok(text) => object["content"] = text.into(),
        Err(_) => object["content_base64"] = STANDARD.encode(&file.content).into(),
    }
    object
}

fn message_of(omitted: &OmittedFiles) -> String {
    let OmittedFiles { too_many, too_large, not_regular, invalid_name, unreadable, is_incomplete } = *omitted;
    let reasons = [
        (too_many, "more files than the limit output-files"),
        (too_large, "more bytes than the limit output-files-size"),
        (not_regular, "not a regular file"),
        (invalid_name, "the name is not UTF-8 or too long"),
        (unreadable, "not readable"),
    ];
    let mut parts: Vec<_> = reasons
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, reason)| format!("{count} ({reason})"))
        .collect();
    if is_incomplete {
        parts.push("those that were not searched for (too many directories)".to_owned());
    }
    format!("output files left out: {}", parts.join(", "))
}

/// Writes a file below a directory. Directories in its path are created; a link in it is an error.
fn write_below(directory: BorrowedFd, name: &str, content: &[u8]) -> io::Result<()> {
    let mut components: Vec<&str> = name.split('/').collect();
    if components.iter().any(|component| matches!(*component, "" | "." | "..")) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name leaves the directory"));
    }
    let Some(file_name) = components.pop() else { return Ok(()) };
    let mut parent = directory.try_clone_to_owned()?;
    for component in components {
        match mkdirat(&parent, component, Mode::from_bits_truncate(0o777)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        parent = openat(&parent, component, flags, Mode::empty())?;
    }
    let written =
        write_new(&parent, content).and_then(|()| Ok(renameat(&parent, PARTIAL, &parent, file_name)?));
    if written.is_err() {
        let _ = unlinkat(&parent, PARTIAL, UnlinkatFlags::NoRemoveDir);
    }
    written
}

/// Writes a new file.
fn write_new(parent: &OwnedFd, content: &[u8]) -> io::Result<()> {
    // One that an interrupted command left behind.
    let _ = unlinkat(parent, PARTIAL, UnlinkatFlags::NoRemoveDir);
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = openat(parent, PARTIAL, flags, Mode::from_bits_truncate(0o666))?;
    File::from(file).write_all(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(directory: &Path, name: &str, content: &[u8]) -> io::Result<()> {
        write_below(File::open(directory)?.as_fd(), name, content)
    }

    #[test]
    fn files_are_written_below_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "a/b/c.txt", b"1").unwrap();
        write(directory.path(), "a/b/c.txt", b"2").unwrap();
        write(directory.path(), "new\nline", b"3").unwrap();
        assert_eq!(std::fs::read(directory.path().join("a/b/c.txt")).unwrap(), b"2");
        assert_eq!(std::fs::read(directory.path().join("new\nline")).unwrap(), b"3");
        assert_eq!(std::fs::read_dir(directory.path().join("a/b")).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_written_outside_the_directory() {
        let (directory, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let victim = outside.path().join("victim");
        std::fs::write(&victim, "untouched").unwrap();
        symlink(outside.path(), directory.path().join("link")).unwrap();
        symlink(&victim, directory.path().join("file")).unwrap();
        symlink(&victim, directory.path().join(PARTIAL)).unwrap();
        for name in ["../x", "a/../../x", "/tmp/x", "", "a//b", ".", "link/victim", "link/x"] {
            assert!(write(directory.path(), name, b"evil").is_err(), "{name}");
        }
        // A link in place of the file is replaced.
        write(directory.path(), "file", b"mine").unwrap();
        assert_eq!(std::fs::read(directory.path().join("file")).unwrap(), b"mine");
        assert!(!directory.path().join("file").is_symlink());
        std::fs::create_dir(directory.path().join("dir")).unwrap();
        assert!(write(directory.path(), "dir", b"x").is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    }
}
