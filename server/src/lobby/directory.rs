//! The directory: it finds a room by its code, and chooses a room for a quick match.

use super::{Code, Door, RoomId};
use crate::limits::{CODE_REST, SEAT_RESERVATION};
use crate::room::{Origin, Summary};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use thiserror::Error;
use tickwire::Seat;
use tickwire::message::topics::PlayerId;

/// The place of a room: its identity and the shard that runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) room: RoomId,
    /// Index of its shard.
    pub(crate) shard: usize,
}

/// The kind of room that is to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Index in the server's games.
    pub(crate) game: usize,
    /// Seats of that game.
    pub(crate) seats: u8,
    /// Whether the room is listed.
    pub(crate) public: bool,
    /// Whether quick matches send strangers there.
    pub(crate) quick_match: bool,
    /// The door, with the secret for it if there is one.
    pub(crate) door: Door,
}

/// A room as the directory knows it, from the last report of its shard.
#[derive(Debug)]
pub(crate) struct RoomEntry {
    pub(crate) code: Code,
    pub(crate) place: Place,
    pub(crate) wanted: Wanted,
    /// The time at which it was opened.
    pub(crate) opened_us: u64,
    /// Whether an operator has locked it: quick matches send nobody there.
    pub(crate) is_locked: bool,
    /// Seats of people, held ones included.
    pub(crate) players: u8,
    pub(crate) bots: u8,
    /// Seats in which nobody is and which nobody gets for now.
    unsettled: u8,
    /// The seats that are kept for people who were sent here, the one that expires first at the front.
    reservations: VecDeque<Reservation>,
    /// The players of a match, by their seats.
    match_seats: BTreeMap<Seat, PlayerId>,
}

/// A seat that is kept for a person who is on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reservation {
    until_us: u64,
    by: Origin,
}

impl RoomEntry {
    fn new(code: Code, place: Place, wanted: Wanted, opened_us: u64) -> Self {
        Self {
            code,
            place,
            wanted,
            opened_us,
            is_locked: false,
            players: 0,
            bots: 0,
            unsettled: 0,
            reservations: VecDeque::new(),
            match_seats: BTreeMap::new(),
        }
    }

    /// The seat that a player has in the match of this room.
    pub(crate) fn seat_in_match(&self, player: PlayerId) -> Option<Seat> {
        self.match_seats.iter().find(|(_, own)| **own == player).map(|(seat, _)| *seat)
    }

    fn reserved(&self, now_us: u64) -> usize {
        self.reservations.iter().filter(|seat| seat.until_us > now_us).count()
    }

    /// Frees the seats whose players have not come in time.
    fn drop_expired(&mut self, now_us: u64) {
        while self.reservations.pop_front_if(|seat| seat.until_us <= now_us).is_some() {}
    }

    /// People who are in the room or on the way to it.
    fn expected(&self, now_us: u64) -> usize {
        usize::from(self.players) + self.reserved(now_us)
    }
}

/// The reason for which there can be no further room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NoRoomLeft {
    /// The server has as many rooms as it may have.
    #[error("the server already has {rooms_max} rooms, the most that it can hold")]
    Rooms {
        /// The most that it may have.
        rooms_max: usize,
    },
    /// No shard has time left for another room.
    #[error("the server has as many rooms as it can keep on time")]
    Work,
}

/// The limits of a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DirectoryLimits {
    /// Rooms of the server.
    pub(crate) rooms_max: usize,
    /// Seats that quick matches keep for one origin at the same time.
    pub(crate) reservations_per_origin_max: usize,
}

/// All rooms of the server.
#[derive(Debug)]
pub(crate) struct Directory {
    limits: DirectoryLimits,
    rooms: BTreeMap<Code, RoomEntry>,
    codes: BTreeMap<RoomId, Code>,
    /// Codes that were used, with the time until which each of them rests; the earliest first.
    resting: VecDeque<(u64, Code)>,
    resting_codes: BTreeSet<Code>,
    /// Rooms that were set aside, with the time until which those who come back are told so.
    set_aside: BTreeMap<Code, (u64, Wanted)>,
    rooms_of_shard: Vec<u32>,
    next_id: u64,
}

