//! One direction of a tunnel: from a socket that is read to a socket that takes the bytes.

use crate::limits::{TUNNEL_READS_MAX, WRITE_STALL_MAX};
use crate::metrics::{TunnelMetrics, TunnelWay};
use crate::socket::Stream;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How far a direction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It carries bytes.
    Open,
    /// The taker is broken. Its last bytes may still be on their way in the other direction, so the other side is read
    /// on: unread input would reset that connection, and the reset would make its peer lose them.
    Discarding,
    /// The source has ended, and the taker gets its last bytes.
    Ending,
    Ended,
}

/// A direction of a tunnel. Bytes that wait for the taker are kept in its socket.
pub(super) struct Way {
    way: TunnelWay,
    /// Bytes that are read at once.
    bytes_max: usize,
    stage: Stage,
    /// The end of the patience with a taker that does not take everything that it was given.
    stall: Option<Pin<Box<Sleep>>>,
}

impl Way {
    pub(super) const fn new(way: TunnelWay, bytes_max: usize) -> Self {
        Self { way, bytes_max, stage: Stage::Open, stall: None }
    }

    pub(super) fn carries(&self) -> bool {
        self.stage == Stage::Open
    }

    pub(super) fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Moves bytes as far as possible, and has the task woken when more is possible.
    pub(super) fn advance(
        &mut self,
        from: &mut Stream,
        to: &mut Stream,
        space: &mut [u8],
        metrics: &TunnelMetrics,
        context: &mut Context<'_>,
    ) {
        let space = &mut space[..self.bytes_max];
        for _ in 0..TUNNEL_READS_MAX {
            let step = match self.stage {
                Stage::Open => self.poll_carry(from, to, space, metrics, context),
                Stage::Discarding => poll_read(from, space, context).map(|read| match read {
                    Ok(0) | Err(_) => Stage::Ended,
                    Ok(_) => Stage::Discarding,
                }),
                // The taker gets nothing more, whether it has learnt of the end or is broken.
                Stage::Ending => Pin::new(&mut *to).poll_shutdown(context).map(|_| Stage::Ended),
                Stage::Ended => return,
            };
            match step {
                Poll::Ready(stage) => self.stage = stage,
                Poll::Pending => return,
            }
        }
        // Other tunnels come first, and then this one goes on.
        context.waker().wake_by_ref();
    }

    /// Reads once, when the taker has everything before.
    fn poll_carry(
        &mut self,
        from: &mut Stream,
        to: &mut Stream,
        space: &mut [u8],
        metrics: &TunnelMetrics,
        context: &mut Context<'_>,
    ) -> Poll<Stage> {
        if ready!(self.poll_flush(to, context)).is_err() {
            return Poll::Ready(Stage::Discarding);
        }
        let count = match ready!(poll_read(from, space, context)) {
            Ok(0) | Err(_) => return Poll::Ready(Stage::Ending),
            Ok(count) => count,
        };
        metrics.carried(self.way, count);
        Poll::Ready(if to.send(&space[..count]).is_ok() { Stage::Open } else { Stage::Discarding })
    }

    /// Sends everything that waits for the taker.
    ///
    /// # Errors
    /// When the taker is broken, or has not taken everything for [`WRITE_STALL_MAX`].
    fn poll_flush(&mut self, to: &mut Stream, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(flushed) = Pin::new(to).poll_flush(context) {
            self.stall = None;
            return Poll::Ready(flushed);
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(WRITE_STALL_MAX)));
        ready!(stall.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

/// Reads the bytes that have arrived; 0 at the end.
fn poll_read(from: &mut Stream, space: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut read = ReadBuf::new(space);
    ready!(Pin::new(from).poll_read(context, &mut read))?;
    Poll::Ready(Ok(read.filled().len()))
}
