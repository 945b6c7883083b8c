//! The proxies whose word about a client's address counts, as an operator sets them.

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use thiserror::Error;

/// Bits in front of the IPv4 address in an IPv6 address that stands for it.
const MAPPED_BITS: u8 = 96;

/// A network of addresses, such as `10.0.0.0/8`. An address without a prefix is a network of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

/// The text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a network of addresses, such as 10.0.0.0/8, 192.0.2.7, fd00::/8 or none for no proxy at all")]
pub struct NetworkError(String);

impl Network {
    /// Whether an address belongs to the network. An IPv4 address that is written as an IPv6 one is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    fn parse(text: &str) -> Option<Self> {
        let network = match text.parse::<IpNet>() {
            Ok(network) => network,
            Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
        };
        let IpNet::V6(v6) = network else { return Some(Self(network.trunc())) };
        let Some(v4) = v6.addr().to_ipv4_mapped() else { return Some(Self(network.trunc())) };
        // A shorter prefix would take in addresses that are no IPv4 addresses.
        let bits = v6.prefix_len().checked_sub(MAPPED_BITS)?;
        Some(Self(IpNet::V4(Ipv4Net::new(v4, bits).ok()?.trunc())))
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        Self::parse(text.trim()).ok_or_else(|| NetworkError(text.to_owned()))
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The networks of the proxies that are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ListOrWords", into = "Vec<Network>")]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// No proxies at all.
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether one of the proxies is another machine than this one.
    #[must_use]
    pub fn has_other_machines(&self) -> bool {
        self.0.iter().any(|network| !network.0.network().is_loopback())
    }

    /// Whether a peer with this address is one of the proxies.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

impl Default for TrustedProxies {
    /// The addresses of this machine.
    fn default() -> Self {
        Self(["127.0.0.0/8", "::1"].iter().filter_map(|network| Network::parse(network)).collect())
    }
}

impl FromStr for TrustedProxies {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        match text.trim() {
            "none" => Ok(Self(Vec::new())),
            words => words.split(',').map(str::parse).collect::<Result<_, _>>().map(Self),
        }
    }
}

impl From<TrustedProxies> for Vec<Network> {
    fn from(proxies: TrustedProxies) -> Self {
        proxies.0
    }
}

/// The networks as they are in a file: a list, or the words of the command line.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ListOrWords {
    List(Vec<String>),
    Words(String),
}

impl TryFrom<ListOrWords> for TrustedProxies {
    type Error = NetworkError;

    fn try_from(value: ListOrWords) -> Result<Self, NetworkError> {
        match value {
            ListOrWords::List(list) => list.iter().map(|text| text.parse()).collect::<Result<_, _>>().map(Self),
            ListOrWords::Words(words) => words.parse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_an_address_with_or_without_a_prefix() {
        for (text, expected) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            (" 192.0.2.7 ", "192.0.2.7/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("fd00::1/8", "fd00::/8"),
            ("::1", "::1/128"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ] {
            assert_eq!(text.parse::<Network>().map(|network| network.to_string()), Ok(expected.into()), "{text}");
        }
        for text in ["", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "::ffff:10.0.0.0/90", "play.example", "10.0.0.1:80"] {
            let refused = text.parse::<Network>().map_err(|error| error.to_string());
            assert!(refused.is_err_and(|error| error.contains("10.0.0.0/8") && error.contains(text)), "{text}");
        }
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address_in_networks_and_peers() {
        let network: Network = "::ffff:10.0.0.0/104".parse().unwrap();
        assert!(network.contains(ip("10.1.2.3")) && network.contains(ip("::ffff:10.1.2.3")));
        assert!(!network.contains(ip("11.0.0.1")) && !network.contains(ip("::ffff:11.0.0.1")));
        assert!(!"::/0".parse::<Network>().unwrap().contains(ip("::ffff:10.0.0.1")));
    }

    #[test]
    fn the_proxies_of_this_machine_are_believed_unless_others_are_named() {
        let default = TrustedProxies::default();
        assert!(["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"].map(ip).iter().all(|at| default.contains(*at)));
        assert!(["10.0.0.1", "::2", "128.0.0.1"].map(ip).iter().all(|at| !default.contains(*at)));
        let named: TrustedProxies = "10.0.0.0/8, fd00::/8".parse().unwrap();
        assert!(named.contains(ip("10.2.3.4")) && named.contains(ip("fd12::1")) && !named.contains(ip("127.0.0.1")));
        assert!(!"none".parse::<TrustedProxies>().unwrap().contains(ip("127.0.0.1")));
        for text in ["", "10.0.0.0/8,", "10.0.0.0/8 fd00::/8", "loopback"] {
            assert!(text.parse::<TrustedProxies>().is_err(), "{text:?}");
        }
    }
}
