//! The queue before the executions: a fixed number runs at one time, a bounded number waits, and clients are served in turn.
//!
//! Each client has a queue of its own, so a client that sends many requests waits behind its own. When the queue is full, a
//! newcomer takes the last place of a client that has at least two more requests in it.

mod fair_queue;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

pub(crate) use fair_queue::ClientKey;
use fair_queue::{FairQueue, INTERNAL};

/// The waiting requests, and the number that may run.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Requests of clients that may wait.
    capacity: usize,
    /// Executions that may run at one time.
    slots: usize,
}

#[derive(Debug)]
struct State {
    /// Executions that may start now.
    free: usize,
    /// Executions that are being cleaned up while another uses their place.
    cleaning_up: usize,
    /// Permits that exist.
    running: usize,
    waiting: FairQueue<Waiting>,
    next_number: u64,
    is_closed: bool,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    permit: oneshot::Sender<Permit>,
    position: watch::Sender<u32>,
}

/// A place in the queue. Dropping it leaves the queue.
#[derive(Debug)]
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    number: u64,
    permit: oneshot::Receiver<Permit>,
    position: watch::Receiver<u32>,
}

/// The permission to run. Dropping it lets the next execution run.
#[derive(Debug)]
pub(crate) struct Permit {
    queue: Arc<Queue>,
    /// Whether it was received. A permit that the request did not wait for does not count.
    is_counted: bool,
    is_cleaning_up: bool,
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
    /// Creates a queue for `slots` executions at one time and `capacity` waiting requests.
    pub(crate) fn new(slots: usize, capacity: usize) -> Arc<Self> {
        let state = State {
            free: slots,
            cleaning_up: 0,
            running: 0,
            waiting: FairQueue::new(),
            next_number: 0,
            is_closed: false,
        };
        Arc::new(Self { state: Mutex::new(state), capacity, slots })
    }

    /// Enters the queue, even if the request may run at once.
    pub(crate) fn enter(self: &Arc<Self>, client: ClientKey) -> Result<Ticket, Full> {
        let mut state = self.lock();
        let is_full = state.free == 0 && state.waiting.client_len() >= self.capacity;
        if state.is_closed || (is_full && !state.waiting.make_room_for(&client)) {
            return Err(self.full(&state));
        }
        Ok(self.ticket(state, client))
    }

    /// Enters the queue for an internal job. There is always room for one, and it takes none from clients.
    pub(crate) fn enter_internal(self: &Arc<Self>) -> Result<Ticket, Full> {
        let state = self.lock();
        if state.is_closed {
            return Err(self.full(&state));
        }
        Ok(self.ticket(state, INTERNAL))
    }

