//! The slots of this host: those that are empty, and those in which a sandbox is prepared for a language.
//!
//! Who executes takes one: with a sandbox that waits for just such a program if there is one, else an empty slot, in
//! which the same is done in a row. A keeper prepares new ones with a small share of the processors, and not while programs
//! wait for their turn: as many of each kind as were asked for lately.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::{ExecutionId, WarmCount};
use sandbox::cgroup::CpuWeight;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::config::{PoolSettings, host_memory};
use crate::execution::plan::{Planner, SandboxSource, StageSpec, is_compatible, resources};
use crate::failure::Failure;
use crate::identity::IdentityPool;
use crate::languages::registry::Registry;
use crate::languages::toolchain::{StageKind, Toolchain};
use crate::pool::demand::Demand;
use crate::pool::sandbox::Sandbox;
use crate::pool::slot::Slot;

/// Slots that one execution can hold: that of its compilation, whose result the runs see, and that of a run.
const SLOTS_OF_AN_EXECUTION: usize = 2;
/// How long an execution waits for a slot to be made anew.
const SLOT_WITHIN: Duration = Duration::from_secs(5);
/// How long a sandbox may take to be prepared. It gets only what programs leave.
const PREPARED_WITHIN: Duration = Duration::from_secs(60);
/// What could not be prepared is tried again after so long: at first, and when it failed often.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// A prepared sandbox that waits for longer is replaced: what it has loaded may have been replaced on the host.
const FRESH: Duration = Duration::from_secs(600);
/// Until another is there it may serve for so long.
const REPLACED_WITHIN: Duration = Duration::from_secs(60);
/// Who has just taken something is let begin before another is prepared.
const LET_BEGIN: Duration = Duration::from_millis(5);
/// So many programs in a row that came before what was prepared for them was idle: it is of no use to them, and takes
/// caches and memory bandwidth of those that run. Another is prepared only after a rest.
const TOO_LATE: u32 = 2;
/// No program has run for so long.
const REST: Duration = Duration::from_millis(20);
/// How often the keeper looks though nothing happened.
const LOOK: Duration = Duration::from_secs(5);
/// What a sandbox is taken to hold before one of its kind was seen.
const GUESSED_MEMORY: u64 = 64 << 20;

/// All slots.
#[derive(Debug)]
pub(crate) struct SandboxPool {
    state: Mutex<State>,
    /// Told when a slot becomes empty.
    emptied: Notify,
    /// Told when there may be something to prepare.
    wanted: Notify,
    closed: AtomicBool,
    /// Slots that executions may need at one time.
    reserve: usize,
    identities: IdentityPool,
    planner: Planner,
    settings: PoolSettings,
    /// What all that is prepared may hold.
    memory: u64,
}

#[derive(Debug, Default)]
struct State {
    empty: Vec<Slot>,
    /// Slots in all, with those that are being made anew.
    slots: usize,
    buckets: BTreeMap<BucketKey, Bucket>,
    /// When a slot was last given back.
    given_back: Option<Instant>,
}

/// What executions do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// None runs.
    None,
    /// Some run.
    Some,
    /// They have all processors, and others wait for them.
    Full,
}

/// A stage of a language.
type BucketKey = (String, StageKind);

/// What is prepared for one of them.
#[derive(Debug)]
struct Bucket {
    toolchain: Arc<Toolchain>,
    /// Those that wait for longer are at the end, and taken first.
    idle: Vec<Sandbox>,
    demand: Demand,
    /// What one was seen to hold, in bytes.
    memory: u64,
    /// None could be prepared; it is not tried before.
    retry_at: Option<Instant>,
    /// How long to wait if it fails again.
    pause: Duration,
    hits: u64,
    misses: u64,
    /// Misses since the last hit.
    misses_in_a_row: u32,
}

impl Bucket {
    const fn new(toolchain: Arc<Toolchain>) -> Self {
        Self {
            toolchain,
            idle: Vec::new(),
            demand: Demand::new(),
            memory: GUESSED_MEMORY,
            retry_at: None,
            pause: RETRY.0,
            hits: 0,
            misses: 0,
            misses_in_a_row: 0,
        }
    }

