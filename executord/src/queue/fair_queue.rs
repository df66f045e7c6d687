//! The order in which waiting requests are served: first come, first served for each client, and fair between clients.
//!
//! Clients form a tree: users of this host, the networks of their clients, and the clients. At each level the branch with
//! the fewest running executions is served next, and of several such branches the one that was served the longest ago. So
//! a client with many addresses in one network gets no more than another with one address.
//!
//! A branch that did not wait is served after one other branch at most, however many wait, as the new flows of FQ-CoDel
//! (RFC 8290, section 4.2) are. New branches take turns with the others, because a flood may come from ever new addresses, and
//! of several new branches one with the fewest requests is the first. A branch that was just served is not new if its next
//! request comes before the others had their turns.
//!
//! When there is no room, the same holds for the places: a branch with at least two more requests gives one to a newcomer,
//! and so do all new branches together to one that was served, and those that were served to a new one. So neither clients
//! that send again and again, however many they are, nor ever new ones can keep all places.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

/// Maximum number of branches at one level that are remembered as served although they have neither requests nor running
/// executions.
const MAX_REMEMBERED: usize = 256;

/// The client that a request counts for, and the groups that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey {
    /// Names from the outermost group, which is a user of this host, to the client.
    levels: Vec<String>,
}

/// Waiting requests, in a queue for each client, and the number of running executions of each client.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    root: Branch<T>,
}

/// A client, or a group of clients. One that has neither requests nor running executions is kept until all that were before
/// it were served.
#[derive(Debug)]
struct Branch<T> {
    name: String,
    /// Running executions of all clients in it.
    running: usize,
    /// Waiting requests, if it is a client.
    requests: VecDeque<Entry<T>>,
    /// Its branches, if it is a group. The one that was served the longest ago is the first.
    branches: VecDeque<Self>,
    /// Whether it was not served since it began to wait, and did not wait shortly before.
    is_new: bool,
    /// Whether a new branch is the next one served, even if others are before it.
    is_turn_of_new: bool,
}

/// The running executions around a waiting request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientLoad {
    /// Running executions of its client.
    pub(super) running: usize,
    /// Levels from the client's outermost group to the client, without a running execution.
    pub(super) unused_levels: usize,
    /// Levels altogether.
    pub(super) levels: usize,
}

#[derive(Debug)]
struct Entry<T> {
    request: T,
    /// Whether it may lose its place to a newcomer.
    is_evictable: bool,
}

impl ClientKey {
    /// Returns the names from the outermost group, which is a user of this host, to the client.
    pub(crate) fn levels(&self) -> &[String] {
        &self.levels
    }

    /// Returns the key of a client of the user `uid`: one that the user named, in networks from the largest to the
    /// smallest, or the user itself.
    pub(crate) fn new(uid: u32, networks: Vec<String>, name: Option<String>) -> Self {
        let client = name.map_or_else(|| "client".to_owned(), |name| format!("client {name}"));
        let networks = networks.into_iter().map(|network| format!("network {network}"));
        Self { levels: [format!("user {uid}")].into_iter().chain(networks).chain([client]).collect() }
    }

    /// Returns the name that the user gave its client, if it did.
    pub(crate) fn name(&self) -> Option<&str> {
        self.levels.last()?.strip_prefix("client ")
    }

    /// Returns the key of internal jobs.
    pub(super) fn internal() -> Self {
        Self { levels: vec!["internal".to_owned()] }
    }
}

impl<T> FairQueue<T> {
    pub(super) const fn new() -> Self {
        Self { root: Branch::new(String::new()) }
    }

    /// Returns the number of requests.
    pub(super) fn len(&self) -> usize {
        self.count(|_| true)
    }

    /// Returns the number of requests for which `counts` returns true.
    pub(super) fn count(&self, counts: impl Fn(&T) -> bool) -> usize {
        self.root.count(&|entry| counts(&entry.request))
    }

    /// Returns the number of requests that may lose their place.
    pub(super) fn evictable_len(&self) -> usize {
        self.root.evictable_len()
    }

    pub(super) fn push(&mut self, client: &ClientKey, request: T, is_evictable: bool) {
        self.root.push(&client.levels, Entry { request, is_evictable });
    }

    /// Takes the next request that `may_start`. The caller reports its start with [`FairQueue::started`].
    pub(super) fn pop(&mut self, may_start: &impl Fn(&T, ClientLoad) -> bool) -> Option<T> {
        // The root is no level.
        let request = self.root.pop(ClientLoad { running: 0, unused_levels: 0, levels: 0 }, may_start);
        self.root.prune();
        request
    }

    /// Counts an execution of a client as running.
    pub(super) fn started(&mut self, client: &ClientKey) {
        self.root.change_running(&client.levels, 1);
    }

    /// Counts an execution of a client as running no longer. The client was served until now, so it comes after those that
    /// waited meanwhile.
    pub(super) fn stopped(&mut self, client: &ClientKey) {
        self.root.change_running(&client.levels, -1);
        self.root.move_to_back(&client.levels);
        self.root.prune();
    }

