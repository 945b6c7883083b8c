//! The sockets that the server listens on.

use super::StartError;
use crate::config::{Config, ConfigFaults, ListenAddress};
use crate::limits::LISTEN_BACKLOG;
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// The addresses that were tried, each with the reason for which the server cannot have it.
#[derive(Debug)]
pub struct Attempts(Vec<(SocketAddr, io::Error)>);

impl fmt::Display for Attempts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (address, error)) in self.0.iter().enumerate() {
            let before = if index == 0 { "" } else { "; " };
            write!(out, "{before}{address}: {error}")?;
        }
        Ok(())
    }
}

/// The sockets of both listeners, with the addresses that were really taken.
pub(super) struct Listeners {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) admin: Option<TcpListener>,
    pub(super) admin_address: Option<SocketAddr>,
    /// The listener for other nodes, and the address under which they reach it.
    pub(super) peer: Option<TcpListener>,
    pub(super) peer_address: Option<SocketAddr>,
}

impl Listeners {
    /// Listens as the settings say.
    ///
    /// # Errors
    /// When an address cannot be had, or may not be had without TLS.
    pub(super) fn bind(config: &Config) -> Result<Self, StartError> {
        let (listener, address) = listen(&config.listen)?;
        let (admin, admin_address) = config.admin_listen.0.as_ref().map(listen).transpose()?.unzip();
        let (peer, own_address) = config.peer_listen.0.as_ref().map(listen).transpose()?.unzip();
        let peer_address = match &config.peer_address.0 {
            Some(address) => Some(resolved(address)?),
            None => own_address,
        };
        let addresses = [("peer_listen", own_address), ("peer_address", peer_address)];
        let check = |(setting, address): (_, Option<_>)| Config::check_peer(setting, address?).err();
        ConfigFaults::check(addresses.into_iter().filter_map(check).collect())?;
        config.check_exposure("listen", address)?;
        admin_address.map_or(Ok(()), |address| config.check_exposure("admin_listen", address))?;
        Ok(Self { listener, address, admin, admin_address, peer, peer_address })
    }
}

/// The first of the addresses that a name stands for.
fn resolved(address: &ListenAddress) -> Result<SocketAddr, StartError> {
    let name = |source| StartError::Name { address: address.clone(), source };
    let first = address.resolve().map_err(name)?.into_iter().next();
    first.ok_or_else(|| name(io::ErrorKind::NotFound.into()))
}

/// Listens on the first of the addresses that the server can have; gives it with the port that was really taken.
fn listen(address: &ListenAddress) -> Result<(TcpListener, SocketAddr), StartError> {
    let name = |source| StartError::Name { address: address.clone(), source };
    let mut attempts = Vec::new();
    for candidate in address.resolve().map_err(name)? {
        match bind(candidate) {
            Ok(bound) => return Ok(bound),
            Err(error) => attempts.push((candidate, error)),
        }
    }
    Err(StartError::Listen { address: address.clone(), attempts: Attempts(attempts) })
}

fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Sockets of an earlier run may still be closing, and they must not block the port. A second server on the port
    // is refused all the same.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    let listener = TcpListener::from(socket);
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}
