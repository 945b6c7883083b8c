//! The socket of a connection, in the clear or under TLS; it is never waited for.
//!
//! A socket belongs to one thread at a time: the net thread accepts it and makes the handshake, and then the socket moves
//! with its TLS session into a shard, or into the thread of topics. Tasks of a runtime have it as a [`Stream`], for which
//! they can wait. Bytes that the kernel does not take are kept here, already encrypted.

mod stream;

use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
pub(crate) use stream::Stream;

/// Bytes in the clear that one record of TLS carries at the most (RFC 8446, 5.1).
const RECORD_BYTES_MAX: usize = 16_384;

/// Reads from the kernel in one call at the most: records without content, of which a peer can send any number, must
/// not keep a thread for longer.
const READS_MAX: u32 = 4;

/// A connection of TCP that never blocks: one of the system, or one that a runtime watches.
pub(crate) trait Tcp {
    /// Reads the bytes that are there; 0 at the end.
    fn receive(&self, space: &mut [u8]) -> io::Result<usize>;

    /// Sends as many bytes as the kernel takes at once.
    fn send_now(&self, bytes: &[u8]) -> io::Result<usize>;
}

impl Tcp for TcpStream {
    /// The call goes straight to the kernel, as does the next one: in the C library it would be a point where the thread
    /// can be cancelled, and each call would pay for that.
    fn receive(&self, space: &mut [u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| recv(self, &mut *space, RecvFlags::empty()))?.0)
    }

    fn send_now(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| send(self, bytes, SendFlags::NOSIGNAL))?)
    }
}

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Socket<T = TcpStream> {
    tcp: T,
    /// The state of TLS; `None` in the clear. Its own buffers for sending are always empty.
    session: Option<Box<ServerConnection>>,
    unsent: Unsent,
}

/// Bytes that the kernel has not taken yet.
#[derive(Debug, Default)]
struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
    /// Whether the kernel has taken some since this was last asked.
    has_moved: bool,
}

impl Unsent {
    /// Sends as many bytes as the kernel takes, and returns their number.
    fn flush(&mut self, tcp: &impl Tcp) -> io::Result<usize> {
        if self.bytes.is_empty() {
            return Ok(0);
        }
        let count = tcp.send_now(&self.bytes[self.sent..])?;
        self.sent += count;
        self.has_moved |= count > 0;
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        }
        Ok(count)
    }
}

impl<T: Tcp> Socket<T> {
    /// A socket in the clear. `tcp` is non-blocking.
    pub(crate) fn plain(tcp: T) -> Self {
        Self { tcp, session: None, unsent: Unsent::default() }
    }

    /// A socket whose peer is to begin the handshake of TLS.
    fn under_tls(tcp: T, config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let session = ServerConnection::new(config)?;
        Ok(Self { session: Some(Box::new(session)), ..Self::plain(tcp) })
    }

    /// The same socket in the clear, for a peer that does not speak TLS.
    pub(crate) fn into_plain(self) -> Self {
        Self::plain(self.tcp)
    }

    /// The connection below TLS.
    pub(crate) const fn tcp(&self) -> &T {
        &self.tcp
    }

