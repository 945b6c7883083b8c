//! The address that a request counts for: that of the peer, or the one that a trusted proxy names.
//!
//! `X-Forwarded-For` and `Forwarded` (RFC 7239) are read from the right: each proxy adds the address that the request came
//! from, so the last entry is the word of the peer, and the entry before it that of the proxy which the last one names, if
//! that one is trusted too. The first entry from the right that is no trusted proxy is the client. `X-Real-IP` has one
//! address. A client may send such a header too, and a proxy passes on those that it does not write itself. So all that
//! are there have to name the same client; otherwise the request counts for the proxy.

use super::Net;
use super::peer::Peer;
use crate::config::TrustedProxies;
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
    /// A trusted proxy named this client.
    Client(IpAddr),
    /// A trusted proxy named no client that can be read, or several.
    Unreadable,
    /// The peer is no trusted proxy, and is not believed.
    NotBelieved,
}

/// The address that a request counts for. `None` when limits do not apply: the request is from this host, and no proxy
/// on it has added an address. Such a header of a peer that is not trusted is not believed.
pub(super) fn limited_address(net: &Net, peer: Peer, headers: &HeaderMap) -> Option<AddressKey> {
    match Forwarding::of(net, peer, headers) {
        Forwarding::None if peer.is_local() => None,
        Forwarding::Client(client) => Some(AddressKey::of(client)),
        Forwarding::None | Forwarding::Unreadable | Forwarding::NotBelieved => Some(AddressKey::of(peer.address)),
    }
}

/// Whether a trusted proxy has forwarded a request.
pub(super) fn is_forwarded(net: &Net, peer: Peer, headers: &HeaderMap) -> bool {
    peer.is_named || matches!(Forwarding::of(net, peer, headers), Forwarding::Client(_) | Forwarding::Unreadable)
}

/// Says in the log that forwarding headers are of no use, once for each way of it.
pub(super) fn warn_of_useless_headers(net: &Net, peer: Peer, headers: &HeaderMap) {
    let warnings = &net.forwarding_warnings;
    match Forwarding::of(net, peer, headers) {
        // The clients of a proxy that speaks the PROXY protocol are told apart without such headers.
        Forwarding::NotBelieved if peer.is_named => {}
        Forwarding::NotBelieved if !warnings.not_believed.replace(true) => tracing::warn!(
            peer = %peer.address,
            "forwarding headers of this peer are not believed, so all of its clients count as one address; a proxy is \
             believed when --trusted-proxies has its address"
        ),
        Forwarding::Unreadable if !warnings.unreadable.replace(true) => tracing::warn!(
            proxy = %peer.address,
            "a trusted proxy does not name one client in X-Forwarded-For, Forwarded or X-Real-IP, so its clients count \
             as one address; let it set one of them and delete the others"
        ),
        Forwarding::None | Forwarding::Client(_) | Forwarding::NotBelieved | Forwarding::Unreadable => {}
    }
}

impl Forwarding {
    fn of(net: &Net, peer: Peer, headers: &HeaderMap) -> Self {
        if !NAMES.iter().any(|name| headers.contains_key(*name)) {
            return Self::None;
        }
        if !peer.is_trusted(net) {
            return Self::NotBelieved;
        }
        agreed_client(&net.config().trusted_proxies, headers).map_or(Self::Unreadable, Self::Client)
    }
}

/// The client that all forwarding headers name.
fn agreed_client(trusted: &TrustedProxies, headers: &HeaderMap) -> Option<IpAddr> {
    let named = NAMES.iter().filter(|name| headers.contains_key(**name));
    let named: Vec<IpAddr> = named.map(|name| client_of(trusted, name, headers)).collect::<Option<_>>()?;
    // Where several proxies are in a row, the one that has only the address of the one before names a proxy.
    let clients = || named.iter().filter(|address| !trusted.contains(**address));
    let first = *clients().next().or_else(|| named.first())?;
    let is_same = |other: &IpAddr| AddressKey::of(*other) == AddressKey::of(first);
    let agree = if trusted.contains(first) { named.iter().all(is_same) } else { clients().all(is_same) };
    agree.then_some(first)
}

