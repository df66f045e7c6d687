//! The pool: free slots, and pre-warmed sandboxes by stage and language.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::WarmCount;
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::{debug, warn};
use uuid::Uuid;

use crate::config::{PoolSettings, host_memory};
use crate::failure::Failure;
use crate::identity::IdentityPool;
use crate::languages::registry::Registry;
use crate::languages::toolchain::Toolchain;
use crate::plan::compatibility::is_compatible;
use crate::plan::planner::{Planner, resources};
use crate::plan::stage_spec::{SandboxSource, StageSpec, WarmUp};
use crate::pool::bucket::Bucket;
use crate::pool::bucket_key::BucketKey;
use crate::pool::contents::Contents;
use crate::pool::policy::{Activity, SlowZygotes, Snapshot};
use crate::pool::sandbox::{Sandbox, SandboxState};
use crate::pool::slot::Slot;
use crate::pool::slot_numbers::SlotNumbers;

/// Time that an execution waits for a free slot. It waits only if many start concurrently, or if slots were lost.
const SLOT_TIMEOUT: Duration = Duration::from_secs(5);

/// A slot for a sandbox that is to be pre-warmed.
#[derive(Debug)]
pub(super) enum SlotToPreWarm {
    Free(Box<Slot>),
    /// One may be created.
    Create,
    None,
}

/// The slots of this host that no execution holds.
#[derive(Debug)]
pub(crate) struct SandboxPool {
    contents: Mutex<Contents>,
    /// Notified when a slot becomes free.
    slot_freed: Notify,
    /// Notified when the policy may decide otherwise than before.
    changed: Notify,
    closed: AtomicBool,
    /// Notified when a slot should be created.
    slot_wanted: Notify,
    slots: SlotNumbers,
    identities: IdentityPool,
    planner: Planner,
    settings: PoolSettings,
    /// Memory that all pre-warmed sandboxes together may hold, in bytes.
    max_memory: u64,
}

impl SandboxPool {
    /// Creates a pool without slots.
    pub(crate) fn new(
        slots: SlotNumbers,
        identities: IdentityPool,
        planner: Planner,
        settings: PoolSettings,
    ) -> Self {
        Self {
            contents: Mutex::default(),
            slot_freed: Notify::new(),
            changed: Notify::new(),
            closed: AtomicBool::new(false),
            slot_wanted: Notify::new(),
            slots,
            identities,
            planner,
            settings,
            max_memory: settings.memory_bytes(host_memory()),
        }
    }

    /// Returns how many slots there are of each kind.
    pub(crate) const fn slot_numbers(&self) -> SlotNumbers {
        self.slots
    }

    /// Returns a sandbox for a stage: a pre-warmed one if one fits, or one that is only beginning to be made.
    ///
    /// The user of one that is made gets the name `user_name`; that of a pre-warmed one has a name already.
    pub(crate) async fn take(
        &self,
        stage: &StageSpec<'_>,
        source: SandboxSource,
        user_name: Uuid,
    ) -> Result<Sandbox, Failure> {
        if matches!(source, SandboxSource::Pool(_))
            && let Some(sandbox) = self.take_warm(stage)
        {
            return Ok(sandbox);
        }
        let is_copied = matches!(source, SandboxSource::Pool(_)) && stage.can_be_copied();
        if is_copied && let Some(slot) = self.pop_with_zygote(stage) {
            return self.begin(slot, stage, source, SandboxState::Starting, user_name);
        }
        let slot = self.free_slot().await?;
        // A warm command that must be executed first would only delay the program; a copy of a zygote is there at once, or soon
        // after the zygote was started.
        let source = if is_copied && !stage.has_slow_zygote() { source } else { SandboxSource::Cold };
        self.begin(slot, stage, source, SandboxState::Starting, user_name)
    }

