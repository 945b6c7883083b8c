//! Changes of who plays: part of what a tick is made from.

use crate::game::{Game, Leave};
use crate::id::Seat;

/// A seat that was taken or became free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RosterChange {
    /// A player took the seat.
    Joined(Seat),
    /// The seat is free.
    Left(Seat, Leave),
}

impl RosterChange {
    /// Tells the game, before the step of the tick in which it happens.
    pub fn apply<G: Game>(self, world: &mut G) {
        match self {
            Self::Joined(seat) => world.join(seat),
            Self::Left(seat, why) => world.leave(seat, why),
        }
    }
}
