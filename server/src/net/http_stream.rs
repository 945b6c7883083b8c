//! The socket of a connection that speaks HTTP: heads pass the guard, and a peer that reads nothing is given up.

use super::head_guard::HeadGuard;
use crate::limits::{DISCARDED_BYTES_MAX, HTTP_WRITE_STALL_MAX};
use crate::socket::Stream;
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// The end of a malformed head as hyper reads it: the NUL before it is valid nowhere, so hyper answers with 400.
const SPOILED_TAIL: &[u8] = b"\r\n\r\n";

/// A socket with a guard over its heads and a deadline for its writes.
#[derive(Debug)]
pub(super) struct HttpStream {
    stream: Stream,
    guard: HeadGuard,
    /// The bytes that are still to be read instead of those of the socket, once a head was malformed.
    spoiled: Option<&'static [u8]>,
    /// The deadline of a write that the kernel does not take.
    stall: Option<Pin<Box<Sleep>>>,
}

impl HttpStream {
    pub(super) const fn new(stream: Stream) -> Self {
        Self { stream, guard: HeadGuard::new(), spoiled: None, stall: None }
    }

    /// The socket itself.
    pub(super) fn into_inner(self) -> Stream {
        self.stream
    }

    /// Passes on the outcome of a write, and gives up when the kernel has taken nothing for too long.
    fn watch_write<T>(&mut self, written: Poll<Result<T>>, context: &mut Context<'_>) -> Poll<Result<T>> {
        if written.is_ready() || self.stream.take_progress() {
            self.stall = None;
        }
        if written.is_ready() {
            return written;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(HTTP_WRITE_STALL_MAX)));
        stall.as_mut().poll(context).map(|()| Err(Error::from(ErrorKind::TimedOut)))
    }

    /// Discards the input that has already come: unread input would reset the connection, and the reset would make the
    /// peer lose the answer.
    fn discard_input(&self) {
        let mut ignored = [0; 4_096];
        for _ in 0..DISCARDED_BYTES_MAX / ignored.len() {
            if !self.stream.discard(&mut ignored).is_ok_and(|count| count > 0) {
                return;
            }
        }
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        if let Some(tail) = self.spoiled {
            let (now, later) = tail.split_at(tail.len().min(out.remaining()));
            out.put_slice(now);
            self.spoiled = Some(later);
            return Poll::Ready(Ok(()));
        }
        let before = out.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, out))?;
        if let Err(at) = self.guard.watch(&out.filled()[before..]) {
            out.filled_mut()[before + at] = 0;
            out.set_filled(before + at + 1);
            self.spoiled = Some(SPOILED_TAIL);
            self.discard_input();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch_write(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch_write(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch_write(ended, context)
    }
}
