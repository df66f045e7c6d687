//! The order in which waiting requests are served: first come, first served for each client, and fair between clients.
//!
//! Clients form a tree: users of this host, the networks of their clients, and the clients. At each level the branch with
//! the fewest running executions is served next, and of several such branches the one that was served the longest ago. So
//! a client with many addresses in one network gets no more than another with one address.

use std::collections::VecDeque;

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

/// A client, or a group of clients. None is kept that has neither requests nor running executions.
#[derive(Debug)]
struct Branch<T> {
    name: String,
    /// Running executions of all clients in it.
    running: usize,
    /// Waiting requests, if it is a client.
    requests: VecDeque<Entry<T>>,
    /// Its branches, if it is a group. The one that was served the longest ago is the first.
    branches: VecDeque<Self>,
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
    /// same level. Returns whether it did.
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
        Self { name, running: 0, requests: VecDeque::new(), branches: VecDeque::new() }
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

    /// Adds a request. A branch in which none waited is served after the others.
    fn push(&mut self, levels: &[String], entry: Entry<T>) {
        let Some((name, below)) = levels.split_first() else { return self.requests.push_back(entry) };
        let index = self.branches.iter().position(|branch| branch.name == *name);
        let found = index.and_then(|index| self.branches.remove(index));
        let mut branch = found.unwrap_or_else(|| Self::new(name.clone()));
        let had_requests = branch.count(&|_| true) > 0;
        branch.push(below, entry);
        match index.filter(|_| had_requests) {
            Some(index) => self.branches.insert(index, branch),
            None => self.branches.push_back(branch),
        }
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

    /// Removes branches without requests and running executions.
    fn prune(&mut self) {
        self.branches.retain_mut(|branch| {
            branch.prune();
            branch.running > 0 || !branch.requests.is_empty() || !branch.branches.is_empty()
        });
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
        let mut indices: Vec<_> = (0..self.branches.len()).collect();
        indices.sort_by_key(|&index| self.branches[index].running);
        for index in indices {
            let branch = &mut self.branches[index];
            let below = ClientLoad {
                running: branch.running,
                unused_levels: client_load.unused_levels + usize::from(branch.running == 0),
                levels: client_load.levels + 1,
            };
            if let Some(request) = branch.pop(below, may_start) {
                let served = self.branches.remove(index);
                self.branches.extend(served);
                return Some(request);
            }
        }
        None
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
            _ => self.descend(std::slice::from_ref(name)).make_room_for(below),
        }
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
        for branch in &self.branches {
            let requests = branch.in_order().into_iter().enumerate();
            order.extend(requests.map(|(k, request)| ((branch.running + k, k), request)));
        }
        order.sort_by_key(|&(key, _)| key);
        let own = self.requests.iter().map(|entry| &entry.request);
        own.chain(order.into_iter().map(|(_, request)| request)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientKey, ClientLoad, FairQueue};

    fn key(levels: &str) -> ClientKey {
        let mut levels: Vec<_> = levels.split('/').map(ToOwned::to_owned).collect();
        let name = levels.pop();
        ClientKey::new(1, levels, name)
    }

    fn queue(requests: &[&'static str]) -> FairQueue<&'static str> {
        let mut queue = FairQueue::new();
        for &request in requests {
            queue.push(&key(request), request, true);
        }
        queue
    }

    fn served(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| {
            let request = queue.pop(&|_, _| true)?;
            queue.started(&key(request));
            Some(request)
        })
        .collect()
    }

    #[test]
    fn networks_take_turns_before_their_clients_do() {
        let mut queue = queue(&["n/a", "n/b", "n/c", "n/c", "m/d", "e"]);
        let expected = ["n/a", "m/d", "e", "n/b", "n/c", "n/c"];
        assert_eq!(queue.in_order().into_iter().copied().collect::<Vec<_>>(), expected);
        assert_eq!(served(&mut queue), expected);
    }

    #[test]
    fn a_client_that_runs_is_served_after_those_that_do_not() {
        let mut queue = queue(&["n/a", "n/b", "c"]);
        queue.started(&key("n/a"));
        queue.started(&key("n/a"));
        queue.started(&key("n/b"));
        let expected = ["c", "n/b", "n/a"];
        assert_eq!(queue.in_order().into_iter().copied().collect::<Vec<_>>(), expected);
        let client_load = |running, unused_levels, levels| ClientLoad { running, unused_levels, levels };
        for (client, expected) in
            [("c", client_load(0, 1, 2)), ("n/b", client_load(1, 0, 3)), ("n/a", client_load(2, 0, 3))]
        {
            assert_eq!(
                queue.pop(&|&request, found| request == client && found != expected),
                None,
                "{client}"
            );
        }
        assert_eq!(served(&mut queue), expected);
        for request in ["n/a", "n/a", "n/a", "n/b", "n/b", "c"] {
            queue.stopped(&key(request));
        }
        assert_eq!((queue.len(), queue.root.branches.len()), (0, 0));
    }

    #[test]
    fn a_client_that_ran_is_served_after_one_that_waited_meanwhile() {
        let mut queue = queue(&["n/a", "m/b"]);
        queue.started(&key("n/a"));
        queue.stopped(&key("n/a"));
        assert_eq!(served(&mut queue), ["m/b", "n/a"]);
    }

    #[test]
    fn a_request_that_may_not_start_is_passed_by_others() {
        let mut queue = queue(&["a", "b"]);
        assert_eq!(queue.pop(&|&request, _| request != "a"), Some("b"));
        assert_eq!(queue.pop(&|_, _| false), None);
        assert_eq!(queue.in_order(), [&"a"]);
    }

    #[test]
    fn the_largest_branch_of_the_outermost_level_makes_room() {
        for (requests, newcomer, expected) in [
            (vec!["n/a", "n/b", "n/c"], "m/d", Some(vec!["n/a", "n/b"])),
            (vec!["n/a", "n/b", "n/c"], "n/d", None),
            (vec!["n/a", "n/b", "n/b"], "n/d", Some(vec!["n/a", "n/b"])),
            (vec!["n/a", "m/b"], "k/c", None),
            (vec!["a", "a"], "a", None),
        ] {
            let mut queue = queue(&requests);
            assert_eq!(queue.make_room_for(&key(newcomer)), expected.is_some(), "{requests:?} {newcomer}");
            let left: Vec<_> = queue.in_order().into_iter().copied().collect();
            assert_eq!(left, expected.unwrap_or(requests));
        }
    }
}
