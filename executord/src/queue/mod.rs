//! The queue before the executions: a bounded number runs at one time, a bounded number waits, and clients are served
//! fairly.
//!
//! Each client has a queue of its own, so a client that sends many requests waits behind its own. When the queue is full, a
//! newcomer takes the last place of a client that has at least two more requests in it. An execution that is idle, because
//! its program sleeps or waits for input, lets another start; [`policy`] has the bounds.

mod fair_queue;
mod policy;
mod usage;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub(crate) use fair_queue::ClientKey;
use fair_queue::{FairQueue, Standing};
pub(crate) use policy::{Bounds, Demand};
use policy::{Candidate, Load};
use usage::Activity;
pub(crate) use usage::{Meter, Usage};

/// Time after which a busy program is observed again, and an idle one. Reading the counters of one takes about 10 µs.
const OBSERVATION_AGE: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(20));
/// Pauses of the sampler: while a program may turn out to be idle and others wait, while others wait, while programs are
/// busy, and otherwise.
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
    /// By the number of their tickets.
    executions: BTreeMap<u64, Execution>,
    waiting: FairQueue<Waiting>,
    next_number: u64,
    is_closed: bool,
    /// Whether the sampler runs.
    is_sampling: bool,
}

/// An execution that has a permit.
#[derive(Debug)]
struct Execution {
    client: ClientKey,
    demand: Demand,
    phase: Phase,
    /// Memory that its program used when it was last observed, in bytes.
    memory: u64,
}

/// What an execution does.
#[derive(Debug)]
enum Phase {
    /// Its sandbox is being set up, or the end of a stage is being handled. This counts as busy.
    Working,
    /// Its program runs.
    Program { meter: Arc<dyn Meter>, activity: Activity, reclaim: Arc<Notify>, is_reclaimed: bool },
    /// It gave way to others between two of its runs.
    Paused,
    /// It is being cleaned up while another uses its place.
    CleaningUp,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    kind: WaitingKind,
}

#[derive(Debug)]
enum WaitingKind {
    New { client: ClientKey, demand: Demand, permit: oneshot::Sender<Permit>, position: watch::Sender<u32> },
    Paused(oneshot::Sender<()>),
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

/// How much of their budget all programs use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MemoryFill {
    /// At most half.
    Low,
    High,
}

