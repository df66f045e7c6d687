//! Files that clients upload for later executions, in memory: bounded by their number, their bytes and their age, for each
//! caller and for all together.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

/// Files of one caller; the oldest one is removed for one more.
const MAX_FILES_PER_CALLER: usize = 1024;
/// Part of all bytes that one caller may use, as a divisor. The usual caller is the only one: a Moodle server.
const CALLER_SHARE: usize = 2;
/// Memory of a file in addition to its content: its id, and its place in the maps.
const FILE_OVERHEAD: usize = 256;

/// The files of all callers. An id is chosen by its caller, and names a file of that caller only.
#[derive(Debug)]
pub(crate) struct FileStore {
    max_bytes: usize,
    max_age: Duration,
    stored: Mutex<Stored>,
}

#[derive(Debug, Default)]
struct Stored {
    callers: HashMap<String, HashMap<String, StoredFile>>,
    bytes: usize,
}

#[derive(Debug)]
struct StoredFile {
    content: Bytes,
    since: Instant,
}

/// The file is larger than everything that its caller may store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file is larger than {0} bytes")]
pub(crate) struct FileTooLarge(usize);

impl FileStore {
    /// Creates an empty store for `max_bytes` of files, each of which is kept for `max_age`.
    pub(crate) fn new(max_bytes: usize, max_age: Duration) -> Self {
        Self { max_bytes, max_age, stored: Mutex::default() }
    }

    /// Stores a file, and removes the oldest files where it needs their room: those of the same caller first.
    ///
    /// # Errors
    /// [`FileTooLarge`].
    pub(crate) fn put(
        &self,
        caller: &str,
        id: &str,
        content: Bytes,
        now: Instant,
    ) -> Result<(), FileTooLarge> {
        let max_of_caller = self.max_bytes / CALLER_SHARE;
        let size = content.len() + FILE_OVERHEAD;
        if size > max_of_caller {
            return Err(FileTooLarge(max_of_caller.saturating_sub(FILE_OVERHEAD)));
        }
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.remove(caller, id);
        stored.remove_older_than(self.max_age, now);
        while stored.bytes_of(caller) + size > max_of_caller
            || stored.callers.get(caller).is_some_and(|files| files.len() >= MAX_FILES_PER_CALLER)
        {
            stored.remove_oldest(Some(caller));
        }
        while stored.bytes + size > self.max_bytes {
            stored.remove_oldest(None);
        }
        stored.bytes += size;
        let files = stored.callers.entry(caller.to_owned()).or_default();
        files.insert(id.to_owned(), StoredFile { content, since: now });
        Ok(())
    }

    /// Returns a file.
    pub(crate) fn get(&self, caller: &str, id: &str, now: Instant) -> Option<Bytes> {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.remove_older_than(self.max_age, now);
        Some(stored.callers.get(caller)?.get(id)?.content.clone())
    }
}

impl Stored {
    fn bytes_of(&self, caller: &str) -> usize {
        let files = self.callers.get(caller).into_iter().flat_map(HashMap::values);
        files.map(StoredFile::size).sum()
    }

    fn remove(&mut self, caller: &str, id: &str) {
        let Some(files) = self.callers.get_mut(caller) else { return };
        self.bytes -= files.remove(id).map_or(0, |file| file.size());
        if files.is_empty() {
            self.callers.remove(caller);
        }
    }

    fn remove_older_than(&mut self, age: Duration, now: Instant) {
        let bytes = &mut self.bytes;
        self.callers.retain(|_, files| {
            files.retain(|_, file| {
                let is_kept = now.saturating_duration_since(file.since) < age;
                *bytes -= if is_kept { 0 } else { file.size() };
                is_kept
            });
            !files.is_empty()
        });
    }

    /// Removes the oldest file, of a caller or of all.
    fn remove_oldest(&mut self, caller: Option<&str>) {
        let of_callers = self.callers.iter().filter(|(name, _)| caller.is_none_or(|caller| caller == *name));
        let files = of_callers.flat_map(|(name, files)| files.iter().map(move |(id, file)| (name, id, file)));
        let oldest = files.min_by_key(|(_, _, file)| file.since);
        if let Some((name, id)) = oldest.map(|(name, id, _)| (name.clone(), id.clone())) {
            self.remove(&name, &id);
        }
    }
}

impl StoredFile {
    fn size(&self) -> usize {
        self.content.len() + FILE_OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;
    const MINUTE: Duration = Duration::from_secs(60);

    fn content(bytes: usize) -> Bytes {
        vec![b'x'; bytes - FILE_OVERHEAD].into()
    }

    #[test]
    fn a_file_belongs_to_its_caller() {
        let (store, now) = (FileStore::new(64 * KIB, MINUTE), Instant::now());
        store.put("a", "file", "1".into(), now).unwrap();
        store.put("b", "file", "2".into(), now).unwrap();
        assert_eq!(store.get("a", "file", now), Some("1".into()));
        assert_eq!(store.get("b", "file", now), Some("2".into()));
        assert_eq!(store.get("c", "file", now), None);
        store.put("a", "file", "3".into(), now).unwrap();
        assert_eq!(store.get("a", "file", now), Some("3".into()));
    }

    #[test]
    fn a_file_has_a_maximum_age() {
        let (store, now) = (FileStore::new(64 * KIB, MINUTE), Instant::now());
        store.put("a", "old", "1".into(), now).unwrap();
        store.put("a", "new", "2".into(), now + MINUTE / 2).unwrap();
        assert!(store.get("a", "old", now + MINUTE - Duration::from_secs(1)).is_some());
        assert!(store.get("a", "old", now + MINUTE).is_none());
        assert!(store.get("a", "new", now + MINUTE).is_some());
        assert!(store.get("a", "new", now + MINUTE * 2).is_none());
        let stored = store.stored.lock().unwrap();
        assert_eq!((stored.bytes, stored.callers.len()), (0, 0));
    }

    #[test]
    fn the_oldest_file_of_the_same_caller_makes_room_first() {
        let (store, start) = (FileStore::new(64 * KIB, MINUTE), Instant::now());
        let at = |second: u64| start + Duration::from_secs(second);
        store.put("other", "x", content(16 * KIB), start).unwrap();
        for number in 1..=4 {
            store.put("a", &number.to_string(), content(16 * KIB), at(number)).unwrap();
        }
        let is_there = |caller: &str, id: &str| store.get(caller, id, at(5)).is_some();
        assert!(is_there("other", "x") && is_there("a", "3") && is_there("a", "4"));
        assert!(!is_there("a", "1") && !is_there("a", "2"));
        store.put("b", "1", content(32 * KIB), at(5)).unwrap();
        assert!(!is_there("other", "x") && is_there("b", "1"));
        assert_eq!(
            store.put("a", "5", content(33 * KIB), at(6)),
            Err(FileTooLarge(32 * KIB - FILE_OVERHEAD))
        );
        assert!(is_there("a", "4"));
    }

    #[test]
    fn the_number_of_files_is_bounded() {
        let (store, start) = (FileStore::new(64 * KIB * KIB, MINUTE * 60), Instant::now());
        for number in 0..=MAX_FILES_PER_CALLER {
            let now = start + Duration::from_millis(number as u64);
            store.put("a", &number.to_string(), "".into(), now).unwrap();
        }
        let stored = store.stored.lock().unwrap();
        assert_eq!(stored.callers["a"].len(), MAX_FILES_PER_CALLER);
        assert!(!stored.callers["a"].contains_key("0"));
    }
}
