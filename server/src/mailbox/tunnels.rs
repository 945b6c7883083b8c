//! The messages from the net thread to the thread of tunnels.

use crate::limits::{TUNNELS_INBOX_MAX, TUNNELS_MAX};
use crate::socket::Socket;
use crate::websocket::address::Counted;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// The connection of a player whose room is on another node, with a connection to that node. Both are tuned: small
/// buffers of the kernel, no delay, and a bound for the time without an acknowledgement.
#[derive(Debug)]
pub(crate) struct NewTunnel {
    /// The player.
    pub(crate) client: Socket,
    /// The other node, after the handshake with it.
    pub(crate) peer: Socket,
    pub(crate) counted: Counted,
}

/// The place of a tunnel among the [`TUNNELS_MAX`]; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct TunnelPlace(Arc<AtomicUsize>);

impl Drop for TunnelPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The tunnels that wait for their thread.
pub(crate) type TunnelsInbox = Receiver<(Box<NewTunnel>, TunnelPlace)>;

/// The way to the thread of tunnels.
#[derive(Debug, Clone)]
pub(crate) struct TunnelLink {
    send: Sender<(Box<NewTunnel>, TunnelPlace)>,
    count: Arc<AtomicUsize>,
}

impl TunnelLink {
    /// A link, and the inbox at its other end.
    pub(crate) fn new() -> (Self, TunnelsInbox) {
        let (send, inbox) = mpsc::channel(TUNNELS_INBOX_MAX);
        (Self { send, count: Arc::default() }, inbox)
    }

    /// The number of tunnels, those that are on their way to the thread or about to end included.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Has a connection carried from now on; gives it back when there are [`TUNNELS_MAX`] already, or the thread has
    /// ended.
    pub(crate) fn carry(&self, carry: Box<NewTunnel>) -> Result<(), Box<NewTunnel>> {
        let take = |count: usize| (count < TUNNELS_MAX).then_some(count + 1);
        if self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return Err(carry);
        }
        match self.send.try_send((carry, TunnelPlace(Arc::clone(&self.count)))) {
            Err(TrySendError::Full((carry, _)) | TrySendError::Closed((carry, _))) => Err(carry),
            Ok(()) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::address::ConnectionCounts;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn only_so_many_tunnels_are_open_and_the_connection_of_a_further_one_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = || Socket::plain(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let counted = ConnectionCounts::new(1).count(None).unwrap();
        let carry = NewTunnel { client: socket(), peer: socket(), counted };
        let (link, mut inbox) = TunnelLink::new();
        link.carry(Box::new(carry)).unwrap();
        let (carry, place) = inbox.try_recv().unwrap();
        assert_eq!(link.count(), 1, "a place is taken as long as the tunnel has it");
        link.count.store(TUNNELS_MAX, Ordering::Relaxed);
        let carry = link.carry(carry).unwrap_err();
        assert_eq!(link.count(), TUNNELS_MAX);
        drop(place);
        link.carry(carry).unwrap();
        assert_eq!(link.count(), TUNNELS_MAX);
        let carry = inbox.try_recv().unwrap().0;
        drop(inbox);
        assert!(link.carry(carry).is_err(), "the thread has ended");
        assert_eq!(link.count(), TUNNELS_MAX - 1);
    }
}
