//! The identity of a client, also behind proxies. The daemon uses it to share its capacity fairly between clients.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

/// A range of addresses: `10.0.0.0/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(IpNet);

impl Network {
    /// Returns whether one of the networks contains the address.
    pub(crate) fn any_contains(networks: &[Self], address: IpAddr) -> bool {
        networks.iter().any(|network| network.0.contains(&address.to_canonical()))
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| format!("{text:?} is neither an address nor a network like 10.0.0.0/8"))
    }
}

/// A client, identified by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientIdentity(IpAddr);

/// Prefix length of the IPv6 addresses that count as one client: a household or a server usually has a whole /64.
const CLIENT_PREFIX: u8 = 64;
/// Prefix length of an IPv6 site, which can use any of its 65,536 networks of [`CLIENT_PREFIX`] (RFC 6177).
const SITE_PREFIX: u8 = 48;
/// Prefix lengths of the IPv4 and IPv6 networks in which the daemon takes turns before it takes turns between clients,
/// the outermost first. A client with many addresses usually has them in one network.
const NETWORK_PREFIXES: ([u8; 2], [u8; 2]) = ([16, 24], [32, SITE_PREFIX]);

impl ClientIdentity {
    /// Identifies the client of a connection from `peer`. If the peer is a trusted proxy, the client is the last address
    /// in `forwarded_for`, the values of the `X-Forwarded-For` headers in order, that is not a trusted proxy itself.
    /// Addresses further left are ignored, because any client can send them.
    pub(crate) fn new(peer: IpAddr, forwarded_for: &[&str], trusted: &[Network]) -> Self {
        let is_trusted = |address: IpAddr| Network::any_contains(trusted, address);
        let mut client = peer.to_canonical();
        for hop in forwarded_for.iter().rev().flat_map(|value| value.rsplit(',')) {
            if !is_trusted(client) {
                break;
            }
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
        }
        Self(client)
    }

    /// Returns the address.
    pub(crate) const fn address(self) -> IpAddr {
        self.0
    }

    /// Returns the tag that identifies the client to the daemon: its IPv4 address, or its /64 of IPv6 addresses.
    pub(crate) fn tag(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/{CLIENT_PREFIX}")
            }
        }
    }

    /// Returns the tags of the networks that the client is in, the outermost first.
    pub(crate) fn networks(self) -> Vec<String> {
        let prefixes = if self.0.is_ipv4() { NETWORK_PREFIXES.0 } else { NETWORK_PREFIXES.1 };
        prefixes.map(|prefix| self.network(prefix).to_string()).to_vec()
    }

    /// Returns the addresses that count as this client.
    pub(crate) fn client_network(self) -> IpNet {
        self.network(if self.0.is_ipv4() { u8::MAX } else { CLIENT_PREFIX })
    }

    /// Returns the IPv6 site that the client is in. An IPv4 client has none: what surrounds its address may be anybody's.
    pub(crate) fn site(self) -> Option<IpNet> {
        self.0.is_ipv6().then(|| self.network(SITE_PREFIX))
    }

    /// Returns the network around the address; the address alone if the prefix is longer than an address.
    fn network(self, prefix: u8) -> IpNet {
        IpNet::new(self.0, prefix).map_or_else(|_| IpNet::from(self.0), |network| network.trunc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded_for: &[&str], tag: &str) {
        let trusted =
            ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(|text| Network::try_from(text.to_owned()).unwrap());
        assert_eq!(ClientIdentity::new(peer.parse().unwrap(), forwarded_for, &trusted).tag(), tag);
    }

    #[test]
    fn only_trusted_proxies_name_their_clients() {
        check("192.0.2.1", &[], "192.0.2.1");
        check("192.0.2.1", &["1.1.1.1"], "192.0.2.1");
        check("127.0.0.1", &[], "127.0.0.1");
        check("127.0.0.1", &["1.1.1.1"], "1.1.1.1");
        check("::ffff:127.0.0.1", &["1.1.1.1"], "1.1.1.1");
        check("127.0.0.1", &["9.9.9.9, 1.1.1.1, 10.1.2.3"], "1.1.1.1");
        check("127.0.0.1", &["9.9.9.9", "1.1.1.1"], "1.1.1.1");
        check("127.0.0.1", &["1.1.1.1, garbage"], "127.0.0.1");
        check("127.0.0.1", &["garbage, 10.0.0.1"], "10.0.0.1");
        check("fd00::1", &["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64");
        check("fc00::1", &["1.1.1.1"], "fc00:0:0:0::/64");
    }

    #[test]
    fn a_client_is_in_networks_of_two_sizes() {
        let check = |address: &str, networks: [&str; 2], client: &str, site: Option<&str>| {
            let identity = ClientIdentity::new(address.parse().unwrap(), &[], &[]);
            assert_eq!(identity.networks(), networks);
            assert_eq!(identity.client_network().to_string(), client);
            assert_eq!(identity.site().map(|site| site.to_string()).as_deref(), site);
        };
        check("203.0.113.9", ["203.0.0.0/16", "203.0.113.0/24"], "203.0.113.9/32", None);
        check(
            "2001:db8:1:2:3::4",
            ["2001:db8::/32", "2001:db8:1::/48"],
            "2001:db8:1:2::/64",
            Some("2001:db8:1::/48"),
        );
    }

    #[test]
    fn a_network_is_an_address_with_an_optional_prefix_length() {
        for (text, valid) in
            [("1.2.3.4", true), ("0.0.0.0/0", true), ("::/0", true), ("::1", true), ("1.2.3.4/33", false)]
        {
            assert_eq!(Network::try_from(text.to_owned()).is_ok(), valid, "{text}");
        }
        for text in ["", "x", "1.2.3/8", "1.2.3.4/", "1.2.3.4/-1", "::1/129"] {
            assert!(Network::try_from(text.to_owned()).is_err(), "{text}");
        }
        let all = Network::try_from("0.0.0.0/0".to_owned()).unwrap();
        assert!(all.0.contains(&"203.0.113.9".parse::<IpAddr>().unwrap()));
    }
}
