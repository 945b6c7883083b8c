//! The running matches of one queue that lack people.

use super::RunningRoom;
use super::nearest::{Near, RatingIndex};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy)]
struct Offer {
    free_seats: u8,
    rating: u16,
    seq: u64,
}

/// The offers.
#[derive(Debug)]
pub(super) struct Offers {
    by_room: BTreeMap<RunningRoom, Offer>,
    by_rating: RatingIndex<RunningRoom>,
    next_seq: u64,
}

impl Offers {
    pub(super) fn new() -> Self {
        Self { by_room: BTreeMap::new(), by_rating: RatingIndex::new(), next_seq: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.by_room.len()
    }

    pub(super) fn contains(&self, room: RunningRoom) -> bool {
        self.by_room.contains_key(&room)
    }

    /// Takes in the offer of a room, in place of its earlier one. A room that offers again keeps its age.
    pub(super) fn insert(&mut self, room: RunningRoom, free_seats: u8, rating: u16) {
        let seq = self.remove(room).unwrap_or(self.next_seq);
        self.next_seq = self.next_seq.max(seq + 1);
        if free_seats > 0 {
            self.by_room.insert(room, Offer { free_seats, rating, seq });
            self.by_rating.insert(free_seats, rating, seq, room);
        }
    }

    /// Takes an offer back. The answer is its age, if there was one.
    pub(super) fn remove(&mut self, room: RunningRoom) -> Option<u64> {
        let offer = self.by_room.remove(&room)?;
        self.by_rating.remove(offer.free_seats, offer.rating, offer.seq);
        Some(offer.seq)
    }

    /// Gives seats to a group of this size: those of the room with the nearest rating in the window, and of the older
    /// offer where two are equally near.
    pub(super) fn take_nearest(&mut self, size: u8, rating: u16, window: Option<u16>) -> Option<RunningRoom> {
        let large_enough = self.by_rating.sizes(size, u8::MAX);
        let nearest = large_enough.filter_map(|free| self.by_rating.nearest(free, rating, window).next());
        let room = nearest.min_by_key(Near::order)?.entry;
        let offer = *self.by_room.get(&room)?;
        self.insert(room, offer.free_seats - size, offer.rating);
        Some(room)
    }
}
