//! Programs that clients asked to keep, so that later requests run them without compiling again.
//!
//! A program is found by its id, which is random and known to its client alone, together with its client. So an id of another
//! client, one that expired and one that never existed are the same, and take the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::BuildId;
use tokio::sync::Notify;
use tokio::time::timeout_at;
use uuid::Uuid;

use crate::admission::source::Source;
use crate::config::KeepSettings;
use crate::languages::registry::Registry;
use crate::languages::toolchain::{StageCommand, Toolchain};
use crate::pool::kept_build::KeptBuild;
use crate::queue::ClientKey;

/// A program that is kept.
#[derive(Clone, Debug)]
pub(crate) struct KeptProgram {
    pub(crate) toolchain: Arc<Toolchain>,
    /// How it is run, if the options of its request change that.
    pub(crate) run: Option<StageCommand>,
    pub(crate) sources: Vec<Source>,
    /// The build, unless the language is interpreted.
    pub(crate) build: Option<Arc<KeptBuild>>,
    /// The size of the build and of the sources.
    pub(crate) bytes: u64,
    pub(crate) expires: Instant,
}

/// The programs that are kept, bounded by number, memory and age, for each client and for all.
#[derive(Debug)]
pub(crate) struct KeptPrograms {
    settings: KeepSettings,
    entries: Mutex<Entries>,
    /// Notified when a program is added.
    added: Notify,
}

#[derive(Debug, Default)]
struct Entries {
    programs: HashMap<(BuildId, ClientKey), Entry>,
    next_number: u64,
}

#[derive(Debug)]
struct Entry {
    /// The order in which the programs came.
    number: u64,
    program: Arc<KeptProgram>,
}

impl KeptPrograms {
    pub(crate) fn new(settings: KeepSettings) -> Self {
        Self { settings, entries: Mutex::default(), added: Notify::new() }
    }

    /// Returns how long a program may be kept that a client asked to keep for `requested`.
    pub(crate) fn age(&self, requested: Duration) -> Duration {
        requested.min(self.settings.age.0)
    }

    /// Returns whether a program of this size is kept at all.
    pub(crate) fn has_room_for(&self, bytes: u64) -> bool {
        let most = self.settings.max > 0 && self.settings.max_per_client > 0;
        most && bytes <= self.settings.memory_per_client.0.bytes().min(self.settings.memory.0.bytes())
    }

    /// Keeps a program, and returns its id. The oldest programs of its client make room for it, and then the oldest of the
    /// client that has the most memory.
    pub(crate) fn put(&self, client: &ClientKey, program: KeptProgram) -> BuildId {
        let id = random_id();
        let mut entries = self.lock();
        let mut dropped = entries.remove_expired(Instant::now());
        while let Some(key) = entries.to_evict(&self.settings, client, program.bytes) {
            dropped.extend(entries.programs.remove(&key));
        }
        let number = entries.next_number;
        entries.next_number += 1;
        entries.programs.insert((id, client.clone()), Entry { number, program: Arc::new(program) });
        drop(entries);
        self.added.notify_one();
        // Ending their slots takes a while, so it is done without the lock.
        drop(dropped);
        id
    }

    /// Returns the program of a client with this id.
    pub(crate) fn find(&self, id: BuildId, client: &ClientKey) -> Option<Arc<KeptProgram>> {
        let entries = self.lock();
        let program = &entries.programs.get(&(id, client.clone()))?.program;
        (program.expires > Instant::now()).then(|| Arc::clone(program))
    }

    /// Drops programs when they expire, without end. While there are none, nothing wakes up for it.
    pub(crate) async fn keep_dropping_expired(&self) {
        loop {
            let next = self.lock().next_expiry();
            match next {
                Some(next) => drop(timeout_at(next.into(), self.added.notified()).await),
                None => self.added.notified().await,
            }
            self.remove_expired();
        }
    }

    /// Drops the programs that expired.
    fn remove_expired(&self) {
        let dropped = self.lock().remove_expired(Instant::now());
        drop(dropped);
    }

    /// Drops the programs of languages that changed.
    pub(crate) fn set_languages(&self, languages: &Registry) {
        let new = |program: &KeptProgram| {
            languages.by_id(&program.toolchain.id()).filter(|new| program.toolchain.is_same_as(new))
        };
        let mut entries = self.lock();
        let dropped = entries.remove(|program| new(program).is_none());
        for Entry { program, .. } in entries.programs.values_mut() {
            if let Some(toolchain) = new(program).map(Arc::clone) {
                *program = Arc::new(KeptProgram { toolchain, ..KeptProgram::clone(program) });
            }
        }
        drop(entries);
        drop(dropped);
    }