    /// Refuses new requests, and drops those that wait.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.waiting.clear();
    }

    /// Returns how many executions run or are being cleaned up, and how many wait.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.running, state.waiting.len())
    }

    fn ticket(self: &Arc<Self>, mut state: MutexGuard<'_, State>, client: ClientKey) -> Ticket {
        let (permit_sender, permit) = oneshot::channel();
        let (position_sender, position) = watch::channel(0);
        let number = state.next_number;
        state.next_number += 1;
        state.waiting.push(client, Waiting { number, permit: permit_sender, position: position_sender });
        drop(state);
        self.grant_permits();
        Ticket { queue: Arc::clone(self), number, permit, position }
    }

    /// Grants permits while executions may start, and sends the others their positions.
    fn grant_permits(self: &Arc<Self>) {
        let mut state = self.lock();
        while state.free > 0
            && let Some(waiting) = state.waiting.pop()
        {
            let permit = Permit { queue: Arc::clone(self), is_counted: true, is_cleaning_up: false };
            match waiting.permit.send(permit) {
                Ok(()) => {
                    state.free -= 1;
                    state.running += 1;
                }
                // The request is leaving the queue at this moment.
                Err(mut permit) => permit.is_counted = false,
            }
        }
        state.send_positions();
    }

    fn full(&self, state: &State) -> Full {
        // An execution is assumed to take about one second.
        let seconds = 1 + state.waiting.len() / self.slots.max(1);
        Full { retry_after: Duration::from_secs(seconds.min(30) as u64) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn send_positions(&self) {
        for (position, waiting) in (0_u32..).zip(self.waiting.in_order()) {
            waiting.position.send_if_modified(|sent| std::mem::replace(sent, position) != position);
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
        state.waiting.retain(|waiting| waiting.number != self.number);
        state.send_positions();
    }
}

impl Permit {
    /// Lets the next execution start while this one is cleaned up, which takes little CPU time. At most as many are being
    /// cleaned up as may run.
    pub(crate) fn start_cleanup(&mut self) {
        {
            let mut state = self.queue.lock();
            if self.is_cleaning_up || state.cleaning_up == self.queue.slots {
                return;
            }
            self.is_cleaning_up = true;
            state.cleaning_up += 1;
            state.free += 1;
        }
        self.queue.grant_permits();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_counted {
            {
                let mut state = self.queue.lock();
                state.running -= 1;
                if self.is_cleaning_up {
                    state.cleaning_up -= 1;
                } else {
                    state.free += 1;
                }
            }
            self.queue.grant_permits();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientKey, Full, Permit, Queue, QueueUpdate, Ticket};

    fn key(name: &str) -> ClientKey {
        ClientKey { uid: 1, name: Some(name.to_owned()) }
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
        let queue = Queue::new(1, 10);
        let first = granted(queue.enter(key("first")));
        let mut tickets: Vec<_> =
            ["a", "a", "a", "b", "c"].iter().map(|name| queue.enter(key(name)).unwrap()).collect();
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
        assert_eq!(queue.counts(), (0, 0));
    }

    #[test]
    fn a_full_queue_takes_the_place_of_the_client_with_the_most_requests() {
        let queue = Queue::new(1, 3);
        let _running = granted(queue.enter(key("first")));
        let mut flood: Vec<_> = (0..3).map(|_| queue.enter(key("flood")).unwrap()).collect();
        assert!(queue.enter(key("flood")).is_err());
        let mut newcomer = queue.enter(key("newcomer")).unwrap();
        assert_eq!(position(&mut newcomer), Some(1));
        assert!(matches!(flood[2].try_update(), QueueUpdate::Lost(_)));
        assert!(matches!(flood[1].try_update(), QueueUpdate::Position(2)));
        // One against two: another exchange would not make it fairer.
        assert!(queue.enter(key("newcomer")).is_err());
    }

    #[test]
    fn there_is_always_room_for_internal_jobs() {
        let queue = Queue::new(1, 1);
        let _running = granted(queue.enter(key("first")));
        let flood = queue.enter(key("flood")).unwrap();
        let mut own: Vec<_> = (0..3).map(|_| queue.enter_internal().unwrap()).collect();
        // Clients and internal jobs take no places from each other.
        assert!(queue.enter(key("newcomer")).is_err());
        drop(flood);
        let _newcomer = queue.enter(key("newcomer")).unwrap();
        assert_eq!(own.iter_mut().map(position).collect::<Vec<_>>(), [Some(0), Some(2), Some(3)]);
        queue.close();
        assert!(queue.enter_internal().is_err());
    }

    #[test]
    fn a_request_that_left_the_queue_is_skipped() {
        let queue = Queue::new(1, 3);
        let running = granted(queue.enter(key("first")));
        let first = queue.enter(key("a")).unwrap();
        let mut second = queue.enter(key("a")).unwrap();
        drop(first);
        assert_eq!(position(&mut second), Some(0));
        drop(second);
        drop(running);
        assert!(matches!(queue.enter(key("b")).unwrap().try_update(), QueueUpdate::Granted(_)));
    }

    #[tokio::test]
    async fn the_next_request_runs_when_a_permit_is_dropped() {
        let queue = Queue::new(1, 3);
        let mut ticket = queue.enter(key("a")).unwrap();
        let mut next = queue.enter(key("a")).unwrap();
        let QueueUpdate::Granted(permit) = ticket.next_update().await else { panic!("no permit") };
        assert_eq!((queue.counts(), position(&mut next)), ((1, 1), Some(0)));
        drop(permit);
        assert!(matches!(next.next_update().await, QueueUpdate::Granted(_)));
        drop(next);
        assert_eq!(queue.counts(), (0, 0));
    }

    #[test]
    fn as_many_executions_may_be_cleaned_up_as_may_run() {
        let queue = Queue::new(1, 3);
        let mut first = granted(queue.enter(key("a")));
        first.start_cleanup();
        first.start_cleanup();
        let mut second = granted(queue.enter(key("a")));
        let mut third = queue.enter(key("a")).unwrap();
        second.start_cleanup();
        assert_eq!((queue.counts(), position(&mut third)), ((2, 1), Some(0)));
        drop(first);
        second.start_cleanup();
        let third = granted(Ok(third));
        drop((second, third));
        assert_eq!(queue.counts(), (0, 0));
        let _fourth = granted(queue.enter(key("a")));
        assert_eq!(position(&mut queue.enter(key("a")).unwrap()), Some(0));
    }

    #[tokio::test]
    async fn closing_the_queue_drops_all_waiting_requests() {
        let queue = Queue::new(1, 3);
        let _running = granted(queue.enter(key("first")));
        let mut ticket = queue.enter(key("a")).unwrap();
        queue.close();
        assert!(matches!(ticket.next_update().await, QueueUpdate::Lost(_)));
        assert!(queue.enter(key("a")).is_err());
    }
}
