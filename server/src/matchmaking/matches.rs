//! The matches that have a room: the people in their seats, the seats that are held for others, and the free ones.

use super::matchmaker::QueueId;
use crate::lobby::{Code, RoomId};
use crate::topics::Farewell;
use std::collections::BTreeMap;
use tickwire::limits::SEATS_MAX;
use tickwire::message::topics::PlayerId;
use tickwire::{QueueRules, Seat};

/// Milliseconds for which a seat is held for a player on the way, and after the connection of a player is lost. An empty room lasts
/// for longer.
pub(super) const HOLD_MS: u64 = 45_000;

const _: () = assert!(HOLD_MS < crate::limits::EMPTY_ROOM_MAX.as_millis() as u64, "the room is there for as long");

/// The state of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nobody's, or a bot's.
    Free,
    /// Kept for a player until then.
    Held(PlayerId, u64),
    Taken(PlayerId),
}

/// A match with its room.
#[derive(Debug)]
struct Match {
    code: Code,
    queue: QueueId,
    team_size: u8,
    /// Bots when it began.
    bots: u8,
    rating: u16,
    places: Vec<Place>,
}

/// A match before it has a room.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) queue: QueueId,
    pub(super) seats: BTreeMap<Seat, PlayerId>,
    pub(super) bots: u8,
    /// The mean rating of its people.
    pub(super) rating: u16,
}

/// The place to which a player is to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeldSeat {
    pub(super) code: Code,
    pub(super) seat: Seat,
    pub(super) bots: u8,
    pub(super) until_ms: u64,
}

impl Match {
    fn held(&self, player: PlayerId) -> Option<HeldSeat> {
        let (code, bots) = (self.code, self.bots);
        self.seats().find_map(|(seat, place)| match place {
            Place::Held(own, until_ms) if *own == player => Some(HeldSeat { code, seat, bots, until_ms: *until_ms }),
            _ => None,
        })
    }

    fn seats(&self) -> impl Iterator<Item = (Seat, &Place)> {
        Seat::first(SEATS_MAX).zip(&self.places)
    }

    /// The free seats that one party can have: those of the team with the most of them.
    fn free(&self) -> Vec<Seat> {
        let free = self.seats().filter(|(_, place)| **place == Place::Free).map(|(seat, _)| seat);
        if self.team_size == 1 {
            return free.collect();
        }
        let mut teams = BTreeMap::<u8, Vec<Seat>>::new();
        free.for_each(|seat| teams.entry(seat.number() / self.team_size).or_default().push(seat));
        teams.into_values().max_by_key(Vec::len).unwrap_or_default()
    }
}

/// All matches that have a room.
#[derive(Debug, Default)]
pub(super) struct Matches {
    rooms: BTreeMap<RoomId, Match>,
    /// The room in which a seat is held for each player.
    held: BTreeMap<PlayerId, RoomId>,
}

impl Matches {
    /// The room of a match has been made.
    pub(super) fn open(&mut self, room: RoomId, code: Code, rules: &QueueRules, drawn: &Drawn, now_ms: u64) {
        let Drawn { queue, bots, rating, .. } = *drawn;
        let places = vec![Place::Free; usize::from(rules.seats)];
        self.rooms.insert(room, Match { code, queue, team_size: rules.team_size, bots, rating, places });
        self.hold(room, &drawn.seats, now_ms);
    }

    /// Holds seats for players, as far as they are free: somebody may have come back to one meanwhile.
    pub(super) fn hold(&mut self, room: RoomId, seats: &BTreeMap<Seat, PlayerId>, now_ms: u64) {
        let Some(open) = self.rooms.get_mut(&room) else { return };
        for (seat, player) in seats {
            if let Some(place) = open.places.get_mut(seat.index()).filter(|place| **place == Place::Free) {
                *place = Place::Held(*player, now_ms + HOLD_MS);
                self.held.insert(*player, room);
            }
        }
    }

    /// The seat that is held for a player somewhere, and its queue.
    pub(super) fn held_for(&self, player: PlayerId, now_ms: u64) -> Option<(QueueId, HeldSeat)> {
        let found = self.held_in(*self.held.get(&player)?, player)?;
        Some(found).filter(|(_, at)| at.until_ms > now_ms)
    }

    /// The seat that is held for a player in this room.
    pub(super) fn held_in(&self, room: RoomId, player: PlayerId) -> Option<(QueueId, HeldSeat)> {
        let open = self.rooms.get(&room)?;
        Some((open.queue, open.held(player)?))
    }

    /// A player does not come to the seat that is held for it.
    pub(super) fn give_up(&mut self, player: PlayerId) {
        let Some(room) = self.held.remove(&player) else { return };
        let places = self.rooms.get_mut(&room).into_iter().flat_map(|open| &mut open.places);
        for place in places {
            if matches!(place, Place::Held(own, _) if *own == player) {
                // It expires with the next look.
                *place = Place::Held(player, 0);
            }
        }
    }

    pub(super) fn entered(&mut self, room: RoomId, seat: Seat, player: PlayerId) {
        let place = self.rooms.get_mut(&room).and_then(|open| open.places.get_mut(seat.index()));
        if let Some(place) = place {
            *place = Place::Taken(player);
            self.held.remove(&player);
        }
    }

    /// A player's connection is over. The seat of one who may come back is held.
    pub(super) fn left(&mut self, room: RoomId, seat: Seat, how: Farewell, now_ms: u64) {
        let place = self.rooms.get_mut(&room).and_then(|open| open.places.get_mut(seat.index()));
        if let Some(place) = place
            && let Place::Taken(player) = *place
        {
            *place = match how {
                Farewell::Left => Place::Free,
                Farewell::Lost => {
                    self.held.insert(player, room);
                    Place::Held(player, now_ms + HOLD_MS)
                }
            };
        }
    }

    /// A room has ended. False when it was none of a match.
    pub(super) fn close(&mut self, room: RoomId) -> bool {
        self.held.retain(|_, held| *held != room);
        self.rooms.remove(&room).is_some()
    }

    /// Frees the seats whose players have not come in time. Gives their rooms.
    pub(super) fn expire(&mut self, now_ms: u64) -> Vec<RoomId> {
        let mut rooms = Vec::new();
        for (room, open) in &mut self.rooms {
            for place in &mut open.places {
                if let Place::Held(player, until_ms) = *place
                    && until_ms <= now_ms
                {
                    *place = Place::Free;
                    if self.held.get(&player) == Some(room) {
                        self.held.remove(&player);
                    }
                    if rooms.last() != Some(room) {
                        rooms.push(*room);
                    }
                }
            }
        }
        rooms
    }

    /// The seats that a match can give away, with its queue and the rating of its people.
    pub(super) fn lacking(&self, room: RoomId) -> Option<(QueueId, u8, u16)> {
        let open = self.rooms.get(&room)?;
        // A match that nobody is in any more ends by itself.
        let is_alive = open.places.iter().any(|place| *place != Place::Free);
        let free = if is_alive { u8::try_from(open.free().len()).unwrap_or(u8::MAX) } else { 0 };
        Some((open.queue, free, open.rating))
    }

    /// Chooses seats of a running match for players who are to come. `None` when it has too few.
    pub(super) fn choose(&self, room: RoomId, players: &[PlayerId]) -> Option<(Code, BTreeMap<Seat, PlayerId>)> {
        let open = self.rooms.get(&room)?;
        let free = open.free();
        let is_enough = free.len() >= players.len();
        is_enough.then(|| (open.code, free.into_iter().zip(players.iter().copied()).collect()))
    }

    /// Whether there is no match.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.rooms.is_empty() && self.held.is_empty()
    }
}
