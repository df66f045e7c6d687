//! What was compiled lately, for who sends the same again.
//!
//! A build stays where it was made, in the slot of its compilation, and each run sees it as it would have seen it then.
//! What is asked for must be the same to the byte: sources, compiler, command and limits, and the client who asks. One
//! client cannot find out, by how fast an answer comes, what another has sent; nor can it give another anything, for
//! what is kept was made by the compiler in a sandbox from the very sources that are asked for.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use protocol::{Limits, StageReport};

use crate::admission::job::Job;
use crate::config::CacheSettings;
use crate::failure::Failure;
use crate::pool::slot::Slot;
use crate::queue::ClientKey;

/// BuildCache that are kept.
#[derive(Debug)]
pub(crate) struct BuildCache {
    settings: CacheSettings,
    /// The last used last.
    entries: Mutex<VecDeque<Entry>>,
}

/// What must be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BuildKey {
    client: ClientKey,
    language: String,
    version: Result<String, String>,
    command: Vec<String>,
    environment: Vec<(String, String)>,
    limits: Limits,
    /// The main one first.
    sources: Vec<(String, Bytes)>,
}

#[derive(Clone, Debug)]
struct Entry {
    key: BuildKey,
    report: StageReport,
    /// What it holds, with the sources that it is known by.
    bytes: u64,
    slot: Arc<tokio::sync::Mutex<Slot>>,
}

/// A build that was kept.
#[derive(Debug)]
pub(crate) struct CachedBuild {
    pub(crate) report: StageReport,
    slot: Arc<tokio::sync::Mutex<Slot>>,
}

impl CachedBuild {
    /// It, for one run's sandbox.
    pub(crate) async fn share(&self) -> Result<OwnedFd, Failure> {
        Ok(self.slot.lock().await.share_build().await?.0)
    }
}

impl BuildCache {
    pub(crate) const fn new(settings: CacheSettings) -> Self {
        Self { settings, entries: Mutex::new(VecDeque::new()) }
    }

    /// By what the build of a job is known, if it may be kept.
    pub(crate) fn key(&self, job: &Job) -> Option<BuildKey> {
        let command = job.toolchain.compile.as_ref().filter(|_| self.settings.enabled)?;
        let text = |(name, value): (&String, &String)| (name.clone(), value.clone());
        Some(BuildKey {
            client: job.client.clone()?,
            language: job.toolchain.name.clone(),
            version: job.toolchain.version.clone(),
            command: command.command.clone(),
            environment: command.environment.iter().map(text).collect(),
            limits: command.limits.clone(),
            sources: job
                .sources
                .iter()
                .map(|source| (source.path.to_string(), source.content.clone()))
                .collect(),
        })
    }

    /// The build of just this, if it is kept.
    pub(crate) fn find(&self, key: &BuildKey) -> Option<CachedBuild> {
        let mut entries = self.lock();
        let at = entries.iter().position(|build| build.key == *key)?;
        let build = entries.remove(at)?;
        let found = CachedBuild { report: build.report.clone(), slot: Arc::clone(&build.slot) };
        entries.push_back(build);
        Some(found)
    }

    /// Keep what was built in `slot`, of `bytes`, if there is room for so much. The slot comes back if not.
    pub(crate) fn put(&self, key: BuildKey, report: StageReport, slot: Slot, bytes: u64) -> Option<Slot> {
        let bytes = bytes + key.sources.iter().map(|(_, content)| content.len() as u64).sum::<u64>();
        let most = self.settings.memory.0.bytes();
        if bytes > most || self.settings.max == 0 {
            return Some(slot);
        }
        let mut slot = slot;
        slot.replace();
        let slot = Arc::new(tokio::sync::Mutex::new(slot));
        let mut entries = self.lock();
        let mut evicted = Vec::new();
        let mut held = bytes + entries.iter().map(|build| build.bytes).sum::<u64>();
        while held > most || entries.len() >= self.settings.max as usize {
            let Some(oldest) = entries.pop_front() else { break };
            held -= oldest.bytes;
            evicted.push(oldest);
        }
        entries.push_back(Entry { key, report, bytes, slot });
        drop(entries);
        drop(evicted);
        None
    }

    /// Forget all, because the languages were read again or the daemon ends.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.lock());
        drop(all);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
