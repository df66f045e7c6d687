//! Results that clients fetch by an unguessable token, in memory: bounded by their number, their bytes and their age.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// Part of all bytes that the results of one caller may use, as a divisor.
const CALLER_SHARE: usize = 2;

/// The results of all callers.
#[derive(Debug)]
pub(crate) struct ResultStore<T> {
    bounds: ResultBounds,
    stored: Mutex<Stored<T>>,
}

/// What a [`ResultStore`] keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResultBounds {
    /// Results of all callers.
    pub(crate) count: usize,
    /// Bytes of all results together.
    pub(crate) bytes: usize,
    /// Time after which a result is removed.
    pub(crate) age: Duration,
}

#[derive(Debug)]
struct Stored<T> {
    results: HashMap<Uuid, StoredResult<T>>,
    bytes: usize,
}

#[derive(Debug)]
struct StoredResult<T> {
    value: Arc<T>,
    caller: String,
    bytes: usize,
    since: Instant,
}

impl<T> ResultStore<T> {
    /// Creates an empty store.
    pub(crate) fn new(bounds: ResultBounds) -> Self {
        Self { bounds, stored: Mutex::new(Stored { results: HashMap::new(), bytes: 0 }) }
    }

    /// Stores a result of `bytes`, and removes the oldest ones where it needs their room: those of the same caller first.
    pub(crate) fn insert(&self, token: Uuid, caller: &str, value: Arc<T>, bytes: usize, now: Instant) {
        let mut stored = self.lock(now);
        stored.bytes += bytes;
        let result = StoredResult { value, caller: caller.to_owned(), bytes, since: now };
        stored.results.insert(token, result);
        self.make_room(&mut stored, caller, token);
    }

    /// Changes the bytes of a result, if it is still there.
    pub(crate) fn resize(&self, token: Uuid, bytes: usize, now: Instant) {
        let mut stored = self.lock(now);
        let Some(result) = stored.results.get_mut(&token) else { return };
        let (old, caller) = (std::mem::replace(&mut result.bytes, bytes), result.caller.clone());
        stored.bytes = stored.bytes - old + bytes;
        self.make_room(&mut stored, &caller, token);
    }

    /// Returns a result.
    pub(crate) fn get(&self, token: Uuid, now: Instant) -> Option<Arc<T>> {
        self.lock(now).results.get(&token).map(|result| Arc::clone(&result.value))
    }

    /// Removes a result.
    pub(crate) fn remove(&self, token: Uuid, now: Instant) -> Option<Arc<T>> {
        let mut stored = self.lock(now);
        stored.remove(token)
    }

    /// Returns all results, the newest first.
    pub(crate) fn all(&self, now: Instant) -> Vec<Arc<T>> {
        let stored = self.lock(now);
        let mut results: Vec<_> = stored.results.values().collect();
        results.sort_by_key(|result| std::cmp::Reverse(result.since));
        results.into_iter().map(|result| Arc::clone(&result.value)).collect()
    }

    /// Returns how many results meet a condition: of all callers, and of one.
    pub(crate) fn count(&self, caller: &str, now: Instant, condition: impl Fn(&T) -> bool) -> (usize, usize) {
        let stored = self.lock(now);
        let counted = stored.results.values().filter(|result| condition(&result.value));
        counted.fold((0, 0), |(all, own), result| (all + 1, own + usize::from(result.caller == caller)))
    }

    /// Removes the oldest results until all others fit. The result `kept` is removed last.
    fn make_room(&self, stored: &mut Stored<T>, caller: &str, kept: Uuid) {
        let of_caller = |stored: &Stored<T>| -> usize {
            stored.results.values().filter(|one| one.caller == caller).map(|one| one.bytes).sum()
        };
        while of_caller(stored) > self.bounds.bytes / CALLER_SHARE {
            stored.remove_oldest(Some(caller), kept);
        }
        while stored.bytes > self.bounds.bytes || stored.results.len() > self.bounds.count {
            stored.remove_oldest(None, kept);
        }
    }

    /// Returns the results, without those that are too old.
    fn lock(&self, now: Instant) -> MutexGuard<'_, Stored<T>> {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = stored.bytes;
        stored.results.retain(|_, result| {
            let is_kept = now.saturating_duration_since(result.since) < self.bounds.age;
            bytes -= if is_kept { 0 } else { result.bytes };
            is_kept
        });
        stored.bytes = bytes;
        stored
    }
}

impl<T> Stored<T> {
    fn remove(&mut self, token: Uuid) -> Option<Arc<T>> {
        let result = self.results.remove(&token)?;
        self.bytes -= result.bytes;
        Some(result.value)
    }

    fn remove_oldest(&mut self, caller: Option<&str>, kept: Uuid) {
        let removable =
            self.results.iter().filter(|(_, one)| caller.is_none_or(|caller| caller == one.caller));
        let oldest =
            removable.min_by_key(|(token, one)| (**token == kept, one.since)).map(|(token, _)| *token);
        if let Some(token) = oldest {
            self.remove(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: ResultBounds = ResultBounds { count: 4, bytes: 100, age: Duration::from_secs(60) };

    fn tokens() -> [Uuid; 6] {
        std::array::from_fn(|_| Uuid::new_v4())
    }

    #[test]
    fn a_result_has_a_maximum_age() {
        let (store, start, [a, b, ..]) = (ResultStore::new(BOUNDS), Instant::now(), tokens());
        store.insert(a, "x", Arc::new(1), 10, start);
        store.insert(b, "x", Arc::new(2), 10, start + Duration::from_secs(30));
        assert_eq!(store.get(a, start + Duration::from_secs(59)).as_deref(), Some(&1));
        assert_eq!(store.get(a, start + Duration::from_secs(60)), None);
        assert_eq!(store.get(b, start + Duration::from_secs(60)).as_deref(), Some(&2));
        assert_eq!(store.stored.lock().unwrap().bytes, 10);
        assert_eq!(store.remove(b, start + Duration::from_secs(61)).as_deref(), Some(&2));
        assert_eq!(store.stored.lock().unwrap().bytes, 0);
    }

    #[test]
    fn the_oldest_results_of_the_same_caller_make_room_first() {
        let (store, start, [a, b, c, d, e, _]) = (ResultStore::new(BOUNDS), Instant::now(), tokens());
        let at = |second| start + Duration::from_secs(second);
        store.insert(a, "other", Arc::new('a'), 10, at(0));
        store.insert(b, "x", Arc::new('b'), 25, at(1));
        store.insert(c, "x", Arc::new('c'), 25, at(2));
        store.resize(c, 40, at(3));
        let is_there = |token| store.get(token, at(5)).is_some();
        assert!(is_there(a) && !is_there(b) && is_there(c));
        store.insert(d, "y", Arc::new('d'), 50, at(4));
        store.insert(e, "z", Arc::new('e'), 10, at(5));
        assert!(!is_there(a) && is_there(c) && is_there(d) && is_there(e));
        store.resize(e, 1000, at(5));
        assert!(!is_there(e) && is_there(d));
    }

    #[test]
    fn the_number_of_results_is_bounded() {
        let (store, start) = (ResultStore::new(BOUNDS), Instant::now());
        for number in 0..10 {
            let now = start + Duration::from_secs(number);
            store.insert(Uuid::new_v4(), &number.to_string(), Arc::new(number), 1, now);
        }
        let kept: Vec<_> = store.all(start + Duration::from_secs(10)).iter().map(|number| **number).collect();
        assert_eq!(kept, [9, 8, 7, 6]);
    }
}
