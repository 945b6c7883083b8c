//! Whether strangers may reach a server whose bytes anybody on the way could read and change.

use super::{Config, FileSetting};
use std::net::{IpAddr, SocketAddr};
use thiserror::Error;

/// A listener would be open to other machines without encryption, and no setting says that this is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "{setting} is {address}, which other machines may reach, and nothing would be encrypted there: name --tls-cert and \
     --tls-key (or --tls-self-signed for trying); or say --behind-proxy when a proxy with TLS is in front, or its address \
     with --trusted-proxies; or --lan to take in private networks only"
)]
pub struct Exposed {
    setting: &'static str,
    address: SocketAddr,
}

impl Config {
    /// Whether the server speaks TLS itself.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls_self_signed || self.tls_cert != FileSetting::Off || self.tls_key != FileSetting::Off
    }

    /// Checks that the listener of a setting may be at an address.
    ///
    /// # Errors
    /// When other machines may reach the address, and nothing says how players are protected there.
    pub(crate) fn check_exposure(&self, setting: &'static str, address: SocketAddr) -> Result<(), Exposed> {
        let has_proxy = self.behind_proxy || self.trusted_proxies.has_other_machines();
        let is_safe = address.ip().to_canonical().is_loopback() || self.has_tls() || has_proxy || self.lan;
        if is_safe { Ok(()) } else { Err(Exposed { setting, address }) }
    }
}

/// Whether an address is one of this machine or of a network that the internet does not reach.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            // Addresses that providers share among their customers.
            let is_shared = v4.octets()[0] == 100 && v4.octets()[1] & 0b1100_0000 == 64;
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || is_shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_address_needs_a_word_about_encryption() {
        let open: SocketAddr = "0.0.0.0:8080".parse().unwrap();
        let with = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check_exposure("listen", open)
        };
        let refused = with(&|_| {}).unwrap_err().to_string();
        for word in ["listen is 0.0.0.0:8080", "--tls-cert", "--behind-proxy", "--trusted-proxies", "--lan"] {
            assert!(refused.contains(word), "{word} is not in {refused}");
        }
        assert_eq!(with(&|config| config.behind_proxy = true), Ok(()));
        assert_eq!(with(&|config| config.lan = true), Ok(()));
        assert_eq!(with(&|config| config.tls_self_signed = true), Ok(()));
        assert_eq!(with(&|config| config.trusted_proxies = "10.0.0.5".parse().unwrap()), Ok(()));
        for none in ["none", "127.0.0.1", "127.0.0.0/8,::1"] {
            let refused = with(&|config| config.trusted_proxies = none.parse().unwrap());
            assert!(refused.is_err(), "{none} is no proxy on another machine");
        }
        assert_eq!(Config::default().check_exposure("listen", "[::1]:8080".parse().unwrap()), Ok(()));
    }
}
