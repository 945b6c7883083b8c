//! The address that a request counts for: that of the peer, or the one that a proxy on this host names.
//!
//! `X-Forwarded-For` and `Forwarded` (RFC 7239) count by their last entry, which is the one that our own proxy has added;
//! `X-Real-IP` has one address. A client may send such a header too, and a proxy passes on those that it does not write
//! itself. So all that are there have to name the same address; otherwise the request counts for the proxy.

use super::Net;
use crate::websocket::address::AddressKey;
use hyper::HeaderMap;
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The headers in which a proxy may name its client.
const NAMES: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];

/// Digits or letters of the longest port that an entry may have.
const PORT_CHARS_MAX: usize = 32;

/// Whether a warning about forwarding headers is already in the log: each of them is there once.
#[derive(Debug, Default)]
pub(super) struct ForwardingWarnings {
    not_believed: Cell<bool>,
    unreadable: Cell<bool>,
}

/// The word of forwarding headers about the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forwarding {
    /// No proxy has named a client.
    None,
    /// A proxy on this host named this client.
    Client(IpAddr),
    /// A proxy on this host named no client that can be read, or several.
    Unreadable,
    /// The peer is on another host, and is not believed.
    NotBelieved,
}

/// The address that a request counts for. `None` when limits do not apply: the request is from this host, and no proxy
/// on it has added an address. Such a header of any other peer is not believed.
pub(super) fn limited_address(peer: IpAddr, headers: &HeaderMap) -> Option<AddressKey> {
    match Forwarding::of(peer, headers) {
        Forwarding::None if peer.to_canonical().is_loopback() => None,
        Forwarding::Client(client) => Some(AddressKey::of(client)),
        Forwarding::None | Forwarding::Unreadable | Forwarding::NotBelieved => Some(AddressKey::of(peer)),
    }
}

/// Whether a proxy on this host has forwarded a request.
pub(super) fn is_forwarded(peer: IpAddr, headers: &HeaderMap) -> bool {
    matches!(Forwarding::of(peer, headers), Forwarding::Client(_) | Forwarding::Unreadable)
}

/// Says in the log that forwarding headers are of no use, once for each way of it.
pub(super) fn warn_of_useless_headers(net: &Net, peer: IpAddr, headers: &HeaderMap) {
    let warnings = &net.forwarding_warnings;
    match Forwarding::of(peer, headers) {
        Forwarding::None | Forwarding::Client(_) => {}
        Forwarding::NotBelieved if !warnings.not_believed.replace(true) => tracing::warn!(
            %peer,
            "forwarding headers of this peer are not believed, so all of its clients count as one address; a proxy is \
             believed when it runs on this machine and connects to a loopback address"
        ),
        Forwarding::Unreadable if !warnings.unreadable.replace(true) => tracing::warn!(
            "the proxy on this machine does not name one client in X-Forwarded-For, Forwarded or X-Real-IP, so its \
             clients count as one address; let it set one of them and delete the others"
        ),
        Forwarding::NotBelieved | Forwarding::Unreadable => {}
    }
}

impl Forwarding {
    fn of(peer: IpAddr, headers: &HeaderMap) -> Self {
        if !NAMES.iter().any(|name| headers.contains_key(*name)) {
            return Self::None;
        }
        if !peer.to_canonical().is_loopback() {
            return Self::NotBelieved;
        }
        let named = NAMES.iter().filter_map(|name| {
            let value = headers.get_all(*name).iter().next_back()?;
            Some(value.to_str().ok().and_then(|value| client_of(name, value)))
        });
        let agreed = named.reduce(|one, other| if same(one, other) { one } else { None });
        agreed.flatten().map_or(Self::Unreadable, Self::Client)
    }
}

/// Whether limits see two clients as the same.
fn same(one: Option<IpAddr>, other: Option<IpAddr>) -> bool {
    one.is_some() && one.map(AddressKey::of) == other.map(AddressKey::of)
}

/// The client that the value of a forwarding header names.
fn client_of(name: &str, value: &str) -> Option<IpAddr> {
    match name {
        "forwarded" => last_for(value).and_then(|node| parse_node(&node)),
        "x-forwarded-for" => parse_node(value.rsplit(',').next()?.trim()),
        _ => parse_node(value.trim()),
    }
}

/// The `for` of the last element of a `Forwarded` header, without quotes. `None` when the header is malformed anywhere:
/// an earlier element may be the client's, and an open quote in it would swallow the proxy's.
fn last_for(value: &str) -> Option<String> {
    let mut rest = value;
    let mut found = None;
    loop {
        let (name, after_name) = rest.split_once('=')?;
        let (parameter, after) = parameter_value(after_name)?;
        if !is_token(name.trim_start()) {
            return None;
        }
        if name.trim_start().eq_ignore_ascii_case("for") && found.replace(parameter).is_some() {
            return None;
        }
        let after = after.trim_start();
        match after.chars().next() {
            None => return found,
            Some(';') => {}
            Some(',') => found = None,
            Some(_) => return None,
        }
        rest = &after[1..];
    }
}

