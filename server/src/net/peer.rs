//! The peer of a connection: the address of its socket, or the client that a proxy has named in front of everything else.

use super::Net;
use crate::websocket::address::AddressKey;
use std::net::IpAddr;

/// The address from which a connection comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    /// The address of the socket's other end, or of the client that a trusted proxy has named.
    pub(super) address: IpAddr,
    /// Whether a proxy has named the address, by the PROXY protocol.
    pub(super) is_named: bool,
}

impl Peer {
    /// The other end of a socket.
    pub(super) const fn of_socket(address: IpAddr) -> Self {
        Self { address, is_named: false }
    }

    /// The client that a proxy has named.
    pub(super) const fn named(address: IpAddr) -> Self {
        Self { address, is_named: true }
    }

    /// Whether the peer is believed when it names a client.
    pub(super) fn is_trusted(self, net: &Net) -> bool {
        net.config().trusted_proxies.contains(self.address)
    }

    /// Whether the peer is a program on this machine, which limits exempt.
    pub(super) fn is_local(self) -> bool {
        !self.is_named && self.address.to_canonical().is_loopback()
    }

    /// The address for the limits on connections that have not made a request yet. `None` for this machine and for
    /// proxies: their connections are those of many clients.
    pub(super) fn connection_key(self, net: &Net) -> Option<AddressKey> {
        (!self.is_local() && !self.is_trusted(net)).then(|| AddressKey::of(self.address))
    }
}
