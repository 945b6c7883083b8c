//! The last second of a connection: the close frame is sent, input is discarded, then the socket is dropped.
//!
//! A socket that is dropped with unread input is reset, and a reset makes the peer discard the bytes that it has
//! received, the close code among them.

use crate::limits::CLOSE_DRAIN;
use crate::socket::{Socket, is_busy};
use crate::websocket::address::Counted;

/// Reads per step: a peer that floods costs no more than this.
const READS_PER_STEP: u32 = 8;

/// A connection whose close frame is sent or about to be sent.
#[derive(Debug)]
pub(super) struct Closing {
    socket: Socket,
    until_us: u64,
    said_all: bool,
    _counted: Counted,
}

impl Closing {
    /// Begins to close a connection; its unsent bytes end with the close frame.
    pub(super) fn new(mut socket: Socket, counted: Counted, now_us: u64) -> Self {
        socket.queue_end();
        let drain_us = u64::try_from(CLOSE_DRAIN.as_micros()).unwrap_or(u64::MAX);
        Self { socket, until_us: now_us.saturating_add(drain_us), said_all: false, _counted: counted }
    }

    /// Goes on with closing; false when the connection is over.
    pub(super) fn step(&mut self, now_us: u64, drain_buffer: &mut [u8]) -> bool {
        if self.socket.send_unsent().is_err() {
            return false;
        }
        if !self.socket.has_unsent() && !self.said_all {
            self.said_all = true;
            // Everything is sent, and the peer must not have to wait for the end of the drain to learn that.
            if self.socket.end().is_err() {
                return false;
            }
        }
        now_us < self.until_us && self.drain(drain_buffer)
    }

    /// Discards input; false when the peer has closed too.
    fn drain(&self, drain_buffer: &mut [u8]) -> bool {
        for _ in 0..READS_PER_STEP {
            match self.socket.discard(drain_buffer) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return is_busy(&error),
            }
        }
        true
    }
}
