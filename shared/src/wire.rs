//! Bytes and bits on the wire: checked readers and writers.
//!
//! Readers are total: any bytes give a value or a [`DecodeError`], and nothing is allocated from a length
//! that was only claimed. Bits are filled from the lowest bit of each byte.

mod bits;
mod bytes;
mod range;

pub use bits::{BitReader, BitWriter};
pub use bytes::{Reader, put_varint};
pub use range::{Chance, RangeDecoder, RangeEncoder};

/// Why bytes from a peer were refused. They changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message ends before a value does.
    #[error("message truncated: needed {needed} more bits or bytes, {remaining} left")]
    Truncated {
        /// How much the value takes.
        needed: usize,
        /// How much there was.
        remaining: usize,
    },
    /// A value outside its range.
    #[error("value {value} is over its bound {max}")]
    OutOfRange {
        /// What was read.
        value: u64,
        /// The largest that is allowed.
        max: u64,
    },
    /// Bytes after the end of the message.
    #[error("{0} bytes after the end of the message")]
    Trailing(usize),
    /// A first byte that names no message.
    #[error("unknown message kind {0:#04x}")]
    UnknownKind(u8),
    /// A delta that names a row its baseline does not have, or a row twice.
    #[error("delta does not fit its baseline")]
    BaselineMismatch,
    /// The decoded section's hash is not the one that was sent.
    #[error("section hash {found:#010x}, expected {expected:#010x}")]
    HashMismatch {
        /// The server's.
        expected: u32,
        /// Of what was decoded.
        found: u32,
    },
    /// A control message that its schema refuses.
    #[error("malformed control message")]
    Control,
}
