//! Who runs next: a bounded queue before a fixed number of executions, in order of arrival, fair between peers.
//!
//! Each peer has a line of its own and the lines take turns, so one who floods waits behind its own requests.
//! When all places are taken, a newcomer gets the last place of whoever holds two more than the newcomer has.

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
    clearing: usize,
    /// Lines with somebody in them; the first has the next turn.
    lines: VecDeque<Line>,
    next_number: u64,
    running: usize,
    closed: bool,
}

/// Whose turn is whose: a user of this host, and whom it speaks for.
pub(crate) type LineKey = (u32, Option<String>);

/// The line of what the daemon itself has to run; no user has this number, see setuid(2).
const OWN: LineKey = (u32::MAX, None);

#[derive(Debug)]
struct Line {
    key: LineKey,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    grant: oneshot::Sender<Lease>,
    position: watch::Sender<u32>,
}

/// A place in the queue. Dropping it leaves the queue.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Arc<Queue>,
    number: u64,
    grant: oneshot::Receiver<Lease>,
    position: watch::Receiver<u32>,
}

/// The right to run. Dropping it gives it to the next.
#[derive(Debug)]
pub(crate) struct Lease {
    queue: Arc<Queue>,
    /// Whether it counts; one that nobody took did not.
    counts: bool,
    is_clearing: bool,
}

/// There is no place; try again after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) retry_after: Duration,
}

/// What a waiting request is told.
#[derive(Debug)]
pub(crate) enum Turn {
    /// This many are before it.
    Position(u32),
    /// It is its turn.
    Granted(Lease),
    /// Its place went to a peer who had fewer, or the daemon is about to stop.
    Lost(Full),
}

impl Queue {
    /// A queue before `slots` executions at one time, in which `capacity` may wait.
    pub(crate) fn new(slots: usize, capacity: usize) -> Arc<Self> {
        let state = State {
            idle: slots,
            clearing: 0,
            lines: VecDeque::new(),
            next_number: 0,
            running: 0,
            closed: false,
        };
        Arc::new(Self { state: Mutex::new(state), capacity, slots })
    }

    /// Take a place, whether one may run or must wait.
    pub(crate) fn enter(self: &Arc<Self>, key: LineKey) -> Result<Place, Full> {
        let mut state = self.lock();
        let is_full = state.idle == 0 && state.waiting_clients() >= self.capacity;
        if state.closed || (is_full && !state.make_room_for(&key)) {
            return Err(self.full(&state));
        }
        Ok(self.place(state, key))
    }

    /// Take a place for the daemon itself. There is always room, and nobody else gets it.
    pub(crate) fn enter_own(self: &Arc<Self>) -> Result<Place, Full> {
        let state = self.lock();
        if state.closed {
            return Err(self.full(&state));
        }
        Ok(self.place(state, OWN))
    }

    fn place(self: &Arc<Self>, mut state: MutexGuard<'_, State>, key: LineKey) -> Place {
        let (granter, grant) = oneshot::channel();
        let (teller, position) = watch::channel(0);
        let number = state.next_number;
        state.next_number += 1;
        let waiting = Waiting { number, grant: granter, position: teller };
        match state.lines.iter_mut().find(|line| line.key == key) {
            Some(line) => line.waiting.push_back(waiting),
            None => state.lines.push_back(Line { key, waiting: [waiting].into() }),
        }
        drop(state);
        self.serve();
        Place { queue: Arc::clone(self), number, grant, position }
    }

    /// Nobody new is let in, and who waits is sent away.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.lines.clear();
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
            match waiting.grant.send(Lease { queue: Arc::clone(self), counts: true, is_clearing: false }) {
                Ok(()) => {
                    state.idle -= 1;
                    state.running += 1;
                }
                Err(mut lease) => lease.counts = false,
            }
        }
        state.tell_positions();
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
        self.lines.iter().map(|line| line.waiting.len()).sum()
    }

    fn waiting_clients(&self) -> usize {
        self.lines.iter().filter(|line| line.key != OWN).map(|line| line.waiting.len()).sum()
    }

    /// The first of the line whose turn it is; that line goes to the end.
    fn next(&mut self) -> Option<Waiting> {
        let mut line = self.lines.pop_front()?;
        let waiting = line.waiting.pop_front();
        if !line.waiting.is_empty() {
            self.lines.push_back(line);
        }
        waiting
    }

    /// Send the last of the longest line away, if the newcomer has so few that this is fair.
    fn make_room_for(&mut self, key: &LineKey) -> bool {
        let own = self.lines.iter().find(|line| line.key == *key).map_or(0, |line| line.waiting.len());
        let others = self.lines.iter_mut().filter(|line| line.key != OWN);
        let Some(longest) = others.max_by_key(|line| line.waiting.len()) else { return false };
        longest.waiting.len() > own + 1 && longest.waiting.pop_back().is_some()
    }

    fn tell_positions(&self) {
        let longest = self.lines.iter().map(|line| line.waiting.len()).max().unwrap_or(0);
        let in_order =
            (0..longest).flat_map(|turn| self.lines.iter().filter_map(move |line| line.waiting.get(turn)));
        for (position, waiting) in (0_u32..).zip(in_order) {
            waiting.position.send_if_modified(|told| std::mem::replace(told, position) != position);
        }
    }
}