/// The client that the lines of a forwarding header name.
fn client_of(trusted: &TrustedProxies, name: &str, headers: &HeaderMap) -> Option<IpAddr> {
    let lines = headers.get_all(name).iter().rev().map(|line| line.to_str().unwrap_or_default());
    match name {
        "forwarded" => first_untrusted(trusted, lines.flat_map(forwarded_nodes)),
        "x-forwarded-for" => {
            let entries = lines.flat_map(|line| line.rsplit(','));
            first_untrusted(trusted, entries.map(|entry| parse_node(entry.trim())))
        }
        _ => parse_node(lines.take(1).next()?.trim()),
    }
}

/// The first address that is no trusted proxy; the last one when all are. `None` when an entry before it is no address.
fn first_untrusted(trusted: &TrustedProxies, entries: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
    let mut found = None;
    for entry in entries {
        found = Some(entry?);
        if found.is_some_and(|address| !trusted.contains(address)) {
            break;
        }
    }
    found
}

/// The nodes of a line of `Forwarded`, the last one first. A line that is malformed has one node that is no address.
fn forwarded_nodes(line: &str) -> Vec<Option<IpAddr>> {
    let Some(elements) = elements(line) else { return vec![None] };
    elements.into_iter().rev().map(|node| parse_node(&node?)).collect()
}

