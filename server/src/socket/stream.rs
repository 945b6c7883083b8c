//! A socket that tasks of a runtime wait for.

use super::{Socket, Tcp};
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustls::ServerConfig;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// A [`Socket`] of one runtime. It leaves the runtime with [`Stream::into_socket`].
pub(crate) type Stream = Socket<TcpStream>;

impl Tcp for TcpStream {
    fn receive(&self, space: &mut [u8]) -> io::Result<usize> {
        let receive = || Ok(retry_on_intr(|| recv(self, &mut *space, RecvFlags::empty()))?.0);
        self.try_io(Interest::READABLE, receive)
    }

    fn send_now(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || Ok(retry_on_intr(|| send(self, bytes, SendFlags::NOSIGNAL))?))
    }
}

impl Socket {
    /// The socket, registered with the runtime of the calling task.
    ///
    /// # Errors
    /// When the system refuses the registration.
    pub(crate) fn into_stream(self) -> io::Result<Stream> {
        let Self { tcp, session, unsent } = self;
        Ok(Stream { tcp: TcpStream::from_std(tcp)?, session, unsent })
    }
}

impl Stream {
    /// A stream under TLS, before its handshake.
    ///
    /// # Errors
    /// When the configuration can serve no connection.
    pub(crate) fn secure(tcp: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        Self::under_tls(tcp, config).map_err(io::Error::other)
    }

    /// The socket, for another thread.
    ///
    /// # Errors
    /// When the system does not let it go.
    pub(crate) fn into_socket(self) -> io::Result<Socket> {
        let Self { tcp, session, unsent } = self;
        Ok(Socket { tcp: tcp.into_std()?, session, unsent })
    }

    /// Discards input as it is, encrypted or not, until the peer closes or has sent so many bytes.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) async fn drain(&self, mut bytes_max: usize) -> io::Result<()> {
        let mut ignored = [0; 4_096];
        while bytes_max > 0 {
            self.tcp.readable().await?;
            match self.discard(&mut ignored) {
                Ok(0) => break,
                Ok(count) => bytes_max = bytes_max.saturating_sub(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The first byte of the peer, which stays unread; `None` when it has closed.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) async fn peek(&self) -> io::Result<Option<u8>> {
        let mut first = [0];
        Ok((self.tcp.peek(&mut first).await? > 0).then_some(first[0]))
    }

    /// Makes the handshake of TLS, where there is one to make.
    ///
    /// # Errors
    /// When the peer has closed the connection, or does not speak TLS as this server does.
    pub(crate) async fn shake_hands(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_handshake(context)).await
    }

    fn poll_handshake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_send(context))?;
            if !self.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            match self.take_in() {
                Ok(0) => return Poll::Ready(Err(ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(self.tcp.poll_read_ready(context))?,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Sends everything that is unsent.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.send_unsent()?;
            if !self.has_unsent() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.tcp.poll_write_ready(context))?;
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.read_now(out.initialize_unfilled()) {
                Ok(count) => {
                    out.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(self.tcp.poll_read_ready(context))?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    // Other tasks come first, and then this one reads on.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.write_now(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(self.tcp.poll_write_ready(context))?,
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.queue_end();
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