impl Directory {
    /// Sets the limits from now on. Rooms that are there stay.
    pub(crate) const fn set_limits(&mut self, limits: DirectoryLimits) {
        self.limits = limits;
    }

    pub(crate) fn new(shards: usize, limits: DirectoryLimits) -> Self {
        Self {
            limits,
            rooms: BTreeMap::new(),
            codes: BTreeMap::new(),
            resting: VecDeque::new(),
            resting_codes: BTreeSet::new(),
            set_aside: BTreeMap::new(),
            rooms_of_shard: vec![0; shards],
            next_id: 0,
        }
    }

    /// Whether there are as many rooms as there may be.
    pub(crate) fn is_full(&self) -> bool {
        self.rooms.len() >= self.limits.rooms_max
    }

    /// Enters a room that is about to be made, on the shard with the fewest rooms of those that have time for it.
    ///
    /// # Errors
    /// When there are too many rooms already, or no shard has time.
    pub(crate) fn open(
        &mut self,
        wanted: Wanted,
        has_time: impl Fn(usize) -> bool,
        now_us: u64,
    ) -> Result<&RoomEntry, NoRoomLeft> {
        if self.is_full() {
            return Err(NoRoomLeft::Rooms { rooms_max: self.limits.rooms_max });
        }
        let shards = (0..self.rooms_of_shard.len()).filter(|shard| has_time(*shard));
        let shard = shards.min_by_key(|shard| self.rooms_of_shard[*shard]).ok_or(NoRoomLeft::Work)?;
        self.wake_codes(now_us);
        let code = std::iter::repeat_with(Code::random)
            .find(|code| !self.rooms.contains_key(code) && !self.resting_codes.contains(code))
            .expect("there are more codes than rooms");
        self.rooms_of_shard[shard] += 1;
        let room = self.next_id();
        self.codes.insert(room, code);
        let place = Place { room, shard };
        Ok(self.rooms.entry(code).or_insert_with(|| RoomEntry::new(code, place, wanted, now_us)))
    }

    /// Enters a room that an earlier process has kept, or another node, under its code and an id of its own, on the shard with
    /// the fewest rooms. Gives nothing when the code is taken.
    pub(crate) fn adopt(&mut self, room: RoomId, code: Code, wanted: Wanted, now_us: u64) -> Option<&RoomEntry> {
        let shards = 0..self.rooms_of_shard.len();
        let shard = shards.min_by_key(|shard| self.rooms_of_shard[*shard])?;
        if self.rooms.contains_key(&code) || self.codes.contains_key(&room) {
            return None;
        }
        self.rooms_of_shard[shard] += 1;
        self.codes.insert(room, code);
        Some(self.rooms.entry(code).or_insert_with(|| RoomEntry::new(code, Place { room, shard }, wanted, now_us)))
    }

    /// An id for a room that comes from another node.
    pub(crate) const fn next_id(&mut self) -> RoomId {
        let room = RoomId(self.next_id);
        self.next_id += 1;
        room
    }

    /// Gives rooms ids from this one on.
    pub(crate) const fn number_from(&mut self, first: u64) {
        self.next_id = first;
    }

    /// The room of a code.
    pub(crate) fn find(&self, code: Code) -> Option<&RoomEntry> {
        self.rooms.get(&code)
    }

    /// The room with this id.
    pub(crate) fn find_room(&self, room: RoomId) -> Option<&RoomEntry> {
        self.find(*self.codes.get(&room)?)
    }

    /// All rooms.
    pub(crate) fn all(&self) -> impl Iterator<Item = &RoomEntry> {
        self.rooms.values()
    }

    /// Seats of a match are for these players from now on, and no longer for those who had them. Gives the room.
    pub(crate) fn give_seats(&mut self, code: Code, seats: &BTreeMap<Seat, PlayerId>) -> Option<RoomId> {
        let entry = self.rooms.get_mut(&code)?;
        entry.match_seats.retain(|_, player| !seats.values().any(|new| new == player));
        entry.match_seats.extend(seats);
        Some(entry.place.room)
    }

