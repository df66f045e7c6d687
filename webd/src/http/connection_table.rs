//! The open connections: which client each belongs to, and which may be closed to make room for others.
//!
//! Clients are identified as in the daemon's queue (`domain::client_identity`). A connection counts for an address
//! until a request on it has an API key, and then for the key. A connection of a trusted proxy counts for the key or
//! the client of its current request, and for nobody between two requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::domain::client_identity::ClientIdentity;
use crate::domain::limit_scope::{Holder, LimitScope};
use crate::ops::config::Config;

/// Time without a request or an execution after which a connection may be closed to make room. A connection that was
/// just opened is about to send its request.
const MIN_IDLE_TIME: Duration = Duration::from_secs(1);
/// The same for a client while another one has more connections, and one of those is idle. Without the difference, a
/// client whose only connection is a moment older than the many of another one would lose it.
const MIN_IDLE_TIME_OF_FEW: Duration = Duration::from_secs(3);
/// Clients of one IPv6 site whose connections and sessions the site may have together. A single computer can use every
/// address of its site.
const CLIENTS_PER_SITE: usize = 4;

/// Maximum numbers for one client, and for one API key.
#[derive(Clone, Copy, Debug)]
struct HolderLimits {
    client: Counts,
    key: Counts,
}

/// The client or the key has as many connections or sessions as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMany {
    /// See [`Config::max_connections_per_client`].
    #[error("this client has {0} open connections, and no more are allowed; close one or try again later")]
    Connections(usize),
    /// See [`Config::max_sessions_per_client`].
    #[error("this client has {0} open sessions, and no more are allowed; close one or try again later")]
    Sessions(usize),
    /// See [`Config::max_connections_per_key`].
    #[error("the API key has {0} open connections, and no more are allowed; close one or try again later")]
    KeyConnections(usize),
    /// See [`Config::max_sessions_per_key`].
    #[error("the API key has {0} open sessions, and no more are allowed; close one or try again later")]
    KeySessions(usize),
}

/// All open connections.
#[derive(Debug)]
pub(crate) struct ConnectionTable {
    limits: HolderLimits,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    next_number: u64,
    connections: HashMap<u64, Connection>,
    /// By key, by client and by site.
    counts: HashMap<LimitScope, Counts>,
}

#[derive(Debug)]
struct Connection {
    /// Whom it counts for.
    holder: Option<Holder>,
    /// Whether it counts for somebody only during a request.
    is_proxied: bool,
    is_session: bool,
    /// `None` while a request or an execution is in progress.
    idle_since: Option<Instant>,
    close: watch::Sender<bool>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    connections: usize,
    sessions: usize,
}

/// An open connection; dropping it removes it from the table.
#[derive(Debug)]
pub(crate) struct TableEntry {
    table: Arc<ConnectionTable>,
    number: u64,
    closing: watch::Receiver<bool>,
}

impl ConnectionTable {
    /// Creates an empty table with the limits of `config`.
    pub(crate) fn new(config: &Config) -> Self {
        let limits = HolderLimits {
            client: Counts {
                connections: config.max_connections_per_client.get(),
                sessions: config.max_sessions_per_client.get(),
            },
            key: Counts {
                connections: config.max_connections_per_key.get(),
                sessions: config.max_sessions_per_key.get(),
            },
        };
        Self { limits, entries: Mutex::default() }
    }

    /// Adds a connection, which is not idle until it is served. `client` is `None` if the other end is a trusted proxy.
    /// If the client has too many connections, the one that has been idle longest is closed.
    ///
    /// # Errors
    /// [`TooMany`] if none of them is idle.
    pub(crate) fn open(self: &Arc<Self>, client: Option<ClientIdentity>) -> Result<TableEntry, TooMany> {
        let mut entries = self.lock();
        let holder = client.map(Holder::Client);
        if let Some(holder) = &holder {
            entries.require_room(holder, self.limits)?;
            entries.count(holder, |counts| counts.connections += 1);
        }
        let number = entries.next_number;
        entries.next_number += 1;
        let (close, closing) = watch::channel(false);
        let connection =
            Connection { is_proxied: holder.is_none(), holder, is_session: false, idle_since: None, close };
        entries.connections.insert(number, connection);
        Ok(TableEntry { table: Arc::clone(self), number, closing })
    }

