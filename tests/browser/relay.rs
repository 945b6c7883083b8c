//! A relay of TCP connections between a browser and the server. It can stand still and go on, as a network without
//! reception does: nothing is lost, no connection is closed, and the bytes that waited arrive at once afterwards.

use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Bytes that are carried at a time.
const CHUNK_BYTES: usize = 16_384;

/// The header that asks for a WebSocket, and one of the same length that asks for nothing.
const UPGRADE: &[u8] = b"Upgrade: websocket";
const NOTHING: &[u8] = b"Via: a-plain-proxy";

/// A relay in front of one server.
pub(crate) struct Relay {
    address: SocketAddr,
    flows: watch::Sender<bool>,
}

impl Relay {
    /// Starts a relay on a free port, which flows.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        Self::listen(server, true).await
    }

    /// The same, but it does not pass on that a browser asks for a WebSocket: as a proxy does that was not told to.
    pub(crate) async fn without_upgrades(server: SocketAddr) -> Self {
        Self::listen(server, false).await
    }

    async fn listen(server: SocketAddr, upgrades: bool) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let (flows, flowing) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(server).await {
                    connect(browser, server, &flowing, upgrades);
                }
            }
        });
        Self { address, flows }
    }

    /// The address that a browser uses instead of the server's.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on no byte arrives, in either direction.
    pub(crate) fn stand_still(&self) {
        self.flows.send_replace(false);
    }

    /// Bytes arrive again, the waiting ones first.
    pub(crate) fn go_on(&self) {
        self.flows.send_replace(true);
    }
}

fn connect(browser: TcpStream, server: TcpStream, flowing: &watch::Receiver<bool>, upgrades: bool) {
    for end in [&browser, &server] {
        // A relay that collects small messages would be a worse network than the test asks for.
        end.set_nodelay(true).expect("the option is known");
    }
    let ((from_browser, to_browser), (from_server, to_server)) = (browser.into_split(), server.into_split());
    tokio::spawn(carry(from_browser, to_server, flowing.clone(), upgrades));
    tokio::spawn(carry(from_server, to_browser, flowing.clone(), true));
}

/// Carries bytes in one direction until one end closes. The other end is closed with it, because it is dropped here.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut flowing: watch::Receiver<bool>, upgrades: bool) {
    let mut chunk = [0; CHUNK_BYTES];
    while let Ok(bytes @ 1..) = from.read(&mut chunk).await {
        // A browser sends the head of a request in one piece.
        if let Some(at) = chunk[..bytes].windows(UPGRADE.len()).position(|part| part == UPGRADE).filter(|_| !upgrades) {
            chunk[at..at + NOTHING.len()].copy_from_slice(NOTHING);
        }
        let flows = flowing.wait_for(|flows| *flows).await.is_ok();
        if !flows || to.write_all(&chunk[..bytes]).await.is_err() {
            return;
        }
    }
}
