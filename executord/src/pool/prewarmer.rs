//! Pre-warms sandboxes in the background.

use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::select;
use tokio::time::{sleep, timeout};
use tracing::debug;
use uuid::Uuid;

use crate::failure::{Context, Failure};
use crate::plan::stage_spec::{SandboxSource, StageSpec, WarmUp};
use crate::pool::bucket::ASSUMED_MEMORY;
use crate::pool::bucket_key::BucketKey;
use crate::pool::policy::{self, Action, Activity};
use crate::pool::sandbox::{Sandbox, SandboxState};
use crate::pool::sandbox_pool::{SandboxPool, SlotToPreWarm};
use crate::pool::slot::Slot;

/// Time for a sandbox to be pre-warmed. It gets only the CPU time that programs leave.
const PREWARM_TIMEOUT: Duration = Duration::from_secs(60);
/// Time after which the next one is begun although it is not ready: an interpreter that hangs must not keep other languages
/// from being pre-warmed.
const STALL_TIME: Duration = Duration::from_secs(5);
/// The most sandboxes that are being pre-warmed for longer than [`STALL_TIME`].
const MAX_STALLED: usize = 3;
/// Delay after a change, so that a program that has just taken a sandbox can begin undisturbed.
const START_DELAY: Duration = Duration::from_millis(5);

/// Carries out what [`policy::next`] decides, until the pool is closed. `create_slot` creates a slot, `activity` returns
/// what executions do now, and `observe` gets the time that it took to pre-warm each sandbox.
pub(crate) async fn keep_warm<Created>(
    pool: &SandboxPool,
    create_slot: impl Fn() -> Created,
    activity: impl Fn() -> Activity,
    observe: impl Fn(Duration),
) where
    Created: Future<Output = io::Result<Slot>>,
{
    let mut stalled = FuturesUnordered::new();
    while !pool.is_closed() {
        drop(pool.take_dead());
        match policy::next(&pool.snapshot(activity(), stalled.len())) {
            Action::Evict(uids) => discard(pool, pool.take_idle(&uids)).await,
            Action::PreWarm(key, warm_up) => {
                let mut prewarming = Box::pin(pre_warm(pool, key.clone(), warm_up, &create_slot, &observe));
                let patience = if stalled.len() < MAX_STALLED { STALL_TIME } else { Duration::MAX };
                let end = async {
                    loop {
                        select! {
                            () = &mut prewarming => return,
                            Some(()) = stalled.next() => {}
                        }
                    }
                };
                if timeout(patience, end).await.is_err() {
                    pool.postpone(&key, PREWARM_TIMEOUT);
                    stalled.push(prewarming);
                }
            }
            Action::Pause(longest) => select! {
                Some(()) = stalled.next() => {}
                changed = timeout(longest, pool.changed()) => if changed.is_ok() {
                    sleep(START_DELAY).await;
                }
            },
        }
    }
}

async fn discard(pool: &SandboxPool, sandboxes: Vec<Sandbox>) {
    for sandbox in sandboxes {
        match sandbox.discard().await {
            Ok(slot) => pool.release(slot),
            Err(failure) => debug!(%failure, "cannot end pre-warmed sandbox, its slot is lost"),
        }
    }
}

async fn pre_warm<Created>(
    pool: &SandboxPool,
    key: BucketKey,
    warm_up: WarmUp,
    create_slot: impl Fn() -> Created,
    observe: impl Fn(Duration),
) where
    Created: Future<Output = io::Result<Slot>>,
{
    let Some(toolchain) = pool.toolchain(&key) else { return };
    let Some(stage) = StageSpec::of_any_program(&toolchain, key.stage) else { return };
    let slot = match pool.take_slot_to_pre_warm(&stage, warm_up) {
        SlotToPreWarm::Free(slot) => Ok(*slot),
        SlotToPreWarm::Create => create_slot().await.inspect(|_| pool.count_slot()).context("create a slot"),
        // An execution took the last one meanwhile.
        SlotToPreWarm::None => return,
    };
    let prewarmed = match slot {
        Ok(slot) => pre_warm_in(pool, slot, &stage, warm_up).await,
        Err(failure) => Err(failure),
    };
    if let Ok((sandbox, memory)) = &prewarmed {
        debug!(language = key.language, stage = key.stage.name(), bytes = memory, "sandbox pre-warmed");
        observe(sandbox.age());
    }
    pool.put(&key, &toolchain, prewarmed);
}

/// Pre-warms a sandbox in a slot. Returns it and the bytes that it holds.
async fn pre_warm_in(
    pool: &SandboxPool,
    slot: Slot,
    stage: &StageSpec<'_>,
    warm_up: WarmUp,
) -> Result<(Sandbox, u64), Failure> {
    let (source, state) = (SandboxSource::Pool(warm_up), SandboxState::Warm(warm_up));
    let mut sandbox = pool.begin(slot, stage, source, state, Uuid::new_v4())?;
    sandbox.wait_until_prepared(PREWARM_TIMEOUT).await?;
    let memory = sandbox.memory().unwrap_or(ASSUMED_MEMORY);
    Ok((sandbox, memory))
}
