//! Memory that requests and answers hold, bounded over all of them together and for each client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::domain::caller::Caller;
use crate::domain::limit_scope::{Holder, LimitScope};

/// Part of all memory that one API key, or one client without a key, may hold, as a divisor.
const CLIENT_SHARE: usize = 4;
/// Part of all memory that the clients of one IPv6 site may hold together, as a divisor.
const SITE_SHARE: usize = 2;
/// Bytes that a client may hold in any case, unless there are fewer in total: an answer of the maximum length.
const MIN_CLIENT_MEMORY: usize = 128 * 1024 * 1024;
/// Clients whose memory is recorded before the records of those that hold none are removed.
const MAX_IDLE_CLIENTS: usize = 1024;

/// Memory that may be reserved. Several limits may apply to it.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    /// The available bytes of each limit.
    limits: Arc<[Arc<AtomicUsize>]>,
}

/// The budgets of all clients.
#[derive(Debug)]
pub(crate) struct ClientBudgets {
    total: usize,
    available: Arc<AtomicUsize>,
    clients: Mutex<HashMap<LimitScope, Weak<AtomicUsize>>>,
}

/// Memory of one request; dropping it returns the bytes to the [`Budget`].
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Budget,
    reserved: usize,
}

/// Requests and answers already hold all the memory of the [`Budget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("requests and answers hold as much memory as max_memory allows")]
pub(crate) struct BudgetExceeded;

impl ClientBudgets {
    /// Creates the budgets of clients that may reserve `total` bytes together.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, available: Arc::new(AtomicUsize::new(total)), clients: Mutex::default() }
    }

    /// Returns the budget of a caller: of its API key, or of its address.
    pub(crate) fn of(&self, caller: &Caller) -> Budget {
        let share = |divisor: usize| (self.total / divisor).max(MIN_CLIENT_MEMORY.min(self.total));
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_IDLE_CLIENTS {
            clients.retain(|_, available| available.strong_count() > 0);
        }
        let of_caller = Holder::of(caller).scopes().map(|scope| {
            let known = clients.get(&scope).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let divisor = match scope {
                    LimitScope::Key(_) | LimitScope::Client(_) => CLIENT_SHARE,
                    LimitScope::Site(_) => SITE_SHARE,
                };
                let new = Arc::new(AtomicUsize::new(share(divisor)));
                clients.insert(scope, Arc::downgrade(&new));
                new
            })
        });
        Budget { limits: std::iter::once(Arc::clone(&self.available)).chain(of_caller).collect() }
    }
}

impl Budget {
    /// Creates a budget with all bytes available.
    #[cfg(test)]
    pub(crate) fn new(bytes: usize) -> Self {
        Self { limits: Arc::new([Arc::new(AtomicUsize::new(bytes))]) }
    }

    /// Returns an empty reservation.
    pub(crate) fn reservation(&self) -> Reservation {
        Reservation { budget: self.clone(), reserved: 0 }
    }
}