/// The numbers of executions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Executions that have a permit, except those that gave way.
    pub(crate) running: usize,
    /// Those of them that are idle.
    pub(crate) idle: usize,
    /// Executions that wait, including those that gave way.
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
            executions: BTreeMap::new(),
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
            state.observe(self.bounds.slots);
            let candidate = Candidate::New(demand, state.waiting.standing(&client));
            let may_start = self.bounds.obstacle(&state.load(self.bounds.slots), candidate).is_none();
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

    /// Refuses new requests, and drops those that wait. Executions that gave way continue.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.waiting.clear();
    }

    /// Returns how many executions run and wait.
    pub(crate) fn counts(&self) -> Counts {
        let mut state = self.lock();
        state.observe(0);
        let count = |is: fn(&Phase) -> bool| state.executions.values().filter(|one| is(&one.phase)).count();
        Counts {
            running: count(|phase| !matches!(phase, Phase::Paused)),
            idle: count(|phase| matches!(phase, Phase::Program { activity, .. } if activity.is_idle())),
            waiting: state.waiting.len(),
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
            state.observe(slots);
        }
        loop {
            let load = state.load(slots);
            let may_start = |waiting: &Waiting, standing: Standing| {
                let candidate = match waiting.kind {
                    WaitingKind::New { demand, .. } => Candidate::New(demand, standing),
                    WaitingKind::Paused(_) => Candidate::Paused,
                };
                self.bounds.obstacle(&load, candidate).is_none()
            };
            let Some(Waiting { number, kind }) = state.waiting.pop(&may_start) else { break };
            match kind {
                WaitingKind::New { client, demand, permit: sender, .. } => {
                    let permit = Permit { queue: Arc::clone(self), number, is_counted: true };
                    match sender.send(permit) {
                        Ok(()) => {
                            state.waiting.started(&client);
                            let execution = Execution { client, demand, phase: Phase::Working, memory: 0 };
                            state.executions.insert(number, execution);
                        }
                        // The request is leaving the queue at this moment.
                        Err(mut permit) => permit.is_counted = false,
                    }
                }
                WaitingKind::Paused(sender) => {
                    state.resume(number);
                    let _ = sender.send(());
                }
            }
        }
        state.send_positions();
        if state.needs_samples(&self.bounds)
            && !state.is_sampling
            && let Ok(runtime) = Handle::try_current()
        {
            state.is_sampling = true;
            runtime.spawn(sample(Arc::downgrade(self)));
        }
    }

    /// Observes the programs, and lets executions start in addition to those that are idle. Returns the time until the next
    /// sample, or `None` if no more samples are needed.
    fn sample(self: &Arc<Self>) -> Option<Duration> {
        let mut state = self.lock();
        if !state.needs_samples(&self.bounds) {
            state.is_sampling = false;
            return None;
        }
        state.observe(0);
        let fill = state.reclaim_memory(self.bounds.memory);
        if state.waiting.len() > 0 {
            self.grant_permits(state);
            state = self.lock();
        }
        let activities = state.executions.values().filter_map(|execution| match &execution.phase {
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
        let seconds = 1 + state.waiting.len() / self.bounds.slots.max(1);
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
    /// Returns whether the next request might have to wait for one that is idle, or programs may use too much memory.
    fn needs_samples(&self, bounds: &Bounds) -> bool {
        let limits = self.executions.values().map(|execution| execution.demand.memory_limit);
        self.executions.len() >= bounds.slots.max(1) || limits.fold(0, u64::saturating_add) > bounds.memory
    }

    /// Observes programs whose last observation is too old, if there are at least `least` executions.
    fn observe(&mut self, least: usize) {
        if self.executions.len() < least {
            return;
        }
        let now = Instant::now();
        for execution in self.executions.values_mut() {
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
    fn reclaim_memory(&mut self, budget: u64) -> MemoryFill {
        let used = self.programs_memory(|execution, _| execution.memory);
        if used <= budget {
            return if used > budget / 2 { MemoryFill::High } else { MemoryFill::Low };
        }
        let unreclaimable = |_: &Execution, meter: &Arc<dyn Meter>| meter.unreclaimable_memory();
        let used = self.programs_memory(unreclaimable);
        if used > budget {
            let largest = self.executions.values_mut().filter_map(|execution| match &mut execution.phase {
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
        self.executions.values().map(of_program).fold(0, u64::saturating_add)
    }

    fn load(&self, slots: usize) -> Load {
        let mut load = Load::default();
        let (mut cleaning_up, mut paused, mut idle_millis) = (0, 0, 0);
        for execution in self.executions.values() {
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
                Phase::Paused if paused < slots => {
                    paused += 1;
                    continue;
                }
                Phase::Paused => {}
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

    /// Lets an execution that gave way continue.
    fn resume(&mut self, number: u64) {
        if let Some(execution) = self.executions.get_mut(&number)
            && matches!(execution.phase, Phase::Paused)
        {
            execution.phase = Phase::Working;
            self.waiting.started(&execution.client);
        }
    }

    fn send_positions(&self) {
        for (next, waiting) in (0_u32..).zip(self.waiting.in_order()) {
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
        let (usage, reclaim) = (meter.usage(), Arc::new(Notify::new()));
        if let (Some(execution), Some(usage)) = (self.queue.lock().executions.get_mut(&self.number), usage) {
            let activity = Activity::starting(Instant::now(), usage.cpu_time);
            execution.phase =
                Phase::Program { meter, activity, reclaim: Arc::clone(&reclaim), is_reclaimed: false };
            execution.memory = usage.memory;
        }
        reclaim
    }

    /// Notes that the program ended.
    pub(crate) fn program_ended(&self) {
        if let Some(execution) = self.queue.lock().executions.get_mut(&self.number)
            && matches!(execution.phase, Phase::Program { .. })
        {
            (execution.phase, execution.memory) = (Phase::Working, 0);
        }
    }

    /// Lets others run, if any wait, and waits for the execution's next turn. Ends early if `cancel` is cancelled.
    pub(crate) async fn give_way(&self, cancel: &CancellationToken) {
        let Some(turn) = self.pause() else { return };
        tokio::select! {
            _ = turn => {}
            () = cancel.cancelled() => {}
        }
        let mut state = self.queue.lock();
        state.waiting.retain(&|waiting| waiting.number != self.number);
        state.resume(self.number);
    }

    /// Enters the queue again, if others are in it. The receiver gets its turn, or an error when the queue is closed.
    fn pause(&self) -> Option<oneshot::Receiver<()>> {
        let mut state = self.queue.lock();
        if state.waiting.len() == 0 {
            return None;
        }
        let execution = state.executions.get_mut(&self.number)?;
        execution.phase = Phase::Paused;
        let client = execution.client.clone();
        let (sender, turn) = oneshot::channel();
        state.waiting.stopped(&client);
        let waiting = Waiting { number: self.number, kind: WaitingKind::Paused(sender) };
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
    /// Moves an execution into a phase in which it does not count for its client any more.
    fn stop(&mut self, number: u64, phase: Phase) {
        if let Some(execution) = self.executions.get_mut(&number) {
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
            state.executions.remove(&self.number);
            self.queue.grant_permits(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio_util::sync::CancellationToken;

    use super::{Bounds, ClientKey, Counts, Demand, Full, Meter, Permit, Queue, QueueUpdate, Ticket, Usage};

    fn key(name: &str) -> ClientKey {
        ClientKey::new(1, Vec::new(), Some(name.to_owned()))
    }

    const PROGRAM: Demand = Demand { is_interactive: false, memory_limit: 1 << 20 };

    /// Creates a queue in which idle executions make room for no others.
    fn queue_of(slots: usize, capacity: usize) -> Arc<Queue> {
        queue_with(slots, slots, capacity)
    }

    fn queue_with(slots: usize, executions: usize, capacity: usize) -> Arc<Queue> {
        let (executions_per_client, interactive, memory) = (usize::MAX, usize::MAX, u64::MAX);
        let bounds = Bounds { slots, executions, reserved: 0, executions_per_client, interactive, memory };
        Queue::new(bounds, capacity)
    }

    fn enter(queue: &Arc<Queue>, client: &str) -> Result<Ticket, Full> {
        queue.enter(key(client), PROGRAM)
    }

    const fn counts(running: usize, idle: usize, waiting: usize) -> Counts {
        Counts { running, idle, waiting }
    }

    fn position(ticket: &mut Ticket) -> Option<u32> {
        match ticket.try_update() {
            QueueUpdate::Position(position) => Some(position),
            QueueUpdate::Granted(_) | QueueUpdate::Lost(_) => None,
        }
    }

    fn granted(ticket: Result<Ticket, Full>) -> Permit {
        let QueueUpdate::Granted(permit) = ticket.unwrap().try_update() else { panic!("no permit") };
        permit
    }

    #[test]
    fn clients_are_served_in_turn_and_each_in_order() {
        let queue = queue_of(1, 10);
        let first = granted(enter(&queue, "first"));
        let mut tickets: Vec<_> =
            ["a", "a", "a", "b", "c"].iter().map(|name| enter(&queue, name).unwrap()).collect();
        let positions: Vec<_> = tickets.iter_mut().map(position).collect();
        assert_eq!(positions, [Some(0), Some(3), Some(4), Some(1), Some(2)]);
        drop(first);
        let mut order = Vec::new();
        for _ in 0..5 {
            let (index, permit) = tickets
                .iter_mut()
                .enumerate()
                .find_map(|(index, ticket)| match ticket.try_update() {
                    QueueUpdate::Granted(permit) => Some((index, permit)),
                    _ => None,
                })
                .unwrap();
            order.push(index);
            drop(permit);
        }
        assert_eq!(order, [0, 3, 4, 1, 2]);
        assert_eq!(queue.counts(), counts(0, 0, 0));
    }

    #[test]
    fn a_full_queue_takes_the_place_of_the_client_with_the_most_requests() {
        let queue = queue_of(1, 3);
        let _running = granted(enter(&queue, "first"));
        let mut flood: Vec<_> = (0..3).map(|_| enter(&queue, "flood").unwrap()).collect();
        assert!(enter(&queue, "flood").is_err());
        let mut newcomer = enter(&queue, "newcomer").unwrap();
        assert_eq!(position(&mut newcomer), Some(1));
        assert!(matches!(flood[2].try_update(), QueueUpdate::Lost(_)));
        assert!(matches!(flood[1].try_update(), QueueUpdate::Position(2)));
        // One against two: another exchange would not make it fairer.
        assert!(enter(&queue, "newcomer").is_err());
    }

    #[test]
    fn there_is_always_room_for_internal_jobs() {
        let queue = queue_of(1, 1);
        let _running = granted(enter(&queue, "first"));
        let flood = enter(&queue, "flood").unwrap();
        let mut own: Vec<_> = (0..3).map(|_| queue.enter_internal(PROGRAM).unwrap()).collect();
        // Clients and internal jobs take no places from each other.
        assert!(enter(&queue, "newcomer").is_err());
        drop(flood);
        let _newcomer = enter(&queue, "newcomer").unwrap();
        assert_eq!(own.iter_mut().map(position).collect::<Vec<_>>(), [Some(0), Some(2), Some(3)]);
        queue.close();
        assert!(queue.enter_internal(PROGRAM).is_err());
    }

    #[test]
    fn a_request_that_left_the_queue_is_skipped() {
        let queue = queue_of(1, 3);
        let running = granted(enter(&queue, "first"));
        let first = enter(&queue, "a").unwrap();
        let mut second = enter(&queue, "a").unwrap();
        drop(first);
        assert_eq!(position(&mut second), Some(0));
        drop(second);
        drop(running);
        assert!(matches!(enter(&queue, "b").unwrap().try_update(), QueueUpdate::Granted(_)));
    }

    #[tokio::test]
    async fn the_next_request_runs_when_a_permit_is_dropped() {
        let queue = queue_of(1, 3);
        let mut ticket = enter(&queue, "a").unwrap();
        let mut next = enter(&queue, "a").unwrap();
        let QueueUpdate::Granted(permit) = ticket.next_update().await else { panic!("no permit") };
        assert_eq!((queue.counts(), position(&mut next)), (counts(1, 0, 1), Some(0)));
        drop(permit);
        assert!(matches!(next.next_update().await, QueueUpdate::Granted(_)));
        drop(next);
        assert_eq!(queue.counts(), counts(0, 0, 0));
    }

    #[test]
    fn as_many_executions_may_be_cleaned_up_as_may_run() {
        let queue = queue_of(1, 3);
        let first = granted(enter(&queue, "a"));
        first.start_cleanup();
        first.start_cleanup();
        let second = granted(enter(&queue, "a"));
        let mut third = enter(&queue, "a").unwrap();
        second.start_cleanup();
        assert_eq!((queue.counts(), position(&mut third)), (counts(2, 0, 1), Some(0)));
        drop(first);
        second.start_cleanup();
        let third = granted(Ok(third));
        drop((second, third));
        assert_eq!(queue.counts(), counts(0, 0, 0));
        let _fourth = granted(enter(&queue, "a"));
        assert_eq!(position(&mut enter(&queue, "a").unwrap()), Some(0));
    }

    #[tokio::test]
    async fn closing_the_queue_drops_all_waiting_requests() {
        let queue = queue_of(1, 3);
        let _running = granted(enter(&queue, "first"));
        let mut ticket = enter(&queue, "a").unwrap();
        queue.close();
        assert!(matches!(ticket.next_update().await, QueueUpdate::Lost(_)));
        assert!(enter(&queue, "a").is_err());
    }

    /// A program whose usage the test sets.
    #[derive(Clone, Debug, Default)]
    struct Program(Arc<Mutex<Duration>>);

    impl Meter for Program {
        fn usage(&self) -> Option<Usage> {
            Some(Usage { cpu_time: *self.0.lock().unwrap(), memory: 0 })
        }

        fn is_runnable(&self) -> bool {
            false
        }

        fn unreclaimable_memory(&self) -> u64 {
            0
        }
    }

    #[tokio::test]
    async fn a_request_starts_next_to_an_idle_program_but_not_next_to_a_busy_one() {
        let queue = queue_with(1, 3, 3);
        let session = granted(enter(&queue, "a"));
        let _reclaim = session.program_started(Arc::new(Program::default()));
        let QueueUpdate::Granted(busy) = enter(&queue, "b").unwrap().next_update_of_permit().await else {
            panic!("no permit")
        };
        assert_eq!(queue.counts(), counts(2, 1, 0));
        let program = Program::default();
        let _reclaim = busy.program_started(Arc::new(program.clone()));
        let mut waiting = enter(&queue, "c").unwrap();
        for _ in 0..20 {
            *program.0.lock().unwrap() += Duration::from_secs(1);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!((position(&mut waiting), queue.counts()), (Some(0), counts(2, 1, 1)));
        busy.program_ended();
        busy.start_cleanup();
        assert!(matches!(waiting.try_update(), QueueUpdate::Granted(_)));
    }

    #[tokio::test]
    async fn the_program_with_the_most_memory_ends_when_all_use_too_much() {
        #[derive(Debug)]
        struct Memory(u64);
        impl Meter for Memory {
            fn usage(&self) -> Option<Usage> {
                Some(Usage { cpu_time: Duration::ZERO, memory: 2 * self.0 })
            }

            fn is_runnable(&self) -> bool {
                false
            }

            fn unreclaimable_memory(&self) -> u64 {
                self.0
            }
        }
        let bounds = Bounds {
            slots: 3,
            executions: 3,
            reserved: 0,
            executions_per_client: 3,
            interactive: 3,
            memory: 1000,
        };
        let queue = Queue::new(bounds, 0);
        let permits = [400, 500, 200].map(|memory| {
            let permit = granted(enter(&queue, "a"));
            let reclaim = permit.program_started(Arc::new(Memory(memory)));
            (permit, reclaim)
        });
        let (_, reclaim) = &permits[1];
        tokio::time::timeout(Duration::from_secs(10), reclaim.notified()).await.unwrap();
        // The others fit.
        tokio::time::sleep(Duration::from_millis(100)).await;
        for (_, reclaim) in [&permits[0], &permits[2]] {
            assert!(tokio::time::timeout(Duration::ZERO, reclaim.notified()).await.is_err());
        }
    }

    #[tokio::test]
    async fn an_execution_gives_way_between_its_runs_to_those_that_wait() {
        let queue = queue_of(1, 3);
        let cancel = CancellationToken::new();
        let first = granted(enter(&queue, "a"));
        first.give_way(&cancel).await;
        let mut second = enter(&queue, "b").unwrap();
        let mut third = enter(&queue, "a").unwrap();
        let mut pausing = Box::pin(first.give_way(&cancel));
        assert!(futures_poll(&mut pausing).is_none());
        let QueueUpdate::Granted(second) = second.try_update() else { panic!("no permit") };
        assert_eq!(queue.counts(), counts(1, 0, 2));
        drop(second);
        // The client's next request came before.
        let QueueUpdate::Granted(third) = third.try_update() else { panic!("no permit") };
        drop(third);
        pausing.await;
        assert_eq!(queue.counts(), counts(1, 0, 0));
        let waiting = enter(&queue, "b").unwrap();
        let pausing = first.give_way(&cancel);
        cancel.cancel();
        pausing.await;
        drop((first, waiting));
        assert_eq!(queue.counts(), counts(0, 0, 0));
    }

    impl Ticket {
        /// Waits for anything but a position.
        async fn next_update_of_permit(&mut self) -> QueueUpdate {
            loop {
                match self.next_update().await {
                    QueueUpdate::Position(_) => {}
                    update => return update,
                }
            }
        }
    }

    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
