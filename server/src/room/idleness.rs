//! Players who do nothing while others are there, and spectators whom everybody has left.
//!
//! A player is idle when the room has played one and the same input of that seat for long. A player who is alone in the
//! room, or there with bots alone, keeps nobody waiting and stays; of several that are idle, one stays.

use super::Room;
use super::roster::Occupant;
use tickwire::message::close::CloseCode;
use tickwire::{Game, Seat, Tick};

/// The input of a seat and the tick since which it is the same.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Idle<I> {
    input: I,
    since: Tick,
}

impl<I: Default + PartialEq> Idle<I> {
    /// Somebody takes the seat.
    pub(super) fn new(now: Tick) -> Self {
        Self { input: I::default(), since: now }
    }

    /// Notes the input of a tick.
    pub(super) fn note(&mut self, input: I, now: Tick) {
        if self.input != input {
            *self = Self { input, since: now };
        }
    }
}

impl<G: Game> Room<G> {
    /// Removes idle players, and spectators that have been alone for too long. It is called with every tick, and looks
    /// once a second.
    pub(super) fn remove_idle(&mut self) {
        if !self.tick.0.is_multiple_of(G::RULES.tick_rate_hz) {
            return;
        }
        if self.roster.count().0 > 0 {
            self.last_player = self.tick;
        } else if self.tick.since(self.last_player) > i64::from(self.limits.spectators_alone_ticks) {
            let alone: Vec<_> = self.members.keys().collect();
            for member in alone {
                self.drop_dispute(member);
                self.members.remove(member);
                self.dismissed.push((member, CloseCode::NoRoom));
            }
        }
        while self.roster.count().0 > 1
            && let Some(seat) = self.idle_seat()
        {
            self.dismiss(seat, CloseCode::Removed);
        }
    }

    fn idle_seat(&self) -> Option<Seat> {
        let max_ticks = self.room_limits.afk_minutes.saturating_mul(self.limits.minute_ticks);
        let is_idle = |seat: Seat| self.tick.since(self.idle[seat.index()].since) > i64::from(max_ticks);
        let is_there = |occupant: &Occupant| matches!(occupant, Occupant::Person { member: Some(_), .. });
        let mut seats = self.roster.iter().filter(|_| max_ticks > 0);
        seats.find(|(seat, occupant)| is_there(occupant) && is_idle(*seat)).map(|(seat, _)| seat)
    }
}
