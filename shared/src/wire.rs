//! Bytes and bits on the wire: checked readers and writers.
//!
//! Readers are total: any bytes give a value or a [`DecodeError`], and nothing is allocated from a length that is only
//! claimed. Bits are filled from the lowest bit of each byte.

mod bits;
mod bytes;
mod range;

pub use bits::{BitReader, BitWriter};
pub use bytes::{Reader, put_varint};
pub use range::{Chance, RangeDecoder, RangeEncoder};

/// The reason for which bytes from a peer were refused. They changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message ends before the end of a value.
    #[error("message truncated: needed {needed} more bits or bytes, {remaining} left")]
    Truncated {
        /// The bits or bytes that the value takes.
        needed: usize,
        /// The bits or bytes that were left.
        remaining: usize,
    },
    /// A value outside its range.
    #[error("value {value} is over its bound {max}")]
    OutOfRange {
        /// The value that was read.
        value: u64,
        /// The largest value that is allowed.
        max: u64,
    },
    /// Bytes after the end of the message.
    #[error("{0} bytes after the end of the message")]
    Trailing(usize),
    /// A first byte that names no message, or a field that names no known kind.
    #[error("unknown message kind {0:#04x}")]
    UnknownKind(u8),
    /// A value in another encoding than the one that its encoder writes.
    #[error("the value has another encoding, which is the one to use")]
    OtherEncoding,
    /// A delta that names a row which its baseline does not have, or a row twice.
    #[error("delta does not fit its baseline")]
    BaselineMismatch,
    /// The hash of the decoded section is not the one that was sent.
    #[error("section hash {found:#010x}, expected {expected:#010x}")]
    HashMismatch {
        /// The hash that the server sent.
        expected: u32,
        /// The hash of the rows that were decoded.
        found: u32,
    },
    /// A control message that its schema refuses.
    #[error("malformed control message")]
    Control,
}