    /// Closes an idle connection of the client that has the most. Returns whether there was one.
    pub(crate) fn make_room(&self) -> bool {
        self.lock().close_idle(|_| true)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HolderLimits {
    /// Returns the limits that apply to a scope.
    const fn of(self, scope: &LimitScope) -> Counts {
        match scope {
            LimitScope::Key(_) => self.key,
            LimitScope::Client(_) => self.client,
            LimitScope::Site(_) => Counts {
                connections: self.client.connections.saturating_mul(CLIENTS_PER_SITE),
                sessions: self.client.sessions.saturating_mul(CLIENTS_PER_SITE),
            },
        }
    }
}

impl Entries {
    /// Returns the scope in which a holder has as many of what `number` counts as it may have.
    fn full_scope(
        &self,
        holder: &Holder,
        limits: HolderLimits,
        number: fn(Counts) -> usize,
    ) -> Option<LimitScope> {
        let is_full = |scope: &LimitScope| {
            self.counts.get(scope).is_some_and(|counts| number(*counts) >= number(limits.of(scope)))
        };
        holder.scopes().find(is_full)
    }

    /// Makes sure that a holder may have one more connection: if it has too many, the one that has been idle longest is
    /// closed.
    fn require_room(&self, holder: &Holder, limits: HolderLimits) -> Result<(), TooMany> {
        match self.full_scope(holder, limits, |counts| counts.connections) {
            Some(scope) if !self.close_idle(|connection| connection.is_in(&scope)) => Err(match holder {
                Holder::Key(_) => TooMany::KeyConnections(limits.key.connections),
                Holder::Client(_) => TooMany::Connections(limits.client.connections),
            }),
            _ => Ok(()),
        }
    }

    /// Changes the counts of a holder.
    fn count(&mut self, holder: &Holder, change: impl Fn(&mut Counts)) {
        for scope in holder.scopes() {
            let counts = self.counts.entry(scope.clone()).or_default();
            change(counts);
            if counts.connections == 0 && counts.sessions == 0 {
                self.counts.remove(&scope);
            }
        }
    }

    /// Closes the idle connection among those that `may_close` selects whose client has the most connections: one
    /// without a session before one with a session, the one that has been idle longest first. Returns whether there was
    /// one.
    fn close_idle(&self, may_close: impl Fn(&Connection) -> bool) -> bool {
        let now = Instant::now();
        let idle: Vec<_> = self
            .connections
            .values()
            .filter(|connection| !*connection.close.borrow() && may_close(connection))
            .filter_map(|connection| {
                let idle_time = now.saturating_duration_since(connection.idle_since?);
                Some((self.share(connection.holder.as_ref()), !connection.is_session, idle_time, connection))
            })
            .collect();
        let most = idle.iter().map(|&(share, ..)| share).max().unwrap_or(0);
        let has_been_idle =
            |share, idle_time| idle_time >= if share == most { MIN_IDLE_TIME } else { MIN_IDLE_TIME_OF_FEW };
        let candidates = idle.into_iter().filter(|&(share, _, idle_time, _)| has_been_idle(share, idle_time));
        let chosen = candidates
            .max_by_key(|&(share, has_no_session, idle_time, _)| (share, has_no_session, idle_time));
        chosen.is_some_and(|(.., connection)| {
            connection.close.send_replace(true);
            true
        })
    }

    /// Returns how many connections a holder has. Its site counts as [`CLIENTS_PER_SITE`] clients.
    fn share(&self, holder: Option<&Holder>) -> usize {
        let connections = |scope: LimitScope| {
            let counted = self.counts.get(&scope).map_or(0, |counts| counts.connections);
            if matches!(scope, LimitScope::Site(_)) { counted / CLIENTS_PER_SITE } else { counted }
        };
        holder.into_iter().flat_map(Holder::scopes).map(connections).max().unwrap_or(0)
    }

    /// Lets a connection count for `holder` instead of the one before.
    fn assign(&mut self, number: u64, holder: Option<Holder>) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let before = std::mem::replace(&mut connection.holder, holder.clone());
        if let Some(before) = before {
            self.count(&before, |counts| counts.connections -= 1);
        }
        if let Some(holder) = holder {
            self.count(&holder, |counts| counts.connections += 1);
        }
    }
}

impl Connection {
    fn is_in(&self, scope: &LimitScope) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.scopes().any(|other| other == *scope))
    }

    /// Returns whether the connection counts for somebody else while it serves a request of `holder`. One that counts
    /// for a key continues to do so, also for the requests of a page that need no key.
    fn changes_to(&self, holder: &Holder) -> bool {
        self.holder.as_ref() != Some(holder) && (self.is_proxied || matches!(holder, Holder::Key(_)))
    }
}

