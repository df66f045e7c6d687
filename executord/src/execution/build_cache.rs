//! The cache of recent builds.
//!
//! A build stays where it was made, in the slot of its compilation, and each run gets a read-only mount of it, as it
//! does without the cache. The key is everything that the build depends on, byte for byte: sources, compiler, command
//! and limits; and the client. So the time of an answer tells a client nothing about the programs of others. Nor can
//! one client give another a build: what is in the cache was made by the compiler, in a sandbox, from the very sources
//! of the key.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use protocol::{Limits, StageReport};

use crate::admission::job::Job;
use crate::config::CacheSettings;
use crate::failure::Failure;
use crate::languages::options::StageAdditions;
use crate::pool::slot::Slot;
use crate::queue::ClientKey;

/// The cache of recent builds.
#[derive(Debug)]
pub(crate) struct BuildCache {
    settings: CacheSettings,
    /// The least recently used first.
    entries: Mutex<VecDeque<Entry>>,
}

/// Everything that a build depends on, and its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BuildKey {
    client: ClientKey,
    language: String,
    version: String,
    command: Vec<String>,
    /// The arguments that the options and the request add to the command.
    additions: StageAdditions,
    environment: Vec<(String, String)>,
    limits: Limits,
    /// Paths and contents, the main file first.
    sources: Vec<(String, Bytes)>,
}

#[derive(Clone, Debug)]
struct Entry {
    key: BuildKey,
    report: StageReport,
    /// The size of the build and of the sources in the key.
    bytes: u64,
    slot: Arc<tokio::sync::Mutex<Slot>>,
}

/// A build from the cache.
#[derive(Debug)]
pub(crate) struct CachedBuild {
    /// The report of its compilation.
    pub(crate) report: StageReport,
    slot: Arc<tokio::sync::Mutex<Slot>>,
}

impl CachedBuild {
    /// Returns a mount of the build, for the sandbox of one run.
    pub(crate) async fn mount(&self) -> Result<OwnedFd, Failure> {
        Ok(self.slot.lock().await.share_build().await?.0)
    }
}

impl BuildCache {
    pub(crate) const fn new(settings: CacheSettings) -> Self {
        Self { settings, entries: Mutex::new(VecDeque::new()) }
    }

    /// Returns the key of a job's build, if it may be cached. A build whose files the client asked for is always made:
    /// they are read in the sandbox of its compilation.
    pub(crate) fn key(&self, job: &Job) -> Option<BuildKey> {
        let command = job.compile_command().filter(|_| self.settings.enabled && !job.artifacts)?;
        let text = |(name, value): (&String, &String)| (name.clone(), value.clone());
        Some(BuildKey {
            client: job.client.clone()?,
            language: job.toolchain.id(),
            version: job.toolchain.version().unwrap_or_default().to_owned(),
            command: command.command.clone(),
            additions: command.additions.clone(),
            environment: command.environment.iter().map(text).collect(),
            limits: job.compile_limits.clone()?,
            sources: job
                .sources
                .iter()
                .map(|source| Some((source.path.to_string(), source.content.bytes()?.clone())))
                .collect::<Option<_>>()?,
        })
    }

    /// Returns the build with this key, and makes it the most recently used.
    pub(crate) fn find(&self, key: &BuildKey) -> Option<CachedBuild> {
        let mut entries = self.lock();
        let index = entries.iter().position(|entry| entry.key == *key)?;
        let entry = entries.remove(index)?;
        let found = CachedBuild { report: entry.report.clone(), slot: Arc::clone(&entry.slot) };
        entries.push_back(entry);
        Some(found)
    }

    /// Adds the build in `slot`, of `bytes`. The least recently used builds are evicted for it. If it is too large to
    /// be cached at all, the slot is returned.
    pub(crate) fn put(&self, key: BuildKey, report: StageReport, slot: Slot, bytes: u64) -> Option<Slot> {
        let bytes = bytes + key.sources.iter().map(|(_, content)| content.len() as u64).sum::<u64>();
        let max_bytes = self.settings.memory.0.bytes();
        if bytes > max_bytes || self.settings.max == 0 {
            return Some(slot);
        }
        let mut slot = slot;
        slot.replace();
        let slot = Arc::new(tokio::sync::Mutex::new(slot));
        let mut entries = self.lock();
        let mut evicted = Vec::new();
        let mut total = bytes + entries.iter().map(|entry| entry.bytes).sum::<u64>();
        while total > max_bytes || entries.len() >= self.settings.max as usize {
            let Some(oldest) = entries.pop_front() else { break };
            total -= oldest.bytes;
            evicted.push(oldest);
        }
        entries.push_back(Entry { key, report, bytes, slot });
        drop(entries);
        // Ending their slots takes a while, so it is done without the lock.
        drop(evicted);
        None
    }

    /// Removes all builds: the languages were reloaded, or the daemon stops.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.lock());
        drop(all);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
