//! Who runs next: a bounded queue before a fixed number of slots, in order of arrival, fair between peers.
//!
//! Each peer has a line of its own and the lines take turns, so one who floods waits behind its own requests.
//! When all places are taken, a newcomer gets the last place of whoever holds two more than the newcomer has.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

/// Slots of type `S` and the requests that wait for one.
#[derive(Debug)]
pub(crate) struct Queue<S> {
    state: Mutex<State<S>>,
    capacity: usize,
    slots: usize,
    /// Told whenever a slot is lost and must be made anew.
    lost: tokio::sync::Notify,
}

#[derive(Debug)]
struct State<S> {
    idle: Vec<S>,
    /// Lines with somebody in them; the first has the next turn.
    lines: VecDeque<Line<S>>,
    next_number: u64,
    running: usize,
    lost: usize,
    closed: bool,
}

/// Whose turn is whose: a user of this host, and whom it speaks for.
pub(crate) type LineKey = (u32, Option<String>);

/// The line of what the daemon itself has to run; no user has this number, see setuid(2).
const OWN: LineKey = (u32::MAX, None);

#[derive(Debug)]
struct Line<S> {
    key: LineKey,
    waiting: VecDeque<Waiting<S>>,
}

#[derive(Debug)]
struct Waiting<S> {
    number: u64,
    grant: oneshot::Sender<Lease<S>>,
    position: watch::Sender<u32>,
}

/// A place in the queue. Dropping it leaves the queue.
#[derive(Debug)]
pub(crate) struct Place<S: Send + 'static> {
    queue: Arc<Queue<S>>,
    number: u64,
    grant: oneshot::Receiver<Lease<S>>,
    position: watch::Receiver<u32>,
}

/// A slot that is ours until it is given back. One that is not given back counts as lost.
#[derive(Debug)]
pub(crate) struct Lease<S> {
    queue: Arc<Queue<S>>,
    slot: Option<S>,
}

/// There is no place; try again after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) retry_after: Duration,
}

/// What a waiting request is told.
#[derive(Debug)]
pub(crate) enum Turn<S> {
    /// This many are before it.
    Position(u32),
    /// It is its turn.
    Granted(Lease<S>),
    /// Its place went to a peer who had fewer, or the daemon is about to stop.
    Lost(Full),
}

impl<S: Send + 'static> Queue<S> {
    /// A queue without slots yet: they come by [`Queue::add`].
    pub(crate) fn new(slots: usize, capacity: usize) -> Arc<Self> {
        let state = State {
            idle: Vec::new(),
            lines: VecDeque::new(),
            next_number: 0,
            running: 0,
            lost: 0,
            closed: false,
        };
        Arc::new(Self { state: Mutex::new(state), capacity, slots, lost: tokio::sync::Notify::new() })
    }

    /// Put a new slot in.
    pub(crate) fn add(self: &Arc<Self>, slot: S) {
        self.lock().idle.push(slot);
        self.serve();
    }

    /// Take a place, be there a slot or not.
    pub(crate) fn enter(self: &Arc<Self>, key: LineKey) -> Result<Place<S>, Full> {
        let mut state = self.lock();
        let is_full = state.idle.is_empty() && state.waiting_clients() >= self.capacity;
        if state.closed || (is_full && !state.make_room_for(&key)) {
            return Err(self.full(&state));
        }
        Ok(self.place(state, key))
    }

    /// Take a place for the daemon itself. There is always room, and nobody else gets it.
    pub(crate) fn enter_own(self: &Arc<Self>) -> Result<Place<S>, Full> {
        let state = self.lock();
        if state.closed {
            return Err(self.full(&state));
        }
        Ok(self.place(state, OWN))
    }

    fn place(self: &Arc<Self>, mut state: MutexGuard<'_, State<S>>, key: LineKey) -> Place<S> {
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

    /// How many run and how many wait.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.running, state.waiting())
    }

    /// Take the idle slots out, to replace or to end them.
    pub(crate) fn take_idle(&self) -> Vec<S> {
        std::mem::take(&mut self.lock().idle)
    }

    /// Wait until a slot was lost; it is then the caller's to make a new one.
    pub(crate) async fn slot_lost(&self) {
        loop {
            let notified = self.lost.notified();
            {
                let mut state = self.lock();
                if state.lost > 0 {
                    state.lost -= 1;
                    return;
                }
            }
            notified.await;
        }
    }

    /// Give slots to those whose turn it is, and tell the others where they are.
    fn serve(self: &Arc<Self>) {
        let mut state = self.lock();
        while !state.idle.is_empty() && state.waiting() > 0 {
            let Some(waiting) = state.next() else { break };
            let Some(slot) = state.idle.pop() else { break };
            state.running += 1;
            let lease = Lease { queue: Arc::clone(self), slot: Some(slot) };
            // Who left in this moment is no longer there to take it; the slot comes back by itself.
            if let Err(lease) = waiting.grant.send(lease) {
                state.running -= 1;
                state.idle.extend(lease.into_slot());
            }
        }
        state.tell_positions();
    }

    fn full(&self, state: &State<S>) -> Full {
        // About one second an execution, spread over the slots.
        let seconds = 1 + state.waiting() / self.slots.max(1);
        Full { retry_after: Duration::from_secs(seconds.min(30) as u64) }
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> State<S> {
    fn waiting(&self) -> usize {
        self.lines.iter().map(|line| line.waiting.len()).sum()
    }

    fn waiting_clients(&self) -> usize {
        self.lines.iter().filter(|line| line.key != OWN).map(|line| line.waiting.len()).sum()
    }

    /// The first of the line whose turn it is; that line goes to the end.
    fn next(&mut self) -> Option<Waiting<S>> {
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

impl<S: Send + 'static> Place<S> {
    /// How many are before this one now, unless it is its turn already.
    pub(crate) fn first_turn(&mut self) -> Turn<S> {
        match self.grant.try_recv() {
            Ok(lease) => Turn::Granted(lease),
            Err(oneshot::error::TryRecvError::Closed) => self.lost(),
            Err(oneshot::error::TryRecvError::Empty) => Turn::Position(*self.position.borrow_and_update()),
        }
    }

    /// Wait for news.
    pub(crate) async fn turn(&mut self) -> Turn<S> {
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

    fn lost(&self) -> Turn<S> {
        Turn::Lost(self.queue.full(&self.queue.lock()))
    }
}

impl<S: Send + 'static> Drop for Place<S> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        for line in &mut state.lines {
            line.waiting.retain(|waiting| waiting.number != self.number);
        }
        state.lines.retain(|line| !line.waiting.is_empty());
        state.tell_positions();
    }
}

