//! The occupants of the seats: people, people whose connection is lost, and bots; and the changes that the game has not
//! received yet.

use super::{MemberId, RosterChange};
use tickwire::limits::SEATS_MAX;
use tickwire::message::control::{Player, ResumeToken, ServerControl, clean_name};
use tickwire::{Leave, Rules, Seat, Tick};

/// Names of bots, in the order in which they are given out.
const BOT_NAMES: [&str; 8] = ["Tock", "Pixel", "Comet", "Widget", "Biscuit", "Quark", "Noodle", "Turbo"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Occupant {
    Free,
    Bot {
        name: &'static str,
    },
    Person {
        name: String,
        /// The connection; `None` while the connection is lost.
        member: Option<MemberId>,
        /// The tick at which the connection was lost.
        away_since: Tick,
        token: ResumeToken,
        /// The token before it, valid until the new one has certainly arrived.
        old_token: Option<ResumeToken>,
        /// Whether a message of the player has ever arrived after a welcome. Only then does the player certainly have
        /// a token to reconnect with.
        confirmed: bool,
    },
}

/// A set of seats, one bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SeatSet(u64);
const _: () = assert!(SEATS_MAX as u32 <= u64::BITS, "every seat has a bit");

impl SeatSet {
    pub(super) const fn insert(&mut self, seat: Seat) {
        self.0 |= 1 << seat.number();
    }

    /// Takes out the lowest seat.
    pub(super) fn pop(&mut self) -> Option<Seat> {
        let lowest = u8::try_from(self.0.trailing_zeros()).ok().and_then(Seat::new)?;
        self.0 &= self.0 - 1;
        Some(lowest)
    }
}

#[derive(Debug)]
pub(super) struct Roster {
    seats: Vec<Occupant>,
    changes: Vec<RosterChange>,
    /// Seats up to which a quick match is filled with bots; 0 for none.
    fill_to: u8,
    /// The tick at which the first person was seen in a seat.
    first_came: Option<Tick>,
}

impl Roster {
    pub(super) fn new(rules: &Rules, fill_with_bots: bool) -> Self {
        Self {
            seats: vec![Occupant::Free; usize::from(rules.seats)],
            changes: Vec::new(),
            fill_to: if fill_with_bots { rules.bots.min(rules.seats) } else { 0 },
            first_came: None,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Seat, &Occupant)> {
        (0_u8..).zip(&self.seats).filter_map(|(number, occupant)| Some((Seat::new(number)?, occupant)))
    }

    /// The seat that belongs to a token.
    pub(super) fn seat_of(&self, presented: ResumeToken) -> Option<Seat> {
        self.iter().find_map(|(seat, occupant)| match occupant {
            Occupant::Person { token, old_token, .. } if *token == presented || *old_token == Some(presented) => {
                Some(seat)
            }
            _ => None,
        })
    }

    /// The seat that belongs to a token. The token is replaced by a fresh one. The old token stays valid until
    /// [`Roster::confirm_token`], so that a lost welcome does not lock a player out.
    pub(super) fn resume(&mut self, presented: ResumeToken, fresh: ResumeToken) -> Option<Seat> {
        let found = self.seat_of(presented)?;
        if let Occupant::Person { token, old_token, .. } = &mut self.seats[found.index()] {
            (*token, *old_token) = (fresh, Some(presented));
        }
        Some(found)
    }

    /// Notes that a message of the player has arrived after the new token was sent: the old token becomes invalid.
    pub(super) fn confirm_token(&mut self, seat: Seat) {
        if let Occupant::Person { old_token, confirmed, .. } = &mut self.seats[seat.index()] {
            (*old_token, *confirmed) = (None, true);
        }
    }

    /// Gives a new person a seat: a free one, or else the seat of a bot.
    pub(super) fn take_seat(&mut self, name: &str, token: ResumeToken) -> Option<Seat> {
        let free = self.iter().find(|(_, occupant)| **occupant == Occupant::Free);
        let bots = || self.iter().find(|(_, occupant)| matches!(occupant, Occupant::Bot { .. }));
        let seat = free.or_else(bots)?.0;
        self.free(seat, Leave::Removed);
        let (name, away_since) = (clean_name(name), Tick(0));
        let (member, old_token, confirmed) = (None, None, false);
        self.seats[seat.index()] = Occupant::Person { name, member, away_since, token, old_token, confirmed };
        self.changes.push(RosterChange::Joined(seat));
        Some(seat)
    }

    /// Puts a connection on a person's seat and returns the connection that it replaces.
    pub(super) fn seat_member(&mut self, seat: Seat, new: MemberId) -> Option<MemberId> {
        match &mut self.seats[seat.index()] {
            Occupant::Person { member, .. } => member.replace(new),
            Occupant::Free | Occupant::Bot { .. } => None,
        }
    }

    /// Notes that a person's connection is lost. False when the seat is not to be held, because the player may never
    /// have received a token to reconnect with.
    pub(super) fn set_away(&mut self, seat: Seat, now: Tick) -> bool {
        match &mut self.seats[seat.index()] {
            Occupant::Person { member, away_since, confirmed: true, .. } => {
                (*member, *away_since) = (None, now);
                true
            }
            _ => false,
        }
    }

    /// Frees a seat; false when it was free already.
    pub(super) fn free(&mut self, seat: Seat, why: Leave) -> bool {
        let was = std::mem::replace(&mut self.seats[seat.index()], Occupant::Free);
        if was == Occupant::Free {
            return false;
        }
        self.changes.push(RosterChange::Left(seat, why));
        true
    }

    /// A seat that was held for longer than `held_ticks`.
    pub(super) fn expired(&self, now: Tick, held_ticks: u32) -> Option<Seat> {
        let gone = |occupant: &Occupant| match occupant {
            Occupant::Person { member: None, away_since, .. } => now.since(*away_since) > i64::from(held_ticks),
            _ => false,
        };
        self.iter().find(|(_, occupant)| gone(occupant)).map(|(seat, _)| seat)
    }

    /// Seats one more bot when a quick match has waited long enough, and returns its seat. It is called once per tick
    /// and seats at most one bot, so bots join one after another.
    pub(super) fn fill(&mut self, now: Tick, fill_ticks: u32) -> Option<Seat> {
        let (people, bots) = self.count();
        if people > 0 {
            self.first_came.get_or_insert(now);
        }
        let waited = self.first_came.is_some_and(|first| now.since(first) >= i64::from(fill_ticks));
        if people == 0 || !waited || people + bots >= self.fill_to {
            return None;
        }
        let seat = self.iter().find(|(_, occupant)| **occupant == Occupant::Free)?.0;
        let used = |name: &&&str| {
            self.seats.iter().any(|occupant| matches!(occupant, Occupant::Bot { name: used } if used == *name))
        };
        let name = BOT_NAMES.iter().find(|name| !used(name)).unwrap_or(&BOT_NAMES[0]);
        self.seats[seat.index()] = Occupant::Bot { name };
        self.changes.push(RosterChange::Joined(seat));
        Some(seat)
    }

    /// Moves the changes since the last tick to `out`.
    pub(super) fn drain_changes(&mut self, out: &mut Vec<RosterChange>) {
        out.append(&mut self.changes);
    }

    pub(super) fn players(&self) -> Vec<Player> {
        self.iter().filter_map(|(seat, occupant)| player(seat, occupant)).collect()
    }

    /// The number of people and the number of bots.
    pub(super) fn count(&self) -> (u8, u8) {
        self.seats.iter().fold((0, 0), |(people, bots), occupant| match occupant {
            Occupant::Free => (people, bots),
            Occupant::Bot { .. } => (people, bots + 1),
            Occupant::Person { .. } => (people + 1, bots),
        })
    }

    /// The message that tells who is in a seat now.
    pub(super) fn announcement(&self, seat: Seat) -> ServerControl {
        player(seat, &self.seats[seat.index()]).map_or(ServerControl::Left { seat }, ServerControl::Player)
    }
}

fn player(seat: Seat, occupant: &Occupant) -> Option<Player> {
    match occupant {
        Occupant::Free => None,
        Occupant::Bot { name } => Some(Player { seat, name: (*name).into(), bot: true, away: false }),
        Occupant::Person { name, member, .. } => {
            Some(Player { seat, name: name.clone(), bot: false, away: member.is_none() })
        }
    }
}
