//! The queue before the executions: a bounded number runs concurrently, a bounded number waits, and clients are served
//! fairly.
//!
//! Each client has its own queue, so a client that sends many requests waits behind its own. When the queue is full, a
//! newcomer takes the last place of a client that has at least two more requests in it, or one of those that were served
//! recently, if these have most places. An execution that is idle,
//! because its program sleeps or waits for input, lets another start; [`policy`] has the bounds. An execution with
//! several runs may have further permits, for runs at the same time, when no request waits for what they take; see
//! [`another`].

pub(crate) mod another;
mod executions;
mod fair_queue;
mod policy;
#[cfg(test)]
mod tests;
mod usage;

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use executions::{Execution, Executions, MemoryFill, Phase};
pub(crate) use fair_queue::ClientKey;
use fair_queue::{ClientLoad, FairQueue};
use policy::{BlockReason, Candidate};
pub(crate) use policy::{Bounds, Demand};
use usage::Activity;
pub(crate) use usage::{Meter, Usage};

/// Pauses of the sampler: while a program may turn out to be idle and others wait, while others wait, while programs
/// are busy, and otherwise.
const SAMPLE_PAUSES: [Duration; 4] = [
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(100),
];

/// The waiting requests, and the executions that run.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Requests of clients that may wait.
    capacity: usize,
    bounds: Bounds,
    /// Notified when a request begins to wait.
    waits: Notify,
}

#[derive(Debug)]
struct State {
    executions: Executions,
    waiting: FairQueue<Waiting>,
    next_number: u64,
    is_closed: bool,
    /// Whether the sampler runs.
    is_sampling: bool,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    kind: WaitingKind,
}

#[derive(Debug)]
enum WaitingKind {
    New {
        client: ClientKey,
        demand: Demand,
        permit: oneshot::Sender<Permit>,
        position: watch::Sender<u32>,
    },
    Yielded(oneshot::Sender<()>),
    /// For another run of an execution that runs already.
    Another {
        client: ClientKey,
        demand: Demand,
        permit: oneshot::Sender<Permit>,
    },
}

/// A place in the queue. Dropping it leaves the queue.
#[derive(Debug)]
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    number: u64,
    permit: oneshot::Receiver<Permit>,
    position: watch::Receiver<u32>,
}

/// The permission to run. Dropping it ends the execution, as far as the queue is concerned.
#[derive(Debug)]
pub(crate) struct Permit {
    queue: Arc<Queue>,
    number: u64,
    /// Whether it was received. A permit that the request did not wait for does not count.
    is_counted: bool,
}

/// The numbers of executions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Executions that have a permit, except those that yielded.
    pub(crate) running: usize,
    /// Those of them that are idle.
    pub(crate) idle: usize,
    /// Executions that wait, including those that yielded.
    pub(crate) waiting: usize,
}

/// The error of a full or closed queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    /// Time after which the client may try again.
    pub(crate) retry_after: Duration,
}

/// News for a waiting request.
#[derive(Debug)]
pub(crate) enum QueueUpdate {
    /// How many requests are served before it.
    Position(u32),
    /// It may run.
    Granted(Permit),
    /// A client with fewer requests took its place, or the queue was closed.
    Lost(Full),
}

impl Queue {
    /// Creates a queue for executions within `bounds` and `capacity` waiting requests.
    pub(crate) fn new(bounds: Bounds, capacity: usize) -> Arc<Self> {
        let state = State {
            executions: Executions::default(),
            waiting: FairQueue::new(),
            next_number: 0,
            is_closed: false,
            is_sampling: false,
        };
        Arc::new(Self { state: Mutex::new(state), capacity, bounds, waits: Notify::new() })
    }