impl Reservation {
    /// Reserves `bytes` more.
    ///
    /// # Errors
    /// [`BudgetExceeded`] if they are not available; the reservation keeps its size.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), BudgetExceeded> {
        for (number, available) in self.budget.limits.iter().enumerate() {
            let taken = available
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |available| available.checked_sub(bytes));
            if taken.is_err() {
                for available in &self.budget.limits[..number] {
                    available.fetch_add(bytes, Ordering::Relaxed);
                }
                return Err(BudgetExceeded);
            }
        }
        self.reserved += bytes;
        Ok(())
    }

    /// Takes over the bytes of another reservation of the same budget.
    pub(crate) fn absorb(&mut self, mut other: Self) {
        self.reserved += std::mem::take(&mut other.reserved);
    }

    /// Returns the reserved bytes.
    pub(crate) const fn reserved(&self) -> usize {
        self.reserved
    }

    /// Returns all reserved bytes to the budget.
    pub(crate) fn release(&mut self) {
        let reserved = std::mem::take(&mut self.reserved);
        for available in &*self.budget.limits {
            available.fetch_add(reserved, Ordering::Relaxed);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use keys::KeyName;

    use super::*;
    use crate::domain::caller::Credential;
    use crate::domain::client_identity::ClientIdentity;

    const MIB: usize = 1 << 20;

    fn client(address: &str) -> Caller {
        Caller::anonymous(ClientIdentity::new(address.parse().unwrap(), &[], &[]))
    }

    fn with_key(name: &str, address: &str) -> Caller {
        let (client, name): (_, KeyName) = (client(address).client(), name.parse().unwrap());
        Caller::new(client, Credential::Name(name.clone()), name)
    }

    #[test]
    fn a_client_holds_at_most_its_share() {
        let budgets = ClientBudgets::new(1024 * MIB);
        let mut first = budgets.of(&client("192.0.2.1")).reservation();
        let mut second = budgets.of(&client("192.0.2.1")).reservation();
        first.grow(200 * MIB).unwrap();
        assert_eq!(second.grow(57 * MIB), Err(BudgetExceeded));
        second.grow(56 * MIB).unwrap();
        let others: Vec<_> = (2..5)
            .map(|number| {
                let mut other = budgets.of(&client(&format!("192.0.2.{number}"))).reservation();
                other.grow(256 * MIB).unwrap();
                other
            })
            .collect();
        assert_eq!(budgets.of(&client("192.0.2.9")).reservation().grow(1), Err(BudgetExceeded));
        drop((first, second, others));
        // The failed attempts returned the bytes that they had taken from the first limit.
        assert_eq!(budgets.available.load(Ordering::Relaxed), 1024 * MIB);
        assert!(budgets.clients.lock().unwrap().values().all(|available| available.strong_count() == 0));
    }

    #[test]
    fn the_clients_of_a_site_hold_at_most_half() {
        let budgets = ClientBudgets::new(1024 * MIB);
        let reserve = |address: &str, bytes: usize| {
            let mut reservation = budgets.of(&client(address)).reservation();
            reservation.grow(bytes).map(|()| reservation)
        };
        let _first = reserve("2001:db8:0:1::1", 256 * MIB).unwrap();
        let _second = reserve("2001:db8:0:2::1", 256 * MIB).unwrap();
        assert!(reserve("2001:db8:0:3::1", 1).is_err());
        assert!(reserve("2001:db8:1:3::1", 256 * MIB).is_ok());
    }

    #[test]
    fn all_that_have_a_key_share_its_budget_and_not_that_of_their_address() {
        let budgets = ClientBudgets::new(1024 * MIB);
        let reserve = |caller: Caller, bytes: usize| {
            let mut reservation = budgets.of(&caller).reservation();
            reservation.grow(bytes).map(|()| reservation)
        };
        let _first = reserve(with_key("alice", "192.0.2.1"), 200 * MIB).unwrap();
        assert!(reserve(with_key("alice", "192.0.2.2"), 57 * MIB).is_err());
        let _second = reserve(with_key("alice", "2001:db8::1"), 56 * MIB).unwrap();
        let _other = reserve(with_key("bob", "192.0.2.1"), 256 * MIB).unwrap();
        assert!(reserve(client("192.0.2.1"), 256 * MIB).is_ok());
    }

    #[test]
    fn a_small_budget_is_not_divided() {
        let budgets = ClientBudgets::new(MIB);
        assert!(budgets.of(&client("192.0.2.1")).reservation().grow(MIB).is_ok());
        assert_eq!(budgets.of(&client("192.0.2.1")).reservation().grow(MIB + 1), Err(BudgetExceeded));
    }

    #[test]
    fn records_of_clients_without_memory_are_removed() {
        let budgets = ClientBudgets::new(MIB);
        for number in 0..5 * MAX_IDLE_CLIENTS {
            budgets.of(&client(&format!("10.0.{}.{}", number / 256, number % 256)));
        }
        assert!(budgets.clients.lock().unwrap().len() <= MAX_IDLE_CLIENTS);
    }
}
