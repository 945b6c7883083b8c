//! The registry of several nodes: the servers of NATS that keep it, and the name of the service.

use async_nats::ServerAddr;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Servers of NATS that a list may have.
const ADDRESSES_MAX: usize = 16;

/// Characters that the name of a service may have.
const NAME_LEN_MAX: usize = 32;

/// The text is no list of NATS servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NatsAddressError {
    /// An address is none, or is of another scheme.
    #[error("an address of NATS has the form nats://HOST:PORT or tls://HOST:PORT; or it is off")]
    NoAddress,
    /// A password would be printed together with the other settings.
    #[error("an address of NATS contains no user and no password")]
    Credentials,
    /// A client that may come in without TLS anywhere does not need it anywhere.
    #[error("either all addresses of NATS begin with tls://, or none")]
    Mixed,
    /// The list is too long.
    #[error("at most {ADDRESSES_MAX} addresses of NATS can be given")]
    TooMany,
}

/// Servers of NATS that belong together, with commas between them: the first that answers is used. Or `off`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NatsSetting {
    /// `off`: there are no other nodes, or they are in the same process.
    #[default]
    Off,
    /// The servers.
    At(NatsAddresses),
}

/// Servers of NATS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsAddresses {
    addresses: Vec<ServerAddr>,
    needs_tls: bool,
    text: String,
}

impl NatsAddresses {
    pub(crate) fn addresses(&self) -> &[ServerAddr] {
        &self.addresses
    }

    /// Whether every connection uses TLS, also those to servers that other servers name.
    pub(crate) const fn needs_tls(&self) -> bool {
        self.needs_tls
    }
}

impl FromStr for NatsAddresses {
    type Err = NatsAddressError;

    fn from_str(text: &str) -> Result<Self, NatsAddressError> {
        let mut addresses = Vec::new();
        let mut with_tls = 0;
        for address in text.split(',').map(str::trim) {
            let is_tls = address.starts_with("tls://");
            if !is_tls && !address.starts_with("nats://") {
                return Err(NatsAddressError::NoAddress);
            }
            if address.contains('@') {
                return Err(NatsAddressError::Credentials);
            }
            if addresses.len() == ADDRESSES_MAX {
                return Err(NatsAddressError::TooMany);
            }
            let parsed: ServerAddr = address.parse().map_err(|_| NatsAddressError::NoAddress)?;
            if parsed.host().is_empty() {
                return Err(NatsAddressError::NoAddress);
            }
            addresses.push(parsed);
            with_tls += usize::from(is_tls);
        }
        if with_tls != 0 && with_tls != addresses.len() {
            return Err(NatsAddressError::Mixed);
        }
        Ok(Self { addresses, needs_tls: with_tls != 0, text: text.to_owned() })
    }
}

impl FromStr for NatsSetting {
    type Err = NatsAddressError;

    fn from_str(text: &str) -> Result<Self, NatsAddressError> {
        if text == "off" { Ok(Self::Off) } else { text.parse().map(Self::At) }
    }
}

impl TryFrom<String> for NatsSetting {
    type Error = NatsAddressError;

    fn try_from(text: String) -> Result<Self, NatsAddressError> {
        text.parse()
    }
}

impl From<NatsSetting> for String {
    fn from(setting: NatsSetting) -> Self {
        match setting {
            NatsSetting::Off => "off".into(),
            NatsSetting::At(addresses) => addresses.text,
        }
    }
}

/// The text is no name of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the name of a service has 1 to {NAME_LEN_MAX} of the characters a-z, A-Z, 0-9, - and _")]
pub struct ServiceNameError;

/// The name of the service that nodes are of. Services with different names share a NATS and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

impl ServiceName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ServiceName {
    fn default() -> Self {
        Self("tw".into())
    }
}

impl FromStr for ServiceName {
    type Err = ServiceNameError;

    fn from_str(text: &str) -> Result<Self, ServiceNameError> {
        // A dot, a star or a space would change the meaning of subjects.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_name = (1..=NAME_LEN_MAX).contains(&text.len()) && text.bytes().all(fits);
        if is_name { Ok(Self(text.to_owned())) } else { Err(ServiceNameError) }
    }
}

impl TryFrom<String> for ServiceName {
    type Error = ServiceNameError;

    fn try_from(text: String) -> Result<Self, ServiceNameError> {
        text.parse()
    }
}

impl From<ServiceName> for String {
    fn from(name: ServiceName) -> Self {
        name.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_nats_and_hold_no_password() {
        let read = |text: &str| text.parse::<NatsAddresses>().map(|list| (list.addresses.len(), list.needs_tls));
        assert_eq!(read("nats://10.0.0.7:4222"), Ok((1, false)));
        assert_eq!(read("nats://a, nats://[::1]:4223"), Ok((2, false)));
        assert_eq!(read("tls://nats.example.org"), Ok((1, true)));
        assert_eq!(read("tls://a,nats://b"), Err(NatsAddressError::Mixed));
        for credentials in ["nats://user:secret@a", "nats://token@a:4222", "tls://a,tls://u@b"] {
            assert_eq!(read(credentials), Err(NatsAddressError::Credentials), "{credentials}");
        }
        for wrong in ["", "a:4222", "http://a", "ws://a", "nats://", "nats://a,", "nats://a:99999", "NATS"] {
            assert_eq!(read(wrong), Err(NatsAddressError::NoAddress), "{wrong}");
        }
        assert_eq!(read(&["nats://a"; ADDRESSES_MAX + 1].join(",")), Err(NatsAddressError::TooMany));
    }

    #[test]
    fn the_name_of_a_service_fits_into_a_subject() {
        for name in ["tw", "tw-staging", "A_9", "x".repeat(NAME_LEN_MAX).as_str()] {
            assert_eq!(name.parse::<ServiceName>().map(|name| name.to_string()), Ok(name.to_owned()));
        }
        for wrong in ["", "a.b", "a b", "*", ">", "ä", "$KV", "x".repeat(NAME_LEN_MAX + 1).as_str()] {
            assert_eq!(wrong.parse::<ServiceName>(), Err(ServiceNameError), "{wrong}");
        }
        assert_eq!(ServiceName::default().to_string(), "tw");
    }
}
