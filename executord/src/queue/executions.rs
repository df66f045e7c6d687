//! The executions that have a permit: what each of them does, how much CPU time and memory it uses, and the load that they are
//! together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::warn;

use super::fair_queue::ClientKey;
use super::policy::{Bounds, Demand, Load};
use super::usage::{Activity, Meter};

/// Time after which a busy program is observed again, and an idle one. Reading the counters of one takes about 10 µs.
const OBSERVATION_AGE: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(20));

/// All executions that have a permit, by the number of their tickets.
#[derive(Debug, Default)]
pub(super) struct Executions(pub(super) BTreeMap<u64, Execution>);

/// An execution that has a permit.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) client: ClientKey,
    pub(super) demand: Demand,
    pub(super) phase: Phase,
    /// Memory that its program used when it was last observed, in bytes.
    pub(super) memory: u64,
}

/// What an execution does.
#[derive(Debug)]
pub(super) enum Phase {
    /// Its sandbox is being set up, or the end of a stage is being handled. This counts as busy.
    Working,
    /// Its program runs.
    Program { meter: Arc<dyn Meter>, activity: Activity, reclaim: Arc<Notify>, is_reclaimed: bool },
    /// It yielded to waiting requests between two of its runs.
    Yielded,
    /// It is being cleaned up while another execution runs.
    CleaningUp,
}

/// How much of their budget all programs use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemoryFill {
    /// At most half.
    Low,
    High,
}

impl Executions {
    /// Returns whether the next request might have to wait for one that is idle, or programs may use too much memory.
    pub(super) fn needs_samples(&self, bounds: &Bounds) -> bool {
        let limits = self.0.values().map(|execution| execution.demand.memory_limit);
        self.0.len() >= bounds.slots.max(1) || limits.fold(0, u64::saturating_add) > bounds.memory
    }

    /// Observes programs whose last observation is too old, if there are at least `least` executions.
    pub(super) fn observe(&mut self, least: usize) {
        if self.0.len() < least {
            return;
        }
        let now = Instant::now();
        for execution in self.0.values_mut() {
            let Phase::Program { meter, activity, .. } = &mut execution.phase else { continue };
            let (busy, idle) = OBSERVATION_AGE;
            if activity.age(now) >= if activity.is_idle() { idle } else { busy }
                && let Some(usage) = meter.usage()
            {
                activity.observe(now, usage.cpu_time, || meter.is_runnable());
                execution.memory = usage.memory;
            }
        }
    }

    /// Ends the program that uses the most memory, if all of them use more than `budget`.
    pub(super) fn reclaim_memory(&mut self, budget: u64) -> MemoryFill {
        let used = self.programs_memory(|execution, _| execution.memory);
        if used <= budget {
            return if used > budget / 2 { MemoryFill::High } else { MemoryFill::Low };
        }
        let unreclaimable = |_: &Execution, meter: &Arc<dyn Meter>| meter.unreclaimable_memory();
        let used = self.programs_memory(unreclaimable);
        if used > budget {
            let largest = self.0.values_mut().filter_map(|execution| match &mut execution.phase {
                Phase::Program { meter, reclaim, is_reclaimed, .. } if !*is_reclaimed => {
                    Some((meter.unreclaimable_memory(), reclaim, is_reclaimed))
                }
                _ => None,
            });
            if let Some((memory, reclaim, is_reclaimed)) = largest.max_by_key(|&(memory, ..)| memory) {
                warn!(memory, used, budget, "ending the program that uses the most memory");
                *is_reclaimed = true;
                reclaim.notify_one();
            }
        }
        MemoryFill::High
    }

    /// Returns the memory of all programs together, except those that are ending because of it.
    fn programs_memory(&self, memory: impl Fn(&Execution, &Arc<dyn Meter>) -> u64) -> u64 {
        let of_program = |execution: &Execution| match &execution.phase {
            Phase::Program { meter, is_reclaimed: false, .. } => memory(execution, meter),
            _ => 0,
        };
        self.0.values().map(of_program).fold(0, u64::saturating_add)
    }

    pub(super) fn load(&self, slots: usize) -> Load {
        let mut load = Load::default();
        let (mut cleaning_up, mut yielded, mut idle_millis) = (0, 0, 0);
        for execution in self.0.values() {
            match &execution.phase {
                // At most as many are being cleaned up, which takes little CPU time, as may run.
                Phase::CleaningUp if cleaning_up < slots => {
                    cleaning_up += 1;
                    continue;
                }
                Phase::Program { activity, .. } if activity.is_idle() => {
                    idle_millis += activity.millis() as usize
                }
                // The same: they hold no more than a build.
                Phase::Yielded if yielded < slots => {
                    yielded += 1;
                    continue;
                }
                Phase::Yielded => {}
                Phase::Working | Phase::Program { .. } | Phase::CleaningUp => load.busy += 1,
            }
            load.executions += 1;
            load.interactive += usize::from(execution.demand.is_interactive);
            load.memory += execution.demand.memory(execution.memory);
        }
        // Many that woke up at one time get little of the CPU each, but are not idle.
        load.busy += (idle_millis + 500) / 1000;
        load
    }
}
