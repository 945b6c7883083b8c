//! Held snapshots: a delta that did not fit and all later ones wait until the world that the delta starts from is
//! right.
//!
//! A delta is checked against the hash of the world that it makes. When that hash differs, the world that the delta
//! started from was not the one that the server has: the client sends a dispute, receives the leaves that are wrong,
//! and then applies the snapshots that waited.

use crate::tick::Tick;
use crate::wire::DecodeError;
use alloc::vec::Vec;

/// Snapshots that wait at the most; when one more comes, the client asks for a keyframe.
const HELD_MAX: usize = 160;

/// Snapshots that wait until the world before them is corrected.
#[derive(Debug)]
pub(crate) struct HeldSnapshots {
    /// The tick that the head of the first one was completed from.
    pub(crate) last_head: Tick,
    held: Vec<Vec<u8>>,
}

impl HeldSnapshots {
    /// Begins with the first snapshot that did not fit.
    pub(crate) fn of(message: &[u8], last_head: Tick) -> Self {
        Self { last_head, held: Vec::from([message.to_vec()]) }
    }

    /// Lets one more snapshot wait.
    ///
    /// # Errors
    /// [`DecodeError::BaselineMismatch`] when as many as are permitted wait already.
    pub(crate) fn hold(&mut self, message: &[u8]) -> Result<(), DecodeError> {
        if self.held.len() >= HELD_MAX {
            return Err(DecodeError::BaselineMismatch);
        }
        self.held.push(message.to_vec());
        Ok(())
    }

    /// The snapshots that waited, in the order in which they came.
    pub(crate) fn release(self) -> Vec<Vec<u8>> {
        self.held
    }
}
