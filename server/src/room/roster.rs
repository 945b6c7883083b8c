//! The occupants of the seats: people, people whose connection is lost, and bots; and the changes that the game has not
//! received yet.

use super::room_limits::RoomLimits;
use super::seats::Seats;
use super::token_digest::TokenDigest;
use super::unsettled::Unsettled;
use super::{Entrant, MemberId, Origin, RosterChange};
use crate::names::{are_alike, distinct_name};
use bincode::{Decode, Encode};
use tickwire::limits::SEATS_MAX;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Player, ResumeToken, ServerControl};
use tickwire::message::topics::PlayerId;
use tickwire::world::roster::BOT_NAMES;
use tickwire::{Leave, Rules, Seat, Tick};

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
        token: TokenDigest,
        /// The token before it, valid until the new one has certainly arrived.
        old_token: Option<TokenDigest>,
        /// Where the newest connection came from. The seat counts for that origin.
        origin: Origin,
        /// The player, if it is known over connections.
        player: Option<PlayerId>,
        /// Its place among all that have ever come.
        arrival: u64,
        /// The tick at which the player has to leave; `None` for one that may stay.
        leaves_at: Option<Tick>,
        comebacks: Comebacks,
        /// Whether a message of the player has ever arrived after a welcome. Only then does the player certainly have
        /// a token to reconnect with.
        confirmed: bool,
    },
}

/// The times that a player came back within a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Comebacks {
    since: Tick,
    count: u32,
}

impl Comebacks {
    /// Counts one more; false when there were too many.
    fn count(&mut self, now: Tick, minute_ticks: u32, per_minute_max: u32) -> bool {
        if now.since(self.since) > i64::from(minute_ticks) {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= per_minute_max
    }
}

/// A person who takes a seat.
pub(super) struct Newcomer<'a> {
    pub(super) name: &'a str,
    pub(super) entrant: Entrant,
    pub(super) token: ResumeToken,
    pub(super) now: Tick,
}

/// A set of seats, one bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct SeatSet(u64);
const _: () = assert!(SEATS_MAX as u32 <= u64::BITS, "every seat has a bit");

impl SeatSet {
    pub(super) const fn insert(&mut self, seat: Seat) {
        self.0 |= 1 << seat.number();
    }

    pub(super) const fn remove(&mut self, seat: Seat) {
        self.0 &= !(1 << seat.number());
    }

    pub(super) const fn contains(self, seat: Seat) -> bool {
        self.0 & (1 << seat.number()) != 0
    }

    /// All seats of the set, in ascending order.
    pub(super) fn iter(mut self) -> impl Iterator<Item = Seat> {
        std::iter::from_fn(move || self.pop())
    }

    /// Follows a change of the roster.
    pub(super) const fn change(&mut self, change: RosterChange) {
        match change {
            RosterChange::Joined(seat) => self.insert(seat),
            RosterChange::Left(seat, _) => self.remove(seat),
        }
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
    pub(super) seats: Seats,
    pub(super) changes: Vec<RosterChange>,
    /// Whether some of the changes were left out of the last tick.
    has_put_back: bool,
    /// Seats up to which a match is filled with bots; 0 for none.
    fill_to: u8,
    /// Seats that people of one origin may have.
    seats_per_origin_max: u8,
    /// Times per minute that a player may come back into the seat.
    comebacks_per_minute_max: u32,
    /// People that have ever come.
    pub(super) arrivals: u64,
    /// The tick at which the first person was seen in a seat.
    pub(super) first_came: Option<Tick>,
    pub(super) unsettled: Unsettled,
}

impl Roster {
    pub(super) fn new(rules: &Rules, fill_to: u8, limits: &RoomLimits) -> Self {
        Self {
            seats: Seats::new(vec![Occupant::Free; usize::from(rules.seats)]),
            changes: Vec::new(),
            has_put_back: false,
            fill_to: fill_to.min(rules.seats),
            seats_per_origin_max: limits.seats_per_origin_max,
            comebacks_per_minute_max: limits.comebacks_per_minute_max,
            arrivals: 0,
            first_came: None,
            unsettled: Unsettled::default(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Seat, &Occupant)> {
        (0_u8..).zip(&*self.seats).filter_map(|(number, occupant)| Some((Seat::new(number)?, occupant)))
    }

    /// The seats that are not free.
    pub(super) fn taken(&self) -> impl Iterator<Item = Seat> {
        self.iter().filter(|(_, occupant)| **occupant != Occupant::Free).map(|(seat, _)| seat)
    }

    /// The name of the occupant of a seat.
    pub(super) fn name_of(&self, seat: Seat) -> Option<String> {
        match self.seats.get(seat.index())? {
            Occupant::Free => None,
            Occupant::Bot { name } => Some((*name).into()),
            Occupant::Person { name, .. } => Some(name.clone()),
        }
    }

    /// The names of people and bots.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.seats.iter().filter_map(|occupant| match occupant {
            Occupant::Free => None,
            Occupant::Bot { name } => Some(*name),
            Occupant::Person { name, .. } => Some(&**name),
        })
    }

