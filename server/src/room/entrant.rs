//! Somebody who wants to enter a room, as far as the room has to know.

use super::Origin;
use tickwire::message::topics::PlayerId;
use tickwire::{Seat, Tick};

/// Where somebody comes from, and who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entrant {
    /// Where the connection comes from.
    pub origin: Origin,
    /// The player; `None` for somebody who brings neither a key nor a ticket and so is new each time.
    pub player: Option<PlayerId>,
    /// The rights that a ticket gives; `None` without one.
    pub admitted: Option<Admitted>,
    /// The seat that is kept for the player, in a match.
    pub seat: Option<Seat>,
}

/// The rights in a ticket, besides the identity of its bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Ticks for which the player may stay, over all connections.
    pub stay_ticks: u32,
    /// Whether the player owns the room.
    pub is_host: bool,
}

impl From<Origin> for Entrant {
    fn from(origin: Origin) -> Self {
        Self { origin, ..Self::default() }
    }
}

impl Entrant {
    /// The tick at which the player has to leave; `None` for one that may stay.
    pub(super) fn leaves_at(&self, now: Tick) -> Option<Tick> {
        self.admitted.map(|admitted| now + admitted.stay_ticks)
    }

    /// Whether a ticket says that the player owns the room.
    pub(super) fn is_host(&self) -> bool {
        self.admitted.is_some_and(|admitted| admitted.is_host)
    }

    /// The player that may have one seat in the room: one whom a ticket names, or for whom a seat is kept.
    pub(super) fn identity(&self) -> Option<PlayerId> {
        self.player.filter(|_| self.admitted.is_some() || self.seat.is_some())
    }
}