impl<S> Lease<S> {
    fn into_slot(mut self) -> Option<S> {
        self.slot.take()
    }
}

impl<S: Send + 'static> Lease<S> {
    /// The slot.
    pub(crate) fn slot(&mut self) -> Option<&mut S> {
        self.slot.as_mut()
    }

    /// The slot, to look at.
    pub(crate) const fn peek(&self) -> Option<&S> {
        self.slot.as_ref()
    }

    /// Give it back: it is as good as new.
    pub(crate) fn give_back(mut self) {
        if let Some(slot) = self.slot.take() {
            let queue = Arc::clone(&self.queue);
            {
                let mut state = queue.lock();
                state.running -= 1;
                state.idle.push(slot);
            }
            queue.serve();
        }
    }

    /// End the slot: something about it is wrong.
    pub(crate) fn discard(self) {
        drop(self);
    }
}

impl<S> Drop for Lease<S> {
    fn drop(&mut self) {
        if self.slot.take().is_some() {
            let mut state = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.running -= 1;
            state.lost += 1;
            self.queue.lost.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LineKey, Place, Queue, Turn};

    fn key(name: &str) -> LineKey {
        (1, Some(name.to_owned()))
    }

    fn position<S: Send>(place: &mut Place<S>) -> Option<u32> {
        match place.first_turn() {
            Turn::Position(position) => Some(position),
            Turn::Granted(_) | Turn::Lost(_) => None,
        }
    }

    #[test]
    fn peers_take_turns_and_each_keeps_its_order() {
        let queue = Queue::<&str>::new(1, 10);
        let mut places: Vec<_> =
            ["a", "a", "a", "b", "c"].iter().map(|name| queue.enter(key(name)).unwrap()).collect();
        let positions: Vec<_> = places.iter_mut().map(position).collect();
        assert_eq!(positions, [Some(0), Some(3), Some(4), Some(1), Some(2)]);
        queue.add("slot");
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
            lease.give_back();
        }
        assert_eq!(order, [0, 3, 4, 1, 2]);
        assert_eq!(queue.counts(), (0, 0));
    }

    #[test]
    fn a_full_queue_refuses_who_has_most_and_makes_room_for_who_has_least() {
        let queue = Queue::<&str>::new(1, 3);
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
        let queue = Queue::<&str>::new(1, 1);
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
        let queue = Queue::<&str>::new(1, 3);
        let first = queue.enter(key("a")).unwrap();
        let mut second = queue.enter(key("a")).unwrap();
        drop(first);
        assert_eq!(position(&mut second), Some(0));
        drop(second);
        queue.add("slot");
        assert!(matches!(queue.enter(key("b")).unwrap().first_turn(), Turn::Granted(_)));
    }

    #[tokio::test]
    async fn a_slot_that_is_not_given_back_is_made_anew() {
        let queue = Queue::<&str>::new(1, 3);
        queue.add("slot");
        let mut place = queue.enter(key("a")).unwrap();
        let Turn::Granted(lease) = place.turn().await else { panic!("no slot") };
        assert_eq!(queue.counts(), (1, 0));
        lease.discard();
        queue.slot_lost().await;
        assert_eq!(queue.counts(), (0, 0));
    }

    #[tokio::test]
    async fn a_queue_that_closes_sends_everybody_away() {
        let queue = Queue::<&str>::new(1, 3);
        let mut place = queue.enter(key("a")).unwrap();
        queue.close();
        assert!(matches!(place.turn().await, Turn::Lost(_)));
        assert!(queue.enter(key("a")).is_err());
    }
}