/// The value at the beginning of a text, which is quoted or not, and the text after it.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // By the RFC an address in brackets needs quotes. Some proxies leave them out, and the meaning is plain.
        let end = text.find([';', ',', ' ', '\t', '"']).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(letters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn is_token(text: &str) -> bool {
    let is_sign = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_sign(byte))
}

/// The address of a node: in figures, IPv6 in brackets or not, with a port behind IPv4 or brackets or without.
fn parse_node(node: &str) -> Option<IpAddr> {
    if let Some(inside) = node.strip_prefix('[') {
        let (address, port) = inside.split_once(']')?;
        return (port.is_empty() || is_port(port)).then(|| address.parse::<Ipv6Addr>().ok().map(IpAddr::V6))?;
    }
    match node.find(':') {
        // A second colon makes it an IPv6 address without brackets, which cannot have a port.
        Some(colon) if !node[colon + 1..].contains(':') => {
            is_port(&node[colon..]).then(|| node[..colon].parse::<Ipv4Addr>().ok().map(IpAddr::V4))?
        }
        _ => node.parse().ok(),
    }
}

/// Whether a text is a colon with a port, in figures or hidden behind a name such as `_http`.
fn is_port(text: &str) -> bool {
    let Some(port) = text.strip_prefix(':').filter(|port| port.len() <= PORT_CHARS_MAX) else { return false };
    match port.strip_prefix('_') {
        Some(name) => is_token(name),
        None => port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use hyper::header::{HeaderName, HeaderValue};
    use std::io::Read;
    use std::sync::Arc;
    use tickwire::Rng;

    const LOCAL: &str = "127.0.0.1";

    /// The lines that `work` writes to the log.
    fn logged(work: impl FnOnce()) -> Vec<String> {
        let (mut log, writer) = std::io::pipe().unwrap();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(Arc::new(writer)).finish();
        tracing::subscriber::with_default(subscriber, work);
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn headers_that_are_of_no_use_are_in_the_log_once() {
        let net = Net::without_shards(Config::on_free_ports());
        let (local, remote) = (ip(LOCAL), ip("192.0.2.7"));
        let lines = logged(|| {
            for _ in 0..10 {
                for (peer, value) in [(local, "198.51.100.7"), (local, "nonsense"), (remote, "198.51.100.7")] {
                    warn_of_useless_headers(&net, peer, &headers(&[("x-forwarded-for", value)]));
                }
                warn_of_useless_headers(&net, remote, &HeaderMap::new());
            }
        });
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(lines.iter().all(|line| line.contains("WARN")), "{lines:#?}");
        assert!(lines[0].contains("X-Real-IP") && lines[0].contains("set one of them"), "{lines:#?}");
        assert!(lines[1].contains("192.0.2.7") && lines[1].contains("on this machine"), "{lines:#?}");
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    /// The client that a proxy on this host names by these headers.
    fn named(lines: &[(&str, &str)]) -> Option<IpAddr> {
        match Forwarding::of(ip(LOCAL), &headers(lines)) {
            Forwarding::Client(client) => Some(client),
            Forwarding::Unreadable => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_a_proxy_on_this_host_is_believed() {
        let (local, remote) = (ip(LOCAL), ip("192.0.2.7"));
        let forwarded = headers(&[("x-forwarded-for", "10.0.0.1, 198.51.100.4")]);
        assert_eq!(limited_address(local, &HeaderMap::new()), None);
        assert_eq!(limited_address(local, &forwarded), Some(AddressKey::of(ip("198.51.100.4"))));
        assert_eq!(limited_address(remote, &forwarded), Some(AddressKey::of(remote)));
        assert_eq!(limited_address(remote, &HeaderMap::new()), Some(AddressKey::of(remote)));
        let nonsense = headers(&[("x-forwarded-for", "nonsense")]);
        assert_eq!(limited_address(local, &nonsense), Some(AddressKey::of(local)), "limits apply all the same");
        assert!(is_forwarded(local, &forwarded) && is_forwarded(local, &nonsense));
        assert!(!is_forwarded(remote, &forwarded) && !is_forwarded(local, &HeaderMap::new()));
    }

    #[test]
    fn the_last_entry_of_each_header_is_read_with_or_without_a_port() {
        let (v4, v6) = (ip("198.51.100.7"), ip("2001:db8::1"));
        for (name, value, client) in [
            ("x-forwarded-for", "198.51.100.7", v4),
            ("x-forwarded-for", "198.51.100.7:443", v4),
            ("x-forwarded-for", "evil, 10.0.0.1,198.51.100.7:443 ", v4),
            ("x-forwarded-for", "2001:db8::1", v6),
            ("x-forwarded-for", "[2001:db8::1]", v6),
            ("x-forwarded-for", "[2001:db8::1]:443", v6),
            ("x-real-ip", "198.51.100.7", v4),
            ("x-real-ip", "[2001:db8::1]:443", v6),
            ("forwarded", "for=198.51.100.7", v4),
            ("forwarded", "for=198.51.100.7:443;proto=https;by=203.0.113.43", v4),
            ("forwarded", "For=\"[2001:db8::1]:443\"", v6),
            ("forwarded", "proto=https; for=\"[2001:db8::1]\" ;host=\"a,b;c\"", v6),
            ("forwarded", "for=[2001:db8::1]:443", v6),
            ("forwarded", "for=10.0.0.1;x=\"\\\",\", for=_hidden, for=\"198.51.100.7:_port\"", v4),
        ] {
            assert_eq!(named(&[(name, value)]), Some(client), "{name}: {value}");
        }
        let twice = [("forwarded", "for=10.0.0.1"), ("forwarded", "for=198.51.100.7")];
        assert_eq!(named(&twice), Some(v4), "the last of several lines");
    }

    #[test]
    fn a_value_that_names_no_address_counts_as_the_proxy() {
        for (name, value) in [
            ("x-forwarded-for", ""),
            ("x-forwarded-for", "198.51.100.7,"),
            ("x-forwarded-for", "198.51.100.7:"),
            ("x-forwarded-for", "198.51.100.7:65536"),
            ("x-forwarded-for", "198.51.100.7:+1"),
            ("x-forwarded-for", "[198.51.100.7]"),
            ("x-forwarded-for", "[2001:db8::1"),
            ("x-forwarded-for", "[2001:db8::1]443"),
            ("x-forwarded-for", "2001:db8::1]:443"),
            ("x-forwarded-for", "unknown"),
            ("x-real-ip", "198.51.100.7, 198.51.100.7"),
            ("forwarded", "for=unknown"),
            ("forwarded", "for=_hidden"),
            ("forwarded", "proto=https"),
            ("forwarded", "for=198.51.100.7, proto=https"),
            ("forwarded", "for=198.51.100.7;for=198.51.100.7"),
            ("forwarded", "for=\"198.51.100.7"),
            ("forwarded", "for=\"198.51.100.7\"1"),
            ("forwarded", "for=\"198.51.100.7\\"),
            ("forwarded", "for = 198.51.100.7"),
            ("forwarded", "for="),
            ("forwarded", "=198.51.100.7"),
            ("forwarded", "198.51.100.7"),
            ("forwarded", "for=198.51.100.7;"),
            ("forwarded", "for=198.51.100.7 by=1"),
        ] {
            assert_eq!(named(&[(name, value)]), None, "{name}: {value}");
        }
    }

    #[test]
    fn a_client_cannot_name_itself_by_a_header_that_its_proxy_does_not_write() {
        let real = ("x-forwarded-for", "198.51.100.7");
        assert_eq!(named(&[real, ("x-real-ip", "198.51.100.7")]), Some(ip("198.51.100.7")));
        assert_eq!(named(&[real, ("forwarded", "for=203.0.113.9")]), None);
        assert_eq!(named(&[real, ("x-real-ip", "203.0.113.9")]), None);
        assert_eq!(named(&[("forwarded", "nonsense"), ("x-real-ip", "203.0.113.9")]), None);
        // The client's element comes first in the line to which the proxy adds its own.
        for client in ["for=\"", "x=\"", "for=\"\\", "for=203.0.113.9;x=\""] {
            for proxy in ["for=198.51.100.7", "for=\"198.51.100.7:1\""] {
                let found = named(&[("forwarded", &format!("{client}, {proxy}"))]);
                assert!(found.is_none() || found == Some(ip("198.51.100.7")), "{client}, {proxy}: {found:?}");
            }
        }
    }

    #[test]
    fn every_truncation_and_a_thousand_damaged_values_are_read_without_a_panic() {
        let whole = "for=\"[2001:db8::1]:443\";proto=https, for=\"198.51.100.7:_a\\\"b\" , FOR=198.51.100.7";
        let names = ["forwarded", "x-forwarded-for", "x-real-ip"];
        for end in 0..=whole.len() {
            assert!(names.iter().filter_map(|name| client_of(name, &whole[..end])).count() <= 3);
        }
        assert_eq!(client_of("forwarded", whole), Some(ip("198.51.100.7")));
        let (mut dice, letters) = (Rng::new(5), b"\"\\;,=:[]_ .0a\xc3\xa9");
        for _ in 0..1_000 {
            let mut bytes = whole.as_bytes().to_vec();
            for _ in 0..8 {
                let at = usize::try_from(dice.below(u32::try_from(bytes.len()).unwrap())).unwrap();
                bytes[at] = letters[usize::try_from(dice.below(u32::try_from(letters.len()).unwrap())).unwrap()];
            }
            let text = String::from_utf8_lossy(&bytes);
            assert!(names.iter().filter_map(|name| client_of(name, &text)).count() <= 3);
        }
    }
}
