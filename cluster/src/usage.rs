//! What keys used today on all servers. Each process writes its own counters of a day into a key-value bucket, and a front
//! adds up those of the others: a quota of a day is exceeded by at most what all servers use in [`SYNC_INTERVAL`].

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use keys::{KeyName, KeyUsage};

use crate::connection::Connection;
use crate::jetstream::{ClusterError, JetStream, NewMessage, StoredMessage};
use crate::subjects::{Name, USAGE, from_hex, hex, kv_stream, kv_subject};

/// Interval at which processes write their counters, and at which fronts read those of others.
pub const SYNC_INTERVAL: Duration = Duration::from_secs(5);

/// The counters that one process writes.
#[derive(Debug)]
pub struct UsageWriter {
    jetstream: JetStream,
    writer: Name,
    session: u64,
    written: HashMap<(u64, KeyName), KeyUsage>,
}

impl UsageWriter {
    /// Creates a writer. No other process may have the same name. `session` tells the counters of one that begins with
    /// none from those that it wrote before; it is always the same for a process that remembers what it counted.
    #[must_use]
    pub fn new(connection: &Connection, writer: Name, session: u64) -> Self {
        Self { jetstream: connection.0.clone(), writer, session, written: HashMap::new() }
    }

    /// Writes the counters of a day that have changed since they were last written.
    ///
    /// # Errors
    /// [`ClusterError`] of the first one that could not be written. It is written the next time.
    pub async fn write(&mut self, day: u64, keys: &BTreeMap<KeyName, KeyUsage>) -> Result<(), ClusterError> {
        self.written.retain(|(written, _), _| *written == day);
        for (key, usage) in keys {
            let entry = (day, key.clone());
            if self.written.get(&entry) == Some(usage) {
                continue;
            }
            let payload = serde_json::to_vec(usage).unwrap_or_default();
            let subject = subject(day, key, &self.writer, self.session);
            self.jetstream.publish(subject, NewMessage::new(payload)).await?;
            self.written.insert(entry, *usage);
        }
        Ok(())
    }
}

/// Returns what each key used on a day in all processes but one.
///
/// # Errors
/// [`ClusterError`]
pub async fn of_others(
    connection: &Connection,
    day: u64,
    except: &Name,
) -> Result<BTreeMap<KeyName, KeyUsage>, ClusterError> {
    let filter = kv_subject(USAGE, &format!("{day}.*.*.*"));
    let messages = connection.0.snapshot(&kv_stream(USAGE), &filter, false).await?;
    Ok(sum(messages.iter().filter_map(parse), except.as_str()))
}

fn subject(day: u64, key: &KeyName, writer: &Name, session: u64) -> String {
    kv_subject(USAGE, &format!("{day}.{}.{writer}.{session}", hex(key.as_str())))
}

/// Returns the key, the writer and the counters of a message.
fn parse(message: &StoredMessage) -> Option<(KeyName, String, KeyUsage)> {
    let mut tokens = message.subject.split('.').skip(3);
    let key = from_hex(tokens.next()?)?.parse().ok()?;
    let writer = tokens.next()?.to_owned();
    Some((key, writer, serde_json::from_slice(&message.payload).ok()?))
}

fn sum(
    counters: impl Iterator<Item = (KeyName, String, KeyUsage)>,
    except: &str,
) -> BTreeMap<KeyName, KeyUsage> {
    let mut keys = BTreeMap::new();
    for (key, _, usage) in counters.filter(|(_, writer, _)| writer != except) {
        let total: &mut KeyUsage = keys.entry(key).or_default();
        total.executions = total.executions.saturating_add(usage.executions);
        total.cpu_us = total.cpu_us.saturating_add(usage.cpu_us);
    }
    keys
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

    #[test]
    fn the_counters_of_others_are_added_up() {
        let alice: KeyName = "alice.smith".parse().unwrap();
        let of = |writer: &str| subject(20_000, &alice, &writer.parse().unwrap(), 7);
        let usage = r#"{"executions":2,"cpu_us":30}"#;
        let messages = [
            message(&of("webd-1"), usage),
            message(&of("webd-2"), usage),
            message(&of("node-1"), r#"{"executions":1,"cpu_us":18446744073709551615}"#),
            message(&of("node-2"), "{"),
            message("$KV.executor_usage.20000.zz.a", usage),
        ];
        let summed = sum(messages.iter().filter_map(parse), "webd-1");
        let expected = KeyUsage { executions: 3, cpu_us: u64::MAX };
        assert_eq!(summed, BTreeMap::from([(alice, expected)]));
    }
}