    /// The seat that belongs to a token.
    pub(super) fn seat_of(&self, presented: ResumeToken) -> Option<Seat> {
        let presented = TokenDigest::of(presented);
        self.iter().find_map(|(seat, occupant)| match occupant {
            Occupant::Person { token, old_token, .. } if *token == presented || *old_token == Some(presented) => {
                Some(seat)
            }
            _ => None,
        })
    }

    /// The seat that belongs to a token; the player comes back from `origin`. The token is replaced by a fresh one. The
    /// old token stays valid until [`Roster::confirm_token`], so that a lost welcome does not lock a player out.
    ///
    /// # Errors
    /// [`CloseCode::Rate`] when the player comes back too often.
    pub(super) fn resume(
        &mut self,
        presented: ResumeToken,
        fresh: ResumeToken,
        from: Origin,
        (now, minute_ticks): (Tick, u32),
    ) -> Result<Option<Seat>, CloseCode> {
        let Some(found) = self.seat_of(presented) else { return Ok(None) };
        self.come_back(found, Some(presented), fresh, from, (now, minute_ticks)).map(|()| Some(found))
    }

    /// The seat of a player whom a ticket names and who comes back without the token of the seat or from a second
    /// place.
    ///
    /// # Errors
    /// [`CloseCode::Rate`] when the player comes back too often.
    pub(super) fn resume_as(
        &mut self,
        entrant: &Entrant,
        fresh: ResumeToken,
        now: (Tick, u32),
    ) -> Result<Option<Seat>, CloseCode> {
        let identity = entrant.identity();
        let is_seat = |occupant: &Occupant| matches!(occupant, Occupant::Person { player, .. } if *player == identity);
        let found = self.iter().find(|(_, occupant)| identity.is_some() && is_seat(occupant)).map(|(seat, _)| seat);
        let Some(found) = found else { return Ok(None) };
        self.come_back(found, None, fresh, entrant.origin, now)?;
        if let Occupant::Person { leaves_at, .. } = &mut self.seats[found.index()] {
            *leaves_at = entrant.leaves_at(now.0);
        }
        Ok(Some(found))
    }

    /// Gives a seat a fresh token; the one that was presented stays valid until the fresh one has arrived, and all
    /// others become invalid.
    fn come_back(
        &mut self,
        found: Seat,
        presented: Option<ResumeToken>,
        fresh: ResumeToken,
        from: Origin,
        (now, minute_ticks): (Tick, u32),
    ) -> Result<(), CloseCode> {
        let per_minute_max = self.comebacks_per_minute_max;
        if let Occupant::Person { token, old_token, origin, comebacks, .. } = &mut self.seats[found.index()] {
            if !comebacks.count(now, minute_ticks, per_minute_max) {
                return Err(CloseCode::Rate);
            }
            (*token, *old_token, *origin) = (TokenDigest::of(fresh), presented.map(TokenDigest::of), from);
        }
        Ok(())
    }

