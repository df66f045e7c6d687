//! Users that exist for one execution alone.
//!
//! A user is a number that nobody else has; no account is made for it (docs/decisions tells why). It is given
//! back only against the proof that no process of it is left; until there is one it is quarantined.

use std::collections::VecDeque;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::ExecutionId;
use sandbox::{Emptied, User};
use serde_json::json;
use tracing::{info, warn};
use uuid::Uuid;

use crate::config::{Config, UidRange, Userdb};
use crate::failure::Failure;

/// Where systemd-userdbd and nss-systemd look for users that come and go; systemd-userdbd.service(8).
const USERDB: &str = "/run/userdb";

/// What the names of our users begin with.
pub(crate) const NAME_PREFIX: &str = "exec_";

/// The users that can be leased.
#[derive(Clone, Debug)]
pub(crate) struct IdentityPool {
    uids: Arc<Mutex<Uids>>,
    /// Where each user's record is kept while it lives.
    records: Option<PathBuf>,
}

#[derive(Debug)]
struct Uids {
    /// The longest unused first.
    free: VecDeque<u32>,
    quarantined: u32,
}

/// A leased user. Dropping it without [`Identity::release`] withholds it for the rest of the daemon's life.
#[derive(Debug)]
pub(crate) struct Identity {
    user: User,
    pool: IdentityPool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Leased,
    Quarantined,
    Released,
}

impl IdentityPool {
    pub(crate) fn new(config: &Config) -> Self {
        let UidRange { first, last } = config.uids;
        let records = match config.userdb {
            Userdb::On => true,
            Userdb::Off => false,
            // As sd_booted(3) finds out.
            Userdb::Auto => Path::new("/run/systemd/system").is_dir(),
        };
        Self {
            uids: Arc::new(Mutex::new(Uids { free: (first..=last).collect(), quarantined: 0 })),
            records: records.then(|| PathBuf::from(USERDB)),
        }
    }

    /// Leases the user that was unused the longest, under a name that was never used before: that of the execution
    /// `id`, or a name of its own for a sandbox that is there before its execution.
    pub(crate) fn lease(&self, id: Option<ExecutionId>) -> Result<Identity, Failure> {
        let id = id.unwrap_or_else(|| ExecutionId(Uuid::new_v4()));
        let uid = self.lock().free.pop_front().ok_or(Failure::NoFreeUid)?;
        let name = format!("{NAME_PREFIX}{}", id.0.hyphenated());
        let identity =
            Identity { user: User { name, uid, gid: uid }, pool: self.clone(), state: State::Leased };
        if let Some(directory) = &self.records
            && let Err(error) = write_records(directory, &identity.user)
        {
            // The program does not depend on it; only `id` shows a number.
            warn!(%error, "no record of the user {uid}");
        }
        Ok(identity)
    }

    /// Free and quarantined users.
    pub(crate) fn counts(&self) -> (u32, u32) {
        let uids = self.lock();
        (u32::try_from(uids.free.len()).unwrap_or(u32::MAX), uids.quarantined)
    }

    fn lock(&self) -> MutexGuard<'_, Uids> {
        self.uids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identity {
    pub(crate) const fn user(&self) -> &User {
        &self.user
    }

    /// Give the user back: nothing of it is left.
    pub(crate) fn release(mut self, proof: &Emptied) {
        if proof.uid() == self.user.uid {
            let mut uids = self.pool.lock();
            uids.free.push_back(self.user.uid);
            if self.state == State::Quarantined {
                uids.quarantined -= 1;
                info!(uid = self.user.uid, "this user is free again: nothing of it is left");
            }
            drop(uids);
            self.state = State::Released;
        }
    }

    /// There is no proof yet that nothing of it is left.
    pub(crate) fn quarantine(&mut self) {
        if self.state == State::Leased {
            self.pool.lock().quarantined += 1;
            self.state = State::Quarantined;
            warn!(
                uid = self.user.uid,
                "this user is quarantined: it is not proven that nothing of it is left"
            );
        }
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        if let Some(directory) = &self.pool.records {
            remove_records(directory, &self.user);
        }
        self.quarantine();
    }
}

fn record_paths(directory: &Path, user: &User) -> [(PathBuf, PathBuf); 2] {
    let User { name, uid, gid } = user;
    [("user", uid), ("group", gid)]
        .map(|(kind, id)| (directory.join(format!("{name}.{kind}")), directory.join(format!("{id}.{kind}"))))
}

/// A user record and a group record by name, and links to them by number; nss-systemd(8). Everybody may read
/// them, as /etc/passwd; the daemon's umask would keep them to root.
fn write_records(directory: &Path, user: &User) -> io::Result<()> {
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

fn remove_records(directory: &Path, user: &User) {
    for path in record_paths(directory, user).into_iter().flat_map(<[PathBuf; 2]>::from) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(%error, "remove {}", path.display())
            }
            _ => {}
        }
    }
}

