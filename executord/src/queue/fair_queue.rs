//! The order in which waiting requests are served: first come, first served for each client, and round robin between clients.

use std::collections::VecDeque;

/// The client that a request counts for: a user of this host, and the client for which that user acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientKey {
    /// The user id of the peer on the socket.
    pub(crate) uid: u32,
    /// The name that the peer gave its own client, if it has many, as webd has.
    pub(crate) name: Option<String>,
}

/// The client of internal jobs. No user has this id; see setuid(2).
pub(super) const INTERNAL: ClientKey = ClientKey { uid: u32::MAX, name: None };

/// Waiting requests, in a queue for each client.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    /// The next request is the first of the first queue. No queue is empty.
    queues: VecDeque<ClientQueue<T>>,
}

#[derive(Debug)]
struct ClientQueue<T> {
    client: ClientKey,
    requests: VecDeque<T>,
}

impl<T> FairQueue<T> {
    pub(super) const fn new() -> Self {
        Self { queues: VecDeque::new() }
    }

    /// Returns the number of requests.
    pub(super) fn len(&self) -> usize {
        self.queues.iter().map(|queue| queue.requests.len()).sum()
    }

    /// Returns the number of requests that are not internal jobs.
    pub(super) fn client_len(&self) -> usize {
        let of_clients = self.queues.iter().filter(|queue| queue.client != INTERNAL);
        of_clients.map(|queue| queue.requests.len()).sum()
    }

    pub(super) fn push(&mut self, client: ClientKey, request: T) {
        match self.queues.iter_mut().find(|queue| queue.client == client) {
            Some(queue) => queue.requests.push_back(request),
            None => self.queues.push_back(ClientQueue { client, requests: [request].into() }),
        }
    }

    /// Takes the next request. Its client is served next after all other clients.
    pub(super) fn pop(&mut self) -> Option<T> {
        let mut queue = self.queues.pop_front()?;
        let request = queue.requests.pop_front();
        if !queue.requests.is_empty() {
            self.queues.push_back(queue);
        }
        request
    }

    /// Removes requests for which `keep` returns false.
    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        for queue in &mut self.queues {
            queue.requests.retain(&keep);
        }
        self.queues.retain(|queue| !queue.requests.is_empty());
    }

    /// Drops the last request of the longest queue, if its client has at least two more than `newcomer`. Returns whether it
    /// did.
    pub(super) fn make_room_for(&mut self, newcomer: &ClientKey) -> bool {
        let own = self.queues.iter().find(|queue| queue.client == *newcomer);
        let own = own.map_or(0, |queue| queue.requests.len());
        let of_clients = self.queues.iter_mut().filter(|queue| queue.client != INTERNAL);
        let Some(longest) = of_clients.max_by_key(|queue| queue.requests.len()) else { return false };
        longest.requests.len() > own + 1 && longest.requests.pop_back().is_some()
    }

    /// Returns the requests in the order in which they will be served.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &T> {
        let rounds = self.queues.iter().map(|queue| queue.requests.len()).max().unwrap_or(0);
        (0..rounds).flat_map(|round| self.queues.iter().filter_map(move |queue| queue.requests.get(round)))
    }

    pub(super) fn clear(&mut self) {
        self.queues.clear();
    }
}
