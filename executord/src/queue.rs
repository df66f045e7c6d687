//! Who runs next: a bounded queue before a fixed number of executions, in order of arrival, fair between peers.
//!
//! Each peer has a client_queue of its own and the client_queues take turns, so one who floods waits behind its own requests.
//! When all tickets are taken, a newcomer gets the last ticket of whoever holds two more than the newcomer has.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

/// The requests that wait, and how many may run.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    capacity: usize,
    slots: usize,
}

#[derive(Debug)]
struct State {
    /// How many more may run.
    idle: usize,
    /// How many have let the next one begin while they are cleared away.
    cleaning_up: usize,
    /// Lines with somebody in them; the first has the next turn.
    client_queues: VecDeque<ClientQueue>,
    next_number: u64,
    running: usize,
    closed: bool,
}

/// Whose turn is whose: a user of this host, and whom it speaks for.
pub(crate) type ClientKey = (u32, Option<String>);

/// The client_queue of what the daemon itself has to run; no user has this number, see setuid(2).
const INTERNAL: ClientKey = (u32::MAX, None);

#[derive(Debug)]
struct ClientQueue {
    key: ClientKey,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    grant: oneshot::Sender<Permit>,
    position: watch::Sender<u32>,
}

/// A ticket in the queue. Dropping it leaves the queue.
#[derive(Debug)]
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    number: u64,
    grant: oneshot::Receiver<Permit>,
    position: watch::Receiver<u32>,
}

/// The right to run. Dropping it gives it to the next.
#[derive(Debug)]
pub(crate) struct Permit {
    queue: Arc<Queue>,
    /// Whether it counts; one that nobody took did not.
    counts: bool,
    is_cleaning_up: bool,
}

/// There is no ticket; try again after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) retry_after: Duration,
}

/// What a waiting request is told.
#[derive(Debug)]
pub(crate) enum QueueUpdate {
    /// This many are before it.
    Position(u32),
    /// It is its turn.
    Granted(Permit),
    /// Its ticket went to a peer who had fewer, or the daemon is about to stop.
    Lost(Full),
}

impl Queue {
    /// A queue before `slots` executions at one time, in which `capacity` may wait.
    pub(crate) fn new(slots: usize, capacity: usize) -> Arc<Self> {
        let state = State {
            idle: slots,
            cleaning_up: 0,
            client_queues: VecDeque::new(),
            next_number: 0,
            running: 0,
            closed: false,
        };
        Arc::new(Self { state: Mutex::new(state), capacity, slots })
    }

    /// Take a ticket, whether one may run or must wait.
    pub(crate) fn enter(self: &Arc<Self>, key: ClientKey) -> Result<Ticket, Full> {
        let mut state = self.lock();
        let is_full = state.idle == 0 && state.waiting_clients() >= self.capacity;
        if state.closed || (is_full && !state.make_room_for(&key)) {
            return Err(self.full(&state));
        }
        Ok(self.ticket(state, key))
    }

    /// Take a ticket for the daemon itself. There is always room, and nobody else gets it.
    pub(crate) fn enter_internal(self: &Arc<Self>) -> Result<Ticket, Full> {
        let state = self.lock();
        if state.closed {
            return Err(self.full(&state));
        }
        Ok(self.ticket(state, INTERNAL))
    }

    fn ticket(self: &Arc<Self>, mut state: MutexGuard<'_, State>, key: ClientKey) -> Ticket {
        let (granter, grant) = oneshot::channel();
        let (teller, position) = watch::channel(0);
        let number = state.next_number;
        state.next_number += 1;
        let waiting = Waiting { number, grant: granter, position: teller };
        match state.client_queues.iter_mut().find(|client_queue| client_queue.key == key) {
            Some(client_queue) => client_queue.waiting.push_back(waiting),
            None => state.client_queues.push_back(ClientQueue { key, waiting: [waiting].into() }),
        }
        drop(state);
        self.serve();
        Ticket { queue: Arc::clone(self), number, grant, position }
    }