    /// Returns the running executions around a client.
    pub(super) fn client_load(&self, client: &ClientKey) -> ClientLoad {
        let mut client_load = ClientLoad { running: 0, unused_levels: 0, levels: client.levels.len() };
        let mut branch = Some(&self.root);
        for name in &client.levels {
            branch = branch.and_then(|branch| branch.find(name));
            client_load.running = branch.map_or(0, |branch| branch.running);
            client_load.unused_levels += usize::from(client_load.running == 0);
        }
        client_load
    }

    /// Removes requests for which `keep` returns false.
    pub(super) fn retain(&mut self, keep: &impl Fn(&T) -> bool) {
        self.root.retain(keep);
        self.root.prune();
    }

    /// Drops the last request of the branch with the most, if it has at least two more than the newcomer's branch at the
    /// same level. If no branch has, and the newcomer's has none, drops one of the branches that are new, or of those that
    /// are not, if these have at least two more requests than those like the newcomer's. Returns whether it did.
    pub(super) fn make_room_for(&mut self, newcomer: &ClientKey) -> bool {
        let made = self.root.make_room_for(&newcomer.levels);
        self.root.prune();
        made
    }

    /// Returns the requests in the order in which they will be served, if no running execution ends before.
    pub(super) fn in_order(&self) -> Vec<&T> {
        self.root.in_order()
    }

    /// Removes all requests.
    pub(super) fn clear(&mut self) {
        self.retain(&|_| false);
    }
}

impl<T> Branch<T> {
    const fn new(name: String) -> Self {
        Self {
            name,
            running: 0,
            requests: VecDeque::new(),
            branches: VecDeque::new(),
            is_new: false,
            is_turn_of_new: true,
        }
    }

    fn find(&self, name: &str) -> Option<&Self> {
        self.branches.iter().find(|branch| branch.name == name)
    }

    /// Returns the branch below this one, which is created if there is none.
    fn descend(&mut self, levels: &[String]) -> &mut Self {
        let Some((name, below)) = levels.split_first() else { return self };
        let index = self.branches.iter().position(|branch| branch.name == *name).unwrap_or_else(|| {
            self.branches.push_back(Self::new(name.clone()));
            self.branches.len() - 1
        });
        self.branches[index].descend(below)
    }

    /// Adds a request. A branch that is neither waiting, running nor remembered is new.
    fn push(&mut self, levels: &[String], entry: Entry<T>) {
        let Some((name, below)) = levels.split_first() else { return self.requests.push_back(entry) };
        if self.find(name).is_none() {
            self.branches.push_back(Self { is_new: true, ..Self::new(name.clone()) });
        }
        self.descend(std::slice::from_ref(name)).push(below, entry);
    }

    /// Returns the branches with requests in the order of their next turns, by their indices.
    fn turns(&self) -> Vec<usize> {
        let mut waiting: Vec<_> =
            (0..self.branches.len()).filter(|&index| self.branches[index].has_requests()).collect();
        waiting.sort_by_key(|&index| self.branches[index].running);
        let mut order = Vec::with_capacity(waiting.len());
        let mut is_turn_of_new = self.is_turn_of_new;
        let mut is_listed = vec![false; self.branches.len()];
        for equal in
            waiting.chunk_by(|&one, &other| self.branches[one].running == self.branches[other].running)
        {
            let mut new: Vec<_> =
                equal.iter().copied().filter(|&index| self.branches[index].is_new).collect();
            // A flood that has just begun is new as well, but it has more requests than a newcomer.
            new.sort_by_key(|&index| self.branches[index].count(&|_| true));
            let (mut all, mut new) = (equal.iter().copied().peekable(), new.into_iter().peekable());
            loop {
                while all.next_if(|&index| is_listed[index]).is_some() {}
                while new.next_if(|&index| is_listed[index]).is_some() {}
                let Some(&first) = all.peek() else { break };
                let next = new.peek().copied().filter(|_| is_turn_of_new).unwrap_or(first);
                is_turn_of_new = next == first;
                is_listed[next] = true;
                order.push(next);
            }
        }
        order
    }

    fn change_running(&mut self, levels: &[String], change: isize) {
        self.running = self.running.saturating_add_signed(change);
        if let Some((name, below)) = levels.split_first() {
            self.descend(std::slice::from_ref(name)).change_running(below, change);
        }
    }

    fn move_to_back(&mut self, levels: &[String]) {
        let Some((name, below)) = levels.split_first() else { return };
        if let Some(index) = self.branches.iter().position(|branch| branch.name == *name)
            && let Some(mut branch) = self.branches.remove(index)
        {
            branch.move_to_back(below);
            self.branches.push_back(branch);
        }
    }

