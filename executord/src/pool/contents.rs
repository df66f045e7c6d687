//! The contents of the pool, without locks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use sandbox::Program;

use crate::failure::Failure;
use crate::languages::registry::Registry;
use crate::languages::toolchain::{StageKind, Toolchain};
use crate::pool::bucket::Bucket;
use crate::pool::bucket_key::BucketKey;
use crate::pool::sandbox::Sandbox;
use crate::pool::slot::Slot;

/// The free slots and the pre-warmed sandboxes.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) free: Vec<Slot>,
    /// All slots, including those in use and those that are being replaced.
    pub(super) slots: usize,
    /// Executions that wait for a free slot.
    pub(super) waiting: usize,
    /// The fewest free slots since unused ones were last removed.
    pub(super) least_free: usize,
    pub(super) buckets: BTreeMap<BucketKey, Bucket>,
    /// When a slot was last released.
    pub(super) last_release: Option<Instant>,
}

impl Contents {
    pub(super) fn release(&mut self, slot: Slot) {
        self.free.push(slot);
        self.last_release = Some(Instant::now());
    }

    pub(super) fn pop_free(&mut self) -> Option<Slot> {
        let slot = self.free.pop();
        self.least_free = self.least_free.min(self.free.len());
        slot
    }

    /// Takes a free slot that has a zygote for this warm command, the last one that was released.
    pub(super) fn pop_free_with_zygote(&mut self, program: &Program) -> Option<Slot> {
        let index = self.free.iter().rposition(|slot| slot.has_zygote(program))?;
        self.least_free = self.least_free.min(self.free.len() - 1);
        Some(self.free.remove(index))
    }

    /// Returns whether there is a free slot that nobody waits for, and another one for the next execution.
    pub(super) const fn has_spare(&self) -> bool {
        self.waiting == 0 && self.free.len() > 1
    }

    /// Returns the bucket of a stage, unless the languages were reloaded since `toolchain` was looked up.
    pub(super) fn bucket(&mut self, key: &BucketKey, toolchain: &Toolchain) -> Option<&mut Bucket> {
        self.buckets.get_mut(key).filter(|bucket| std::ptr::eq(&*bucket.toolchain, toolchain))
    }

    /// Makes an empty bucket for each stage of the languages that can be used. Returns the old buckets.
    pub(super) fn set_languages(&mut self, registry: &Registry) -> BTreeMap<BucketKey, Bucket> {
        let old = std::mem::take(&mut self.buckets);
        registry.all_with_packages().for_each(|toolchain| self.add_language(toolchain));
        for (key, bucket) in &mut self.buckets {
            if let Some(old) = old.get(key) {
                bucket.continue_counts_of(old);
            }
        }
        old
    }

    /// Makes an empty bucket for each stage of a language, if it can be used.
    pub(super) fn add_language(&mut self, toolchain: &Arc<Toolchain>) {
        if toolchain.version().is_err() {
            return;
        }
        for stage in StageKind::PREWARMED.into_iter().filter(|&stage| toolchain.stage(stage).is_some()) {
            let key = BucketKey { language: toolchain.id(), stage };
            self.buckets.entry(key).or_insert_with(|| Bucket::new(Arc::clone(toolchain), stage));
        }
    }

    /// Puts a pre-warmed sandbox and the bytes that it holds into its bucket, or notes that pre-warming failed. Returns what
    /// has no bucket any more.
    pub(super) fn put(
        &mut self,
        key: &BucketKey,
        toolchain: &Toolchain,
        prewarmed: Result<(Sandbox, u64), Failure>,
    ) -> Option<Result<(Sandbox, u64), Failure>> {
        match (self.bucket(key, toolchain), prewarmed) {
            (Some(bucket), Ok((sandbox, memory))) => {
                bucket.put(sandbox, memory);
                None
            }
            (bucket, prewarmed) => {
                bucket.into_iter().for_each(Bucket::back_off);
                Some(prewarmed)
            }
        }
    }

    /// Takes the pre-warmed sandboxes of these users, except those that were taken meanwhile.
    pub(super) fn take_idle(&mut self, uids: &[u32]) -> Vec<Sandbox> {
        let idle = self.buckets.values_mut().map(|bucket| &mut bucket.idle);
        idle.flat_map(|idle| idle.extract_if(.., |sandbox| uids.contains(&sandbox.uid()))).collect()
    }

    /// Takes free slots and pre-warmed sandboxes whose processes were killed. Otherwise they might stay for days.
    pub(super) fn take_dead(&mut self) -> (Vec<Slot>, Vec<Sandbox>) {
        let slots = self.free.extract_if(.., |slot| !slot.is_alive()).collect();
        let idle = self.buckets.values_mut().map(|bucket| &mut bucket.idle);
        let sandboxes = idle.flat_map(|idle| idle.extract_if(.., |sandbox| !sandbox.is_waiting())).collect();
        (slots, sandboxes)
    }

    /// Takes all free slots and all pre-warmed sandboxes.
    pub(super) fn take_all(&mut self) -> (Vec<Slot>, BTreeMap<BucketKey, Bucket>) {
        (std::mem::take(&mut self.free), std::mem::take(&mut self.buckets))
    }
}