impl TableEntry {
    /// Notes that a request of `holder` is in progress.
    ///
    /// # Errors
    /// [`TooMany`] if the connection begins to count for the holder, and the holder has too many already.
    pub(crate) fn begin_request(&self, holder: Holder) -> Result<(), TooMany> {
        let mut entries = self.table.lock();
        let Some(connection) = entries.connections.get_mut(&self.number) else { return Ok(()) };
        connection.idle_since = None;
        if connection.changes_to(&holder) {
            entries.require_room(&holder, self.table.limits)?;
            entries.assign(self.number, Some(holder));
        }
        Ok(())
    }

    /// Records that the response was sent. A session continues.
    pub(crate) fn end_request(&self) {
        let mut entries = self.table.lock();
        let Some(connection) = entries.connections.get_mut(&self.number) else { return };
        if connection.is_session {
            return;
        }
        connection.idle_since = Some(Instant::now());
        if connection.is_proxied {
            entries.assign(self.number, None);
        }
    }

    /// Turns the connection into a session of its holder, without an execution yet.
    ///
    /// # Errors
    /// [`TooMany`] if the holder has too many sessions.
    pub(crate) fn open_session(&self) -> Result<(), TooMany> {
        let mut entries = self.table.lock();
        let Some(connection) = entries.connections.get(&self.number) else { return Ok(()) };
        if let Some(holder) = connection.holder.clone() {
            let limits = self.table.limits;
            if entries.full_scope(&holder, limits, |counts| counts.sessions).is_some() {
                return Err(match holder {
                    Holder::Key(_) => TooMany::KeySessions(limits.key.sessions),
                    Holder::Client(_) => TooMany::Sessions(limits.client.sessions),
                });
            }
            entries.count(&holder, |counts| counts.sessions += 1);
        }
        if let Some(connection) = entries.connections.get_mut(&self.number) {
            connection.is_session = true;
            connection.idle_since = Some(Instant::now());
        }
        Ok(())
    }

    /// Notes that the connection begins to wait for the client, or that an execution of its session begins.
    pub(crate) fn set_idle(&self, is_idle: bool) {
        if let Some(connection) = self.table.lock().connections.get_mut(&self.number) {
            connection.idle_since = is_idle.then(Instant::now);
        }
    }

    /// Returns whether no request and no execution is in progress.
    pub(crate) fn is_idle(&self) -> bool {
        self.table
            .lock()
            .connections
            .get(&self.number)
            .is_some_and(|connection| connection.idle_since.is_some())
    }

    /// Takes back that the connection is to be closed, because a request has arrived on it.
    pub(crate) fn keep(&self) {
        if let Some(connection) = self.table.lock().connections.get_mut(&self.number) {
            connection.idle_since = connection.idle_since.map(|_| Instant::now());
            connection.close.send_replace(false);
        }
    }

