//! What keys use on all servers. Each process writes its own counters into a key-value bucket every few seconds, and a
//! front reads those of the others: what another server counts is known after at most twice [`SYNC_INTERVAL`].

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use keys::{KeyName, KeyUsage};
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::jetstream::{ClusterError, JetStream, NewMessage, StoredMessage};
use crate::subjects::{Name, USAGE, from_hex, hex, kv_stream, kv_subject};

/// Interval at which processes write their counters, and at which fronts read those of others.
pub const SYNC_INTERVAL: Duration = Duration::from_secs(5);
/// Time after which what runs on a server that does not write any more counts no longer.
const GONE: Duration = Duration::from_secs(15);
/// Counters of other processes that a front remembers.
const MAX_SEEN: usize = 100_000;

/// The counters of a key in one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Executions that were started today.
    pub executions: u64,
    /// CPU time of today, in microseconds.
    pub cpu_us: u64,
    /// Executions that count towards the limit of concurrent ones now.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub running: u32,
    /// Executions that were counted against the rate since the process started.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub counted: u64,
}

/// What a key uses in all other processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// Today's usage.
    pub usage: KeyUsage,
    /// Executions that count towards the limit of concurrent ones now.
    pub running: u32,
    /// Executions that were counted against the rate since this was last read.
    pub newly_counted: u64,
}

/// The counters that one process writes.
#[derive(Debug)]
pub struct UsageWriter {
    jetstream: JetStream,
    writer: Name,
    session: u64,
    written: HashMap<(u64, KeyName), Counters>,
}

/// The counters of all other processes.
#[derive(Debug)]
pub struct UsageReader {
    jetstream: JetStream,
    except: Name,
    seen: EarlierReads,
}

/// What was last read of each process and key.
#[derive(Debug, Default)]
struct EarlierReads {
    counters: HashMap<(String, KeyName), EarlierCounters>,
    /// Number of reads. The first value read may be old.
    reads: u64,
}

#[derive(Clone, Copy, Debug)]
struct EarlierCounters {
    sequence: u64,
    since: Instant,
    counted: u64,
    /// Number of the read that saw it last.
    read: u64,
}

/// The counters of one process in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    key: KeyName,
    /// Name and session of the process.
    writer: String,
    sequence: u64,
    counters: Counters,
}

impl From<KeyUsage> for Counters {
    fn from(KeyUsage { executions, cpu_us }: KeyUsage) -> Self {
        Self { executions, cpu_us, ..Self::default() }
    }
}

impl UsageWriter {
    /// Creates a writer. No other process may have the same name. `session` tells the counters of one that begins with
    /// none from those that it wrote before; it is always the same for a process that remembers what it counted.
    #[must_use]
    pub fn new(connection: &Connection, writer: Name, session: u64) -> Self {
        Self { jetstream: connection.0.clone(), writer, session, written: HashMap::new() }
    }

    /// Writes the counters of a day that have changed since they were last written, and those of keys that run
    /// something: they count for a time only.
    ///
    /// # Errors
    /// [`ClusterError`] of the first one that could not be written. It is written the next time.
    pub async fn write(&mut self, day: u64, keys: &BTreeMap<KeyName, Counters>) -> Result<(), ClusterError> {
        self.written.retain(|(written, _), _| *written == day);
        for (key, counters) in keys {
            let entry = (day, key.clone());
            if counters.running == 0 && self.written.get(&entry) == Some(counters) {
                continue;
            }
            let payload = serde_json::to_vec(counters).unwrap_or_default();
            let subject = subject(day, key, &self.writer, self.session);
            self.jetstream.publish(subject, NewMessage::new(payload)).await?;
            self.written.insert(entry, *counters);
        }
        Ok(())
    }
}

impl UsageReader {
    /// Creates a reader of what all processes but one write.
    #[must_use]
    pub fn new(connection: &Connection, except: Name) -> Self {
        Self { jetstream: connection.0.clone(), except, seen: EarlierReads::default() }
    }

    /// Returns the usage of each key in the other processes.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn read(&mut self, day: u64) -> Result<BTreeMap<KeyName, Elsewhere>, ClusterError> {
        let filter = kv_subject(USAGE, &format!("{day}.*.*.*"));
        let messages = self.jetstream.snapshot(&kv_stream(USAGE), &filter, false).await?;
        let own = format!("{}.", self.except);
        let entries = messages.iter().filter_map(parse).filter(|entry| !entry.writer.starts_with(&own));
        Ok(self.seen.update(entries, Instant::now()))
    }
}