    /// Enters the queue, even if the request may run at once.
    pub(crate) fn enter(self: &Arc<Self>, client: ClientKey, demand: Demand) -> Result<Ticket, Full> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(self.full(&state));
        }
        if state.waiting.evictable_len() >= self.capacity {
            state.executions.observe(self.bounds.slots);
            let candidate = Candidate::New(demand, state.waiting.client_load(&client));
            let may_start =
                self.bounds.block_reason(&state.executions.load(self.bounds.slots), candidate).is_none();
            if !may_start && !state.waiting.make_room_for(&client) {
                return Err(self.full(&state));
            }
        }
        Ok(self.ticket(state, client, demand, true))
    }

    /// Enters the queue for an internal job. There is always room for one, and it takes none from clients.
    pub(crate) fn enter_internal(self: &Arc<Self>, demand: Demand) -> Result<Ticket, Full> {
        let state = self.lock();
        if state.is_closed {
            return Err(self.full(&state));
        }
        Ok(self.ticket(state, ClientKey::internal(), demand, false))
    }

    /// Refuses new requests, and drops those that wait. Executions that yielded continue.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.waiting.clear();
    }

    /// Returns how many executions run and wait.
    pub(crate) fn counts(&self) -> Counts {
        let mut state = self.lock();
        state.executions.observe(0);
        let count = |is: fn(&Phase) -> bool| state.executions.0.values().filter(|one| is(&one.phase)).count();
        Counts {
            running: count(|phase| !matches!(phase, Phase::Yielded)),
            idle: count(|phase| matches!(phase, Phase::Program { activity, .. } if activity.is_idle())),
            waiting: state.waiting_requests(),
        }
    }

    fn ticket(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        client: ClientKey,
        demand: Demand,
        is_evictable: bool,
    ) -> Ticket {
        let (permit_sender, permit) = oneshot::channel();
        let (position_sender, position) = watch::channel(0);
        let number = state.next_number;
        state.next_number += 1;
        let key = client.clone();
        let kind = WaitingKind::New { client, demand, permit: permit_sender, position: position_sender };
        state.waiting.push(&key, Waiting { number, kind }, is_evictable);
        self.grant_permits(state);
        self.waits.notify_one();
        Ticket { queue: Arc::clone(self), number, permit, position }
    }

    /// Grants permits while executions may start, and sends the others their positions.
    fn grant_permits(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let slots = self.bounds.slots;
        if state.waiting.len() > 0 {
            state.executions.observe(slots);
        }
        while let Some(Waiting { number, kind }) = self.next_to_start(&mut state) {
            match kind {
                WaitingKind::New { client, demand, permit: sender, .. }
                | WaitingKind::Another { client, demand, permit: sender } => {
                    let permit = Permit { queue: Arc::clone(self), number, is_counted: true };
                    match sender.send(permit) {
                        Ok(()) => {
                            state.waiting.started(&client);
                            let execution = Execution { client, demand, phase: Phase::Working, memory: 0 };
                            state.executions.0.insert(number, execution);
                        }
                        // The request is leaving the queue at this moment.
                        Err(mut permit) => permit.is_counted = false,
                    }
                }
                WaitingKind::Yielded(sender) => {
                    state.resume(number);
                    let _ = sender.send(());
                }
            }
        }
        state.send_positions();
        if state.executions.needs_samples(&self.bounds)
            && !state.is_sampling
            && let Ok(runtime) = Handle::try_current()
        {
            state.is_sampling = true;
            runtime.spawn(sample(Arc::downgrade(self)));
        }
    }

    /// Takes the next request that may start. Another run of an execution comes after all requests, unless these wait
    /// for nothing that it would take.
    fn next_to_start(&self, state: &mut State) -> Option<Waiting> {
        let load = state.executions.load(self.bounds.slots);
        let must_leave_room = Cell::new(false);
        let may_start = |waiting: &Waiting, client_load: ClientLoad| {
            let candidate = match waiting.kind {
                WaitingKind::New { demand, .. } => Candidate::New(demand, client_load),
                WaitingKind::Yielded(_) => Candidate::Yielded,
                WaitingKind::Another { .. } => return false,
            };
            let reason = self.bounds.block_reason(&load, candidate);
            must_leave_room.set(must_leave_room.get() || reason.is_some_and(BlockReason::is_shared));
            reason.is_none()
        };
        let request = state.waiting.pop(&may_start);
        if request.is_some() || must_leave_room.get() {
            return request;
        }
        state.waiting.pop(&|waiting, client_load| match waiting.kind {
            WaitingKind::Another { demand, .. } => {
                self.bounds.block_reason(&load, Candidate::New(demand, client_load)).is_none()
            }
            WaitingKind::New { .. } | WaitingKind::Yielded(_) => false,
        })
    }

    /// Observes the programs, and lets executions start in addition to those that are idle. Returns the time until the
    /// next sample, or `None` if no more samples are needed.
    fn sample(self: &Arc<Self>) -> Option<Duration> {
        let mut state = self.lock();
        if !state.executions.needs_samples(&self.bounds) {
            state.is_sampling = false;
            return None;
        }
        state.executions.observe(0);
        let fill = state.executions.reclaim_memory(self.bounds.memory);
        if state.waiting.len() > 0 {
            self.grant_permits(state);
            state = self.lock();
        }
        let activities = state.executions.0.values().filter_map(|execution| match &execution.phase {
            Phase::Program { activity, .. } => Some(activity),
            _ => None,
        });
        let [quieting, waiting, busy, idle] = SAMPLE_PAUSES;
        let mut pause = match fill {
            MemoryFill::Low => idle,
            MemoryFill::High => waiting,
        };
        for activity in activities {
            pause = pause.min(match (state.waiting.len(), activity.is_idle()) {
                (0, true) => idle,
                (0, false) => busy,
                (_, false) if activity.is_quieting() => quieting,
                _ => waiting,
            });
        }
        Some(pause)
    }

    fn full(&self, state: &State) -> Full {
        // An execution is assumed to take about one second.
        let seconds = 1 + state.waiting_requests() / self.bounds.slots.max(1);
        Full { retry_after: Duration::from_secs(seconds.min(30) as u64) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes samples until none are needed.
async fn sample(queue: Weak<Queue>) {
    while let Some(queue) = queue.upgrade()
        && let Some(pause) = queue.sample()
    {
        let _ = timeout(pause, queue.waits.notified()).await;
    }
}

impl State {
    /// Returns how many executions wait. Those that want only another permit do not.
    fn waiting_requests(&self) -> usize {
        self.waiting.count(|waiting| !matches!(waiting.kind, WaitingKind::Another { .. }))
    }

    /// Lets an execution that yielded continue.
    fn resume(&mut self, number: u64) {
        if let Some(execution) = self.executions.0.get_mut(&number)
            && matches!(execution.phase, Phase::Yielded)
        {
            execution.phase = Phase::Working;
            self.waiting.started(&execution.client);
        }
    }

    fn send_positions(&self) {
        let is_request = |waiting: &&Waiting| !matches!(waiting.kind, WaitingKind::Another { .. });
        for (next, waiting) in (0_u32..).zip(self.waiting.in_order().into_iter().filter(is_request)) {
            if let WaitingKind::New { position, .. } = &waiting.kind {
                position.send_if_modified(|sent| std::mem::replace(sent, next) != next);
            }
        }
    }
}

impl Ticket {
    /// Returns the current state without waiting.
    pub(crate) fn try_update(&mut self) -> QueueUpdate {
        match self.permit.try_recv() {
            Ok(permit) => QueueUpdate::Granted(permit),
            Err(oneshot::error::TryRecvError::Closed) => self.lost(),
            Err(oneshot::error::TryRecvError::Empty) => {
                QueueUpdate::Position(*self.position.borrow_and_update())
            }
        }
    }

    /// Waits for the next update. Cancel safe.
    pub(crate) async fn next_update(&mut self) -> QueueUpdate {
        tokio::select! {
            biased;
            permit = &mut self.permit => permit.map_or_else(|_| self.lost(), QueueUpdate::Granted),
            changed = self.position.changed() => match changed {
                Ok(()) => QueueUpdate::Position(*self.position.borrow_and_update()),
                // Both senders are dropped together: the permit was sent, or the place is lost.
                Err(_) => match (&mut self.permit).await {
                    Ok(permit) => QueueUpdate::Granted(permit),
                    Err(_) => self.lost(),
                },
            },
        }
    }

    fn lost(&self) -> QueueUpdate {
        QueueUpdate::Lost(self.queue.full(&self.queue.lock()))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        let is_other = |waiting: &Waiting| {
            waiting.number != self.number || !matches!(waiting.kind, WaitingKind::New { .. })
        };
        state.waiting.retain(&is_other);
        state.send_positions();
    }
}

impl Permit {
    /// Notes that a program of the execution runs. While it is idle, as `meter` tells, another execution may start.
    /// Returns what is notified when the program must end, because all programs together use too much memory and this
    /// one uses the most.
    pub(crate) fn program_started(&self, meter: Arc<dyn Meter>) -> Arc<Notify> {
        let reclaim = Arc::default();
        self.observe(meter, Arc::clone(&reclaim));
        reclaim
    }

    /// Does the same for programs of which `reclaim` is notified.
    pub(crate) fn observe(&self, meter: Arc<dyn Meter>, reclaim: Arc<Notify>) {
        let usage = meter.usage();
        if let (Some(execution), Some(usage)) = (self.queue.lock().executions.0.get_mut(&self.number), usage)
        {
            let activity = Activity::starting(Instant::now(), usage.cpu_time);
            execution.phase = Phase::Program { meter, activity, reclaim, is_reclaimed: false };
            execution.memory = usage.memory;
        }
    }

    /// Notes that the program ended.
    pub(crate) fn program_ended(&self) {
        if let Some(execution) = self.queue.lock().executions.0.get_mut(&self.number)
            && matches!(execution.phase, Phase::Program { .. })
        {
            (execution.phase, execution.memory) = (Phase::Working, 0);
        }
    }

    /// Lets others run, if any wait, and waits for the execution's next turn. Ends early if `cancel` is cancelled.
    pub(crate) async fn yield_to_waiting(&self, cancel: &CancellationToken) {
        let Some(turn) = self.enter_again() else { return };
        tokio::select! {
            _ = turn => {}
            () = cancel.cancelled() => {}
        }
        let mut state = self.queue.lock();
        state.waiting.retain(&|waiting| waiting.number != self.number);
        state.resume(self.number);
    }

    /// Enters the queue again, if others are in it. The receiver gets its turn, or an error when the queue is closed.
    fn enter_again(&self) -> Option<oneshot::Receiver<()>> {
        let mut state = self.queue.lock();
        if state.waiting_requests() == 0 {
            return None;
        }
        let execution = state.executions.0.get_mut(&self.number)?;
        execution.phase = Phase::Yielded;
        let client = execution.client.clone();
        let (sender, turn) = oneshot::channel();
        state.waiting.stopped(&client);
        let waiting = Waiting { number: self.number, kind: WaitingKind::Yielded(sender) };
        state.waiting.push(&client, waiting, false);
        self.queue.grant_permits(state);
        Some(turn)
    }

    /// Lets the next execution start while this one is cleaned up.
    pub(crate) fn start_cleanup(&self) {
        let mut state = self.queue.lock();
        state.stop(self.number, Phase::CleaningUp);
        self.queue.grant_permits(state);
    }
}

impl State {
    /// Moves an execution into a phase in which it no longer counts for its client.
    fn stop(&mut self, number: u64, phase: Phase) {
        if let Some(execution) = self.executions.0.get_mut(&number) {
            if matches!(execution.phase, Phase::Working | Phase::Program { .. }) {
                self.waiting.stopped(&execution.client);
            }
            execution.phase = phase;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_counted {
            let mut state = self.queue.lock();
            state.stop(self.number, Phase::CleaningUp);
            state.executions.0.remove(&self.number);
            self.queue.grant_permits(state);
        }
    }
}