    /// The public rooms, which everybody may see.
    pub(crate) fn public(&self) -> impl Iterator<Item = &RoomEntry> {
        self.rooms.values().filter(|entry| entry.wanted.public)
    }

    /// The room for a quick match: the fullest of those with people and a seat that is free or a bot's, except the rooms
    /// that do not suit the caller. That seat is kept for a moment.
    pub(crate) fn join_match(
        &mut self,
        game: usize,
        by: Origin,
        avoids: impl Fn(&RoomEntry) -> bool,
        now_us: u64,
    ) -> Option<&RoomEntry> {
        let suits = |entry: &&RoomEntry| {
            let expected = entry.expected(now_us);
            entry.wanted.quick_match
                && !entry.is_locked
                && entry.wanted.game == game
                && expected > 0
                && expected + usize::from(entry.unsettled) < usize::from(entry.wanted.seats)
                && !avoids(entry)
        };
        let found = self.rooms.values().filter(suits).max_by_key(|entry| entry.expected(now_us))?.code;
        self.reserve(found, by, now_us);
        self.find(found)
    }

    /// Keeps a seat in a room for a player that is sent there. An origin that asks for seats without taking them keeps
    /// a limited number of them in all: the oldest one is free again.
    pub(crate) fn reserve(&mut self, code: Code, by: Origin, now_us: u64) {
        if by != Origin::EXEMPT {
            self.limit_reservations(by, now_us);
        }
        let kept_us = u64::try_from(SEAT_RESERVATION.as_micros()).unwrap_or(u64::MAX);
        if let Some(entry) = self.rooms.get_mut(&code) {
            entry.drop_expired(now_us);
            entry.reservations.push_back(Reservation { until_us: now_us + kept_us, by });
        }
    }

    /// Makes room for another reservation of this origin.
    fn limit_reservations(&mut self, by: Origin, now_us: u64) {
        let of_origin = |seat: &Reservation| seat.by == by && seat.until_us > now_us;
        let kept = self.rooms.values().flat_map(|entry| &entry.reservations).filter(|seat| of_origin(seat));
        let (count, oldest) = kept.fold((0, None), |(count, oldest): (usize, Option<u64>), seat| {
            (count + 1, Some(oldest.map_or(seat.until_us, |until_us| until_us.min(seat.until_us))))
        });
        let Some(oldest_us) = oldest.filter(|_| count >= self.limits.reservations_per_origin_max) else { return };
        let is_oldest = |seat: &Reservation| of_origin(seat) && seat.until_us == oldest_us;
        for entry in self.rooms.values_mut() {
            if let Some(place) = entry.reservations.iter().position(is_oldest) {
                entry.reservations.remove(place);
                return;
            }
        }
    }

    /// Takes over a shard's report of how many people and bots are in a room.
    pub(crate) fn update(&mut self, room: RoomId, summary: Summary, now_us: u64) {
        let Some(entry) = self.codes.get(&room).and_then(|code| self.rooms.get_mut(code)) else { return };
        entry.drop_expired(now_us);
        // A player that has entered was most likely one of those for which a seat is kept.
        for _ in entry.players..summary.players {
            entry.reservations.pop_front();
        }
        (entry.players, entry.bots) = (summary.players, summary.bots);
        (entry.unsettled, entry.is_locked) = (summary.unsettled, summary.is_locked);
    }

    /// Takes over a shard's report that a room has ended. Its code, which is returned, rests from now on.
    pub(crate) fn close(&mut self, room: RoomId, now_us: u64) -> Option<Code> {
        let entry = self.codes.remove(&room).and_then(|code| self.rooms.remove(&code))?;
        self.rooms_of_shard[entry.place.shard] -= 1;
        self.rest(entry.code, now_us);
        Some(entry.code)
    }

    fn rest(&mut self, code: Code, now_us: u64) {
        let rest_us = u64::try_from(CODE_REST.as_micros()).unwrap_or(u64::MAX);
        self.resting.push_back((now_us + rest_us, code));
        self.resting_codes.insert(code);
    }