/// The `for` of each element of a line of `Forwarded`, without quotes. `None` when the line is malformed anywhere: an
/// earlier element may be the client's, and an open quote in it would swallow the proxy's.
fn elements(line: &str) -> Option<Vec<Option<String>>> {
    let (mut rest, mut elements, mut found) = (line, Vec::new(), None);
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
            None => {
                elements.push(found);
                return Some(elements);
            }
            Some(';') => {}
            Some(',') => elements.push(found.take()),
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
        let (local, remote) = (peer(LOCAL), peer("192.0.2.7"));
        let lines = logged(|| {
            for _ in 0..10 {
                for (from, value) in [(local, "198.51.100.7"), (local, "nonsense"), (remote, "198.51.100.7")] {
                    warn_of_useless_headers(&net, from, &headers(&[("x-forwarded-for", value)]));
                }
                warn_of_useless_headers(&net, remote, &HeaderMap::new());
            }
        });
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(lines.iter().all(|line| line.contains("WARN")), "{lines:#?}");
        assert!(lines[0].contains("X-Real-IP") && lines[0].contains("set one of them"), "{lines:#?}");
        assert!(lines[1].contains("192.0.2.7") && lines[1].contains("--trusted-proxies"), "{lines:#?}");
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn peer(text: &str) -> Peer {
        Peer::of_socket(ip(text))
    }

    /// A server that believes these proxies.
    fn net(trusted: &str) -> Net {
        Net::without_shards(Config { trusted_proxies: trusted.parse().unwrap(), ..Config::on_free_ports() })
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
        agreed_client(&TrustedProxies::default(), &headers(lines))
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let net = net("127.0.0.0/8, 10.0.0.0/8");
        let (local, proxy, remote) = (peer(LOCAL), peer("10.1.2.3"), peer("192.0.2.7"));
        let forwarded = headers(&[("x-forwarded-for", "10.0.0.1, 198.51.100.4")]);
        assert_eq!(limited_address(&net, local, &HeaderMap::new()), None);
        for from in [local, proxy, peer("::ffff:10.1.2.3")] {
            assert_eq!(limited_address(&net, from, &forwarded), Some(AddressKey::of(ip("198.51.100.4"))));
        }
        for lines in [&forwarded, &HeaderMap::new()] {
            assert_eq!(limited_address(&net, remote, lines), Some(AddressKey::of(remote.address)));
        }
        let nonsense = headers(&[("x-forwarded-for", "nonsense")]);
        for from in [local, proxy] {
            let counts_for = limited_address(&net, from, &nonsense);
            assert_eq!(counts_for, Some(AddressKey::of(from.address)), "limits apply all the same");
            assert!(is_forwarded(&net, from, &forwarded) && is_forwarded(&net, from, &nonsense));
        }
        assert!(!is_forwarded(&net, remote, &forwarded) && !is_forwarded(&net, local, &HeaderMap::new()));
    }

    #[test]
    fn a_proxy_that_is_not_named_is_not_believed_even_on_this_machine() {
        let net = net("10.0.0.0/8");
        let forwarded = headers(&[("x-forwarded-for", "198.51.100.4")]);
        let local = peer(LOCAL);
        assert_eq!(
            limited_address(&net, local, &forwarded),
            Some(AddressKey::of(local.address)),
            "one address for all"
        );
        assert!(!is_forwarded(&net, local, &forwarded));
        assert_eq!(limited_address(&net, local, &HeaderMap::new()), None, "programs of this machine are exempt");
    }

    #[test]
    fn a_client_of_the_proxy_protocol_counts_for_itself_whatever_it_sends() {
        let net = net("127.0.0.0/8, 10.0.0.0/8");
        let forged = headers(&[("x-forwarded-for", "203.0.113.9")]);
        let client = Peer::named(ip("198.51.100.7"));
        for lines in [&forged, &HeaderMap::new()] {
            assert_eq!(limited_address(&net, client, lines), Some(AddressKey::of(client.address)));
            assert!(is_forwarded(&net, client, lines));
        }
        assert!(logged(|| warn_of_useless_headers(&net, client, &forged)).is_empty());
        let local = Peer::named(ip(LOCAL));
        assert!(limited_address(&net, local, &HeaderMap::new()).is_some(), "a proxy has named it");
        let (inner, of_inner) = (Peer::named(ip("10.0.0.9")), headers(&[("x-forwarded-for", "203.0.113.9")]));
        assert_eq!(limited_address(&net, inner, &of_inner), Some(AddressKey::of(ip("203.0.113.9"))), "a further proxy");
    }

    #[test]
    fn trusted_proxies_in_a_row_are_skipped_from_the_right() {
        let trusted = "127.0.0.1, 10.0.0.0/8, fd00::/8".parse().unwrap();
        let client = |lines: &[(&str, &str)]| agreed_client(&trusted, &headers(lines));
        for (name, value) in [
            ("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.2, 10.0.0.1"),
            ("x-forwarded-for", "forged, 198.51.100.7:443, [fd00::1]:80, ::ffff:10.0.0.1"),
            ("forwarded", "for=203.0.113.9, for=198.51.100.7;proto=https, for=10.0.0.2, for=\"[fd00::2]:1\""),
        ] {
            assert_eq!(client(&[(name, value)]), Some(ip("198.51.100.7")), "{name}: {value}");
        }
        let lines = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "10.0.0.2"), ("x-real-ip", "10.0.0.1")];
        assert_eq!(client(&lines), Some(ip("198.51.100.7")), "the lines are one list, and a proxy is no client");
        let forged = [("x-forwarded-for", "198.51.100.7, 10.0.0.2"), ("x-real-ip", "203.0.113.9")];
        assert_eq!(client(&forged), None);
        assert_eq!(
            client(&[("x-forwarded-for", "10.0.0.3, 10.0.0.2")]),
            Some(ip("10.0.0.3")),
            "a client among proxies"
        );
        assert_eq!(client(&[("x-forwarded-for", "198.51.100.7, unknown, 10.0.0.2")]), None);
        assert_eq!(client(&[("x-forwarded-for", "10.0.0.3"), ("x-real-ip", "10.0.0.2")]), None);
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
        let trusted: TrustedProxies = "0.0.0.0/0, ::/0".parse().unwrap();
        // Every proxy is trusted, so that all entries are read.
        let client = |name: &str, text: &str| {
            let value = HeaderValue::from_str(text).ok()?;
            client_of(&trusted, name, &HeaderMap::from_iter([(HeaderName::try_from(name).unwrap(), value)]))
        };
        for end in 0..=whole.len() {
            assert!(names.iter().filter_map(|name| client(name, &whole[..end])).count() <= 3);
        }
        assert_eq!(client("forwarded", whole), None, "a port that is no port");
        assert_eq!(client("forwarded", &whole.replace("\\\"b", "")), Some(ip("2001:db8::1")));
        let (mut dice, letters) = (Rng::new(5), b"\"\\;,=:[]_ .0a\xc3\xa9");
        for _ in 0..1_000 {
            let mut bytes = whole.as_bytes().to_vec();
            for _ in 0..8 {
                let at = usize::try_from(dice.below(u32::try_from(bytes.len()).unwrap())).unwrap();
                bytes[at] = letters[usize::try_from(dice.below(u32::try_from(letters.len()).unwrap())).unwrap()];
            }
            let text = String::from_utf8_lossy(&bytes);
            assert!(names.iter().filter_map(|name| client(name, &text)).count() <= 3);
        }
    }
}