    /// Begins to prepare a sandbox for a stage that starts later. It takes a slot and a user only if enough of them
    /// are free for other executions.
    pub(crate) fn prepare_ahead(&self, stage: &StageSpec<'_>, user_name: Uuid) -> Option<Sandbox> {
        if !self.identities.are_plentiful() {
            return None;
        }
        let has_spare = self.lock().has_spare();
        let slot = has_spare.then(|| self.pop_alive()).flatten()?;
        let begun = self.begin(slot, stage, SandboxSource::Cold, SandboxState::Starting, user_name);
        begun.inspect_err(|failure| debug!(%failure, "cannot prepare sandbox ahead of its stage")).ok()
    }

    /// Adds a new slot.
    pub(crate) fn add(&self, slot: Slot) {
        self.count_slot();
        self.release(slot);
    }

    /// Returns a slot to the pool: one whose sandbox ended, or a replacement for a lost one.
    pub(crate) fn release(&self, slot: Slot) {
        if !self.is_closed() {
            self.lock().release(slot);
            self.slot_freed.notify_one();
            self.changed.notify_one();
        }
    }

    /// Replaces the languages, and ends all pre-warmed sandboxes.
    pub(crate) fn set_languages(&self, registry: &Registry) {
        // Ending sandboxes takes a while, so it is done without the lock.
        let old = self.lock().set_languages(registry);
        drop(old);
        self.changed.notify_one();
    }

    /// Adds a language that can be used since its toolchain was asked for its version.
    pub(crate) fn add_language(&self, toolchain: &Arc<Toolchain>) {
        self.lock().add_language(toolchain);
        self.changed.notify_one();
    }

    /// Ends all pre-warmed sandboxes, and makes no more: no new execution will come.
    pub(crate) fn stop_prewarming(&self) {
        self.set_languages(&Registry::default());
    }

    /// Ends all slots, and every slot that is released from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let ended = self.lock().take_all();
        drop(ended);
        self.changed.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Returns how many sandboxes are warm, and how often one was there for a program.
    pub(crate) fn counts(&self) -> Vec<WarmCount> {
        self.lock().buckets.iter().map(|(key, bucket)| bucket.counts(key)).collect()
    }

    /// Takes a pre-warmed sandbox that fits the stage, and gives it the stage's limits.
    fn take_warm(&self, stage: &StageSpec<'_>) -> Option<Sandbox> {
        let mut sandbox = self.find_warm(stage)?;
        match sandbox.claim(&self.planner.cgroup_limits(stage.limits)) {
            Ok(()) => Some(sandbox),
            // It may hold more memory than the program is allowed.
            Err(failure) => {
                debug!(%failure, "cannot use pre-warmed sandbox");
                None
            }
        }
    }

    fn find_warm(&self, stage: &StageSpec<'_>) -> Option<Sandbox> {
        if stage.terminal.is_some() || !stage.can_use_bucket() {
            // A pre-warmed sandbox has pipes already.
            return None;
        }
        let mut found = self.with_bucket(stage, Bucket::request)?;
        // These checks ask the kernel and the file system, so they are made without the lock.
        let mut dead = Vec::new();
        while let Some(sandbox) = found.take_if(|sandbox| !sandbox.is_waiting()) {
            debug!(language = stage.toolchain.name, "pre-warmed sandbox is gone");
            dead.push(sandbox);
            found = self.with_bucket(stage, |bucket| bucket.idle.pop()).flatten();
        }
        let unfit = found.take_if(|sandbox| {
            let source = SandboxSource::Pool(sandbox.warm_up());
            let wanted = self.planner.plan(stage, &sandbox.plan.user, source, Path::exists);
            !is_compatible(&sandbox.plan, &wanted, &resources(stage.limits))
        });
        let is_hit = found.is_some();
        self.with_bucket(stage, |bucket| {
            if unfit.is_some() {
                debug!(language = stage.toolchain.name, "pre-warmed sandbox does not fit");
            }
            bucket.idle.extend(unfit);
            bucket.count(is_hit);
        });
        self.changed.notify_one();
        found
    }

