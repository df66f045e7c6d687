//! The slots of this host: those that are empty, and those in which a sandbox is prepared for a language.
//!
//! Who executes takes one: with a sandbox that waits for just such a program if there is one, else an empty slot, in
//! which the same is done in a row. A keeper prepares new ones with a small share of the processors, and not while programs
//! wait for their turn: as many of each kind as were asked for lately.

pub(crate) mod demand;
pub(crate) mod prepared;
pub(crate) mod repairs;
pub(crate) mod slot;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::WarmCount;
use sandbox::cgroup::Share;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::config::{PoolSettings, host_memory};
use crate::execution::plan::{Ahead, Planner, StageSpec, fits, resources};
use crate::failure::Failure;
use crate::identity::Pool;
use crate::languages::{Registry, StageKind, Toolchain};
use crate::pool::demand::Demand;
use crate::pool::prepared::Prepared;
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
/// So many programs in a row that came before what was prepared for them was ready: it is of no use to them, and takes
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
pub(crate) struct Stock {
    state: Mutex<State>,
    /// Told when a slot becomes empty.
    emptied: Notify,
    /// Told when there may be something to prepare.
    wanted: Notify,
    closed: AtomicBool,
    /// Slots that executions may need at one time.
    reserve: usize,
    identities: Pool,
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
    shelves: BTreeMap<Key, Shelf>,
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
type Key = (String, StageKind);

/// What is prepared for one of them.
#[derive(Debug)]
struct Shelf {
    toolchain: Arc<Toolchain>,
    /// Those that wait for longer are at the end, and taken first.
    ready: Vec<Prepared>,
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

impl Shelf {
    const fn new(toolchain: Arc<Toolchain>) -> Self {
        Self {
            toolchain,
            ready: Vec::new(),
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

    /// How many are ready that need not be replaced.
    fn fresh(&self) -> usize {
        self.ready.iter().filter(|prepared| prepared.age() < FRESH).count()
    }

    /// How many should be ready. Without demand only those are of use in which something waits.
    fn wanted(&self, kind: StageKind, settings: &PoolSettings, now: Instant) -> usize {
        let most = settings.most() as usize;
        let can_wait = self.toolchain.stage(kind).is_some_and(|stage| stage.warm.is_some());
        let least = if can_wait { (settings.min as usize).min(most) } else { 0 };
        self.demand.wanted(now, most.div_ceil(2)).max(least)
    }
}

impl Stock {
    /// Without slots; they come by [`Stock::add`], [`Stock::reserve`] of them at first.
    pub(crate) fn new(executions: u32, identities: Pool, planner: Planner, settings: PoolSettings) -> Self {
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
        let ended = (std::mem::take(&mut state.empty), std::mem::take(&mut state.shelves));
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
        let mut shelves = BTreeMap::new();
        for toolchain in registry.all().filter(|toolchain| toolchain.version.is_ok()) {
            for kind in StageKind::ALL.into_iter().filter(|&kind| toolchain.stage(kind).is_some()) {
                shelves.insert((toolchain.name.clone(), kind), Shelf::new(Arc::clone(toolchain)));
            }
        }
        let mut state = self.lock();
        for (key, shelf) in &mut shelves {
            if let Some(old) = state.shelves.get(key) {
                (shelf.hits, shelf.misses, shelf.memory) = (old.hits, old.misses, old.memory);
            }
        }
        let old = std::mem::replace(&mut state.shelves, shelves);
        drop(state);
        drop(old);
        self.wanted.notify_one();
    }

    /// What is prepared, and how often that was of use.
    pub(crate) fn counts(&self) -> Vec<WarmCount> {
        let state = self.lock();
        let count = |((language, kind), shelf): (&(String, StageKind), &Shelf)| WarmCount {
            language: language.clone(),
            stage: kind.name().to_owned(),
            ready: u32::try_from(shelf.ready.len()).unwrap_or(u32::MAX),
            hits: shelf.hits,
            misses: shelf.misses,
        };
        state.shelves.iter().map(count).collect()
    }

    /// A sandbox for a stage: one that waits, if that will do, or one that is only being made.
    pub(crate) async fn take(&self, stage: &StageSpec<'_>, ahead: Ahead) -> Result<Prepared, Failure> {
        let prepared = if ahead == Ahead::Yes { self.take_prepared(stage) } else { None };
        if let Some(mut prepared) = prepared {
            match prepared.claim(&self.planner.group_limits(stage.limits)) {
                Ok(()) => return Ok(prepared),
                // As if there had been none: its memory may be more than is allowed now.
                Err(failure) => debug!(%failure, "what was prepared cannot be used"),
            }
        }
        let slot = timeout(SLOT_WITHIN, self.empty_slot()).await.map_err(|_| Failure::NoSlot)?;
        // A copy is there at once.
        let ahead = if stage.can_be_copied() { ahead } else { Ahead::No };
        self.begin(slot, stage, ahead, Share::Full)
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

    fn take_prepared(&self, stage: &StageSpec<'_>) -> Option<Prepared> {
        if stage.terminal.is_some() {
            // None is prepared for that.
            return None;
        }
        let taken = self.with_shelf_of(stage, |shelf| {
            shelf.demand.note(Instant::now());
            shelf.ready.pop()
        })?;
        // Looked at without the lock, for it asks the host's file system.
        let (mut taken, mut ended) = (taken, Vec::new());
        while let Some(prepared) = taken.take_if(|prepared| !prepared.is_waiting()) {
            debug!(language = stage.toolchain.name, "what waited is gone");
            ended.push(prepared);
            taken = self.with_shelf_of(stage, |shelf| shelf.ready.pop()).flatten();
        }
        let unfit = taken.take_if(|prepared| {
            let wanted = self.planner.plan(stage, &prepared.plan.user, Ahead::Yes, Path::exists);
            !fits(&prepared.plan, &wanted, &resources(stage.limits))
        });
        let is_hit = taken.is_some();
        self.with_shelf_of(stage, |shelf| {
            if unfit.is_some() {
                debug!(language = stage.toolchain.name, "what waits does not fit");
            }
            shelf.ready.extend(unfit);
            shelf.count(is_hit);
        });
        self.wanted.notify_one();
        taken
    }

    /// What is prepared for a stage, as long as its language is not read again.
    fn with_shelf_of<T>(&self, stage: &StageSpec<'_>, deed: impl FnOnce(&mut Shelf) -> T) -> Option<T> {
        let mut state = self.lock();
        let shelf = state.shelves.get_mut(&(stage.toolchain.name.clone(), stage.kind))?;
        std::ptr::eq(&*shelf.toolchain, stage.toolchain).then(|| deed(shelf))
    }

    fn begin(
        &self,
        slot: Slot,
        stage: &StageSpec<'_>,
        ahead: Ahead,
        share: Share,
    ) -> Result<Prepared, Failure> {
        let identity = match self.identities.lease() {
            Ok(identity) => identity,
            Err(failure) => {
                self.give_back(slot);
                return Err(failure);
            }
        };
        let plan = self.planner.plan(stage, identity.user(), ahead, Path::exists);
        Prepared::begin(slot, identity, plan, &self.planner.group_limits(stage.limits), share)
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
            self.shelve(&key, &toolchain, outcome);
        }
    }

    async fn prepare(
        &self,
        slot: Slot,
        toolchain: &Toolchain,
        kind: StageKind,
    ) -> Result<(Prepared, u64), Failure> {
        let stage = StageSpec::of_any_program(toolchain, kind).ok_or(Failure::NoSlot)?;
        let mut prepared = self.begin(slot, &stage, Ahead::Yes, Share::Less)?;
        prepared.ready(PREPARED_WITHIN).await?;
        let memory = prepared.group.memory().unwrap_or(GUESSED_MEMORY);
        Ok((prepared, memory))
    }

    fn shelve(&self, key: &Key, toolchain: &Arc<Toolchain>, outcome: Result<(Prepared, u64), Failure>) {
        let mut state = self.lock();
        let shelf = state.shelves.get_mut(key).filter(|shelf| Arc::ptr_eq(&shelf.toolchain, toolchain));
        match (shelf, outcome) {
            (Some(shelf), Ok((prepared, memory))) => {
                shelf.ready.insert(0, prepared);
                shelf.memory = memory;
                (shelf.retry_at, shelf.pause) = (None, RETRY.0);
            }
            (Some(shelf), Err(failure)) => {
                shelf.retry_at = Some(Instant::now() + shelf.pause);
                shelf.pause = (shelf.pause * 2).min(RETRY.1);
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
        let waits = |shelf: &Shelf| shelf.misses_in_a_row >= TOO_LATE && shelf.ready.is_empty();
        let left = REST.checked_sub(state.given_back?.elapsed())?;
        (!left.is_zero() && state.shelves.values().any(waits)).then_some(left)
    }

    /// What to prepare next: that of which most is missing, if there is room.
    fn next_wanted(&self, activity: Activity) -> Option<(Key, Arc<Toolchain>)> {
        let (state, now) = (self.lock(), Instant::now());
        let rests = activity == Activity::None
            && state.given_back.is_none_or(|at| now.saturating_duration_since(at) >= REST);
        if activity == Activity::Full {
            return None;
        }
        let (count, memory) = state.shelves.values().fold((0, 0), |(count, memory), shelf| {
            (count + shelf.ready.len(), memory + shelf.memory * shelf.ready.len() as u64)
        });
        if count >= self.settings.most() as usize || (self.has_all(&state) && state.empty.is_empty()) {
            return None;
        }
        let targets = self.targets(&state, now);
        let (missing, key, shelf) = state
            .shelves
            .iter()
            .zip(targets)
            .filter(|((_, shelf), _)| shelf.retry_at.is_none_or(|at| at <= now))
            .filter(|((_, shelf), _)| rests || shelf.misses_in_a_row < TOO_LATE)
            .filter(|((_, shelf), _)| memory + shelf.memory <= self.memory)
            .map(|((key, shelf), target)| (target.saturating_sub(shelf.fresh()), key, shelf))
            .max_by_key(|(missing, ..)| *missing)?;
        (missing > 0).then(|| (key.clone(), Arc::clone(&shelf.toolchain)))
    }

    /// How many of each there should be, in the order of the shelves.
    fn targets(&self, state: &State, now: Instant) -> Vec<usize> {
        let wanted = |((_, kind), shelf): (&Key, &Shelf)| Wanted {
            number: shelf.wanted(*kind, &self.settings, now),
            is_reserve: shelf.demand.wanted(now, 1) == 0,
            memory: shelf.memory,
        };
        share_out(state.shelves.iter().map(wanted).collect(), self.settings.most() as usize, self.memory)
    }

    /// What is more than is wanted, or waits for too long. What is only to be replaced stays until it is, if there is
    /// room for both.
    fn take_unwanted(&self) -> Vec<Prepared> {
        let (mut state, now) = (self.lock(), Instant::now());
        let is_full = state.shelves.values().map(|shelf| shelf.ready.len()).sum::<usize>()
            >= self.settings.most() as usize;
        let longest = if is_full { FRESH } else { FRESH + REPLACED_WITHIN };
        let targets = self.targets(&state, now);
        let mut unwanted = Vec::new();
        for (shelf, target) in state.shelves.values_mut().zip(targets) {
            // The youngest are at the front.
            let ready = std::mem::take(&mut shelf.ready);
            for prepared in ready {
                let is_wanted = prepared.age() < longest && shelf.ready.len() < target;
                let shelf_or_not = if is_wanted { &mut shelf.ready } else { &mut unwanted };
                shelf_or_not.push(prepared);
            }
        }
        unwanted
    }

    /// Empty slots whose supervisor somebody ended, and what waited and was ended. The oldest may not be taken for days.
    fn take_dead(&self) -> (Vec<Slot>, Vec<Prepared>) {
        let mut state = self.lock();
        let slots = state.empty.extract_if(.., |slot| !slot.is_alive()).collect();
        let ready = state.shelves.values_mut().map(|shelf| &mut shelf.ready);
        let prepared = ready.flat_map(|ready| ready.extract_if(.., |one| !one.is_waiting())).collect();
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