    /// Drops all programs.
    pub(crate) fn clear(&self) {
        let dropped = self.lock().remove(|_| true);
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn next_expiry(&self) -> Option<Instant> {
        self.programs.values().map(|entry| entry.program.expires).min()
    }

    fn remove_expired(&mut self, now: Instant) -> Vec<Entry> {
        self.remove(|program| program.expires <= now)
    }

    fn remove(&mut self, is_removed: impl Fn(&KeptProgram) -> bool) -> Vec<Entry> {
        self.programs.extract_if(|_, entry| is_removed(&entry.program)).map(|(_, entry)| entry).collect()
    }

    /// Returns the program that makes room for one of `bytes` of `client`, or `None` if there is room.
    fn to_evict(
        &self,
        settings: &KeepSettings,
        client: &ClientKey,
        bytes: u64,
    ) -> Option<(BuildId, ClientKey)> {
        let (count, used) = self.usage(|_| true);
        let (own_count, own_used) = self.usage(|owner| owner == client);
        let of_client = if own_count >= settings.max_per_client as usize
            || own_used + bytes > settings.memory_per_client.0.bytes()
        {
            client.clone()
        } else if count >= settings.max as usize || used + bytes > settings.memory.0.bytes() {
            let owners = self.programs.keys().map(|(_, owner)| owner);
            owners.max_by_key(|&owner| self.usage(|other| other == owner))?.clone()
        } else {
            return None;
        };
        let own = self.programs.iter().filter(|((_, owner), _)| *owner == of_client);
        own.min_by_key(|(_, entry)| entry.number).map(|(key, _)| key.clone())
    }

    /// Returns the number of the programs of some clients, and their bytes.
    fn usage(&self, is_counted: impl Fn(&ClientKey) -> bool) -> (usize, u64) {
        let counted = self.programs.iter().filter(|((_, owner), _)| is_counted(owner));
        counted.fold((0, 0), |(count, bytes), (_, entry)| (count + 1, bytes + entry.program.bytes))
    }
}

/// Returns 244 random bits from the kernel.
fn random_id() -> BuildId {
    let mut id = [0; 32];
    id[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    id[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    BuildId(id)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use protocol::ByteCount;
    use protocol::quantity::Quantity;

    use super::*;
    use crate::languages::shipped::shipped;

    fn client(name: &str) -> ClientKey {
        ClientKey::new(1, Vec::new(), Some(name.to_owned()))
    }

    fn program(bytes: u64, age: Duration) -> KeptProgram {
        let toolchain = Arc::clone(shipped().find("python").unwrap());
        KeptProgram {
            toolchain,
            run: None,
            sources: Vec::new(),
            build: None,
            bytes,
            expires: Instant::now() + age,
        }
    }

    fn programs() -> KeptPrograms {
        KeptPrograms::new(KeepSettings {
            max: 3,
            max_per_client: 2,
            memory: Quantity(ByteCount(100)),
            memory_per_client: Quantity(ByteCount(60)),
            age: Quantity(Duration::from_secs(60)),
        })
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_is_found_by_its_client_until_it_expires() {
        let programs = programs();
        let id = programs.put(&client("a"), program(1, LONG));
        assert!(programs.find(id, &client("a")).is_some());
        assert!(programs.find(id, &client("b")).is_none());
        assert!(programs.find(random_id(), &client("a")).is_none());
        let expired = programs.put(&client("a"), program(1, Duration::ZERO));
        assert_ne!(id, expired);
        assert!(programs.find(expired, &client("a")).is_none());
        programs.clear();
        assert!(programs.find(id, &client("a")).is_none());
        assert_eq!(programs.age(Duration::from_secs(90)), LONG);
    }

    #[tokio::test]
    async fn programs_are_dropped_when_they_expire() {
        let programs = programs();
        let mut dropping = Box::pin(programs.keep_dropping_expired());
        assert_eq!((&mut dropping).now_or_never(), None, "there is none to wait for");
        let kept = programs.put(&client("a"), program(1, LONG));
        programs.put(&client("a"), program(1, Duration::ZERO));
        assert_eq!((&mut dropping).now_or_never(), None, "one is left to wait for");
        assert_eq!(programs.lock().programs.keys().map(|(id, _)| *id).collect::<Vec<_>>(), [kept]);
    }

    #[test]
    fn clients_make_room_for_their_own_programs_first() {
        let programs = programs();
        let (a, b) = (client("a"), client("b"));
        let of_b = programs.put(&b, program(10, LONG));
        let of_a: Vec<_> = (0..3).map(|_| programs.put(&a, program(25, LONG))).collect();
        let found = |id: &BuildId, client: &ClientKey| programs.find(*id, client).is_some();
        assert_eq!(of_a.iter().map(|id| found(id, &a)).collect::<Vec<_>>(), [false, true, true]);
        assert!(found(&of_b, &b));
        // No more than three: the client with the most loses one.
        let another = programs.put(&b, program(10, LONG));
        assert!(found(&of_b, &b) && found(&another, &b));
        assert_eq!(of_a.iter().filter(|id| found(id, &a)).count(), 1);
        // Its memory is bounded too.
        let large = programs.put(&a, program(50, LONG));
        assert!(found(&large, &a) && !found(&of_a[2], &a));
        assert!(programs.has_room_for(60) && !programs.has_room_for(61));
    }
}
