//! Roster changes: a player joins or leaves. They are among the causes of a tick.

use crate::game::{Game, Leave};
use crate::id::Seat;
use bincode::{Decode, Encode};

/// Names of bots, in the order in which rooms give them out.
pub const BOT_NAMES: [&str; 8] = ["Tock", "Pixel", "Comet", "Widget", "Biscuit", "Quark", "Noodle", "Turbo"];

/// A seat that was taken, or that became free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum RosterChange {
    /// A player took the seat.
    Joined(Seat),
    /// The seat became free, for this reason.
    Left(Seat, Leave),
}

impl RosterChange {
    /// Tells the game about the change, before the step of the tick in which it happens.
    pub fn apply<G: Game>(self, world: &mut G) {
        match self {
            Self::Joined(seat) => world.join(seat),
            Self::Left(seat, why) => world.leave(seat, why),
        }
    }
}