impl EarlierReads {
    /// Adds up the counters of all processes, and remembers them.
    fn update(&mut self, entries: impl Iterator<Item = Entry>, now: Instant) -> BTreeMap<KeyName, Elsewhere> {
        let mut keys: BTreeMap<KeyName, Elsewhere> = BTreeMap::new();
        self.reads += 1;
        for Entry { key, writer, sequence, counters } in entries {
            let total = keys.entry(key.clone()).or_default();
            total.usage.executions = total.usage.executions.saturating_add(counters.executions);
            total.usage.cpu_us = total.usage.cpu_us.saturating_add(counters.cpu_us);
            let known = self.counters.get(&(writer.clone(), key.clone())).copied();
            let before = match known {
                // A process that was started again counts from zero.
                Some(known) if known.counted <= counters.counted => known.counted,
                Some(_) => 0,
                None if self.reads > 1 => 0,
                None => counters.counted,
            };
            total.newly_counted = total.newly_counted.saturating_add(counters.counted - before);
            let since = known.filter(|known| known.sequence == sequence).map_or(now, |known| known.since);
            if now.duration_since(since) < GONE {
                total.running = total.running.saturating_add(counters.running);
            }
            let seen = EarlierCounters { sequence, since, counted: counters.counted, read: self.reads };
            self.counters.insert((writer, key), seen);
        }
        if self.counters.len() > MAX_SEEN {
            self.counters.retain(|_, seen| seen.read == self.reads);
        }
        keys
    }
}

fn subject(day: u64, key: &KeyName, writer: &Name, session: u64) -> String {
    kv_subject(USAGE, &format!("{day}.{}.{writer}.{session}", hex(key.as_str())))
}

fn parse(message: &StoredMessage) -> Option<Entry> {
    let mut tokens = message.subject.split('.').skip(3);
    let key = from_hex(tokens.next()?)?.parse().ok()?;
    let (writer, session) = (tokens.next()?, tokens.next()?);
    let counters = serde_json::from_slice(&message.payload).ok()?;
    Some(Entry { key, writer: format!("{writer}.{session}"), sequence: message.sequence, counters })
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subject: &str, payload: &str) -> StoredMessage {
        StoredMessage {
            sequence: 1,
            headers: async_nats::HeaderMap::new(),
            subject: subject.to_owned(),
            payload: payload.to_owned().into(),
        }
    }

    fn alice() -> KeyName {
        "alice.smith".parse().unwrap()
    }

    fn entry(writer: &str, sequence: u64, counters: Counters) -> Entry {
        Entry { key: alice(), writer: writer.to_owned(), sequence, counters }
    }

    #[test]
    fn the_counters_of_all_processes_are_added_up() {
        let of = |writer: &str| subject(20_000, &alice(), &writer.parse().unwrap(), 7);
        let usage = r#"{"executions":2,"cpu_us":30}"#;
        let messages = [
            message(&of("webd-2"), usage),
            message(&of("node-1"), r#"{"executions":1,"cpu_us":18446744073709551615,"running":3}"#),
            message(&of("node-2"), "{"),
            message("$KV.executor_usage.20000.zz.a.0", usage),
        ];
        let summed = EarlierReads::default().update(messages.iter().filter_map(parse), Instant::now());
        let usage = KeyUsage { executions: 3, cpu_us: u64::MAX };
        assert_eq!(summed, BTreeMap::from([(alice(), Elsewhere { usage, running: 3, newly_counted: 0 })]));
        let written = serde_json::to_string(&Counters { executions: 2, cpu_us: 30, ..Counters::default() });
        assert_eq!(written.unwrap(), r#"{"executions":2,"cpu_us":30}"#);
    }

    #[test]
    fn what_counts_against_a_rate_is_reported_once() {
        let (mut seen, now) = (EarlierReads::default(), Instant::now());
        let mut newly = |entries: &[(&str, u64)]| {
            let entries = entries.iter().map(|(writer, counted)| {
                entry(writer, *counted, Counters { counted: *counted, ..Counters::default() })
            });
            seen.update(entries, now).get(&alice()).map(|elsewhere| elsewhere.newly_counted)
        };
        assert_eq!(newly(&[("a.0", 7)]), Some(0), "when it was counted is not known");
        assert_eq!(newly(&[("a.0", 9)]), Some(2));
        assert_eq!(newly(&[("a.0", 9), ("b.0", 5)]), Some(5), "a process that is new");
        assert_eq!(newly(&[("a.0", 3), ("b.0", 6)]), Some(4), "a process that was started again");
        assert_eq!(newly(&[]), None);
        assert_eq!(newly(&[("a.0", 4), ("b.0", 6)]), Some(1));
    }

    #[test]
    fn what_runs_on_a_server_that_is_gone_does_not_count() {
        let (mut seen, start) = (EarlierReads::default(), Instant::now());
        let mut running = |sequence, seconds| {
            let counters = Counters { running: 2, ..Counters::default() };
            let entries = [entry("a.0", sequence, counters)].into_iter();
            seen.update(entries, start + Duration::from_secs(seconds))[&alice()].running
        };
        assert_eq!((running(1, 0), running(1, 14), running(1, 15)), (2, 2, 0));
        assert_eq!((running(2, 16), running(2, 30), running(2, 31)), (2, 2, 0), "it writes again");
    }
}
