//! What lean clients speak: one variant per server that is measured.

use super::colyseus::Colyseus;
use super::frame::INPUT_HEAD_BYTES;
use super::thin::Thin;
use anyhow::Result;

/// What a message from the server was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The state of a tick.
    Snapshot {
        /// Whether it is complete in itself: these are listed apart.
        is_keyframe: bool,
    },
    /// Anything that needs no answer.
    Other,
    /// Anything that needs an answer at once; the answer was written.
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
    /// Appends what a client says first; false when it waits for the server.
    pub(super) fn greet(&self, message: &mut Vec<u8>) -> bool {
        match self {
            Self::Tickwire(thin) => thin.greet(message),
            Self::Colyseus(_) | Self::Bare(_) => return false,
        }
        true
    }

    /// Takes in a message, and appends the answer if it is one that needs one.
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

/// A client of the bare loop: what it says has a length and no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bare {
    input_bytes: usize,
}

impl Bare {
    /// A client whose inputs have so many bytes on the wire, heads included; at least 6.
    #[must_use]
    pub const fn new(input_wire_bytes: usize) -> Self {
        Self { input_bytes: input_wire_bytes.saturating_sub(INPUT_HEAD_BYTES) }
    }
}