    /// Removes branches without requests and running executions, except those that were served after one that waits.
    fn prune(&mut self) {
        let mut others_wait = false;
        self.branches.iter_mut().for_each(Self::prune);
        // The oldest are forgotten first.
        let mut forgotten =
            self.branches.iter().filter(|branch| branch.is_unused()).count().saturating_sub(MAX_REMEMBERED);
        self.branches.retain(|branch| {
            others_wait |= branch.has_requests();
            if !branch.is_unused() {
                return true;
            }
            let is_too_old = forgotten > 0;
            forgotten = forgotten.saturating_sub(1);
            others_wait && !branch.is_new && !is_too_old
        });
    }

    fn has_requests(&self) -> bool {
        !self.requests.is_empty() || self.branches.iter().any(Self::has_requests)
    }

    fn is_unused(&self) -> bool {
        self.running == 0 && !self.has_requests()
    }

    fn count(&self, counts: &impl Fn(&Entry<T>) -> bool) -> usize {
        let below: usize = self.branches.iter().map(|branch| branch.count(counts)).sum();
        below + self.requests.iter().filter(|entry| counts(entry)).count()
    }

    fn evictable_len(&self) -> usize {
        self.count(&|entry| entry.is_evictable)
    }

    /// Takes the next request below this branch. `client_load` is that of the branch.
    fn pop(&mut self, client_load: ClientLoad, may_start: &impl Fn(&T, ClientLoad) -> bool) -> Option<T> {
        if let Some(index) = self.requests.iter().position(|entry| may_start(&entry.request, client_load)) {
            return self.requests.remove(index).map(|entry| entry.request);
        }
        let turns = self.turns();
        for &index in &turns {
            let branch = &mut self.branches[index];
            let below = ClientLoad {
                running: branch.running,
                unused_levels: client_load.unused_levels + usize::from(branch.running == 0),
                levels: client_load.levels + 1,
            };
            if let Some(request) = branch.pop(below, may_start) {
                self.is_turn_of_new = !self.is_privileged(index, &turns);
                let served = self.branches.remove(index);
                self.branches.extend(served.map(|branch| Self { is_new: false, ..branch }));
                return Some(request);
            }
        }
        None
    }

    /// Returns whether a branch is served before one of `turns` that waits longer and has no more running executions.
    fn is_privileged(&self, index: usize, turns: &[usize]) -> bool {
        let Self { is_new, running, .. } = self.branches[index];
        is_new && turns.iter().any(|&other| other < index && self.branches[other].running == running)
    }

    fn retain(&mut self, keep: &impl Fn(&T) -> bool) {
        self.requests.retain(|entry| keep(&entry.request));
        for branch in &mut self.branches {
            branch.retain(keep);
        }
    }

    fn make_room_for(&mut self, newcomer: &[String]) -> bool {
        let Some((name, below)) = newcomer.split_first() else { return false };
        let own = self.find(name).map_or(0, Self::evictable_len);
        let largest = self.branches.iter_mut().max_by_key(|branch| branch.evictable_len());
        match largest {
            Some(largest) if largest.evictable_len() > own + 1 => largest.evict_last(),
            _ if own == 0 => self.make_room_between_kinds(name),
            _ => self
                .branches
                .iter_mut()
                .find(|branch| branch.name == *name)
                .is_some_and(|own| own.make_room_for(below)),
        }
    }

    /// Drops the last request of the branches that are new, if the newcomer's is not, and the reverse, if they have at
    /// least two more.
    fn make_room_between_kinds(&mut self, newcomer: &str) -> bool {
        let is_new = self.find(newcomer).is_none_or(|branch| branch.is_new);
        let of_kind = |is_new: bool| self.branches.iter().filter(move |branch| branch.is_new == is_new);
        let [own, others] =
            [is_new, !is_new].map(|kind| of_kind(kind).map(Self::evictable_len).sum::<usize>());
        let others = if others > own + 1 { Some(!is_new) } else { None };
        let victims = self.branches.iter_mut().filter(|branch| Some(branch.is_new) == others);
        victims.max_by_key(|branch| branch.evictable_len()).is_some_and(Self::evict_last)
    }

    /// Drops the last request of its largest branch.
    fn evict_last(&mut self) -> bool {
        if let Some(largest) = self.branches.iter_mut().max_by_key(|branch| branch.evictable_len()) {
            return largest.evict_last();
        }
        let last = self.requests.iter().rposition(|entry| entry.is_evictable);
        last.is_some_and(|index| self.requests.remove(index).is_some())
    }

    /// The k-th request of a branch with r running executions starts when the branch has r + k of them. A branch with
    /// fewer is served first, and of several such branches one that was not served before.
    fn in_order(&self) -> Vec<&T> {
        let mut order = Vec::new();
        for branch in self.turns().into_iter().map(|index| &self.branches[index]) {
            let requests = branch.in_order().into_iter().enumerate();
            order.extend(requests.map(|(k, request)| ((branch.running + k, k), request)));
        }
        order.sort_by_key(|&(key, _)| key);
        let own = self.requests.iter().map(|entry| &entry.request);
        own.chain(order.into_iter().map(|(_, request)| request)).collect()
    }
}
