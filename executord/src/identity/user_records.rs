//! Records by which the host knows the name of a run's user, while it lives.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use sandbox::User;
use serde_json::json;
use tracing::warn;

use crate::config::UidRange;

/// The directory where systemd-userdbd and nss-systemd find transient users; see systemd-userdbd.service(8).
pub(super) const USERDB: &str = "/run/userdb";

/// The prefix of user names.
pub(super) const NAME_PREFIX: &str = "exec_";

/// Returns the paths of the user record and the group record, each with the path of its link.
fn record_paths(directory: &Path, user: &User) -> [(PathBuf, PathBuf); 2] {
    let User { name, uid, gid } = user;
    [("user", uid), ("group", gid)]
        .map(|(kind, id)| (directory.join(format!("{name}.{kind}")), directory.join(format!("{id}.{kind}"))))
}

/// Writes a user record and a group record under the name, and links to them under the uid and gid; see nss-systemd(8). All
/// users of the host may read them, as they may read /etc/passwd; with the daemon's umask only root could.
pub(super) fn write_records(directory: &Path, user: &User) -> io::Result<()> {
    match fs::create_dir(directory) {
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(0o755))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let User { name, uid, gid } = user;
    let user_record = json!({
        "userName": name, "realName": "Executor run", "uid": uid, "gid": gid,
        "homeDirectory": "/", "shell": "/usr/sbin/nologin", "locked": true, "disposition": "dynamic",
    });
    let group_record = json!({ "groupName": name, "gid": gid, "disposition": "dynamic" });
    for ((file, link), record) in record_paths(directory, user).iter().zip([user_record, group_record]) {
        fs::write(file, record.to_string())?;
        fs::set_permissions(file, Permissions::from_mode(0o644))?;
        if let Some(target) = file.file_name() {
            symlink(target, link)?;
        }
    }
    Ok(())
}

/// Removes the records of a user.
pub(super) fn remove_records(directory: &Path, user: &User) {
    for path in record_paths(directory, user).into_iter().flat_map(<[PathBuf; 2]>::from) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(%error, path = %path.display(), "cannot remove user record");
            }
            _ => {}
        }
    }
}

/// Removes the records that a killed daemon left behind.
pub(crate) fn remove_stale_records(range: UidRange) -> io::Result<()> {
    let entries = match fs::read_dir(USERDB) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some((stem, "user" | "group")) = name.to_str().and_then(|name| name.rsplit_once('.')) else {
            continue;
        };
        let is_ours = stem.starts_with(NAME_PREFIX)
            || stem.parse().is_ok_and(|id: u32| (range.first..=range.last).contains(&id));
        if is_ours {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
