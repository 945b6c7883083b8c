//! Seats that somebody has left without the game having been told, because it has panicked on that.
//!
//! For the game these seats are still taken, and so they are for everyone who plays the same ticks: they have neutral
//! inputs, nobody gets them, and the game is told again after a while.

use super::{Room, RosterChange};
use crate::limits::SETTLE_SECONDS;
use tickwire::{Game, Leave, Seat, Tick};

/// The players who have left, and the time when the game is told again.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    left: Vec<(Seat, Leave)>,
    again: Tick,
    wait_ticks: u32,
}

impl Unsettled {
    /// These players have left, and the game is told with the next tick.
    pub(super) fn of(left: Vec<(Seat, Leave)>) -> Self {
        Self { left, ..Self::default() }
    }

    /// The players who have left, with the reasons.
    pub(super) fn left(&self) -> &[(Seat, Leave)] {
        &self.left
    }

    /// Whether the seat is taken for the game alone.
    pub(super) fn has(&self, seat: Seat) -> bool {
        self.left.iter().any(|(left, _)| *left == seat)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The number of seats that are taken for the game alone.
    pub(super) fn count(&self) -> u8 {
        // There are at most as many as the game has seats.
        u8::try_from(self.left.len()).unwrap_or(u8::MAX)
    }

    /// Whether the game is to be left alone for now.
    pub(super) fn waits(&self, now: Tick) -> bool {
        now < self.again
    }

    /// Notes somebody who has left, for the reason that counts first.
    pub(super) fn put(&mut self, seat: Seat, why: Leave) {
        if !self.has(seat) {
            self.left.push((seat, why));
        }
    }

    /// Leaves the game alone for longer than the last time.
    pub(super) fn wait(&mut self, now: Tick, tick_rate_hz: u32) {
        let (least, most) = SETTLE_SECONDS;
        self.wait_ticks = (2 * self.wait_ticks).clamp(least * tick_rate_hz, most * tick_rate_hz);
        self.again = now + self.wait_ticks;
    }

    /// The changes that the game is to be told of.
    pub(super) fn take(&mut self) -> impl Iterator<Item = RosterChange> + '_ {
        self.left.drain(..).map(|(seat, why)| RosterChange::Left(seat, why))
    }

    /// A new match knows nothing of these seats, or the game has been told of all of them.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl<G: Game> Room<G> {
    /// Who has left while the game cannot be told, and the comings and goings of which it is told with the next tick.
    pub(crate) fn untold(&self) -> (&[(Seat, Leave)], &[RosterChange]) {
        (&self.roster.unsettled.left, self.roster.changes())
    }
}