    /// One of them was asked for, and there or not.
    const fn count(&mut self, is_hit: bool) {
        if is_hit {
            self.hits += 1;
            self.misses_in_a_row = 0;
        } else {
            self.misses += 1;
            self.misses_in_a_row += 1;
        }
    }

    /// How many are idle that need not be replaced.
    fn fresh(&self) -> usize {
        self.idle.iter().filter(|prepared| prepared.age() < FRESH).count()
    }

    /// How many should be idle. Without demand only those are of use in which something waits.
    fn wanted(&self, kind: StageKind, settings: &PoolSettings, now: Instant) -> usize {
        let most = settings.most() as usize;
        let can_wait = self.toolchain.stage(kind).is_some_and(|stage| stage.warm.is_some());
        let least = if can_wait { (settings.min as usize).min(most) } else { 0 };
        self.demand.wanted(now, most.div_ceil(2)).max(least)
    }
}

impl SandboxPool {
    /// Without slots; they come by [`SandboxPool::add`], [`SandboxPool::reserve`] of them at first.
    pub(crate) fn new(
        executions: u32,
        identities: IdentityPool,
        planner: Planner,
        settings: PoolSettings,
    ) -> Self {
        Self {
            state: Mutex::default(),
            emptied: Notify::new(),
            wanted: Notify::new(),
            closed: AtomicBool::new(false),
            reserve: executions as usize * SLOTS_OF_AN_EXECUTION,
            identities,
            planner,
            settings,
            memory: settings.bytes(host_memory()),
        }
    }

    /// How many slots the executions may need at one time.
    pub(crate) const fn reserve(&self) -> usize {
        self.reserve
    }

    /// Another slot.
    pub(crate) fn add(&self, slot: Slot) {
        self.lock().slots += 1;
        self.give_back(slot);
    }

