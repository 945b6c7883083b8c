//! The occupants of all seats of a room, and how often they may have changed.

use super::roster::Occupant;
use std::ops::{Deref, DerefMut};

/// The occupants, seat by seat. Whoever takes them to be changed is counted, so that a journal need not compare them in
/// every tick.
#[derive(Debug)]
pub(super) struct Seats {
    occupants: Vec<Occupant>,
    changes: u64,
}

impl Seats {
    pub(super) fn new(occupants: Vec<Occupant>) -> Self {
        Self { occupants, changes: 0 }
    }

    /// Puts others into all seats.
    pub(super) fn set(&mut self, occupants: Vec<Occupant>) {
        self.changes += 1;
        self.occupants = occupants;
    }

    /// The times that the occupants may have changed.
    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }
}

impl Deref for Seats {
    type Target = [Occupant];

    fn deref(&self) -> &Self::Target {
        &self.occupants
    }
}

impl DerefMut for Seats {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.changes += 1;
        &mut self.occupants
    }
}
