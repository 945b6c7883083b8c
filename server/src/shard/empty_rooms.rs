//! Rooms in which nobody is. They do not tick, and they end when nobody has entered for a while.

use super::ended::Ended;
use super::room_handle::RoomHandle;
use crate::limits::EMPTY_ROOM_MAX;
use crate::lobby::RoomId;
use std::collections::{BTreeMap, BTreeSet};

/// The empty rooms of a shard, with the time at which each of them ends.
#[derive(Default)]
pub(super) struct EmptyRooms {
    rooms: BTreeMap<RoomId, RoomHandle>,
    ends: BTreeSet<(u64, RoomId)>,
}

fn end_ns(room: &RoomHandle) -> u64 {
    let max_ns = u64::try_from(EMPTY_ROOM_MAX.as_nanos()).unwrap_or(u64::MAX);
    room.empty_since_ns.unwrap_or(0).saturating_add(max_ns)
}

impl EmptyRooms {
    /// Takes in a room. A room that was let out and never had people in it ends at the same time as before.
    pub(super) fn put(&mut self, room: RoomHandle) {
        self.ends.insert((end_ns(&room), room.id));
        self.rooms.insert(room.id, room);
    }

    /// All rooms.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut RoomHandle> {
        self.rooms.values_mut()
    }

    pub(super) fn has(&self, id: RoomId) -> bool {
        self.rooms.contains_key(&id)
    }

    /// Lets a room out, because somebody enters it.
    pub(super) fn take(&mut self, id: RoomId) -> Option<RoomHandle> {
        let room = self.rooms.remove(&id)?;
        self.ends.remove(&(end_ns(&room), id));
        Some(room)
    }

    /// The time at which the next room ends.
    pub(super) fn next_end_ns(&self) -> Option<u64> {
        self.ends.first().map(|(at_ns, _)| *at_ns)
    }

    /// Ends the rooms that end now.
    pub(super) fn end(&mut self, now_ns: u64, gone: &mut Ended) {
        while self.next_end_ns().is_some_and(|at_ns| at_ns <= now_ns)
            && let Some((_, id)) = self.ends.pop_first()
        {
            self.rooms.remove(&id).into_iter().for_each(|room| gone.put(room));
        }
    }

    pub(super) fn clear(&mut self) {
        self.rooms.clear();
        self.ends.clear();
    }
}
