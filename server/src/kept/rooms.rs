//! The things that were told of the rooms that go on: how many events, and the players whose leaving is yet to be told.
//! All of it follows from the events.

use super::outbox::{EventKind, KeptEvent, KeptPlayer};
use crate::limits::{KEPT_PLAYERS_BYTES_MAX, KEPT_ROOMS_MAX};
use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use std::collections::BTreeMap;

/// Bytes that a player takes besides the texts.
const PART_BYTES: usize = 64;

/// The things that were told of a room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct KeptRoom {
    /// The place of the last event among those of the room.
    pub(crate) order: u64,
    /// The players who have joined and not left, by their seats.
    pub(crate) players: BTreeMap<u16, KeptPlayer>,
}

impl KeptRoom {
    fn bytes(&self) -> usize {
        self.players.values().map(bytes_of).sum()
    }
}

fn bytes_of(player: &KeptPlayer) -> usize {
    PART_BYTES + player.id.len() + player.name.len()
}

/// All rooms that have not ended, by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeptRooms {
    by_number: BTreeMap<u64, KeptRoom>,
    /// Bytes of all players.
    bytes: usize,
}

impl KeptRooms {
    /// The things that were told of a room.
    pub(crate) fn get(&self, room: u64) -> Option<&KeptRoom> {
        self.by_number.get(&room)
    }

    /// Takes in an event. One that was taken in before, or that comes after a later one, changes nothing.
    pub(super) fn note(&mut self, event: &KeptEvent) {
        let number = event.key.room;
        if matches!(event.kind, EventKind::Closed { .. }) {
            self.bytes -= self.by_number.remove(&number).as_ref().map_or(0, KeptRoom::bytes);
            return;
        }
        if !self.by_number.contains_key(&number) && self.by_number.len() >= KEPT_ROOMS_MAX {
            return;
        }
        let room = self.by_number.entry(number).or_default();
        if event.key.order <= room.order {
            return;
        }
        room.order = event.key.order;
        let before = match &event.kind {
            // Beyond the bound the leaving of a player is not told if the process ends before.
            EventKind::Joined(player) if self.bytes + bytes_of(player) <= KEPT_PLAYERS_BYTES_MAX => {
                self.bytes += bytes_of(player);
                room.players.insert(player.seat, player.clone())
            }
            EventKind::Left(player, _) => room.players.remove(&player.seat),
            _ => None,
        };
        self.bytes -= before.as_ref().map_or(0, bytes_of);
    }

    /// Forgets all other rooms.
    pub(super) fn retain(&mut self, stays: impl Fn(u64) -> bool) {
        self.by_number.retain(|number, _| stays(*number));
        self.bytes = self.by_number.values().map(KeptRoom::bytes).sum();
    }
}

impl Encode for KeptRooms {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.by_number.encode(encoder)
    }
}

impl<Context> Decode<Context> for KeptRooms {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let mut rooms = Self { by_number: BTreeMap::decode(decoder)?, bytes: 0 };
        rooms.retain(|_| true);
        Ok(rooms)
    }
}

bincode::impl_borrow_decode!(KeptRooms);
