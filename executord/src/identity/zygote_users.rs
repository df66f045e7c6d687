//! The users of zygotes, one for each slot.

use std::sync::{Arc, Mutex, PoisonError};

use sandbox::ZygoteUsers;

use crate::config::{Config, UidRange};

/// The uids that the zygotes of slots can have.
#[derive(Debug)]
pub(crate) struct ZygoteUserPool {
    programs: UidRange,
    group: u32,
    free: Mutex<Vec<u32>>,
}

/// The user of one slot's zygotes, until this is dropped.
#[derive(Debug)]
pub(crate) struct ZygoteUser {
    users: ZygoteUsers,
    pool: Arc<ZygoteUserPool>,
}

impl ZygoteUserPool {
    /// Creates the pool, or returns `None` if zygotes are not configured.
    pub(crate) fn new(config: &Config) -> Option<Arc<Self>> {
        let UidRange { first, last: group } = config.zygote_uids()?;
        let free = Mutex::new((first..group).rev().collect());
        Some(Arc::new(Self { programs: config.program_uids(), group, free }))
    }

    /// Returns the group that all zygotes have.
    pub(crate) const fn group(&self) -> u32 {
        self.group
    }

    /// Takes a user that no other slot has, or `None` if there is none left.
    pub(crate) fn lease(self: &Arc<Self>) -> Option<ZygoteUser> {
        let root = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        let UidRange { first, last } = self.programs;
        let users = ZygoteUsers { first, last, root, group: self.group };
        Some(ZygoteUser { users, pool: Arc::clone(self) })
    }
}

impl ZygoteUser {
    /// Returns the users of the slot's user namespace.
    pub(crate) const fn users(&self) -> ZygoteUsers {
        self.users
    }
}

impl Drop for ZygoteUser {
    fn drop(&mut self) {
        self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.users.root);
    }
}

#[cfg(test)]
mod tests {
    use sandbox::ZygoteUsers;

    use super::{Config, UidRange, ZygoteUserPool};
    use crate::config::PoolSettings;

    #[test]
    fn each_slot_has_its_own_user_that_no_program_has() {
        let uids = UidRange { first: 5000, last: 5011 };
        let config = |zygotes| Config {
            uids,
            slots: 1,
            max_executions: 1,
            pool: PoolSettings { zygotes, max: 1, ..PoolSettings::default() },
            ..Config::default()
        };
        assert!(ZygoteUserPool::new(&config(Some(false))).is_none());
        let pool = ZygoteUserPool::new(&config(Some(true))).unwrap();
        let users = |root| ZygoteUsers { first: 5000, last: 5008, root, group: 5011 };
        let (first, second) = (pool.lease().unwrap(), pool.lease().unwrap());
        assert_eq!((first.users(), second.users(), pool.group()), (users(5009), users(5010), 5011));
        assert!(pool.lease().is_none());
        drop(first);
        assert_eq!(pool.lease().unwrap().users(), users(5009));
    }
}
