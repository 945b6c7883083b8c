//! The orders of operators to a room. They go the way of the owner's: a player who is removed by an operator is removed
//! as by the owner.

use super::Room;
use thiserror::Error;
use tickwire::{Game, Seat};

/// An order of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorOrder {
    /// Frees a seat, and keeps its player out for a while.
    Kick(Seat),
    /// Frees a seat, and keeps its player out until the room ends.
    Ban(Seat),
    /// Locks the room, or takes its lock off.
    Lock(bool),
}

/// The reason for which an order changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotDone {
    /// Nobody is in the seat, or the game has no such seat.
    #[error("nobody is in this seat")]
    FreeSeat,
    /// The room is locked already, or has no lock.
    #[error("the room is so already")]
    NoChange,
}

impl<G: Game> Room<G> {
    /// Carries out an order of an operator. Gives the name of the player or the bot that it was about.
    ///
    /// # Errors
    /// When there is nothing to do.
    pub fn carry_out(&mut self, order: OperatorOrder) -> Result<Option<String>, NotDone> {
        let until = self.tick + self.limits.kicked_ticks;
        match order {
            OperatorOrder::Kick(seat) => self.throw_out(seat, Some(until)).map(Some).ok_or(NotDone::FreeSeat),
            OperatorOrder::Ban(seat) => self.throw_out(seat, None).map(Some).ok_or(NotDone::FreeSeat),
            OperatorOrder::Lock(is_locked) if self.lock(is_locked) => Ok(None),
            OperatorOrder::Lock(_) => Err(NotDone::NoChange),
        }
    }
}