    /// The player in a seat, if it is known over connections.
    pub(super) fn player_of(&self, seat: Seat) -> Option<PlayerId> {
        match self.seats.get(seat.index())? {
            Occupant::Person { player, .. } => *player,
            Occupant::Free | Occupant::Bot { .. } => None,
        }
    }

    /// The connection of the person in a seat.
    pub(super) fn member_of(&self, seat: Seat) -> Option<MemberId> {
        match self.seats.get(seat.index())? {
            Occupant::Person { member, .. } => *member,
            Occupant::Free | Occupant::Bot { .. } => None,
        }
    }

    /// A seat whose player has to leave by now.
    pub(super) fn overstayed(&self, now: Tick) -> Option<Seat> {
        let is_over =
            |occupant: &Occupant| matches!(occupant, Occupant::Person { leaves_at: Some(at), .. } if *at <= now);
        self.iter().find(|(_, occupant)| is_over(occupant)).map(|(seat, _)| seat)
    }

    /// The occupant of a seat; `None` when the game has no such seat.
    pub(super) fn occupant(&self, seat: Seat) -> Option<&Occupant> {
        self.seats.get(seat.index())
    }

    pub(super) fn is_person(&self, seat: Seat) -> bool {
        matches!(self.occupant(seat), Some(Occupant::Person { .. }))
    }

    /// The seat of the person who has been there longest.
    pub(super) fn longest_there(&self) -> Option<Seat> {
        let arrivals = self.iter().filter_map(|(seat, occupant)| match occupant {
            Occupant::Person { arrival, .. } => Some((*arrival, seat)),
            Occupant::Free | Occupant::Bot { .. } => None,
        });
        arrivals.min_by_key(|(arrival, _)| *arrival).map(|(_, seat)| seat)
    }

    /// Notes that a message of the player has arrived after the new token was sent: the old token becomes invalid.
    pub(super) fn confirm_token(&mut self, seat: Seat) {
        if let Occupant::Person { old_token, confirmed, .. } = &mut self.seats[seat.index()] {
            (*old_token, *confirmed) = (None, true);
        }
    }

    /// Gives a new person a seat: a free one, or else the seat of a bot. `None` when there is no such seat, or when the
    /// person's origin has all the seats that one origin may have.
    pub(super) fn take_seat(&mut self, newcomer: &Newcomer<'_>) -> Option<Seat> {
        let Newcomer { name, entrant, token, now } = *newcomer;
        let origin = entrant.origin;
        if origin != Origin::EXEMPT && self.seats_of(origin) >= usize::from(self.seats_per_origin_max) {
            return None;
        }
        let may_have = |seat: &Seat| entrant.seat.is_none_or(|kept| kept == *seat) && !self.unsettled.has(*seat);
        let seats = || self.iter().filter(|(seat, _)| may_have(seat));
        let free = seats().find(|(_, occupant)| **occupant == Occupant::Free);
        let bots = || seats().find(|(_, occupant)| matches!(occupant, Occupant::Bot { .. }));
        let seat = free.or_else(bots)?.0;
        self.free(seat, Leave::Removed);
        self.arrivals += 1;
        self.seats[seat.index()] = Occupant::Person {
            name: distinct_name(name, self.names()),
            member: None,
            away_since: Tick(0),
            token: TokenDigest::of(token),
            old_token: None,
            origin,
            player: entrant.player,
            arrival: self.arrivals,
            leaves_at: entrant.leaves_at(now),
            comebacks: Comebacks::default(),
            confirmed: false,
        };
        self.changes.push(RosterChange::Joined(seat));
        Some(seat)
    }