    /// Whether the handshake of TLS is still to be finished.
    fn is_handshaking(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_handshaking())
    }

    /// Reads the bytes that have arrived; 0 at the end of the connection.
    ///
    /// # Errors
    /// `WouldBlock` when there are none, `Interrupted` when the next call may read more at once, and any other error when
    /// the connection is broken.
    pub(crate) fn read_now(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.session.is_none() {
            return self.tcp.receive(space);
        }
        for _ in 0..READS_MAX {
            if let Some(count) = self.read_decrypted(space) {
                return Ok(count);
            }
            if self.take_in()? == 0 {
                return Ok(0);
            }
        }
        self.read_decrypted(space).ok_or_else(|| ErrorKind::Interrupted.into())
    }

    /// Reads bytes that are decrypted already; 0 at the end of the connection, `None` when there are none.
    fn read_decrypted(&mut self, space: &mut [u8]) -> Option<usize> {
        match self.session.as_mut()?.reader().read(space) {
            Ok(count) => Some(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            // The peer has closed the connection without saying so in TLS: every frame says its own length.
            Err(_) => Some(0),
        }
    }

    /// Reads once from the kernel, and has TLS decrypt it; gives the number of encrypted bytes.
    fn take_in(&mut self) -> io::Result<usize> {
        let Some(session) = &mut self.session else { return Ok(0) };
        let count = session.read_tls(&mut Received(&self.tcp))?;
        let outcome = session.process_new_packets();
        // An answer of TLS, or the alert that says why there is none.
        seal(session, &mut self.unsent);
        let sent = self.send_unsent();
        outcome.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        sent.map(|_| count)
    }

    /// Sends as many bytes as can be sent at once, and returns their number.
    ///
    /// # Errors
    /// `WouldBlock` when it is none, any other error when the connection is broken.
    pub(crate) fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send_unsent()?;
        if self.has_unsent() {
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.session.is_none() {
            return self.tcp.send_now(bytes);
        }
        let bytes = &bytes[..bytes.len().min(RECORD_BYTES_MAX)];
        self.queue(bytes);
        self.send_unsent()?;
        Ok(bytes.len())
    }

    /// Sends the bytes behind those that are unsent, and keeps what the kernel does not take. Returns the number of bytes
    /// that it has taken, encrypted where they are.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.session.is_some() || self.has_unsent() {
            self.queue(bytes);
            return self.send_unsent();
        }
        let count = match self.tcp.send_now(bytes) {
            Err(error) if is_busy(&error) => 0,
            sent => sent?,
        };
        self.unsent.bytes.extend_from_slice(&bytes[count..]);
        Ok(count)
    }

    /// Keeps the bytes for the next [`Self::send_unsent`].
    pub(crate) fn queue(&mut self, bytes: &[u8]) {
        let Some(session) = &mut self.session else { return self.unsent.bytes.extend_from_slice(bytes) };
        for record in bytes.chunks(RECORD_BYTES_MAX) {
            match session.writer().write(record) {
                Ok(taken) => assert_eq!(taken, record.len(), "the buffers of a session are empty before each record"),
                // The peer has broken TLS, and the session takes nothing more: the next read says so.
                Err(_) => return,
            }
            seal(session, &mut self.unsent);
        }
    }

    /// Sends unsent bytes, as many as the kernel takes at once, and returns their number.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn send_unsent(&mut self) -> io::Result<usize> {
        match self.unsent.flush(&self.tcp) {
            Err(error) if is_busy(&error) => Ok(0),
            flushed => flushed,
        }
    }

    /// Whether the kernel has taken unsent bytes since the last call.
    pub(crate) const fn take_progress(&mut self) -> bool {
        std::mem::replace(&mut self.unsent.has_moved, false)
    }

    /// Whether bytes wait for the kernel.
    pub(crate) const fn has_unsent(&self) -> bool {
        !self.unsent.bytes.is_empty()
    }

    /// Says in TLS that nothing follows: the last bytes before [`Self::end`].
    pub(crate) fn queue_end(&mut self) {
        if let Some(session) = &mut self.session {
            session.send_close_notify();
            seal(session, &mut self.unsent);
        }
    }

    /// Reads bytes and discards them as they are, encrypted or not; 0 when the peer has closed.
    ///
    /// # Errors
    /// As those of [`Self::read_now`].
    pub(crate) fn discard(&self, space: &mut [u8]) -> io::Result<usize> {
        self.tcp.receive(space)
    }
}

impl Socket {
    /// Tells the peer that nothing follows. Everything is sent before.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn end(&self) -> io::Result<()> {
        self.tcp.shutdown(Shutdown::Write)
    }
}

/// Whether a call may succeed later.
pub(crate) fn is_busy(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Moves what TLS has to send to the unsent bytes.
fn seal(session: &mut ServerConnection, unsent: &mut Unsent) {
    while session.wants_write() {
        session.write_tls(&mut unsent.bytes).expect("memory takes all bytes");
    }
}

/// The bytes that a socket has received, for TLS to read.
struct Received<'a, T>(&'a T);

impl<T: Tcp> Read for Received<'_, T> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.0.receive(space)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::tls::Tls;
    use std::net::TcpListener;

    #[test]
    fn a_peer_that_breaks_tls_ends_its_session_and_words_for_it_are_dropped() {
        let tls = Tls::open(&Config { tls_self_signed: true, ..Config::on_free_ports() }).unwrap().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let own = listener.accept().unwrap().0;
        let mut socket = Socket::under_tls(own, tls.config()).unwrap();
        // A message that no handshake begins with.
        peer.write_all(&[0x16, 3, 1, 0, 4, 0x0f, 0, 0, 0]).unwrap();
        let error = socket.read_now(&mut [0; 64]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        socket.queue(b"a close frame");
        socket.queue_end();
        assert!(socket.send_unsent().is_ok());
        let mut alert = [0; 7];
        peer.read_exact(&mut alert).unwrap();
        assert_eq!(alert[0], 0x15, "the peer is told why");
    }
}