    /// A room of an earlier process does not go on, because it has failed. For the time `told_us` those who come back are
    /// told so; its code rests.
    pub(crate) fn set_aside(&mut self, code: Code, wanted: Wanted, now_us: u64, told_us: u64) {
        self.rest(code, now_us);
        self.set_aside.insert(code, (now_us + told_us, wanted));
    }

    /// A room that was set aside a short time ago.
    pub(crate) fn find_set_aside(&self, code: Code, now_us: u64) -> Option<&Wanted> {
        self.set_aside.get(&code).filter(|(until_us, _)| now_us < *until_us).map(|(_, wanted)| wanted)
    }

    /// Frees codes that have rested long enough.
    pub(crate) fn wake_codes(&mut self, now_us: u64) {
        while let Some((_, code)) = self.resting.pop_front_if(|(until_us, _)| *until_us <= now_us) {
            self.resting_codes.remove(&code);
            self.set_aside.remove(&code);
        }
    }

    /// The numbers of rooms, people and bots.
    pub(crate) fn totals(&self) -> (usize, u32, u32) {
        let add = |(people, bots), entry: &RoomEntry| (people + u32::from(entry.players), bots + u32::from(entry.bots));
        let (people, bots) = self.rooms.values().fold((0, 0), add);
        (self.rooms.len(), people, bots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: DirectoryLimits = DirectoryLimits { rooms_max: 500, reservations_per_origin_max: 4 };
    const SECOND_US: u64 = 1_000_000;
    const HOUR_US: u64 = 3_600 * SECOND_US;
    const QUICK: Wanted = Wanted { game: 0, seats: 2, public: true, quick_match: true, door: Door::Open };

    fn people(players: u8) -> Summary {
        Summary { players, seats: 2, ..Summary::default() }
    }

    #[test]
    fn a_quick_match_leads_to_no_room_that_is_locked() {
        let mut directory = Directory::new(1, LIMITS);
        let (code, room) = directory.open(QUICK, |_| true, 7).map(|entry| (entry.code, entry.place.room)).unwrap();
        directory.update(room, people(1), 7);
        directory.update(room, Summary { is_locked: true, ..people(1) }, 7);
        assert!(directory.join_match(0, Origin::EXEMPT, |_| false, 8).is_none());
        directory.update(room, people(1), 8);
        assert_eq!(directory.join_match(0, Origin::EXEMPT, |_| false, 8).map(|entry| entry.code), Some(code));
        assert_eq!(directory.find_room(room).map(|entry| (entry.code, entry.opened_us)), Some((code, 7)));
    }

    #[test]
    fn a_quick_match_leads_to_no_room_whose_last_seat_nobody_gets_for_now() {
        let mut directory = Directory::new(1, LIMITS);
        let (code, room) = directory.open(QUICK, |_| true, 7).map(|entry| (entry.code, entry.place.room)).unwrap();
        directory.update(room, Summary { unsettled: 1, ..people(1) }, 7);
        assert!(directory.join_match(0, Origin::EXEMPT, |_| false, 8).is_none());
        directory.update(room, people(1), 9);
        assert_eq!(directory.join_match(0, Origin::EXEMPT, |_| false, 9).map(|entry| entry.code), Some(code));
    }

    #[test]
    fn a_code_leads_to_its_room_until_the_room_is_gone() {
        let mut directory = Directory::new(2, LIMITS);
        let (first, place) = directory.open(QUICK, |_| true, 0).map(|entry| (entry.code, entry.place)).unwrap();
        let second = directory.open(QUICK, |_| true, 0).unwrap().place;
        assert_ne!(place.shard, second.shard, "rooms are spread over shards");
        assert_eq!(directory.find(first).map(|entry| entry.place), Some(place));
        directory.close(place.room, 0);
        assert!(directory.find(first).is_none());
        assert_eq!(directory.open(QUICK, |_| true, 0).unwrap().place.shard, place.shard);
    }

    #[test]
    fn a_code_rests_for_an_hour() {
        let mut directory = Directory::new(1, LIMITS);
        let (code, room) = directory.open(QUICK, |_| true, 0).map(|entry| (entry.code, entry.place.room)).unwrap();
        directory.close(room, 5);
        directory.wake_codes(HOUR_US);
        assert!(directory.resting_codes.contains(&code));
        directory.wake_codes(HOUR_US + 5);
        assert!(directory.resting_codes.is_empty() && directory.resting.is_empty());
    }

    #[test]
    fn a_room_that_was_set_aside_is_known_for_a_while_and_its_code_leads_to_no_other_room() {
        let mut directory = Directory::new(1, LIMITS);
        let code = Code::parse("C4FK9T").unwrap();
        directory.set_aside(code, QUICK, 5, 30 * SECOND_US);
        assert!(directory.find(code).is_none() && directory.resting_codes.contains(&code));
        assert!(directory.find_set_aside(code, 30 * SECOND_US).is_some_and(|wanted| wanted.seats == QUICK.seats));
        assert!(directory.find_set_aside(code, 30 * SECOND_US + 5).is_none());
        directory.wake_codes(HOUR_US + 5);
        assert!(directory.resting_codes.is_empty() && directory.set_aside.is_empty());
    }

    #[test]
    fn the_number_of_rooms_is_bounded() {
        let mut directory = Directory::new(1, LIMITS);
        for _ in 0..LIMITS.rooms_max {
            assert!(directory.open(QUICK, |_| true, 0).is_ok());
        }
        assert_eq!(directory.open(QUICK, |_| true, 0).err(), Some(NoRoomLeft::Rooms { rooms_max: LIMITS.rooms_max }));
    }

    #[test]
    fn a_room_goes_to_a_shard_that_has_time_or_nowhere() {
        let mut directory = Directory::new(3, LIMITS);
        for _ in 0..5 {
            assert_eq!(directory.open(QUICK, |shard| shard == 1, 0).unwrap().place.shard, 1);
        }
        assert_eq!(directory.open(QUICK, |_| false, 0).err(), Some(NoRoomLeft::Work));
        assert_eq!(directory.totals().0, 5);
    }

    #[test]
    fn a_quick_match_brings_two_strangers_together_and_no_third() {
        let mut directory = Directory::new(1, LIMITS);
        assert!(directory.join_match(0, Origin::EXEMPT, |_| false, 0).is_none());
        let (code, room) = directory.open(QUICK, |_| true, 0).map(|entry| (entry.code, entry.place.room)).unwrap();
        directory.reserve(code, Origin::EXEMPT, 0);
        assert_eq!(directory.join_match(0, Origin::EXEMPT, |_| false, 1).map(|entry| entry.code), Some(code));
        assert!(directory.join_match(0, Origin::EXEMPT, |_| false, 2).is_none(), "both seats are kept");
        directory.update(room, people(2), 0);
        assert!(directory.join_match(0, Origin::EXEMPT, |_| false, 10 * SECOND_US).is_none());
        directory.update(room, people(1), 0);
        assert!(directory.join_match(1, Origin::EXEMPT, |_| false, 10 * SECOND_US).is_none(), "another game");
        assert_eq!(
            directory.join_match(0, Origin::EXEMPT, |_| false, 10 * SECOND_US).map(|entry| entry.code),
            Some(code)
        );
    }

    #[test]
    fn one_address_keeps_four_seats_however_often_it_asks() {
        let mut directory = Directory::new(1, LIMITS);
        let (greedy, other) = (Origin::of(1), Origin::of(2));
        let large = Wanted { seats: 64, ..QUICK };
        let code = directory.open(large, |_| true, 0).unwrap().code;
        directory.reserve(code, other, 0);
        for now_us in 1..=50 {
            assert_eq!(directory.join_match(0, greedy, |_| false, now_us).map(|entry| entry.code), Some(code));
        }
        let kept = |directory: &Directory| -> Vec<u64> {
            directory.find(code).unwrap().reservations.iter().map(|seat| seat.until_us - 15 * SECOND_US).collect()
        };
        assert_eq!(kept(&directory), [0, 47, 48, 49, 50], "the other's seat and the newest four");
        (51..=60).for_each(|now_us| directory.reserve(code, Origin::EXEMPT, now_us));
        assert_eq!(kept(&directory).len(), 15);
    }

    #[test]
    fn a_kept_seat_expires_and_an_empty_room_is_not_offered() {
        let mut directory = Directory::new(1, LIMITS);
        let code = directory.open(QUICK, |_| true, 0).unwrap().code;
        directory.reserve(code, Origin::EXEMPT, 0);
        assert!(directory.join_match(0, Origin::EXEMPT, |_| false, 15 * SECOND_US).is_none());
    }

    #[test]
    fn a_reserved_seat_is_kept_for_fifteen_seconds_and_is_free_again_after_that() {
        let mut directory = Directory::new(1, LIMITS);
        let (code, room) = directory.open(QUICK, |_| true, 0).map(|entry| (entry.code, entry.place.room)).unwrap();
        directory.reserve(code, Origin::EXEMPT, 0);
        directory.update(room, people(1), SECOND_US);
        assert!(
            directory.join_match(0, Origin::EXEMPT, |_| false, 2 * SECOND_US).is_some(),
            "the second seat is reserved"
        );
        assert!(
            directory.join_match(0, Origin::EXEMPT, |_| false, 17 * SECOND_US - 1).is_none(),
            "the player may still be loading the page"
        );
        assert!(
            directory.join_match(0, Origin::EXEMPT, |_| false, 17 * SECOND_US).is_some(),
            "the player did not come"
        );
    }

    #[test]
    fn a_player_that_enters_takes_a_reservation_that_has_not_expired() {
        let mut directory = Directory::new(1, LIMITS);
        let large = Wanted { seats: 3, ..QUICK };
        let (code, room) = directory.open(large, |_| true, 0).map(|entry| (entry.code, entry.place.room)).unwrap();
        directory.update(room, people(1), 0);
        directory.reserve(code, Origin::EXEMPT, 0);
        directory.reserve(code, Origin::EXEMPT, 10 * SECOND_US);
        directory.update(room, people(2), 16 * SECOND_US);
        assert!(
            directory.join_match(0, Origin::EXEMPT, |_| false, 16 * SECOND_US).is_some(),
            "two of three seats are taken, none is reserved"
        );
    }

    #[test]
    fn a_room_that_the_caller_avoids_is_not_offered() {
        let mut directory = Directory::new(1, LIMITS);
        let rooms: Vec<_> = (0..2)
            .map(|_| directory.open(QUICK, |_| true, 0).map(|entry| (entry.code, entry.place.room)).unwrap())
            .collect();
        rooms.iter().for_each(|(_, room)| directory.update(*room, people(1), 0));
        let [first, second] = [rooms[0].0, rooms[1].0];
        assert_eq!(
            directory.join_match(0, Origin::EXEMPT, |entry| entry.code == second, 0).map(|entry| entry.code),
            Some(first)
        );
        assert!(directory.join_match(0, Origin::EXEMPT, |_| true, 0).is_none());
        assert_eq!(
            directory.join_match(0, Origin::EXEMPT, |entry| entry.code == first, 0).map(|entry| entry.code),
            Some(second)
        );
    }

    #[test]
    fn the_fullest_room_is_preferred_and_private_ones_are_not_offered() {
        let mut directory = Directory::new(1, LIMITS);
        let large = Wanted { seats: 8, ..QUICK };
        let rooms: Vec<_> = (0..3)
            .map(|_| directory.open(large, |_| true, 0).map(|entry| (entry.code, entry.place.room)).unwrap())
            .collect();
        for (players, (_, room)) in [2, 5, 3].into_iter().zip(&rooms) {
            directory.update(*room, people(players), 0);
        }
        let private = Wanted { public: false, quick_match: false, ..large };
        let private = directory.open(private, |_| true, 0).unwrap().place.room;
        directory.update(private, people(7), 0);
        assert_eq!(directory.join_match(0, Origin::EXEMPT, |_| false, 0).map(|entry| entry.code), Some(rooms[1].0));
        assert_eq!(directory.public().count(), 3);
        assert_eq!(directory.totals(), (4, 17, 0));
    }
}
