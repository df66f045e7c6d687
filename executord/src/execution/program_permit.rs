//! The permit of one program, or of two programs that run at the same time under one permit.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::queue::{Meter, Permit, Usage};

/// The permit of a program that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ProgramPermit<'a> {
    /// The program is alone.
    Single(&'a Permit),
    /// It is the first or the second of two.
    Half(&'a PermitPair<'a>, usize),
}

/// One permit for two programs. The queue observes them as if they were one.
#[derive(Debug)]
pub(crate) struct PermitPair<'a> {
    permit: &'a Permit,
    /// The meters of the programs that run.
    meters: Mutex<[Option<Arc<dyn Meter>>; 2]>,
    /// Notified when the programs must end. It is enough that one of them does.
    reclaim: Arc<Notify>,
}

/// Meter of two programs.
#[derive(Debug)]
struct CombinedMeter([Arc<dyn Meter>; 2]);

impl<'a> ProgramPermit<'a> {
    /// Returns the permit, for programs that run before or after this one.
    pub(crate) const fn permit(self) -> &'a Permit {
        match self {
            Self::Single(permit) => permit,
            Self::Half(pair, _) => pair.permit,
        }
    }

    /// Notes that the program runs, as [`Permit::program_started`] does.
    pub(crate) fn program_started(self, meter: Arc<dyn Meter>) -> Arc<Notify> {
        match self {
            Self::Single(permit) => permit.program_started(meter),
            Self::Half(pair, index) => {
                pair.set(index, Some(meter));
                Arc::clone(&pair.reclaim)
            }
        }
    }

    /// Notes that the program ended. May be called again.
    pub(crate) fn program_ended(self) {
        match self {
            Self::Single(permit) => permit.program_ended(),
            Self::Half(pair, index) => pair.set(index, None),
        }
    }
}

impl<'a> PermitPair<'a> {
    pub(crate) fn new(permit: &'a Permit) -> Self {
        Self { permit, meters: Mutex::default(), reclaim: Arc::default() }
    }

    fn set(&self, index: usize, meter: Option<Arc<dyn Meter>>) {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        if meter.is_none() && meters[index].is_none() {
            return;
        }
        meters[index] = meter;
        let meter: Arc<dyn Meter> = match &*meters {
            [Some(first), Some(second)] => Arc::new(CombinedMeter([Arc::clone(first), Arc::clone(second)])),
            [Some(only), None] | [None, Some(only)] => Arc::clone(only),
            [None, None] => return self.permit.program_ended(),
        };
        self.permit.observe(meter, Arc::clone(&self.reclaim));
    }
}

impl Meter for CombinedMeter {
    fn usage(&self) -> Option<Usage> {
        let [first, second] = &self.0;
        match (first.usage(), second.usage()) {
            (Some(first), Some(second)) => Some(Usage {
                cpu_time: first.cpu_time + second.cpu_time,
                memory: first.memory.saturating_add(second.memory),
            }),
            // The other one is ending.
            (usage, None) | (None, usage) => usage,
        }
    }

    fn is_runnable(&self) -> bool {
        self.0.iter().any(|meter| meter.is_runnable())
    }

    fn unreclaimable_memory(&self) -> u64 {
        self.0.iter().map(|meter| meter.unreclaimable_memory()).fold(0, u64::saturating_add)
    }
}