    /// A slot that is as good as new, because it was used to the end or is one made in place of another.
    pub(crate) fn give_back(&self, slot: Slot) {
        if !self.is_closed() {
            let mut state = self.lock();
            state.empty.push(slot);
            state.given_back = Some(Instant::now());
            drop(state);
            self.emptied.notify_one();
            self.wanted.notify_one();
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// End all slots, and take no more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let mut state = self.lock();
        let ended = (std::mem::take(&mut state.empty), std::mem::take(&mut state.buckets));
        drop(state);
        drop(ended);
        self.wanted.notify_one();
    }

    /// Nothing new comes: end what waits.
    pub(crate) fn stop_preparing(&self) {
        self.set_languages(&Registry::default());
    }

    /// From now on these are the languages. What was prepared for others is ended.
    pub(crate) fn set_languages(&self, registry: &Registry) {
        let mut buckets = BTreeMap::new();
        for toolchain in registry.all().filter(|toolchain| toolchain.version.is_ok()) {
            for kind in StageKind::ALL.into_iter().filter(|&kind| toolchain.stage(kind).is_some()) {
                buckets.insert((toolchain.name.clone(), kind), Bucket::new(Arc::clone(toolchain)));
            }
        }
        let mut state = self.lock();
        for (key, bucket) in &mut buckets {
            if let Some(old) = state.buckets.get(key) {
                (bucket.hits, bucket.misses, bucket.memory) = (old.hits, old.misses, old.memory);
            }
        }
        let old = std::mem::replace(&mut state.buckets, buckets);
        drop(state);
        drop(old);
        self.wanted.notify_one();
    }

    /// What is prepared, and how often that was of use.
    pub(crate) fn counts(&self) -> Vec<WarmCount> {
        let state = self.lock();
        let count = |((language, kind), bucket): (&(String, StageKind), &Bucket)| WarmCount {
            language: language.clone(),
            stage: kind.name().to_owned(),
            ready: u32::try_from(bucket.idle.len()).unwrap_or(u32::MAX),
            hits: bucket.hits,
            misses: bucket.misses,
        };
        state.buckets.iter().map(count).collect()
    }

    /// A sandbox for a stage: one that waits, if that will do, or one that is only being made.
    pub(crate) async fn take(
        &self,
        stage: &StageSpec<'_>,
        source: SandboxSource,
        id: Option<ExecutionId>,
    ) -> Result<Sandbox, Failure> {
        let prepared = if source == SandboxSource::Pool { self.take_prepared(stage) } else { None };
        if let Some(mut prepared) = prepared {
            match prepared.claim(&self.planner.group_limits(stage.limits)) {
                Ok(()) => return Ok(prepared),
                // As if there had been none: its memory may be more than is allowed now.
                Err(failure) => debug!(%failure, "what was prepared cannot be used"),
            }
        }
        let slot = timeout(SLOT_WITHIN, self.empty_slot()).await.map_err(|_| Failure::NoSlot)?;
        // A copy is there at once.
        let source = if stage.can_be_copied() { source } else { SandboxSource::Cold };
        self.begin(slot, stage, source, CpuWeight::Full, id)
    }

    async fn empty_slot(&self) -> Slot {
        loop {
            let notified = self.emptied.notified();
            // Somebody may have ended its supervisor while it was empty.
            while let Some(slot) = self.pop_empty() {
                if slot.is_alive() {
                    return slot;
                }
            }
            notified.await;
        }
    }

    fn pop_empty(&self) -> Option<Slot> {
        self.lock().empty.pop()
    }

    fn take_prepared(&self, stage: &StageSpec<'_>) -> Option<Sandbox> {
        if stage.terminal.is_some() {
            // None is prepared for that.
            return None;
        }
        let taken = self.with_bucket_of(stage, |bucket| {
            bucket.demand.note(Instant::now());
            bucket.idle.pop()
        })?;
        // Looked at without the lock, for it asks the host's file system.
        let (mut taken, mut ended) = (taken, Vec::new());
        while let Some(prepared) = taken.take_if(|prepared| !prepared.is_waiting()) {
            debug!(language = stage.toolchain.name, "what waited is gone");
            ended.push(prepared);
            taken = self.with_bucket_of(stage, |bucket| bucket.idle.pop()).flatten();
        }
        let unfit = taken.take_if(|prepared| {
            let wanted = self.planner.plan(stage, &prepared.plan.user, SandboxSource::Pool, Path::exists);
            !is_compatible(&prepared.plan, &wanted, &resources(stage.limits))
        });
        let is_hit = taken.is_some();
        self.with_bucket_of(stage, |bucket| {
            if unfit.is_some() {
                debug!(language = stage.toolchain.name, "what waits does not fit");
            }
            bucket.idle.extend(unfit);
            bucket.count(is_hit);
        });
        self.wanted.notify_one();
        taken
    }

    /// What is prepared for a stage, as long as its language is not read again.
    fn with_bucket_of<T>(
        &self,
        stage: &StageSpec<'_>,
        operation: impl FnOnce(&mut Bucket) -> T,
    ) -> Option<T> {
        let mut state = self.lock();
        let bucket = state.buckets.get_mut(&(stage.toolchain.name.clone(), stage.kind))?;
        std::ptr::eq(&*bucket.toolchain, stage.toolchain).then(|| operation(bucket))
    }

    fn begin(
        &self,
        slot: Slot,
        stage: &StageSpec<'_>,
        source: SandboxSource,
        share: CpuWeight,
        id: Option<ExecutionId>,
    ) -> Result<Sandbox, Failure> {
        let identity = match self.identities.lease(id) {
            Ok(identity) => identity,
            Err(failure) => {
                self.give_back(slot);
                return Err(failure);
            }
        };
        let plan = self.planner.plan(stage, identity.user(), source, Path::exists);
        Sandbox::begin(slot, identity, plan, &self.planner.group_limits(stage.limits), share)
    }

    /// Keep as much prepared as is wanted, until the stock is closed. `make` makes a slot. While there are programs for all
    /// processors nothing is prepared: it takes more of them than it saves, and gets them only late. `prepared` is told how long
    /// each took.
    pub(crate) async fn keep<Made>(
        &self,
        make: impl Fn() -> Made,
        activity: impl Fn() -> Activity,
        prepared: impl Fn(Duration),
    ) where
        Made: Future<Output = Option<Slot>>,
    {
        while !self.is_closed() {
            drop(self.take_dead());
            for unwanted in self.take_unwanted() {
                match unwanted.discard().await {
                    Ok(slot) => self.give_back(slot),
                    Err(failure) => debug!(%failure, "end what was prepared"),
                }
            }
            let Some((key, toolchain)) = self.next_wanted(activity()) else {
                if timeout(self.time_to_rest().unwrap_or(LOOK), self.wanted.notified()).await.is_ok() {
                    sleep(LET_BEGIN).await;
                }
                continue;
            };
            let slot = if self.has_all_slots() {
                self.pop_empty()
            } else {
                make().await.inspect(|_| self.lock().slots += 1)
            };
            let outcome = match slot {
                Some(slot) => self.prepare(slot, &toolchain, key.1).await,
                None => Err(Failure::NoSlot),
            };
            if let Ok((sandbox, _)) = &outcome {
                prepared(sandbox.age());
            }
            self.put(&key, &toolchain, outcome);
        }
    }

    async fn prepare(
        &self,
        slot: Slot,
        toolchain: &Toolchain,
        kind: StageKind,
    ) -> Result<(Sandbox, u64), Failure> {
        let stage = StageSpec::of_any_program(toolchain, kind).ok_or(Failure::NoSlot)?;
        let mut prepared = self.begin(slot, &stage, SandboxSource::Pool, CpuWeight::Reduced, None)?;
        prepared.ready(PREPARED_WITHIN).await?;
        let memory = prepared.group.memory().unwrap_or(GUESSED_MEMORY);
        Ok((prepared, memory))
    }

    fn put(&self, key: &BucketKey, toolchain: &Arc<Toolchain>, outcome: Result<(Sandbox, u64), Failure>) {
        let mut state = self.lock();
        let bucket = state.buckets.get_mut(key).filter(|bucket| Arc::ptr_eq(&bucket.toolchain, toolchain));
        match (bucket, outcome) {
            (Some(bucket), Ok((prepared, memory))) => {
                bucket.idle.insert(0, prepared);
                bucket.memory = memory;
                (bucket.retry_at, bucket.pause) = (None, RETRY.0);
            }
            (Some(bucket), Err(failure)) => {
                bucket.retry_at = Some(Instant::now() + bucket.pause);
                bucket.pause = (bucket.pause * 2).min(RETRY.1);
                drop(state);
                warn!(%failure, language = key.0, stage = key.1.name(), "no sandbox can be prepared for now");
            }
            // The languages were read again meanwhile.
            (None, outcome) => {
                drop(state);
                drop(outcome);
            }
        }
    }

    /// How long until there will have been a rest, where one is waited for. Until then programs may come and go.
    fn time_to_rest(&self) -> Option<Duration> {
        let state = self.lock();
        let waits = |bucket: &Bucket| bucket.misses_in_a_row >= TOO_LATE && bucket.idle.is_empty();
        let left = REST.checked_sub(state.given_back?.elapsed())?;
        (!left.is_zero() && state.buckets.values().any(waits)).then_some(left)
    }

    /// What to prepare next: that of which most is missing, if there is room.
    fn next_wanted(&self, activity: Activity) -> Option<(BucketKey, Arc<Toolchain>)> {
        let (state, now) = (self.lock(), Instant::now());
        let rests = activity == Activity::None
            && state.given_back.is_none_or(|at| now.saturating_duration_since(at) >= REST);
        if activity == Activity::Full {
            return None;
        }
        let (count, memory) = state.buckets.values().fold((0, 0), |(count, memory), bucket| {
            (count + bucket.idle.len(), memory + bucket.memory * bucket.idle.len() as u64)
        });
        if count >= self.settings.most() as usize || (self.has_all(&state) && state.empty.is_empty()) {
            return None;
        }
        let targets = self.targets(&state, now);
        let (missing, key, bucket) = state
            .buckets
            .iter()
            .zip(targets)
            .filter(|((_, bucket), _)| bucket.retry_at.is_none_or(|at| at <= now))
            .filter(|((_, bucket), _)| rests || bucket.misses_in_a_row < TOO_LATE)
            .filter(|((_, bucket), _)| memory + bucket.memory <= self.memory)
            .map(|((key, bucket), target)| (target.saturating_sub(bucket.fresh()), key, bucket))
            .max_by_key(|(missing, ..)| *missing)?;
        (missing > 0).then(|| (key.clone(), Arc::clone(&bucket.toolchain)))
    }

    /// How many of each there should be, in the order of the buckets.
    fn targets(&self, state: &State, now: Instant) -> Vec<usize> {
        let wanted = |((_, kind), bucket): (&BucketKey, &Bucket)| Wanted {
            number: bucket.wanted(*kind, &self.settings, now),
            is_reserve: bucket.demand.wanted(now, 1) == 0,
            memory: bucket.memory,
        };
        share_out(state.buckets.iter().map(wanted).collect(), self.settings.most() as usize, self.memory)
    }

    /// What is more than is wanted, or waits for too long. What is only to be replaced stays until it is, if there is
    /// room for both.
    fn take_unwanted(&self) -> Vec<Sandbox> {
        let (mut state, now) = (self.lock(), Instant::now());
        let is_full = state.buckets.values().map(|bucket| bucket.idle.len()).sum::<usize>()
            >= self.settings.most() as usize;
        let longest = if is_full { FRESH } else { FRESH + REPLACED_WITHIN };
        let targets = self.targets(&state, now);
        let mut unwanted = Vec::new();
        for (bucket, target) in state.buckets.values_mut().zip(targets) {
            // The youngest are at the front.
            let idle = std::mem::take(&mut bucket.idle);
            for prepared in idle {
                let is_wanted = prepared.age() < longest && bucket.idle.len() < target;
                let kept_or_not = if is_wanted { &mut bucket.idle } else { &mut unwanted };
                kept_or_not.push(prepared);
            }
        }
        unwanted
    }

    /// Empty slots whose supervisor somebody ended, and what waited and was ended. The oldest may not be taken for days.
    fn take_dead(&self) -> (Vec<Slot>, Vec<Sandbox>) {
        let mut state = self.lock();
        let slots = state.empty.extract_if(.., |slot| !slot.is_alive()).collect();
        let idle = state.buckets.values_mut().map(|bucket| &mut bucket.idle);
        let prepared = idle.flat_map(|idle| idle.extract_if(.., |one| !one.is_waiting())).collect();
        (slots, prepared)
    }

    fn has_all_slots(&self) -> bool {
        self.has_all(&self.lock())
    }

    const fn has_all(&self, state: &State) -> bool {
        state.slots >= self.reserve + self.settings.most() as usize
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many are wanted of a kind. The larger of two is the one that is done without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    number: usize,
    /// Nobody has asked for it lately.
    is_reserve: bool,
    /// What each of them holds, in bytes.
    memory: u64,
}

/// As many of each kind as are wanted; where that is more than there is room for, less of those of which there would be
/// most, or which nobody asks for, or which hold most.
fn share_out(mut wanted: Vec<Wanted>, most: usize, memory: u64) -> Vec<usize> {
    for too_large in wanted.iter_mut().filter(|kind| kind.memory > memory) {
        too_large.number = 0;
    }
    loop {
        let count: usize = wanted.iter().map(|kind| kind.number).sum();
        let held: u64 = wanted.iter().map(|kind| kind.number as u64 * kind.memory).sum();
        match wanted.iter_mut().max() {
            Some(kind) if kind.number > 0 && (count > most || held > memory) => kind.number -= 1,
            _ => return wanted.iter().map(|kind| kind.number).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Wanted, share_out};

    #[test]
    fn who_is_asked_for_most_leaves_room_for_the_others() {
        let asked = |number, memory| Wanted { number, is_reserve: false, memory };
        let reserve = |memory| Wanted { number: 1, is_reserve: true, memory };
        for (wanted, most, memory, expected) in [
            (vec![asked(4, 8), reserve(40), asked(0, 1)], 8, 300, vec![4, 1, 0]),
            (vec![asked(4, 8), reserve(40), asked(1, 60), asked(4, 1)], 8, 300, vec![3, 1, 1, 3]),
            (vec![asked(1, 9), reserve(1), reserve(2)], 2, 300, vec![1, 1, 0]),
            (vec![asked(4, 50), reserve(140), reserve(60)], 8, 300, vec![2, 1, 1]),
            (vec![reserve(50), reserve(340)], 8, 300, vec![1, 0]),
            (vec![asked(1, 340), reserve(50)], 8, 300, vec![0, 1]),
            (vec![asked(4, 1)], 0, 300, vec![0]),
            (vec![], 8, 300, vec![]),
        ] {
            assert_eq!(share_out(wanted.clone(), most, memory), expected, "{wanted:?}");
        }
    }
}
