//! The pool of uids.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sandbox::{Emptied, User};
use tracing::{info, warn};
use uuid::Uuid;

use crate::config::{Config, UidRange, Userdb};
use crate::failure::Failure;
use crate::identity::user_records::{NAME_PREFIX, USERDB, remove_records, write_records};

/// The users that sandboxes can lease.
#[derive(Clone, Debug)]
pub(crate) struct IdentityPool {
    uids: Arc<Mutex<Uids>>,
    /// Half of all users.
    plenty: usize,
    /// The directory of the user records, if they are written.
    records: Option<PathBuf>,
}

#[derive(Debug)]
struct Uids {
    /// The least recently used first.
    free: VecDeque<u32>,
    quarantined: u32,
}

/// A leased user. Dropping it without [`Identity::release`] quarantines its uid until the daemon is restarted.
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
        let UidRange { first, last } = config.program_uids();
        let records = match config.userdb {
            Userdb::On => true,
            Userdb::Off => false,
            // The test of sd_booted(3).
            Userdb::Auto => Path::new("/run/systemd/system").is_dir(),
        };
        let free: VecDeque<u32> = (first..=last).collect();
        Self {
            plenty: free.len() / 2,
            uids: Arc::new(Mutex::new(Uids { free, quarantined: 0 })),
            records: records.then(|| PathBuf::from(USERDB)),
        }
    }

    /// Leases the least recently used user, under a name that is new: it is made from `name`.
    pub(crate) fn lease(&self, name: Uuid) -> Result<Identity, Failure> {
        let uid = self.lock().free.pop_front().ok_or(Failure::NoFreeUid)?;
        let name = format!("{NAME_PREFIX}{}", name.hyphenated());
        let identity =
            Identity { user: User { name, uid, gid: uid }, pool: self.clone(), state: State::Leased };
        if let Some(directory) = &self.records
            && let Err(error) = write_records(directory, &identity.user)
        {
            // The program does not need it: only `id` and `getent` show the uid instead of the name.
            warn!(%error, uid, "cannot write user record");
        }
        Ok(identity)
    }

    /// Returns whether at least half of all users are free.
    pub(crate) fn are_plentiful(&self) -> bool {
        self.lock().free.len() >= self.plenty
    }

    /// Returns how many users are free, and how many are quarantined.
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

    /// Returns the user to the pool, against the proof that no process of it is left. A proof for another uid changes nothing:
    /// the user is quarantined.
    pub(crate) fn release(mut self, proof: &Emptied) {
        if proof.uid() == self.user.uid {
            let mut uids = self.pool.lock();
            uids.free.push_back(self.user.uid);
            if self.state == State::Quarantined {
                uids.quarantined -= 1;
                info!(uid = self.user.uid, "uid released from quarantine: its processes are gone");
            }
            drop(uids);
            self.state = State::Released;
        }
    }

    /// Quarantines the user: its processes could not be confirmed gone.
    pub(crate) fn quarantine(&mut self) {
        if self.state == State::Leased {
            self.pool.lock().quarantined += 1;
            self.state = State::Quarantined;
            warn!(uid = self.user.uid, "uid quarantined: its processes could not be confirmed gone");
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

#[cfg(test)]
mod tests {
    use super::{Config, IdentityPool, UidRange, Userdb, Uuid};
    use protocol::ExecutionId;
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
    fn a_uid_is_reused_only_against_the_proof_that_its_processes_are_gone() {
        let pool = pool();
        assert!(pool.are_plentiful());
        let (first, second) = (pool.lease(Uuid::new_v4()).unwrap(), pool.lease(Uuid::new_v4()).unwrap());
        assert_eq!((first.user().uid, second.user().uid), (5000, 5001));
        assert!(pool.lease(Uuid::new_v4()).is_err() && !pool.are_plentiful());
        second.release(&emptied(5001));
        drop(first);
        assert_eq!(pool.counts(), (1, 1));
        let mut again = pool.lease(Uuid::new_v4()).unwrap();
        assert_eq!(again.user().uid, 5001);
        again.quarantine();
        assert_eq!(pool.counts(), (0, 2));
        again.release(&emptied(5001));
        assert_eq!(pool.counts(), (1, 1));
        let again = pool.lease(Uuid::new_v4()).unwrap();
        again.release(&emptied(5000));
        assert_eq!(pool.counts(), (0, 2));
    }

    #[test]
    fn a_user_is_named_after_the_execution_it_was_leased_for() {
        let id = ExecutionId(Uuid::new_v4());
        let identity = pool().lease(id.0).unwrap();
        assert_eq!(identity.user().name, format!("exec_{}", id.0.hyphenated()));
    }
}