impl Place {
    /// How many are before this one now, unless it is its turn already.
    pub(crate) fn first_turn(&mut self) -> Turn {
        match self.grant.try_recv() {
            Ok(lease) => Turn::Granted(lease),
            Err(oneshot::error::TryRecvError::Closed) => self.lost(),
            Err(oneshot::error::TryRecvError::Empty) => Turn::Position(*self.position.borrow_and_update()),
        }
    }

    /// Wait for news.
    pub(crate) async fn turn(&mut self) -> Turn {
        tokio::select! {
            biased;
            grant = &mut self.grant => grant.map_or_else(|_| self.lost(), Turn::Granted),
            changed = self.position.changed() => match changed {
                Ok(()) => Turn::Position(*self.position.borrow_and_update()),
                // The teller goes when the grant is sent, or when the place is lost.
                Err(_) => match (&mut self.grant).await {
                    Ok(lease) => Turn::Granted(lease),
                    Err(_) => self.lost(),
                },
            },
        }
    }

    fn lost(&self) -> Turn {
        Turn::Lost(self.queue.full(&self.queue.lock()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        for line in &mut state.lines {
            line.waiting.retain(|waiting| waiting.number != self.number);
        }
        state.lines.retain(|line| !line.waiting.is_empty());
        state.tell_positions();
    }
}

impl Lease {
    /// Its program is gone, and what is left takes no processor to speak of: the next may begin, unless as many are being
    /// cleared away already as may run.
    pub(crate) fn begin_clearing(&mut self) {
        {
            let mut state = self.queue.lock();
            if self.is_clearing || state.clearing == self.queue.slots {
                return;
            }
            self.is_clearing = true;
            state.clearing += 1;
            state.idle += 1;
        }
        self.queue.serve();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.counts {
            {
                let mut state = self.queue.lock();
                state.running -= 1;
                if self.is_clearing {
                    state.clearing -= 1;
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
    use super::{Full, Lease, LineKey, Place, Queue, Turn};

    fn key(name: &str) -> LineKey {
        (1, Some(name.to_owned()))
    }

    fn position(place: &mut Place) -> Option<u32> {
        match place.first_turn() {
            Turn::Position(position) => Some(position),
            Turn::Granted(_) | Turn::Lost(_) => None,
        }
    }

    fn granted(place: Result<Place, Full>) -> Lease {
        let Turn::Granted(lease) = place.unwrap().first_turn() else { panic!("not its turn") };
        lease
    }

    #[test]
    fn peers_take_turns_and_each_keeps_its_order() {
        let queue = Queue::new(1, 10);
        let first = granted(queue.enter(key("first")));
        let mut places: Vec<_> =
            ["a", "a", "a", "b", "c"].iter().map(|name| queue.enter(key(name)).unwrap()).collect();
        let positions: Vec<_> = places.iter_mut().map(position).collect();
        assert_eq!(positions, [Some(0), Some(3), Some(4), Some(1), Some(2)]);
        drop(first);
        let mut order = Vec::new();
        for _ in 0..5 {
            let (index, lease) = places
                .iter_mut()
                .enumerate()
                .find_map(|(index, place)| match place.first_turn() {
                    Turn::Granted(lease) => Some((index, lease)),
                    _ => None,
                })
                .unwrap();
            order.push(index);
            drop(lease);
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
        assert!(matches!(flood[2].first_turn(), Turn::Lost(_)));
        assert!(matches!(flood[1].first_turn(), Turn::Position(2)));
        // One against two is as fair as it gets.
        assert!(queue.enter(key("newcomer")).is_err());
    }

    #[test]
    fn there_is_always_room_for_the_daemon_itself() {
        let queue = Queue::new(1, 1);
        let _running = granted(queue.enter(key("first")));
        let flood = queue.enter(key("flood")).unwrap();
        let mut own: Vec<_> = (0..3).map(|_| queue.enter_own().unwrap()).collect();
        // It takes none of the clients' places, and they none of its.
        assert!(queue.enter(key("newcomer")).is_err());
        drop(flood);
        let _newcomer = queue.enter(key("newcomer")).unwrap();
        assert_eq!(own.iter_mut().map(position).collect::<Vec<_>>(), [Some(0), Some(2), Some(3)]);
        queue.close();
        assert!(queue.enter_own().is_err());
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
        assert!(matches!(queue.enter(key("b")).unwrap().first_turn(), Turn::Granted(_)));
    }

    #[tokio::test]
    async fn who_has_run_makes_room_for_the_next() {
        let queue = Queue::new(1, 3);
        let mut place = queue.enter(key("a")).unwrap();
        let mut next = queue.enter(key("a")).unwrap();
        let Turn::Granted(lease) = place.turn().await else { panic!("not its turn") };
        assert_eq!((queue.counts(), position(&mut next)), ((1, 1), Some(0)));
        drop(lease);
        assert!(matches!(next.turn().await, Turn::Granted(_)));
        drop(next);
        assert_eq!(queue.counts(), (0, 0));
    }

    #[test]
    fn as_many_may_be_cleared_away_as_may_run() {
        let queue = Queue::new(1, 3);
        let mut first = granted(queue.enter(key("a")));
        first.begin_clearing();
        first.begin_clearing();
        let mut second = granted(queue.enter(key("a")));
        let mut third = queue.enter(key("a")).unwrap();
        second.begin_clearing();
        assert_eq!((queue.counts(), position(&mut third)), ((2, 1), Some(0)));
        drop(first);
        second.begin_clearing();
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
        let mut place = queue.enter(key("a")).unwrap();
        queue.close();
        assert!(matches!(place.turn().await, Turn::Lost(_)));
        assert!(queue.enter(key("a")).is_err());
    }
}