    /// The number of seats that people from this origin have, held ones included.
    fn seats_of(&self, from: Origin) -> usize {
        let is_from = |occupant: &&Occupant| matches!(occupant, Occupant::Person { origin, .. } if *origin == from);
        self.seats.iter().filter(is_from).count()
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

    /// Whether the person in a seat is away since this tick.
    pub(super) fn is_away_since(&self, seat: Seat, tick: Tick) -> bool {
        let since = |occupant: &Occupant| matches!(occupant, Occupant::Person { member: None, away_since, .. } if *away_since == tick);
        self.occupant(seat).is_some_and(since)
    }

    /// Seats one more bot when a quick match has waited long enough, and returns its seat. It is called once per tick
    /// and seats at most one bot, so bots join one after another.
    pub(super) fn fill(&mut self, now: Tick, fill_ticks: u32) -> Option<Seat> {
        let (people, bots) = self.count();
        if people > 0 {
            self.first_came.get_or_insert(now);
        }
        let waited = self.first_came.is_some_and(|first| now.since(first) >= i64::from(fill_ticks));
        if people == 0 || !waited || people + bots >= self.fill_to || self.unsettled.waits(now) {
            return None;
        }
        let is_free = |(seat, occupant): &(Seat, &Occupant)| **occupant == Occupant::Free && !self.unsettled.has(*seat);
        let seat = self.iter().find(is_free)?.0;
        let used = |name: &&&str| self.names().any(|used| are_alike(used, name));
        let name = BOT_NAMES.iter().find(|name| !used(name)).unwrap_or(&BOT_NAMES[0]);
        self.seats[seat.index()] = Occupant::Bot { name };
        self.changes.push(RosterChange::Joined(seat));
        Some(seat)
    }

    /// Empties a seat that the game was not told of. Gives the connection of the person who was there.
    pub(super) fn turn_away(&mut self, seat: Seat) -> Option<MemberId> {
        match std::mem::replace(&mut self.seats[seat.index()], Occupant::Free) {
            Occupant::Person { member, .. } => member,
            Occupant::Free | Occupant::Bot { .. } => None,
        }
    }

    /// Has the game told again of players who have left and that it could not be told of, if it is time for that.
    pub(super) fn settle(&mut self, now: Tick) {
        if !self.unsettled.is_empty() && !self.unsettled.waits(now) {
            self.changes.splice(0..0, self.unsettled.take());
        }
    }

    /// Has the game told with the next tick of changes that were left out of this one.
    pub(super) fn put_back(&mut self, changes: Vec<RosterChange>) {
        self.has_put_back = !changes.is_empty();
        self.changes.splice(0..0, changes);
    }

    /// The changes of which the game is to be told with the next tick.
    pub(super) fn changes(&self) -> &[RosterChange] {
        &self.changes
    }

    /// Moves the changes since the last tick to `out`. Says whether some of them were left out of that tick.
    pub(super) fn drain_changes(&mut self, out: &mut Vec<RosterChange>) -> bool {
        out.append(&mut self.changes);
        std::mem::take(&mut self.has_put_back)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_bots_of_one_room_have_names_that_look_different() {
        let rules = Rules { seats: 8, bots: 8, ..Rules::new("crowded", 30) };
        let mut roster = Roster::new(&rules, 8, &RoomLimits::default());
        for name in ["Tock", "T\u{43e}ck", "Tock\u{2060}", "Pi\u{445}el"] {
            assert!(
                roster
                    .take_seat(&Newcomer { name, entrant: Entrant::default(), token: [0; 16], now: Tick(0) })
                    .is_some()
            );
        }
        while roster.fill(Tick(0), 0).is_some() {}
        let names: Vec<String> = roster.players().into_iter().map(|player| player.name).collect();
        assert_eq!(names.len(), 8);
        assert_eq!(names[..4], ["Tock", "T\u{43e}ck 2", "Tock 3", "Pi\u{445}el"]);
        for (index, name) in names.iter().enumerate() {
            assert!(names[..index].iter().all(|other| !are_alike(name, other)), "{name} in {names:?}");
        }
    }
}
