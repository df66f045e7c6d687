//! The addresses that a callback may be sent to: those that anybody on the internet can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks that are not public: the IANA IPv4 Special-Purpose Address Registry, multicast, and what is reserved.
const IPV4: [(Ipv4Addr, u32); 15] = [
    // "This network", RFC 791; Linux connects 0.0.0.0 to itself.
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    // Private use, RFC 1918.
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared address space of carriers, RFC 6598; some clouds have their metadata service there.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    // Loopback, RFC 1122.
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link local, RFC 3927; the metadata services of clouds.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // Private use, RFC 1918.
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    // Protocol assignments, RFC 6890.
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    // Documentation, RFC 5737.
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    // Relays of 6to4, deprecated by RFC 7526.
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    // Private use, RFC 1918.
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // Benchmarks of networks, RFC 2544.
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    // Documentation, RFC 5737.
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, RFC 1112.
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    // Reserved, RFC 1112, and broadcast.
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The IPv6 network from which global addresses are assigned (RFC 4291). All others are not public: loopback, mapped
/// addresses, link-local and unique local ones, multicast.
const GLOBAL_IPV6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// Networks in it that are not public: the IANA IPv6 Special-Purpose Address Registry.
const IPV6: [(Ipv6Addr, u32); 4] = [
    // Protocol assignments, RFC 2928; Teredo, which leads to an IPv4 address, RFC 4380.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation, RFC 3849.
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, which leads to an IPv4 address, RFC 3056.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    // Documentation, RFC 9637.
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];
/// The prefix by which networks without IPv4 reach IPv4 addresses (RFC 6052). The address in it decides.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Returns whether an address is public.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !IPV4.iter().any(|(network, length)| {
            has_prefix(u32::from(address).into(), u32::from(*network).into(), *length, u32::BITS)
        }),
        IpAddr::V6(address) if contains(NAT64, address) => {
            let [.., a, b, c, d] = address.octets();
            is_public(IpAddr::from([a, b, c, d]))
        }
        IpAddr::V6(address) => {
            contains(GLOBAL_IPV6, address) && !IPV6.iter().any(|network| contains(*network, address))
        }
    }
}

fn contains((network, length): (Ipv6Addr, u32), address: Ipv6Addr) -> bool {
    has_prefix(address.into(), network.into(), length, u128::BITS)
}

/// Returns whether the first `length` of `bits` bits are the same.
const fn has_prefix(address: u128, network: u128, length: u32, bits: u32) -> bool {
    (address ^ network) >> (bits - length) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_everybody_can_reach_are_public() {
        let check = |texts: &[&str], expected: bool| {
            for text in texts {
                assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
            }
        };
        check(&["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"], true);
        check(&["126.255.255.255", "128.0.0.1", "172.15.255.255", "172.32.0.0", "192.0.1.0"], true);
        check(&["192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"], true);
        check(&["0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200"], false);
        check(&["127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255"], false);
        check(
            &["192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255"],
            false,
        );
        check(
            &["198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"],
            false,
        );
    }

    #[test]
    fn an_ipv6_address_cannot_hide_an_ipv4_address() {
        let check = |texts: &[&str], expected: bool| {
            for text in texts {
                assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
            }
        };
        check(
            &["2606:4700::1111", "2001:4860:4860::8888", "2a00::1", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1"],
            true,
        );
        check(&["::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"], false);
        check(&["64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1.1.1.1"], false);
        check(&["2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "100::1"], false);
        check(&["fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "4000::1"], false);
    }
}