    /// Waits until the connection is to be closed to make room for another one.
    pub(crate) async fn closing(&self) {
        // Fails only if the connection is not in the table any more; then nothing asks for its end.
        if self.closing.clone().wait_for(|closing| *closing).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for TableEntry {
    fn drop(&mut self) {
        let mut entries = self.table.lock();
        let Some(connection) = entries.connections.remove(&self.number) else { return };
        if let Some(holder) = connection.holder {
            entries.count(&holder, |counts| {
                counts.connections -= 1;
                counts.sessions -= usize::from(connection.is_session);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(connections: usize, sessions: usize) -> Arc<ConnectionTable> {
        let client = Counts { connections, sessions };
        let limits = HolderLimits { client, key: Counts { connections: 3, sessions: 2 } };
        Arc::new(ConnectionTable { limits, entries: Mutex::default() })
    }

    fn client(address: &str) -> ClientIdentity {
        ClientIdentity::new(address.parse().unwrap(), &[], &[])
    }

    /// Lets a connection have been idle for some seconds.
    fn age(entry: &TableEntry, seconds: u64) {
        let since = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        entry.table.lock().connections.get_mut(&entry.number).unwrap().idle_since = Some(since);
    }

    fn closing(entries: &[TableEntry]) -> Vec<bool> {
        entries.iter().map(|entry| *entry.closing.borrow()).collect()
    }

    #[test]
    fn a_client_has_at_most_its_connections_and_others_are_not_affected() {
        let table = table(2, 1);
        let busy = client("192.0.2.1");
        let mut entries = vec![table.open(Some(busy)).unwrap(), table.open(Some(busy)).unwrap()];
        assert_eq!(table.open(Some(busy)).unwrap_err(), TooMany::Connections(2));
        entries.push(table.open(Some(client("192.0.2.2"))).unwrap());
        entries.push(table.open(Some(client("::1"))).unwrap());
        // A connection that has been idle makes room for one of the same client.
        age(&entries[0], 5);
        age(&entries[1], 9);
        age(&entries[2], 99);
        entries.push(table.open(Some(busy)).unwrap());
        assert_eq!(closing(&entries), [false, true, false, false, false]);
        entries.clear();
        assert!(table.lock().counts.is_empty() && table.lock().connections.is_empty());
    }

    #[test]
    fn addresses_of_a_network_and_networks_of_a_site_count_together() {
        let table = table(2, 1);
        let open = |address: &str| table.open(Some(client(address)));
        let _network = [open("2001:db8:0:1::1").unwrap(), open("2001:db8:0:1::2").unwrap()];
        assert!(open("2001:db8:0:1:ffff::3").is_err());
        let _site: Vec<_> = (2..8).map(|net| open(&format!("2001:db8:0:{net}::1")).unwrap()).collect();
        assert_eq!(open("2001:db8:0:8::1").unwrap_err(), TooMany::Connections(2));
        assert!(open("2001:db8:1:8::1").is_ok());
        assert!(open("192.0.2.1").is_ok());
    }

    #[test]
    fn the_client_with_the_most_connections_makes_room() {
        let table = table(8, 8);
        let few = client("192.0.2.1");
        let many = client("192.0.2.2");
        let entries: Vec<_> =
            [few, many, many, many, few].map(|client| table.open(Some(client)).unwrap()).into();
        assert!(!table.make_room(), "no connection has been idle for long");
        for (entry, seconds) in entries.iter().zip([90, 5, 7, 80, 99]) {
            age(entry, seconds);
        }
        entries[3].begin_request(Holder::Client(many)).unwrap();
        entries[2].begin_request(Holder::Client(many)).unwrap();
        entries[2].open_session().unwrap();
        age(&entries[2], 60);
        // One without a session, then the session, then those of the other client; never the request in progress.
        for expected in [
            [false, true, false, false, false],
            [false, true, true, false, false],
            [false, true, true, false, true],
            [true, true, true, false, true],
        ] {
            assert!(table.make_room());
            assert_eq!(closing(&entries), expected);
        }
        assert!(!table.make_room());
    }

    #[test]
    fn a_client_with_fewer_connections_makes_room_only_if_one_with_more_does_not() {
        let table = table(8, 8);
        let few = client("192.0.2.1");
        let many = client("192.0.2.2");
        let entries: Vec<_> = [few, many, many].map(|client| table.open(Some(client)).unwrap()).into();
        let idle = |seconds: [Option<u64>; 3]| {
            for (entry, seconds) in entries.iter().zip(seconds) {
                entry.set_idle(false);
                seconds.inspect(|&seconds| age(entry, seconds));
            }
        };
        idle([Some(2), Some(0), None]);
        assert!(!table.make_room(), "the connection of the other client is not idle for long, but will be");
        idle([Some(2), Some(1), None]);
        assert!(table.make_room());
        assert_eq!(closing(&entries), [false, true, false]);
        // The other one is in use.
        assert!(table.make_room());
        assert_eq!(closing(&entries), [true, true, false]);
    }

    #[test]
    fn a_client_with_more_connections_cannot_keep_all_by_using_them() {
        let table = table(8, 8);
        let entries: Vec<_> = ["192.0.2.1", "192.0.2.2", "192.0.2.2"]
            .map(|address| table.open(Some(client(address))).unwrap())
            .into();
        for (entry, seconds) in entries.iter().zip([3, 0, 0]) {
            age(entry, seconds);
        }
        assert!(table.make_room());
        assert_eq!(closing(&entries), [true, false, false]);
    }

    #[test]
    fn a_connection_that_is_kept_after_all_may_be_closed_later() {
        let table = table(8, 8);
        let entry = table.open(Some(client("192.0.2.1"))).unwrap();
        age(&entry, 5);
        assert!(table.make_room() && *entry.closing.borrow());
        entry.keep();
        assert!(!*entry.closing.borrow() && entry.is_idle());
        assert!(!table.make_room(), "its request is about to be read");
        age(&entry, 5);
        assert!(table.make_room() && *entry.closing.borrow());
    }

    #[test]
    fn a_connection_of_a_proxy_counts_for_the_client_of_its_request() {
        let table = table(1, 1);
        let (first, second) = (client("192.0.2.1"), client("192.0.2.2"));
        let entries = [(); 3].map(|()| table.open(None).unwrap());
        entries[0].begin_request(Holder::Client(first)).unwrap();
        assert_eq!(entries[1].begin_request(Holder::Client(first)), Err(TooMany::Connections(1)));
        entries[1].begin_request(Holder::Client(second)).unwrap();
        entries[0].end_request();
        entries[1].end_request();
        entries[1].begin_request(Holder::Client(first)).unwrap();
        entries[1].open_session().unwrap();
        entries[1].end_request();
        // The session goes on after the response to its handshake.
        assert_eq!(entries[2].begin_request(Holder::Client(first)), Err(TooMany::Connections(1)));
        drop(entries);
        assert!(table.lock().counts.is_empty());
    }

    #[test]
    fn a_client_has_at_most_its_sessions() {
        let table = table(9, 2);
        let client = client("192.0.2.1");
        let mut entries: Vec<_> = (0..3).map(|_| table.open(Some(client)).unwrap()).collect();
        assert!(entries[0].open_session().is_ok() && entries[1].open_session().is_ok());
        assert_eq!(entries[2].open_session(), Err(TooMany::Sessions(2)));
        entries.remove(0);
        assert!(entries[1].open_session().is_ok());
    }
    fn key(name: &str) -> Holder {
        Holder::Key(name.parse().unwrap())
    }

    #[test]
    fn connections_with_a_key_count_for_the_key_from_whatever_address() {
        let table = table(2, 9);
        let mut entries = Vec::new();
        for number in 1..=3 {
            let entry = table.open(Some(client(&format!("192.0.2.{number}")))).unwrap();
            entry.begin_request(key("alice")).unwrap();
            entries.push(entry);
        }
        let one_more = table.open(Some(client("192.0.2.9"))).unwrap();
        assert_eq!(one_more.begin_request(key("alice")), Err(TooMany::KeyConnections(3)));
        one_more.begin_request(key("bob")).unwrap();
        // The address that the connections left has room again.
        let address = client("192.0.2.1");
        let others = [table.open(Some(address)).unwrap(), table.open(Some(address)).unwrap()];
        assert_eq!(table.open(Some(address)).unwrap_err(), TooMany::Connections(2));
        // A request without a key does not move the connection back, where there is no room.
        entries[0].end_request();
        entries[0].begin_request(Holder::Client(address)).unwrap();
        assert_eq!(others[0].begin_request(key("alice")), Err(TooMany::KeyConnections(3)));
        // One that has been idle makes room for another of the key.
        entries[1].end_request();
        age(&entries[1], 5);
        others[0].begin_request(key("alice")).unwrap();
        assert_eq!(closing(&entries), [false, true, false]);
        drop((entries, others, one_more));
        assert!(table.lock().counts.is_empty());
    }

    #[test]
    fn sessions_with_a_key_count_for_the_key() {
        let table = table(9, 9);
        let entries: Vec<_> = (1..=3)
            .map(|number| {
                // The last two are connections of a proxy.
                let client = (number == 1).then(|| client("192.0.2.1"));
                let entry = table.open(client).unwrap();
                entry.begin_request(key("alice")).unwrap();
                entry
            })
            .collect();
        assert!(entries[0].open_session().is_ok() && entries[1].open_session().is_ok());
        assert_eq!(entries[2].open_session(), Err(TooMany::KeySessions(2)));
        entries[2].end_request();
        entries[2].begin_request(key("bob")).unwrap();
        assert!(entries[2].open_session().is_ok());
        drop(entries);
        assert!(table.lock().counts.is_empty());
    }
}
