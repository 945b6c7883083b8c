//! The addresses to listen on, as an operator writes them: with numbers or with a name.

use serde::de::{self, Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use thiserror::Error;

/// An address to listen on: a socket address, or the name of a host with a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ListenAddress(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Address(SocketAddr),
    Name { host: String, port: u16 },
}

/// A text is not an address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not an address to listen on, such as 127.0.0.1:8080, [::1]:8080 or localhost:8080")]
pub struct AddressError(String);

impl ListenAddress {
    /// A port of 127.0.0.1; 0 stands for any free one.
    pub(super) fn loopback(port: u16) -> Self {
        Self::from(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// Whether the port is any free one.
    pub(super) const fn has_any_port(&self) -> bool {
        matches!(&self.0, Place::Name { port: 0, .. })
            || matches!(&self.0, Place::Address(address) if address.port() == 0)
    }

    /// The address, when it is one in figures.
    pub(super) const fn in_figures(&self) -> Option<SocketAddr> {
        match &self.0 {
            Place::Address(address) => Some(*address),
            Place::Name { .. } => None,
        }
    }

    /// The addresses that this one stands for: one, or those of the name.
    ///
    /// # Errors
    /// When the system knows no address of the name.
    pub(crate) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        match &self.0 {
            Place::Address(address) => Ok(vec![*address]),
            Place::Name { host, port } => {
                let found: Vec<_> = (host.as_str(), *port).to_socket_addrs()?.collect();
                if found.is_empty() { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(found) }
            }
        }
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self(Place::Address(address))
    }
}

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let is_host = |host: &str| {
            // A last label of digits is an IPv4 address with a mistake in it, and no name.
            let last = host.rsplit('.').next().unwrap_or_default();
            !last.is_empty()
                && !last.bytes().all(|byte| byte.is_ascii_digit())
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        };
        let named = text.rsplit_once(':').filter(|(host, _)| is_host(host));
        let named =
            named.and_then(|(host, port)| Some(Place::Name { host: host.to_owned(), port: port.parse().ok()? }));
        named.map(Self).ok_or_else(|| AddressError(text.to_owned()))
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ListenAddress> for String {
    fn from(address: ListenAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Address(address) => address.fmt(out),
            Place::Name { host, port } => write!(out, "{host}:{port}"),
        }
    }
}

/// The address of a listener that there need not be: `0` or `off` stands for none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct OptionalListen(pub Option<ListenAddress>);

impl FromStr for OptionalListen {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text, "0" | "off") { Ok(Self(None)) } else { text.parse().map(|address| Self(Some(address))) }
    }
}

impl From<OptionalListen> for String {
    fn from(admin: OptionalListen) -> Self {
        admin.0.map_or_else(|| "off".into(), Self::from)
    }
}

impl<'de> Deserialize<'de> for OptionalListen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrZero)
    }
}

/// Reads an [`OptionalListen`] of a file, where 0 is a number.
struct TextOrZero;

impl Visitor<'_> for TextOrZero {
    type Value = OptionalListen;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("\"ADDRESS:PORT\", \"off\" or 0")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        if number == 0 { Ok(OptionalListen(None)) } else { Err(E::invalid_value(Unexpected::Signed(number), &self)) }
    }
}
