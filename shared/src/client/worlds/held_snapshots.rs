//! A delta that did not fit: what came since is held back until the world that it starts from is right again.
//!
//! A delta is checked against the hash of the world that it makes. When that differs, the world that it started from
//! was not what the server thinks: the client says so, is told which leaves are wrong, and then takes in what waited.

use crate::tick::Tick;
use crate::wire::DecodeError;
use alloc::vec::Vec;

/// Snapshots that wait at the most; with more, a keyframe is asked for.
const HELD_MAX: usize = 160;

/// Snapshots that wait for the world before them to be set right.
#[derive(Debug)]
pub(crate) struct HeldSnapshots {
    /// The tick that the first one's head was completed from.
    pub(crate) last_head: Tick,
    held: Vec<Vec<u8>>,
}

impl HeldSnapshots {
    /// The first snapshot that did not fit.
    pub(crate) fn of(message: &[u8], last_head: Tick) -> Self {
        Self { last_head, held: Vec::from([message.to_vec()]) }
    }

    /// One more waits; an error when it is enough.
    pub(crate) fn hold(&mut self, message: &[u8]) -> Result<(), DecodeError> {
        if self.held.len() >= HELD_MAX {
            return Err(DecodeError::BaselineMismatch);
        }
        self.held.push(message.to_vec());
        Ok(())
    }

    /// What waited, in the order in which it came.
    pub(crate) fn release(self) -> Vec<Vec<u8>> {
        self.held
    }
}
