//! The anonymous clients that a limit applies to, each for itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ipnet::IpNet;
use keys::Rate;

use crate::domain::client_identity::ClientIdentity;
use crate::domain::keys::admission::Allowance;

/// Clients whose limits are recorded. All others share one record.
const MAX_CLIENTS: usize = 10_000;

/// An [`Allowance`] for each IPv4 address and each IPv6 site. A site, not a network of it: whoever has a site can use
/// each of its 65,536 networks.
#[derive(Debug)]
pub(crate) struct ClientTable {
    template: Allowance,
    clients: Mutex<HashMap<IpNet, Arc<Allowance>>>,
    others: Arc<Allowance>,
}

impl ClientTable {
    /// Creates a table in which each client has what `template` has.
    pub(crate) fn new(template: Allowance) -> Self {
        Self { others: Arc::new(template.unused()), clients: Mutex::default(), template }
    }

    /// Returns the rate of each client.
    pub(crate) fn rate(&self) -> Option<Rate> {
        self.template.rate()
    }

    /// Returns the allowance of a client.
    pub(crate) fn of(&self, client: ClientIdentity) -> Arc<Allowance> {
        let network = client.site().unwrap_or_else(|| client.client_network());
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clients.get(&network) {
            return Arc::clone(known);
        }
        if clients.len() >= MAX_CLIENTS {
            let now = Instant::now();
            clients.retain(|_, allowance| Arc::strong_count(allowance) > 1 || !allowance.is_unused(now));
        }
        if clients.len() >= MAX_CLIENTS {
            return Arc::clone(&self.others);
        }
        let new = Arc::new(self.template.unused());
        clients.insert(network, Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn client(address: &str) -> ClientIdentity {
        ClientIdentity::new(address.parse().unwrap(), &[], &[])
    }

    #[test]
    fn each_client_has_its_own_limits() {
        let table = ClientTable::new(Allowance::new(Some("1/h".parse().unwrap())));
        let count = |address: &str| table.of(client(address)).count(NonZeroU32::MIN).is_ok();
        assert!(count("192.0.2.1") && !count("192.0.2.1") && count("192.0.2.2"));
        // All networks of a site are one client.
        assert!(count("2001:db8:0:1::1") && !count("2001:db8:0:2::1") && count("2001:db8:1::1"));
    }

    #[test]
    fn the_table_is_bounded_and_those_beyond_it_share() {
        let table = ClientTable::new(Allowance::new(Some("1/h".parse().unwrap())));
        let address = |number: usize| format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
        for number in 0..MAX_CLIENTS {
            table.of(client(&address(number))).count(NonZeroU32::MIN).unwrap();
        }
        let first = table.of(client(&address(MAX_CLIENTS)));
        assert!(Arc::ptr_eq(&first, &table.of(client(&address(MAX_CLIENTS + 1)))));
        assert_eq!(table.clients.lock().unwrap().len(), MAX_CLIENTS);

        // A second later, the first have their rate again and make room.
        let table = ClientTable::new(Allowance::new(Some("1000/s".parse().unwrap())));
        for number in 0..MAX_CLIENTS {
            table.of(client(&address(number))).count(NonZeroU32::MIN).unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let first = table.of(client(&address(MAX_CLIENTS)));
        assert!(!Arc::ptr_eq(&first, &table.of(client(&address(MAX_CLIENTS + 1)))));

        let idle = ClientTable::new(Allowance::new(None));
        for number in 0..3 * MAX_CLIENTS {
            idle.of(client(&address(number)));
        }
        assert!(idle.clients.lock().unwrap().len() <= MAX_CLIENTS);
    }
}