/// Remove the records that a daemon which was killed left behind.
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

/// Why executions cannot have these user ids: outside the user namespace, or somebody else's.
pub(crate) fn check_range(range: UidRange) -> Result<(), String> {
    let UidRange { first, last } = range;
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    for map in ["/proc/self/uid_map", "/proc/self/gid_map"] {
        let is_mapped = read(map).lines().any(|line| {
            let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().unwrap_or(0));
            let (start, count) = (numbers.next().unwrap_or(0), numbers.nth(1).unwrap_or(0));
            start <= first.into() && u64::from(last) < start + count
        });
        if !is_mapped {
            return Err(format!(
                "the ids {first} to {last} are not all mapped in {map}; choose others in `uids`"
            ));
        }
    }
    for (path, column) in [("/etc/passwd", 2), ("/etc/group", 2)] {
        for line in read(path).lines() {
            let id = line.split(':').nth(column).and_then(|id| id.parse::<u32>().ok());
            if id.is_some_and(|id| (first..=last).contains(&id)) {
                let name = line.split(':').next().unwrap_or("somebody");
                return Err(format!(
                    "{name} in {path} has an id between {first} and {last}; choose others in `uids`"
                ));
            }
        }
    }
    for path in ["/etc/subuid", "/etc/subgid"] {
        for line in read(path).lines() {
            let mut fields = line.split(':');
            let (name, start, count) = (fields.next(), fields.next(), fields.next());
            let number = |field: Option<&str>| field.and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
            let (start, end) = (number(start), number(start) + number(count));
            if start <= last.into() && u64::from(first) < end {
                let name = name.unwrap_or("somebody");
                return Err(format!(
                    "{name} has ids between {first} and {last} in {path}; choose others in `uids`"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Config, ExecutionId, IdentityPool, UidRange, Userdb, Uuid};
    use sandbox::Emptied;
    use sandbox::cgroup::{CgroupLimits, Controllers, CpuWeight};

    fn pool() -> IdentityPool {
        let uids = UidRange { first: 5000, last: 5001 };
        IdentityPool::new(&Config { uids, userdb: Userdb::Off, ..Config::default() })
    }

    /// The proof for a run of `uid` that ended before it had a process.
    fn emptied(uid: u32) -> Emptied {
        let limits = CgroupLimits { memory: 1 << 20, processes: 1, cpu_millis: 1000 };
        let mut slot = Controllers::None.slot("test").unwrap();
        let run = slot.begin(&limits, CpuWeight::Full, uid).unwrap();
        run.close_unused().unwrap().unwrap()
    }

    #[test]
    fn a_user_comes_back_only_against_the_proof_that_it_is_empty() {
        let pool = pool();
        let (first, second) = (pool.lease(None).unwrap(), pool.lease(None).unwrap());
        assert_eq!((first.user().uid, second.user().uid), (5000, 5001));
        assert!(pool.lease(None).is_err());
        second.release(&emptied(5001));
        drop(first);
        assert_eq!(pool.counts(), (1, 1));
        let mut again = pool.lease(None).unwrap();
        assert_eq!(again.user().uid, 5001);
        again.quarantine();
        assert_eq!(pool.counts(), (0, 2));
        again.release(&emptied(5001));
        assert_eq!(pool.counts(), (1, 1));
        let again = pool.lease(None).unwrap();
        again.release(&emptied(5000));
        assert_eq!(pool.counts(), (0, 2));
    }

    #[test]
    fn a_user_is_named_after_what_it_was_leased_for() {
        let id = ExecutionId(Uuid::new_v4());
        let identity = pool().lease(Some(id)).unwrap();
        assert_eq!(identity.user().name, format!("exec_{}", id.0.hyphenated()));
    }
}
