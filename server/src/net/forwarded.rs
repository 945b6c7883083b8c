//! The address that a request counts for: that of the peer, or the one that a proxy on this host names.

use crate::websocket::address::AddressKey;
use hyper::HeaderMap;
use std::net::IpAddr;

/// The address that a request counts for. `None` when limits do not apply: the request is from this host, and no proxy
/// on it has added an address. Such a header of any other peer is not believed.
pub(super) fn limited_address(peer: IpAddr, headers: &HeaderMap) -> Option<AddressKey> {
    if !peer.to_canonical().is_loopback() {
        return Some(AddressKey::of(peer));
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
    match forwarded {
        // The last entry is the one that our own proxy has added.
        Some(list) => {
            let last = list.to_str().ok().and_then(|list| list.rsplit(',').next()).map(str::trim);
            Some(AddressKey::of(last.and_then(|last| last.parse().ok()).unwrap_or(peer)))
        }
        None => headers.contains_key("forwarded").then(|| AddressKey::of(peer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_a_proxy_on_this_host_is_believed() {
        let (local, remote) = (ip("127.0.0.1"), ip("192.0.2.7"));
        let mut headers = HeaderMap::new();
        assert_eq!(limited_address(local, &headers), None);
        headers.insert("x-forwarded-for", HeaderValue::from_static("10.0.0.1, 198.51.100.4"));
        assert_eq!(limited_address(local, &headers), Some(AddressKey::of(ip("198.51.100.4"))));
        assert_eq!(limited_address(remote, &headers), Some(AddressKey::of(remote)));
        headers.insert("x-forwarded-for", HeaderValue::from_static("nonsense"));
        assert_eq!(limited_address(local, &headers), Some(AddressKey::of(local)));
    }
}
