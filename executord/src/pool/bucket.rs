//! The pre-warmed sandboxes of one stage of one language.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::WarmCount;
use sandbox::ZYGOTE_IDLE_TIME;

use crate::languages::toolchain::{StageKind, Toolchain};
use crate::plan::stage_spec::WarmUp;
use crate::pool::at_rest::{rests_from, rests_unrequested_from};
use crate::pool::bucket_key::BucketKey;
use crate::pool::demand::Demand;
use crate::pool::policy::{BucketSnapshot, IdleSandbox, SlowZygotes};
use crate::pool::sandbox::Sandbox;

/// Memory that a sandbox is assumed to hold, in bytes, until one of its bucket was measured, if the language file does not say it.
pub(super) const ASSUMED_MEMORY: u64 = 64 << 20;
/// Pause after a sandbox could not be pre-warmed: the first, doubled with each failure up to the second.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The pre-warmed sandboxes of a stage of a language.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) toolchain: Arc<Toolchain>,
    /// The youngest first. The oldest is taken first.
    pub(super) idle: Vec<Sandbox>,
    demand: Demand,
    /// Time between the last requests: the mean of the last interval and the value before it.
    interval: Option<Duration>,
    /// Time that it took to warm the last sandbox up fully.
    full_time: Option<Duration>,
    created: Instant,
    /// Memory of the last sandbox that was measured, in bytes, or what the language file says. `None` if neither is known.
    memory: Option<u64>,
    /// Nothing is pre-warmed before this time, because the last attempt failed or is not at its end.
    retry_at: Option<Instant>,
    /// The pause after the next failure.
    retry_pause: Duration,
    hits: u64,
    misses: u64,
    /// Misses since the last hit.
    misses_in_a_row: u32,
    /// The slots with a zygote that takes long to start, by number, and when each forked last.
    zygotes: BTreeMap<u64, Instant>,
}

impl Bucket {
    pub(super) fn new(toolchain: Arc<Toolchain>, stage: StageKind) -> Self {
        let warm = toolchain.stage(stage).and_then(|stage| stage.warm.as_ref());
        let memory = warm.and_then(|warm| warm.memory.as_ref()).map(|memory| memory.0.bytes());
        Self {
            toolchain,
            idle: Vec::new(),
            demand: Demand::new(),
            interval: None,
            full_time: None,
            created: Instant::now(),
            memory,
            retry_at: None,
            retry_pause: RETRY_PAUSE.0,
            hits: 0,
            misses: 0,
            misses_in_a_row: 0,
            zygotes: BTreeMap::new(),
        }
    }

    /// Records that the zygote of a slot forks.
    pub(super) fn record_zygote(&mut self, slot: u64) {
        let now = Instant::now();
        self.zygotes.retain(|_, last| now.saturating_duration_since(*last) < ZYGOTE_IDLE_TIME);
        self.zygotes.insert(slot, now);
    }

    /// Returns how many slots have a zygote.
    pub(super) fn zygotes(&self) -> usize {
        self.zygotes.values().filter(|last| last.elapsed() < ZYGOTE_IDLE_TIME).count()
    }

    /// Takes over the counters of the bucket that it replaces.
    pub(super) const fn continue_counts_of(&mut self, old: &Self) {
        (self.hits, self.misses) = (old.hits, old.misses);
        self.full_time = old.full_time;
        if old.memory.is_some() {
            self.memory = old.memory;
        }
    }

    /// Records the demand for a sandbox, and takes the oldest.
    pub(super) fn request(&mut self) -> Option<Sandbox> {
        let now = Instant::now();
        if let Some(last) = self.demand.last_request() {
            let interval = now.saturating_duration_since(last);
            self.interval = Some(self.interval.map_or(interval, |before| (before + interval) / 2));
        }
        self.demand.record(now);
        self.idle.pop()
    }

    /// Counts whether a request found a sandbox that it could use.
    pub(super) const fn count(&mut self, is_hit: bool) {
        if is_hit {
            self.hits += 1;
            self.misses_in_a_row = 0;
        } else {
            self.misses += 1;
            self.misses_in_a_row += 1;
        }
    }

    /// Adds a pre-warmed sandbox that holds `memory` bytes.
    pub(super) fn put(&mut self, sandbox: Sandbox, memory: u64) {
        if sandbox.warm_up() == WarmUp::Full {
            self.full_time = Some(sandbox.age());
        }
        self.idle.insert(0, sandbox);
        self.memory = Some(memory);
        (self.retry_at, self.retry_pause) = (None, RETRY_PAUSE.0);
    }

    /// Postpones the next attempt to pre-warm by `pause`.
    pub(super) fn postpone(&mut self, pause: Duration) {
        self.retry_at = Some(Instant::now() + pause);
    }

    /// Postpones the next attempt to pre-warm after a failure.
    pub(super) fn back_off(&mut self) {
        self.postpone(self.retry_pause);
        self.retry_pause = (self.retry_pause * 2).min(RETRY_PAUSE.1);
    }

    pub(super) fn snapshot(&self, key: &BucketKey, slow_zygotes: Option<SlowZygotes>) -> BucketSnapshot {
        let idle = self.idle.iter().map(|sandbox| IdleSandbox {
            uid: sandbox.uid(),
            created: sandbox.created(),
            warm_up: sandbox.warm_up(),
        });
        let warm = self.toolchain.stage(key.stage).and_then(|stage| stage.warm.as_ref());
        BucketSnapshot {
            key: key.clone(),
            has_warm_command: warm.is_some(),
            has_quick_warm_up: warm.is_some_and(|warm| !warm.quick_arguments.is_empty()),
            is_usual: self.toolchain.is_usual(),
            demand: self.demand,
            interval: self.interval,
            full_time: self.full_time,
            rests_from: self.rests_from(),
            idle: idle.collect(),
            memory: self.memory.unwrap_or(ASSUMED_MEMORY),
            retry_at: self.retry_at,
            misses_in_a_row: self.misses_in_a_row,
            slow_zygotes,
        }
    }

    fn rests_from(&self) -> Instant {
        self.demand.last_request().map_or_else(
            || rests_unrequested_from(self.created, self.memory.is_some()),
            |last| rests_from(last, self.interval),
        )
    }

    pub(super) fn counts(&self, key: &BucketKey) -> WarmCount {
        WarmCount {
            language: key.language.clone(),
            stage: key.stage.name().to_owned(),
            ready: u32::try_from(self.idle.len()).unwrap_or(u32::MAX),
            hits: self.hits,
            misses: self.misses,
        }
    }
}
