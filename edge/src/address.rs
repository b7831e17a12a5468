//! The address a request really came from.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use neipix_mesh::config::Cidr;

/// The client's address: the peer, or where the peer is a proxy of ours, the last hop it did not make itself.
#[must_use]
pub fn client(peer: SocketAddr, headers: &HeaderMap, proxies: &[Cidr]) -> IpAddr {
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
        let proxies: Vec<Cidr> = vec!["10.0.0.0/8".parse().unwrap()];
        let stranger: SocketAddr = "203.0.113.9:1".parse().unwrap();
        let proxy: SocketAddr = "10.1.2.3:1".parse().unwrap();
        assert_eq!(client(stranger, &headers("1.2.3.4"), &proxies).to_string(), "203.0.113.9");
        assert_eq!(client(proxy, &headers("6.6.6.6, 1.2.3.4, 10.9.9.9"), &proxies).to_string(), "1.2.3.4");
        assert_eq!(client(proxy, &headers("junk"), &proxies).to_string(), "10.1.2.3");
    }
}
