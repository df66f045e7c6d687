//! Scopes of the bounds on shared resources: API keys, clients without a key, and IPv6 sites.

use ipnet::IpNet;
use keys::KeyName;

use crate::domain::caller::{Caller, Credential};
use crate::domain::client_identity::ClientIdentity;

/// Whose a connection, a session or memory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// All requests with an API key together, from whatever address.
    Key(KeyName),
    /// A client without a key.
    Client(ClientIdentity),
}

/// What a bound applies to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LimitScope {
    /// An API key.
    Key(KeyName),
    /// An IPv4 address, or a /64 of IPv6 addresses.
    Client(IpNet),
    /// An IPv6 site. A single computer can use every address of its site.
    Site(IpNet),
}

impl Holder {
    /// Returns whose a request is.
    pub(crate) fn of(caller: &Caller) -> Self {
        match caller.credential() {
            Credential::Key(_) | Credential::Name(_) => Self::Key(caller.key_name().clone()),
            Credential::Anonymous => Self::Client(caller.client()),
        }
    }

    /// Returns the scopes whose bounds apply to this holder, the narrowest first.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = LimitScope> + use<> {
        let (first, site) = match self {
            Self::Key(name) => (LimitScope::Key(name.clone()), None),
            Self::Client(client) => (LimitScope::Client(client.client_network()), client.site()),
        };
        [Some(first), site.map(LimitScope::Site)].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use keys::ApiKey;

    use super::*;

    #[test]
    fn a_key_is_the_same_holder_everywhere() {
        let client = |address: &str| ClientIdentity::new(address.parse().unwrap(), &[], &[]);
        let hash = ApiKey::generate().unwrap().hash();
        let with_key = |address| Caller::new(client(address), Credential::Key(hash), "a".parse().unwrap());
        let scopes = |caller: &Caller| Holder::of(caller).scopes().collect::<Vec<_>>();
        assert_eq!(scopes(&with_key("192.0.2.1")), [LimitScope::Key("a".parse().unwrap())]);
        assert_eq!(Holder::of(&with_key("192.0.2.1")), Holder::of(&with_key("::1")));
        let network = |text: &str| text.parse::<IpNet>().unwrap();
        assert_eq!(
            scopes(&Caller::anonymous(client("192.0.2.1"))),
            [LimitScope::Client(network("192.0.2.1/32"))]
        );
        assert_eq!(
            scopes(&Caller::anonymous(client("2001:db8:1:2::3"))),
            [LimitScope::Client(network("2001:db8:1:2::/64")), LimitScope::Site(network("2001:db8:1::/48"))]
        );
    }
}
