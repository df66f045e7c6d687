//! All keys as the key file has them, ready to be looked up.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use keys::{KeyEntry, KeyFile, KeyHash, KeyName, KeyUsage, Timestamp, UsageFile};

use crate::domain::client_identity::ClientIdentity;
use crate::domain::keys::account::Account;
use crate::domain::keys::admission::Allowance;
use crate::domain::keys::client_table::ClientTable;
use crate::domain::keys::refusal::AuthenticationError;

/// The keys of one version of the file.
#[derive(Debug)]
pub(crate) struct KeyRing {
    keys: BTreeMap<KeyName, Arc<Key>>,
    hashes: HashMap<KeyHash, Validity>,
    anonymous: Arc<Key>,
}

/// A key, with what it used. The account and the allowance are shared with the version of the key before.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name.
    pub(crate) name: KeyName,
    /// The content of the file.
    pub(crate) entry: KeyEntry,
    /// Its usage.
    pub(crate) account: Arc<Account>,
    allowances: Allowances,
}

#[derive(Debug)]
enum Allowances {
    /// One for all that have the key.
    Shared(Arc<Allowance>),
    /// One for each client, as there is no key to tell them apart.
    PerClient(Arc<ClientTable>),
}

#[derive(Debug)]
struct Validity {
    key: Arc<Key>,
    until: Option<Timestamp>,
}

impl KeyRing {
    /// Creates the keys of a file, which have used what `usage` says.
    pub(crate) fn new(file: &KeyFile, usage: Option<&UsageFile>) -> Self {
        let account = |name: &KeyName| {
            let used = usage.and_then(|file| Some((file.day.day(), *file.keys.get(name)?)));
            let (day, usage) = used.unwrap_or((0, KeyUsage::default()));
            Arc::new(Account::with_usage(day, usage))
        };
        Self::build(file, |name, entry| Key {
            name: name.clone(),
            entry: entry.clone(),
            account: account(name),
            allowances: Allowances::new(name, Allowance::new(entry.limits.rate)),
        })
    }

    /// Returns the keys of a new version of the file. Keys that were there before have used what they had used.
    pub(crate) fn updated(&self, file: &KeyFile) -> Self {
        Self::build(file, |name, entry| {
            let rate = entry.limits.rate;
            let (account, allowances) = match self.find(name) {
                Some(old) => (Arc::clone(&old.account), old.allowances.updated(name, rate)),
                None => (Arc::default(), Allowances::new(name, Allowance::new(rate))),
            };
            Key { name: name.clone(), entry: entry.clone(), account, allowances }
        })
    }

    fn build(file: &KeyFile, key: impl Fn(&KeyName, &KeyEntry) -> Key) -> Self {
        let mut keys: BTreeMap<KeyName, Arc<Key>> =
            file.keys.iter().map(|(name, entry)| (name.clone(), Arc::new(key(name, entry)))).collect();
        let mut hashes = HashMap::new();
        for entry in keys.values() {
            let previous = entry.entry.previous_hash.zip(entry.entry.previous_expires);
            let until = entry.entry.expires;
            if let Some(hash) = entry.entry.hash {
                hashes.insert(hash, Validity { key: Arc::clone(entry), until });
            }
            if let Some((hash, end)) = previous {
                let until = Some(until.map_or(end, |until| until.min(end)));
                hashes.insert(hash, Validity { key: Arc::clone(entry), until });
            }
        }
        let name = KeyName::anonymous();
        let anonymous = keys.remove(&name).unwrap_or_else(|| Arc::new(key(&name, &KeyEntry::default())));
        Self { keys, hashes, anonymous }
    }

    /// Returns whether the file changes anything: without it, keys that clients send are ignored, because it is
    /// for a proxy or for another service.
    pub(crate) fn is_used(&self) -> bool {
        !self.keys.is_empty() || self.anonymous.entry.disabled
    }

    /// Returns the key with a hash.
    ///
    /// # Errors
    /// [`AuthenticationError`] if there is none that is accepted.
    pub(crate) fn with_hash(&self, hash: &KeyHash, now: Timestamp) -> Result<Arc<Key>, AuthenticationError> {
        let found = self.hashes.get(hash).ok_or(AuthenticationError::Unknown)?;
        if found.until.is_some_and(|until| until <= now) {
            return Err(AuthenticationError::Expired);
        }
        Ok(Arc::clone(&found.key))
    }

    /// Returns the key with a name.
    ///
    /// # Errors
    /// [`AuthenticationError`] if there is none that is accepted.
    pub(crate) fn with_name(&self, name: &KeyName, now: Timestamp) -> Result<Arc<Key>, AuthenticationError> {
        let found = self.keys.get(name).ok_or(AuthenticationError::Unknown)?;
        if found.entry.expires.is_some_and(|expires| expires <= now) {
            return Err(AuthenticationError::Expired);
        }
        Ok(Arc::clone(found))
    }

    /// Returns the key of requests without a key.
    ///
    /// # Errors
    /// [`AuthenticationError::Missing`] if it is disabled.
    pub(crate) fn anonymous(&self) -> Result<Arc<Key>, AuthenticationError> {
        if self.anonymous.entry.disabled {
            return Err(AuthenticationError::Missing);
        }
        Ok(Arc::clone(&self.anonymous))
    }

    /// Returns all keys, the anonymous one last.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.values().chain([&self.anonymous])
    }

    fn find(&self, name: &KeyName) -> Option<&Arc<Key>> {
        if name.is_anonymous() { Some(&self.anonymous) } else { self.keys.get(name) }
    }
}

impl Key {
    /// Returns the remaining limits of a client of this key.
    pub(crate) fn allowance(&self, client: ClientIdentity) -> Arc<Allowance> {
        match &self.allowances {
            Allowances::Shared(allowance) => Arc::clone(allowance),
            Allowances::PerClient(table) => table.of(client),
        }
    }

    /// Returns what all that have this key have left of its limits together; `None` if each client has its own.
    #[cfg(feature = "cluster")]
    pub(crate) const fn shared_allowance(&self) -> Option<&Arc<Allowance>> {
        match &self.allowances {
            Allowances::Shared(allowance) => Some(allowance),
            Allowances::PerClient(_) => None,
        }
    }

    /// Returns whether all CPU time must be counted, also that of a client that disconnects.
    pub(crate) fn is_measured(&self) -> bool {
        !self.name.is_anonymous() || self.entry.limits.cpu_per_day.is_some()
    }
}

impl Allowances {
    fn new(name: &KeyName, allowance: Allowance) -> Self {
        if name.is_anonymous() {
            Self::PerClient(Arc::new(ClientTable::new(allowance)))
        } else {
            Self::Shared(Arc::new(allowance))
        }
    }

    /// Returns the allowances for a new version of a key. A rate that changes starts unused.
    fn updated(&self, name: &KeyName, rate: Option<keys::Rate>) -> Self {
        match self {
            Self::Shared(allowance) if allowance.rate() == rate => Self::Shared(Arc::clone(allowance)),
            Self::Shared(allowance) => Self::Shared(Arc::new(allowance.with_rate(rate))),
            Self::PerClient(table) if table.rate() == rate => Self::PerClient(Arc::clone(table)),
            Self::PerClient(_) => Self::new(name, Allowance::new(rate)),
        }
    }
}
