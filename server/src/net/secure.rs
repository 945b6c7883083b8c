//! The handshake of TLS: it is made here, under the limits on connections that are in no room, and then the session
//! moves along with its socket.

use super::Net;
use super::evictions::Phase;
use super::farewell::{plain_http, say_last};
use super::peer::Peer;
use super::router::stopped;
use crate::limits::TLS_HANDSHAKE_TIMEOUT;
use crate::metrics::Handshake;
use crate::socket::Stream;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

/// The first byte of a connection that speaks TLS: its record is one of a handshake (RFC 8446, 5.1).
const HANDSHAKE_RECORD: u8 = 0x16;

/// The beginning of a connection that is to be secure.
enum Beginning {
    /// The peer speaks TLS, and has made the handshake.
    Secure,
    /// The peer speaks something else, most likely HTTP.
    Plain,
}

/// Whether a peer may also speak without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Tls,
    Either,
}

/// Makes the handshake where one is to be made; gives the stream, or `None` when the connection has ended.
pub(super) async fn accept(net: &Rc<Net>, tcp: TcpStream, peer: Peer) -> Option<Stream> {
    accept_with(net, Need::Tls, tcp, peer).await
}

/// The same for the operators' listener. Programs on this machine, which scrape it and check its health, need no TLS.
pub(super) async fn accept_operator(net: &Rc<Net>, tcp: TcpStream, peer: Peer) -> Option<Stream> {
    accept_with(net, if peer.is_local() { Need::Either } else { Need::Tls }, tcp, peer).await
}

async fn accept_with(net: &Rc<Net>, need: Need, tcp: TcpStream, peer: Peer) -> Option<Stream> {
    let Some(tls) = net.setup.tls.as_deref() else { return Some(Stream::plain(tcp)) };
    // The ticket for the peer's next session is a small segment before the first answer. Without this the answer would
    // wait for its acknowledgement, which a kernel delays by 40 ms.
    tcp.set_nodelay(true).ok()?;
    let mut stream = Stream::secure(tcp, tls.config()).ok()?;
    let evicted = Rc::new(Notify::new());
    let place = net.queue(Phase::Pending, peer.connection_key(net), &evicted);
    let mut guest = net.drain.guest();
    let begun = tokio::select! {
        biased;
        () = stopped(&mut guest) => return None,
        // It could be told nothing: only HTTP under TLS has words for it.
        () = evicted.notified() => return None,
        begun = timeout(TLS_HANDSHAKE_TIMEOUT, begin(&mut stream)) => begun,
    };
    drop(place);
    let outcome = match begun {
        Ok(Ok(Beginning::Secure)) => Handshake::Done,
        Ok(Ok(Beginning::Plain)) => Handshake::Plain,
        Ok(Err(error)) => {
            tracing::debug!(%error, "no handshake of TLS");
            Handshake::Failed
        }
        Err(_) => Handshake::Late,
    };
    if (outcome, need) != (Handshake::Plain, Need::Either) {
        net.setup.metrics.shook_hands(outcome);
    }
    match outcome {
        Handshake::Done => Some(stream),
        Handshake::Plain if need == Need::Either => Some(stream.into_plain()),
        Handshake::Plain => {
            say_last(net, stream.into_plain(), plain_http().as_bytes()).await;
            None
        }
        Handshake::Failed | Handshake::Late => None,
    }
}

async fn begin(stream: &mut Stream) -> io::Result<Beginning> {
    match stream.peek().await? {
        Some(HANDSHAKE_RECORD) => stream.shake_hands().await.map(|()| Beginning::Secure),
        Some(_) => Ok(Beginning::Plain),
        None => Err(ErrorKind::UnexpectedEof.into()),
    }
}
