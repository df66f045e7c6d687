//! The key file, changed by one process at a time, and the usage file of webd.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use keys::{KeyFile, MAX_FILE, MAX_USAGE_FILE, USAGE_FILE, UsageFile};
use nix::fcntl::OFlag;
use nix::unistd::Group;

use crate::failure::Failure;

/// Group that may read the file: webd is a member.
const GROUP: &str = "executor";
/// Readable by the group, and by nobody else.
const MODE: u32 = 0o640;

/// Reads all keys; none if there is no file.
pub(super) fn read(path: &Path) -> Result<KeyFile, Failure> {
    let text = match File::open(path).and_then(|file| read_bounded(file, MAX_FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(KeyFile::default()),
        Err(error) => return Err(failure("read", path, &error)),
    };
    KeyFile::parse(&text).map_err(|error| Failure::Local(format!("{}: {error}", path.display())))
}

/// Changes the keys: reads the file, changes it and replaces it, while no other process does the same.
pub(super) fn change<T>(
    path: &Path,
    change: impl FnOnce(&mut KeyFile) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory_file = File::open(directory).map_err(|error| failure("open", directory, &error))?;
    directory_file.lock().map_err(|error| failure("lock", directory, &error))?;
    let mut keys = read(path)?;
    let result = change(&mut keys)?;
    let text = keys.text().map_err(|error| Failure::Usage(error.to_string()))?;
    replace(path, &directory_file, text.as_bytes()).map_err(|error| failure("write", path, &error))?;
    Ok(result)
}

/// Replaces the file by a new one, so that webd never reads half of it, and so that a crash leaves the old or the new.
fn replace(path: &Path, directory: &File, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    // What a crashed process left; only this process may create it now.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    // Without the group, the host has no webd yet.
    if let Some(group) = Group::from_name(GROUP).ok().flatten()
        && nix::unistd::geteuid().is_root()
    {
        fchown(&file, None, Some(group.gid.as_raw()))?;
    }
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    directory.sync_all()
}

/// Reads the usage that webd wrote into its state directory; `None` if there is none. webd may write there, so nothing
/// but a regular file is read, and nothing of a file that is not valid is shown.
pub(super) fn read_usage(state: &Path) -> Result<Option<UsageFile>, Failure> {
    let path = state.join(USAGE_FILE);
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failure("read", &path, &error)),
    };
    let is_regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
    if !is_regular {
        return Err(Failure::Local(format!("{} is not a regular file", path.display())));
    }
    let text = read_bounded(file, MAX_USAGE_FILE).map_err(|error| failure("read", &path, &error))?;
    UsageFile::parse(&text).map(Some).map_err(|error| Failure::Local(format!("{}: {error}", path.display())))
}

fn read_bounded(file: File, max_length: u64) -> io::Result<String> {
    let mut text = String::new();
    let length = file.take(max_length + 1).read_to_string(&mut text)?;
    if length as u64 > max_length {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {max_length} bytes")));
    }
    Ok(text)
}

fn failure(operation: &str, path: &Path, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => "; run this command as root",
        _ => "",
    };
    Failure::Local(format!("{operation} {}: {error}{advice}", path.display()))
}