    /// Nobody new is let in, and who waits is sent away.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.client_queues.clear();
    }

    /// How many run, or are not cleared away yet, and how many wait.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.running, state.waiting())
    }

    /// Let those run whose turn it is, and tell the others where they are.
    fn serve(self: &Arc<Self>) {
        let mut state = self.lock();
        while state.idle > 0
            && let Some(waiting) = state.next()
        {
            // Who left in this moment is no longer there to take it.
            match waiting.grant.send(Permit { queue: Arc::clone(self), counts: true, is_cleaning_up: false })
            {
                Ok(()) => {
                    state.idle -= 1;
                    state.running += 1;
                }
                Err(mut permit) => permit.counts = false,
            }
        }
        state.send_positions();
    }

    fn full(&self, state: &State) -> Full {
        // About one second an execution, spread over the slots.
        let seconds = 1 + state.waiting() / self.slots.max(1);
        Full { retry_after: Duration::from_secs(seconds.min(30) as u64) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn waiting(&self) -> usize {
        self.client_queues.iter().map(|client_queue| client_queue.waiting.len()).sum()
    }

    fn waiting_clients(&self) -> usize {
        self.client_queues
            .iter()
            .filter(|client_queue| client_queue.key != INTERNAL)
            .map(|client_queue| client_queue.waiting.len())
            .sum()
    }

    /// The first of the client_queue whose turn it is; that client_queue goes to the end.
    fn next(&mut self) -> Option<Waiting> {
        let mut client_queue = self.client_queues.pop_front()?;
        let waiting = client_queue.waiting.pop_front();
        if !client_queue.waiting.is_empty() {
            self.client_queues.push_back(client_queue);
        }
        waiting
    }

    /// Send the last of the longest client_queue away, if the newcomer has so few that this is fair.
    fn make_room_for(&mut self, key: &ClientKey) -> bool {
        let own = self
            .client_queues
            .iter()
            .find(|client_queue| client_queue.key == *key)
            .map_or(0, |client_queue| client_queue.waiting.len());
        let others = self.client_queues.iter_mut().filter(|client_queue| client_queue.key != INTERNAL);
        let Some(longest) = others.max_by_key(|client_queue| client_queue.waiting.len()) else {
            return false;
        };
        longest.waiting.len() > own + 1 && longest.waiting.pop_back().is_some()
    }

    fn send_positions(&self) {
        let longest =
            self.client_queues.iter().map(|client_queue| client_queue.waiting.len()).max().unwrap_or(0);
        let in_order = (0..longest).flat_map(|next_update| {
            self.client_queues.iter().filter_map(move |client_queue| client_queue.waiting.get(next_update))
        });
        for (position, waiting) in (0_u32..).zip(in_order) {
            waiting.position.send_if_modified(|told| std::mem::replace(told, position) != position);
        }
    }
}

impl Ticket {
    /// How many are before this one now, unless it is its turn already.
    pub(crate) fn try_update(&mut self) -> QueueUpdate {
        match self.grant.try_recv() {
            Ok(permit) => QueueUpdate::Granted(permit),
            Err(oneshot::error::TryRecvError::Closed) => self.lost(),
            Err(oneshot::error::TryRecvError::Empty) => {
                QueueUpdate::Position(*self.position.borrow_and_update())
            }
        }
    }

    /// Wait for news.
    pub(crate) async fn next_update(&mut self) -> QueueUpdate {
        tokio::select! {
            biased;
            grant = &mut self.grant => grant.map_or_else(|_| self.lost(), QueueUpdate::Granted),
            changed = self.position.changed() => match changed {
                Ok(()) => QueueUpdate::Position(*self.position.borrow_and_update()),
                // The teller goes when the grant is sent, or when the ticket is lost.
                Err(_) => match (&mut self.grant).await {
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
        for client_queue in &mut state.client_queues {
            client_queue.waiting.retain(|waiting| waiting.number != self.number);
        }
        state.client_queues.retain(|client_queue| !client_queue.waiting.is_empty());
        state.send_positions();
    }
}

impl Permit {
    /// Its program is gone, and what is left takes no processor to speak of: the next may begin, unless as many are being
    /// cleared away already as may run.
    pub(crate) fn start_cleanup(&mut self) {
        {
            let mut state = self.queue.lock();
            if self.is_cleaning_up || state.cleaning_up == self.queue.slots {
                return;
            }
            self.is_cleaning_up = true;
            state.cleaning_up += 1;
            state.idle += 1;
        }
        self.queue.serve();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.counts {
            {
                let mut state = self.queue.lock();
                state.running -= 1;
                if self.is_cleaning_up {
                    state.cleaning_up -= 1;
                } else {
                    state.idle += 1;
                }
            }
            self.queue.serve();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientKey, Full, Permit, Queue, QueueUpdate, Ticket};

    fn key(name: &str) -> ClientKey {
        (1, Some(name.to_owned()))
    }

    fn position(ticket: &mut Ticket) -> Option<u32> {
        match ticket.try_update() {
            QueueUpdate::Position(position) => Some(position),
            QueueUpdate::Granted(_) | QueueUpdate::Lost(_) => None,
        }
    }

    fn granted(ticket: Result<Ticket, Full>) -> Permit {
        let QueueUpdate::Granted(permit) = ticket.unwrap().try_update() else {
            panic!("not its next_update")
        };
        permit
    }

    #[test]
    fn peers_take_turns_and_each_keeps_its_order() {
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
    fn a_full_queue_refuses_who_has_most_and_makes_room_for_who_has_least() {
        let queue = Queue::new(1, 3);
        let _running = granted(queue.enter(key("first")));
        let mut flood: Vec<_> = (0..3).map(|_| queue.enter(key("flood")).unwrap()).collect();
        assert!(queue.enter(key("flood")).is_err());
        let mut newcomer = queue.enter(key("newcomer")).unwrap();
        assert_eq!(position(&mut newcomer), Some(1));
        assert!(matches!(flood[2].try_update(), QueueUpdate::Lost(_)));
        assert!(matches!(flood[1].try_update(), QueueUpdate::Position(2)));
        // One against two is as fair as it gets.
        assert!(queue.enter(key("newcomer")).is_err());
    }

    #[test]
    fn there_is_always_room_for_the_daemon_itself() {
        let queue = Queue::new(1, 1);
        let _running = granted(queue.enter(key("first")));
        let flood = queue.enter(key("flood")).unwrap();
        let mut own: Vec<_> = (0..3).map(|_| queue.enter_internal().unwrap()).collect();
        // It takes none of the clients' tickets, and they none of its.
        assert!(queue.enter(key("newcomer")).is_err());
        drop(flood);
        let _newcomer = queue.enter(key("newcomer")).unwrap();
        assert_eq!(own.iter_mut().map(position).collect::<Vec<_>>(), [Some(0), Some(2), Some(3)]);
        queue.close();
        assert!(queue.enter_internal().is_err());
    }

    #[test]
    fn who_leaves_is_not_waited_for() {
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
    async fn who_has_run_makes_room_for_the_next() {
        let queue = Queue::new(1, 3);
        let mut ticket = queue.enter(key("a")).unwrap();
        let mut next = queue.enter(key("a")).unwrap();
        let QueueUpdate::Granted(permit) = ticket.next_update().await else { panic!("not its next_update") };
        assert_eq!((queue.counts(), position(&mut next)), ((1, 1), Some(0)));
        drop(permit);
        assert!(matches!(next.next_update().await, QueueUpdate::Granted(_)));
        drop(next);
        assert_eq!(queue.counts(), (0, 0));
    }

    #[test]
    fn as_many_may_be_cleared_away_as_may_run() {
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
    async fn a_queue_that_closes_sends_everybody_away() {
        let queue = Queue::new(1, 3);
        let _running = granted(queue.enter(key("first")));
        let mut ticket = queue.enter(key("a")).unwrap();
        queue.close();
        assert!(matches!(ticket.next_update().await, QueueUpdate::Lost(_)));
        assert!(queue.enter(key("a")).is_err());
    }
}