    /// Calls `function` with the bucket of a stage, unless the languages were reloaded since the stage was admitted.
    fn with_bucket<T>(&self, stage: &StageSpec<'_>, function: impl FnOnce(&mut Bucket) -> T) -> Option<T> {
        let key = BucketKey { language: stage.toolchain.id(), stage: stage.kind };
        self.lock().bucket(&key, stage.toolchain).map(function)
    }

    /// Waits for a free slot.
    async fn free_slot(&self) -> Result<Slot, Failure> {
        if let Some(slot) = self.pop_alive() {
            return Ok(slot);
        }
        self.lock().waiting += 1;
        self.slot_wanted.notify_one();
        let found = timeout(SLOT_TIMEOUT, async {
            loop {
                let notified = self.slot_freed.notified();
                if let Some(slot) = self.pop_alive() {
                    return slot;
                }
                notified.await;
            }
        })
        .await;
        self.lock().waiting -= 1;
        found.map_err(|_| Failure::SlotTimeout)
    }

    /// Takes a free slot that has a zygote for the stage.
    fn pop_with_zygote(&self, stage: &StageSpec<'_>) -> Option<Slot> {
        let program = self.planner.zygote_program(stage)?;
        let slot = self.lock().pop_free_with_zygote(&program)?;
        self.slot_wanted.notify_one();
        slot.is_alive().then_some(slot)
    }

    /// Takes a free slot whose supervisor was not killed meanwhile.
    fn pop_alive(&self) -> Option<Slot> {
        while let Some(slot) = self.pop_free() {
            if slot.is_alive() {
                return Some(slot);
            }
        }
        None
    }

    /// Begins to make a sandbox in a slot.
    pub(super) fn begin(
        &self,
        slot: Slot,
        stage: &StageSpec<'_>,
        source: SandboxSource,
        state: SandboxState,
        user_name: Uuid,
    ) -> Result<Sandbox, Failure> {
        let identity = match self.identities.lease(user_name) {
            Ok(identity) => identity,
            Err(failure) => {
                self.release(slot);
                return Err(failure);
            }
        };
        let plan = self.planner.plan(stage, identity.user(), source, Path::exists);
        if plan.zygote && stage.has_slow_zygote() {
            self.with_bucket(stage, |bucket| bucket.record_zygote(slot.number()));
        }
        let warm = stage.command.warm.as_ref().filter(|_| plan.zygote);
        let health = warm.and_then(|warm| warm.zygote.as_ref()).map(|zygote| zygote.health.clone());
        Sandbox::begin(slot, identity, plan, &self.planner.cgroup_limits(stage.limits), state, health)
    }

    /// Returns the input of the policy. `stalled` sandboxes are being pre-warmed.
    pub(super) fn snapshot(&self, activity: Activity, stalled: usize) -> Snapshot {
        let contents = self.lock();
        Snapshot {
            now: Instant::now(),
            activity,
            last_release: contents.last_release,
            has_slot: !contents.free.is_empty() || contents.slots < self.slots.most,
            busy: self.slots.busy,
            max_sandboxes: self.settings.capacity() as usize,
            min_per_bucket: self.settings.min as usize,
            max_memory: self.max_memory,
            max_memory_at_rest: self.settings.memory_at_rest.0.bytes(),
            stalled,
            buckets: contents
                .buckets
                .iter()
                .map(|(key, bucket)| bucket.snapshot(key, self.zygotes_of(&contents, key, bucket)))
                .collect(),
        }
    }

    /// Returns how many zygotes a bucket has, if it takes long to start one.
    fn zygotes_of(&self, contents: &Contents, key: &BucketKey, bucket: &Bucket) -> Option<SlowZygotes> {
        let stage = StageSpec::of_any_program(&bucket.toolchain, key.stage);
        let stage = stage.filter(StageSpec::has_slow_zygote)?;
        let program = self.planner.zygote_program(&stage)?;
        Some(SlowZygotes {
            count: bucket.zygotes(),
            has_free: contents.free.iter().any(|slot| slot.has_zygote(&program)),
        })
    }

