//! The keys in use, and the requests that they allow.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

#[cfg(feature = "cluster")]
use cluster::usage::{Counters, Elsewhere};
use keys::{ApiKey, CallbackSecret, KeyFile, KeyName, KeyUsage, SECONDS_PER_DAY, Timestamp, UsageFile};

use crate::domain::caller::{Caller, Credential};
use crate::domain::client_identity::ClientIdentity;
use crate::domain::keys::account::Totals;
use crate::domain::keys::admission::{self, Admission};
use crate::domain::keys::key_ring::{Key, KeyRing};
use crate::domain::keys::refusal::{AuthenticationError, Refusal};
use crate::domain::keys::session_tokens::SessionTokens;

/// All keys. They can be replaced while requests use them.
#[derive(Debug)]
pub(crate) struct KeyStore {
    ring: RwLock<Arc<KeyRing>>,
    tokens: SessionTokens,
}

impl KeyStore {
    /// Creates the store of a file, whose keys have used what `usage` says.
    pub(crate) fn new(file: &KeyFile, usage: Option<&UsageFile>) -> Self {
        Self { ring: RwLock::new(Arc::new(KeyRing::new(file, usage))), tokens: SessionTokens::default() }
    }

    /// Replaces all keys by those of a new version of the file.
    pub(crate) fn replace(&self, file: &KeyFile) {
        let new = Arc::new(self.ring().updated(file));
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// Identifies the caller of a request from what its headers name as a key.
    ///
    /// # Errors
    /// [`AuthenticationError`]
    pub(crate) fn authenticate(
        &self,
        key: Option<&str>,
        client: ClientIdentity,
    ) -> Result<Caller, AuthenticationError> {
        let ring = self.ring();
        let key = key.filter(|_| ring.is_used());
        let credential = match key {
            None => Credential::Anonymous,
            Some(text) => Credential::Key(ApiKey::parse(text).ok_or(AuthenticationError::Unknown)?.hash()),
        };
        let key = find(&ring, &credential)?;
        Ok(Caller::new(client, credential, key.name.clone()))
    }

    /// Returns a token that identifies the caller for the next minute, once. `None` if the caller has no key, and needs
    /// no token, or if the operating system has no random bytes.
    pub(crate) fn issue_token(&self, caller: &Caller) -> Option<String> {
        match caller.credential() {
            Credential::Key(hash) => self.tokens.issue(*hash, Instant::now()),
            Credential::Name(_) | Credential::Anonymous => None,
        }
    }

    /// Identifies the caller of a request from a token.
    ///
    /// # Errors
    /// [`AuthenticationError`]
    pub(crate) fn redeem_token(
        &self,
        token: &str,
        client: ClientIdentity,
    ) -> Result<Caller, AuthenticationError> {
        let hash = self.tokens.redeem(token, Instant::now()).ok_or(AuthenticationError::Token)?;
        let credential = Credential::Key(hash);
        let key = find(&self.ring(), &credential)?;
        Ok(Caller::new(client, credential, key.name.clone()))
    }

    /// Returns the name of the key of a token, which can still be used.
    pub(crate) fn key_of_token(&self, token: &str) -> Option<KeyName> {
        let hash = self.tokens.peek(token, Instant::now())?;
        Some(find(&self.ring(), &Credential::Key(hash)).ok()?.name.clone())
    }

    /// Returns the names of the languages that the caller may use; all if there is no list.
    ///
    /// # Errors
    /// [`Refusal::Key`] if its key is no longer accepted.
    pub(crate) fn languages(&self, caller: &Caller) -> Result<Option<Vec<String>>, Refusal> {
        Ok(find(&self.ring(), caller.credential())?.entry.limits.languages.clone())
    }

    /// Returns the secrets that sign the callbacks of a key, the newest first. Empty if it has none, or is not accepted
    /// any more.
    pub(crate) fn callback_secrets(&self, name: &KeyName) -> Vec<CallbackSecret> {
        let (ring, now) = (self.ring(), Timestamp::now());
        let key = if name.is_anonymous() { ring.anonymous() } else { ring.with_name(name, now) };
        key.map(|key| key.entry.callback_secrets(now).into_iter().cloned().collect()).unwrap_or_default()
    }

    /// Admits an execution that begins now. The limits are those of this moment, not of the moment when a session
    /// began.
    ///
    /// # Errors
    /// [`Refusal`]
    pub(crate) fn admit(&self, caller: &Caller) -> Result<Admission, Refusal> {
        let key = find(&self.ring(), caller.credential())?;
        let allowance = key.allowance(caller.client());
        let (admitted, rate) = admission::admit(
            &key.entry.limits,
            &key.account,
            &allowance,
            key.is_measured(),
            Timestamp::now(),
        );
        if let Some(rate) = rate {
            caller.set_rate(rate);
        }
        admitted.inspect_err(|refusal| key.account.refuse(refusal))
    }

    /// Accepts executions that begin later: counts them against the rate.
    ///
    /// # Errors
    /// [`Refusal`]
    pub(crate) fn accept(&self, caller: &Caller, executions: NonZeroU32) -> Result<(), Refusal> {
        let key = find(&self.ring(), caller.credential())?;
        let allowance = key.allowance(caller.client());
        let (accepted, rate) =
            admission::accept(&key.entry.limits, &key.account, &allowance, executions, Timestamp::now());
        if let Some(rate) = rate {
            caller.set_rate(rate);
        }
        accepted.inspect_err(|refusal| key.account.refuse(refusal))
    }

    /// Admits an execution that was accepted before, and that begins now: its rate was counted then.
    ///
    /// # Errors
    /// [`Refusal`]
    pub(crate) fn admit_accepted(&self, caller: &Caller) -> Result<Admission, Refusal> {
        let key = find(&self.ring(), caller.credential())?;
        let allowance = key.allowance(caller.client());
        let now = Timestamp::now();
        admission::begin(&key.entry.limits, &key.account, &allowance, key.is_measured(), now)
            .inspect(|_| key.account.start(1, now))
    }

    /// Counts a refusal that was decided elsewhere.
    pub(crate) fn count_refusal(&self, caller: &Caller, refusal: &Refusal) {
        if let Ok(key) = find(&self.ring(), caller.credential()) {
            key.account.refuse(refusal);
        }
    }

    /// Returns the usage of all keys today.
    pub(crate) fn usage(&self, now: Timestamp) -> UsageFile {
        let usage = |key: &Arc<Key>| (key.name.clone(), key.account.usage(now));
        let is_used = |(_, usage): &(KeyName, KeyUsage)| *usage != KeyUsage::default();
        let keys: BTreeMap<KeyName, KeyUsage> = self.ring().all().map(usage).filter(is_used).collect();
        UsageFile { day: Timestamp(now.day() * SECONDS_PER_DAY), keys }
    }

    /// Returns what other servers must know of each key.
    #[cfg(feature = "cluster")]
    pub(crate) fn counters(&self, now: Timestamp) -> BTreeMap<KeyName, Counters> {
        let counters = |key: &Arc<Key>| {
            let (running, counted) = key.shared_allowance().map_or((0, 0), |shared| shared.counters());
            let usage = Counters::from(key.account.usage(now));
            (key.name.clone(), Counters { running, counted, ..usage })
        };
        let is_used = |(_, counters): &(KeyName, Counters)| *counters != Counters::default();
        self.ring().all().map(counters).filter(is_used).collect()
    }

    /// Notes what keys use on other servers, and used there on a day. A key that is missing uses nothing there.
    #[cfg(feature = "cluster")]
    pub(crate) fn set_elsewhere(&self, day: u64, elsewhere: &BTreeMap<KeyName, Elsewhere>) {
        for key in self.ring().all() {
            let elsewhere = elsewhere.get(&key.name).copied().unwrap_or_default();
            key.account.set_elsewhere(day, elsewhere.usage);
            if let Some(shared) = key.shared_allowance() {
                shared.set_running_elsewhere(elsewhere.running);
                shared.charge_elsewhere(elsewhere.newly_counted);
            }
        }
    }

    /// Notes that nothing is known of what runs on other servers.
    #[cfg(feature = "cluster")]
    pub(crate) fn forget_running_elsewhere(&self) {
        self.ring()
            .all()
            .filter_map(|key| key.shared_allowance())
            .for_each(|shared| shared.set_running_elsewhere(0));
    }

    /// Returns the counters of all keys since webd started, the anonymous one last.
    pub(crate) fn totals(&self) -> Vec<(KeyName, Totals)> {
        self.ring().all().map(|key| (key.name.clone(), key.account.totals())).collect()
    }

    fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn find(ring: &KeyRing, credential: &Credential) -> Result<Arc<Key>, AuthenticationError> {
    match credential {
        Credential::Key(hash) => ring.with_hash(hash, Timestamp::now()),
        Credential::Name(name) => ring.with_name(name, Timestamp::now()),
        Credential::Anonymous => ring.anonymous(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keys::{KeyEntry, KeyLimits};

    use super::*;

    fn client() -> ClientIdentity {
        ClientIdentity::new("192.0.2.1".parse().unwrap(), &[], &[])
    }

    fn entry(key: &ApiKey) -> KeyEntry {
        KeyEntry { hash: Some(key.hash()), ..KeyEntry::default() }
    }

    fn file(entries: impl IntoIterator<Item = (&'static str, KeyEntry)>) -> KeyFile {
        let entries = entries.into_iter().map(|(name, entry)| (name.parse().unwrap(), entry));
        KeyFile { keys: entries.collect() }
    }

    fn disabled() -> (&'static str, KeyEntry) {
        ("anonymous", KeyEntry { disabled: true, ..KeyEntry::default() })
    }

    fn name(store: &KeyStore, key: Option<&str>) -> Result<String, AuthenticationError> {
        store.authenticate(key, client()).map(|caller| caller.key_name().to_string())
    }

    #[test]
    fn without_a_key_file_nothing_that_a_client_sends_is_a_key() {
        let store = KeyStore::new(&KeyFile::default(), None);
        assert_eq!(name(&store, Some("Basic of a proxy")), Ok("anonymous".to_owned()));
        assert_eq!(name(&store, None), Ok("anonymous".to_owned()));
        assert_eq!(store.authenticate(None, client()).unwrap().tag(), "192.0.2.1");
    }

    #[test]
    fn a_key_identifies_its_name_and_others_are_refused() {
        let key = ApiKey::generate().unwrap();
        let store = KeyStore::new(&file([("alice", entry(&key))]), None);
        assert_eq!(name(&store, Some(key.text())), Ok("alice".to_owned()));
        assert_eq!(store.authenticate(Some(key.text()), client()).unwrap().tag(), "key:alice");
        let unknown = ApiKey::generate().unwrap();
        assert_eq!(name(&store, Some(unknown.text())), Err(AuthenticationError::Unknown));
        assert_eq!(name(&store, Some("")), Err(AuthenticationError::Unknown));
        assert_eq!(name(&store, Some(&"x".repeat(1 << 20))), Err(AuthenticationError::Unknown));
        assert_eq!(name(&store, None), Ok("anonymous".to_owned()));
        store.replace(&file([disabled()]));
        assert_eq!(name(&store, None), Err(AuthenticationError::Missing));
        assert_eq!(name(&store, Some(key.text())), Err(AuthenticationError::Unknown));
    }

    #[test]
    fn an_expired_key_is_refused_and_a_rotated_one_has_two_texts_for_a_while() {
        let (old, new) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        let (past, future) = (Timestamp(1), Timestamp::now().after(Duration::from_secs(3600)));
        let rotated = |expires, previous_expires| KeyEntry {
            previous_hash: Some(old.hash()),
            previous_expires: Some(previous_expires),
            expires,
            ..entry(&new)
        };
        for (entry, new_result, old_result) in [
            (rotated(None, future), Ok("a".to_owned()), Ok("a".to_owned())),
            (rotated(None, past), Ok("a".to_owned()), Err(AuthenticationError::Expired)),
            (
                rotated(Some(past), future),
                Err(AuthenticationError::Expired),
                Err(AuthenticationError::Expired),
            ),
            (rotated(Some(future), past), Ok("a".to_owned()), Err(AuthenticationError::Expired)),
        ] {
            let store = KeyStore::new(&file([("a", entry)]), None);
            assert_eq!(name(&store, Some(new.text())), new_result);
            assert_eq!(name(&store, Some(old.text())), old_result);
        }
    }

    #[test]
    fn a_change_of_the_file_applies_to_callers_that_are_connected() {
        let key = ApiKey::generate().unwrap();
        let store = KeyStore::new(&file([("alice", entry(&key))]), None);
        let caller = store.authenticate(Some(key.text()), client()).unwrap();
        assert!(store.admit(&caller).is_ok());
        let limits = KeyLimits { languages: Some(vec!["python".to_owned()]), ..KeyLimits::default() };
        store.replace(&file([("alice", KeyEntry { limits, ..entry(&key) })]));
        assert_eq!(store.languages(&caller), Ok(Some(vec!["python".to_owned()])));
        assert_eq!(
            store.usage(Timestamp::now()).keys["alice".parse::<KeyName>().as_ref().unwrap()].executions,
            1
        );
        store.replace(&file([]));
        assert_eq!(store.admit(&caller).unwrap_err(), Refusal::Key(AuthenticationError::Unknown));
        assert_eq!(store.languages(&caller).unwrap_err(), Refusal::Key(AuthenticationError::Unknown));
    }

    #[test]
    fn usage_survives_a_restart_and_rates_survive_a_change_of_other_keys() {
        let key = ApiKey::generate().unwrap();
        let cpu_per_day = Some(Duration::from_secs(1));
        let rate = Some("1/h".parse().unwrap());
        let limits = KeyLimits { cpu_per_day, rate, ..KeyLimits::default() };
        let keys = file([("alice", KeyEntry { limits, ..entry(&key) })]);
        let store = KeyStore::new(&keys, None);
        let caller = store.authenticate(Some(key.text()), client()).unwrap();
        let admission = store.admit(&caller).unwrap();
        assert_eq!(caller.rate().unwrap().remaining, 0);
        store.replace(&keys);
        assert!(matches!(store.admit(&caller), Err(Refusal::Rate { .. })));
        admission.charge(Duration::from_secs(1));
        let usage = store.usage(Timestamp::now());
        let restarted = KeyStore::new(&keys, Some(&usage));
        assert!(matches!(restarted.admit(&caller), Err(Refusal::CpuPerDay { .. })));
        let yesterday = UsageFile { day: Timestamp(usage.day.0 - SECONDS_PER_DAY), ..usage };
        assert!(KeyStore::new(&keys, Some(&yesterday)).admit(&caller).is_ok());
    }

    #[test]
    fn a_callback_secret_is_that_of_a_key_that_is_accepted() {
        let key = ApiKey::generate().unwrap();
        let secret = CallbackSecret::generate().unwrap();
        let with_secret = |entry| KeyEntry { callback_secret: Some(secret.clone()), ..entry };
        let name = |text: &str| text.parse::<KeyName>().unwrap();
        let store = KeyStore::new(&file([("alice", with_secret(entry(&key)))]), None);
        assert_eq!(store.callback_secrets(&name("alice")), std::slice::from_ref(&secret));
        assert_eq!(store.callback_secrets(&name("bob")), []);
        assert_eq!(store.callback_secrets(&KeyName::anonymous()), []);
        store.replace(&file([("anonymous", with_secret(KeyEntry::default()))]));
        assert_eq!(store.callback_secrets(&KeyName::anonymous()), std::slice::from_ref(&secret));
        assert_eq!(store.callback_secrets(&name("alice")), []);
        let expired = KeyEntry { expires: Some(Timestamp(1)), ..with_secret(entry(&key)) };
        store.replace(&file([("alice", expired)]));
        assert_eq!(store.callback_secrets(&name("alice")), []);
    }

    #[test]
    fn a_token_identifies_the_same_key() {
        let key = ApiKey::generate().unwrap();
        let store = KeyStore::new(&file([("alice", entry(&key))]), None);
        let caller = store.authenticate(Some(key.text()), client()).unwrap();
        let token = store.issue_token(&caller).unwrap();
        assert_eq!(store.key_of_token(&token).unwrap().as_str(), "alice");
        assert_eq!(store.redeem_token(&token, client()).unwrap().tag(), "key:alice");
        assert_eq!(store.key_of_token(&token), None);
        assert_eq!(store.redeem_token(&token, client()).unwrap_err(), AuthenticationError::Token);
        let anonymous = store.authenticate(None, client()).unwrap();
        assert_eq!(store.issue_token(&anonymous), None);
        let unused = store.issue_token(&caller).unwrap();
        store.replace(&file([]));
        assert_eq!(store.redeem_token(&unused, client()).unwrap_err(), AuthenticationError::Unknown);
    }
}
