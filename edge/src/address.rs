//! The address a request really came from.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// A range such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    base: IpAddr,
    bits: u8,
}

impl std::str::FromStr for Range {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (base, bits) = text.split_once('/').map_or((text, None), |(b, n)| (b, Some(n)));
        let base: IpAddr = base.trim().parse().map_err(|_| format!("{text}: not an address"))?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(n) => n.trim().parse().ok().filter(|n| *n <= most).ok_or(format!("{text}: 0 to {most} bits"))?,
        };
        Ok(Self { base, bits })
    }
}

impl Range {
    /// Whether an address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let shift = 32 - u32::from(self.bits);
                u64::from(u32::from(a)) >> shift == u64::from(u32::from(b)) >> shift
            }
            (IpAddr::V6(a), IpAddr::V6(b)) if self.bits == 0 => a.is_ipv6() && b.is_ipv6(),
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(a) >> shift == u128::from(b) >> shift
            }
            _ => false,
        }
    }
}

/// The client's address: the peer, or where the peer is a proxy of ours, the last hop it did not make itself.
#[must_use]
pub fn client(peer: SocketAddr, headers: &HeaderMap, proxies: &[Range]) -> IpAddr {
    let trusted = |address: IpAddr| proxies.iter().any(|range| range.contains(address));
    let mut address = peer.ip().to_canonical();
    if !trusted(address) {
        return address;
    }
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    for hop in hops.into_iter().rev() {
        let Ok(next) = hop.parse::<IpAddr>() else { break };
        address = next.to_canonical();
        if !trusted(address) {
            break;
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", value.parse().unwrap());
        headers
    }

    #[test]
    fn a_8_only_configured_proxies_are_believed() {
        let proxies: Vec<Range> = vec!["10.0.0.0/8".parse().unwrap()];
        let stranger: SocketAddr = "203.0.113.9:1".parse().unwrap();
        let proxy: SocketAddr = "10.1.2.3:1".parse().unwrap();
        assert_eq!(client(stranger, &headers("1.2.3.4"), &proxies).to_string(), "203.0.113.9");
        assert_eq!(client(proxy, &headers("6.6.6.6, 1.2.3.4, 10.9.9.9"), &proxies).to_string(), "1.2.3.4");
        assert_eq!(client(proxy, &headers("junk"), &proxies).to_string(), "10.1.2.3");
    }
}
