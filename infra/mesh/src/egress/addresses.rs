//! Which addresses and names lie inside: ours, our machines', or nobody's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::Cidr;

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Cidr {
    Cidr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits)
}

const fn v6(a: u16, b: u16, c: u16, bits: u8) -> Cidr {
    Cidr::new(IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), bits)
}

/// The special-purpose registries of IANA, multicast, and the metadata address of Azure, which lies in public space.
/// `::ffff:0:0/96` is not here: the address inside is judged instead.
const FORBIDDEN: [Cidr; 31] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
    v4(168, 63, 129, 16, 32),
    // Unspecified, loopback and v4-compatible.
    v6(0, 0, 0, 96),
    // NAT64: leads to any v4 address.
    v6(0x64, 0xff9b, 0, 96),
    v6(0x64, 0xff9b, 1, 48),
    v6(0x100, 0, 0, 64),
    v6(0x2001, 0, 0, 23),
    v6(0x2001, 0xdb8, 0, 32),
    // 6to4: leads to any v4 address.
    v6(0x2002, 0, 0, 16),
    v6(0x3fff, 0, 0, 20),
    v6(0x5f00, 0, 0, 16),
    v6(0xfc00, 0, 0, 7),
    v6(0xfe80, 0, 0, 10),
    v6(0xfec0, 0, 0, 10),
    v6(0xff00, 0, 0, 8),
    // Translated v4 of SIIT, `::ffff:0:a.b.c.d`.
    Cidr::new(IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0)), 96),
    // AS112 and other anycast sinks.
    v4(192, 31, 196, 0, 24),
];

/// Whether an address is none that a customer may point us to.
#[must_use]
pub fn is_forbidden(address: IpAddr) -> bool {
    let address = address.to_canonical();
    FORBIDDEN.iter().any(|range| range.contains(address))
}

/// Whether a range holds a forbidden address.
#[must_use]
pub fn touches_inside(range: &Cidr) -> bool {
    FORBIDDEN.iter().any(|forbidden| forbidden.overlaps(range)) || is_forbidden(range.base())
}

/// Whether a host, a name or an address, can only lie inside. A name that passes is still judged by its addresses.
#[must_use]
pub fn is_inside(host: &str) -> bool {
    let host = host.trim_end_matches('.').trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    if let Ok(address) = host.parse::<IpAddr>() {
        return is_forbidden(address);
    }
    let suffixes = ["localhost", "local", "internal", "localdomain", "lan", "home.arpa", "svc", "cluster"];
    let under = |suffix: &&str| host.strip_suffix(*suffix).is_some_and(|rest| rest.ends_with('.'));
    !host.contains('.') || suffixes.iter().any(under)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k_8_every_forbidden_range_is_known_at_both_ends_and_its_neighbours_are_free() {
        // trust: K-8
        let inside = [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::10.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "::ffff:0:7f00:1",
        ];
        for address in inside {
            assert!(is_forbidden(address.parse().unwrap()), "{address} passes");
        }
        let outside = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "168.63.129.17",
            "::ffff:1.1.1.1",
            "2606:4700::1111",
            "2a00:1450::1",
            "fbff::1",
        ];
        for address in outside {
            assert!(!is_forbidden(address.parse().unwrap()), "{address} is refused");
        }
    }

    #[test]
    fn k_8_names_that_only_exist_inside_are_known() {
        // trust: K-8
        for name in ["localhost", "LOCALHOST.", "a.localhost", "redis", "db.internal", "x.local", "kube.svc", "[::1]"] {
            assert!(is_inside(name), "{name} passes");
        }
        for name in ["example.ru", "localhost.example.ru", "internal.example.ru", "1.1.1.1"] {
            assert!(!is_inside(name), "{name} is refused");
        }
    }

    #[test]
    fn ranges_that_reach_inside_are_known() {
        for range in ["0.0.0.0/0", "10.1.0.0/16", "::/0", "8.0.0.0/5", "::ffff:10.0.0.0/104"] {
            assert!(touches_inside(&range.parse().unwrap()), "{range} passes");
        }
        assert!(!touches_inside(&"93.184.216.0/24".parse().unwrap()));
    }
}