    /// Waits until the policy may decide otherwise than before.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// See [`Contents::take_idle`].
    pub(super) fn take_idle(&self, uids: &[u32]) -> Vec<Sandbox> {
        self.lock().take_idle(uids)
    }

    /// See [`Contents::take_dead`].
    pub(super) fn take_dead(&self) -> (Vec<Slot>, Vec<Sandbox>) {
        self.lock().take_dead()
    }

    /// Returns the toolchain of a bucket, unless the languages were reloaded without it.
    pub(super) fn toolchain(&self, key: &BucketKey) -> Option<Arc<Toolchain>> {
        self.lock().buckets.get(key).map(|bucket| Arc::clone(&bucket.toolchain))
    }

    /// Returns how many slots should be created now.
    pub(super) fn missing_slots(&self) -> usize {
        let contents = self.lock();
        self.slots.missing(contents.free.len(), contents.waiting, contents.slots)
    }

    /// Waits until slots may be missing.
    pub(super) async fn slot_wanted(&self) {
        self.slot_wanted.notified().await;
    }

    /// Removes slots that nobody used since the last call, down to the spare ones.
    pub(super) fn retire_unused_slots(&self) {
        let mut contents = self.lock();
        let unused = contents.least_free.saturating_sub(self.slots.spare).min(contents.free.len());
        let retired: Vec<_> = contents.free.drain(..unused).collect();
        contents.slots -= unused;
        contents.least_free = contents.free.len();
        drop(contents);
        // Ending supervisors takes a while, so it is done without the lock.
        retired.into_iter().for_each(Slot::retire);
    }

    /// Takes a slot for a sandbox that is to be pre-warmed: one with a zygote for it, or a free one, unless executions may need it and another can
    /// be created instead.
    pub(super) fn take_slot_to_pre_warm(&self, stage: &StageSpec<'_>, warm_up: WarmUp) -> SlotToPreWarm {
        let with_zygote = (warm_up == WarmUp::Full).then(|| self.pop_with_zygote(stage)).flatten();
        if let Some(slot) = with_zygote {
            return SlotToPreWarm::Free(Box::new(slot));
        }
        let mut contents = self.lock();
        if contents.free.len() <= self.slots.spare && contents.slots < self.slots.most {
            return SlotToPreWarm::Create;
        }
        contents.pop_free().map_or(SlotToPreWarm::None, |slot| SlotToPreWarm::Free(Box::new(slot)))
    }

    fn pop_free(&self) -> Option<Slot> {
        let mut contents = self.lock();
        let slot = contents.pop_free();
        if self.slots.missing(contents.free.len(), contents.waiting, contents.slots) > 0 {
            self.slot_wanted.notify_one();
        }
        slot
    }

    pub(super) fn count_slot(&self) {
        self.lock().slots += 1;
    }

    /// Puts a pre-warmed sandbox and the bytes that it holds into its bucket, or notes that pre-warming failed. If the
    /// languages were reloaded meanwhile, the sandbox is ended.
    pub(super) fn put(
        &self,
        key: &BucketKey,
        toolchain: &Toolchain,
        prewarmed: Result<(Sandbox, u64), Failure>,
    ) {
        let not_put = self.lock().put(key, toolchain, prewarmed);
        if let Some(Err(failure)) = not_put {
            let stage = key.stage.name();
            warn!(%failure, language = key.language, stage, "cannot pre-warm sandbox, will retry");
        }
    }

    /// Pre-warms no more sandboxes of a bucket for `pause`, unless the one that is being pre-warmed ends sooner.
    pub(super) fn postpone(&self, key: &BucketKey, pause: Duration) {
        if let Some(bucket) = self.lock().buckets.get_mut(key) {
            bucket.postpone(pause);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
