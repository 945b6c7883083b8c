//! The protocols that lean clients speak: one variant per server that is measured.

use super::colyseus::Colyseus;
use super::thin::Thin;
use anyhow::Result;
use tickwire_tools::frame::INPUT_HEAD_BYTES;

/// The kind of a message from the server, as far as counting cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The state of a tick.
    Snapshot {
        /// Whether the snapshot is complete in itself: such snapshots are listed apart.
        is_keyframe: bool,
    },
    /// Any message that needs no answer.
    Other,
    /// Any message that needs an answer at once; the answer was written.
    Answer,
}

/// One client's side of a protocol, without a socket or a clock.
#[derive(Debug)]
pub enum Talk {
    /// With our server.
    Tickwire(Box<Thin>),
    /// With Colyseus.
    Colyseus(Colyseus),
    /// With the bare loop.
    Bare(Bare),
}

impl Talk {
    /// Appends the client's first message; false when the client waits for the server.
    pub(super) fn greet(&self, message: &mut Vec<u8>) -> bool {
        match self {
            Self::Tickwire(thin) => thin.greet(message),
            Self::Colyseus(_) | Self::Bare(_) => return false,
        }
        true
    }

    /// Reads a message, and appends the answer if the message needs one.
    pub(super) fn hear(&mut self, message: &[u8], answer: &mut Vec<u8>) -> Result<Heard> {
        match self {
            Self::Tickwire(thin) => Ok(thin.hear(message)?),
            Self::Colyseus(client) => Ok(client.hear(message, answer)?),
            Self::Bare(_) => Ok(Heard::Snapshot { is_keyframe: false }),
        }
    }

    /// Appends the input of a tick; false when it is too early for one.
    pub(super) fn input(&mut self, message: &mut Vec<u8>) -> bool {
        match self {
            Self::Tickwire(thin) => thin.input(message),
            Self::Colyseus(client) => client.input(message),
            Self::Bare(bare) => {
                message.resize(bare.input_bytes, 0);
                true
            }
        }
    }
}

/// A client of the bare loop: its messages have a length and no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bare {
    input_bytes: usize,
}

impl Bare {
    /// A client whose inputs have this many bytes on the wire, heads included; at least 6.
    #[must_use]
    pub const fn new(input_wire_bytes: usize) -> Self {
        Self { input_bytes: input_wire_bytes.saturating_sub(INPUT_HEAD_BYTES) }
    }
}
