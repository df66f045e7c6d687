//! Who the client is when a proxy stands between.

use std::net::IpAddr;

use axum::http::HeaderMap;
use serde::Deserialize;

/// Addresses that begin alike: `10.0.0.0/8`, or one address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is neither an address nor a network like 10.0.0.0/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().map_err(|_| wrong())?)),
            None => (text.as_str(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        match bits.unwrap_or(longest) {
            bits if bits <= longest => Ok(Self { address, bits }),
            _ => Err(wrong()),
        }
    }
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (ours.to_bits() ^ theirs.to_bits()).checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                (ours.to_bits() ^ theirs.to_bits()).checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// The last address of `X-Forwarded-For` that is not of a trusted proxy, if the peer itself is one; else the peer.
/// What stands further left anybody can have written.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    let values: Vec<_> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    for hop in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        if !is_trusted(client) {
            break;
        }
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}

/// By what the daemon tells clients apart. One household or server has a whole /64 of IPv6, so that counts as one.
pub(crate) fn tag(client: IpAddr) -> String {
    match client {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&'static str], tagged: &str) {
        let trusted =
            ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(|text| Network::try_from(text.to_owned()).unwrap());
        let headers = forwarded
            .iter()
            .map(|&value| ("x-forwarded-for".parse().unwrap(), HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        map.extend(headers.map(|(name, value): (axum::http::HeaderName, _)| (Some(name), value)));
        assert_eq!(tag(client(peer.parse().unwrap(), &map, &trusted)), tagged);
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
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
    fn networks_are_addresses_with_a_length() {
        for (text, right) in
            [("1.2.3.4", true), ("0.0.0.0/0", true), ("::/0", true), ("::1", true), ("1.2.3.4/33", false)]
        {
            assert_eq!(Network::try_from(text.to_owned()).is_ok(), right, "{text}");
        }
        for text in ["", "x", "1.2.3/8", "1.2.3.4/", "1.2.3.4/-1", "::1/129"] {
            assert!(Network::try_from(text.to_owned()).is_err(), "{text}");
        }
        let everybody = Network::try_from("0.0.0.0/0".to_owned()).unwrap();
        assert!(everybody.contains("203.0.113.9".parse().unwrap()));
    }
}
