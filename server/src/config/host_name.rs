//! Names of hosts: those under which a server may be called, and the one that the `Host` header of a request gives.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use thiserror::Error;

/// Bytes of the longest name that the DNS allows.
const NAME_BYTES_MAX: usize = 253;

/// The name of a host such as `play.example`: in lower case, without scheme, port or dot at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

/// The text is no name of a host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a host; name it without scheme and port, such as play.example")]
pub struct HostNameError(String);

impl HostName {
    /// Whether only this machine can have the name.
    pub(crate) fn is_loopback(&self) -> bool {
        self.0 == "localhost" || self.0.ends_with(".localhost")
    }

    fn parse(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let is_name = name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label);
        is_name.then(|| Self(name.to_ascii_lowercase()))
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or_else(|| HostNameError(text.to_owned()))
    }
}

impl TryFrom<String> for HostName {
    type Error = HostNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The host of an authority, which is a host with or without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// An address in figures. No page can make a browser take another machine for it.
    Address,
    Name(HostName),
}

impl Host {
    /// The host of an authority such as `play.example:8080` or `[::1]`; `None` when it is malformed.
    pub(crate) fn of_authority(authority: &str) -> Option<Self> {
        let (host, port) = match authority.find(']') {
            Some(end) => authority.split_at(end + 1),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
        if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
            return None;
        }
        match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(inside) => inside?.parse::<Ipv6Addr>().ok().map(|_| Self::Address),
            None if host.parse::<Ipv4Addr>().is_ok() => Some(Self::Address),
            None => HostName::parse(host).map(Self::Name),
        }
    }

    /// The host of an origin such as `https://play.example:8443`.
    pub(crate) fn of_origin(origin: &str) -> Option<Self> {
        Self::of_authority(origin.split_once("://")?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for address in ["127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080", "[2001:db8::7]:1"] {
            assert_eq!(Host::of_authority(address), Some(Host::Address), "{address}");
        }
        for name in ["play.example", "Play.Example:80", "play.example.", "play.example.:65535"] {
            let expected = Host::Name(HostName("play.example".into()));
            assert_eq!(Host::of_authority(name), Some(expected), "{name}");
        }
        assert_eq!(Host::of_origin("https://play.example:8443"), Host::of_authority("play.example"));
        assert_eq!(Host::of_origin("null"), None);
    }

    #[test]
    fn a_malformed_host_is_none() {
        let malformed = [
            "",
            ":",
            ":80",
            ".",
            "a..b",
            ".a",
            "a b",
            "a,b",
            "a/b",
            "a@b",
            "user:1@b",
            "a:b",
            "a:",
            "a:65536",
            "a:1:2",
            "a:+1",
            "::1",
            "[::1",
            "::1]",
            "[]",
            "[1.2.3.4]",
            "[::1]8080",
            "[::1]:",
            "[::1%lo]",
            "a\u{e4}",
            "a%41",
            "http://a",
            "*",
            "*.a",
        ];
        for text in malformed {
            assert_eq!(Host::of_authority(text), None, "{text:?}");
        }
        assert_eq!(Host::of_authority(&"a".repeat(254)), None);
    }

    #[test]
    fn a_setting_names_a_host_without_scheme_and_port() {
        assert_eq!("Play.Example".parse::<HostName>().map(|name| name.to_string()), Ok("play.example".into()));
        for text in ["", "https://play.example", "play.example:8080", "*", "a b"] {
            assert!(text.parse::<HostName>().is_err_and(|error| error.to_string().contains("play.example")), "{text}");
        }
    }

    #[test]
    fn only_localhost_and_the_names_below_it_belong_to_this_machine() {
        let is_loopback = |name: &str| name.parse::<HostName>().is_ok_and(|name| name.is_loopback());
        assert!(["localhost", "LOCALHOST.", "a.localhost"].into_iter().all(is_loopback));
        assert!(!["notlocalhost", "localhost.evil.example", "a"].into_iter().any(is_loopback));
    }
}
