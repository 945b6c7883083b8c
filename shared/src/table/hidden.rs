//! The free slots of a table whose rows are hidden: an id must not count rows that its reader does not see.
//!
//! With the lowest free slot and a generation from 0, a player's own ids would tell how many rows the others have, and
//! how often they made new ones. Here each audience has a pool of slots of its own: the seats that may see rows, and
//! nobody. The room's secret draws the next slot from a pool that is at least half free, and the generation that a slot
//! begins with. So the ids of a seat's rows follow from that seat's rows alone, and rows that change hands tell nothing
//! of the hand that they come from.
//!
//! A slot goes to the pool of the audience that saw its row last: that audience knows the slot to be free. Rows that the
//! game made before its first tick keep their slots, which are never used again: those ids follow from the room's
//! options, which are no secret.

use crate::id::RowId;
use crate::leak::{Leak, is_planted};
use crate::limits::ROWS_MAX;
use crate::rng::{Purpose, Secret};
use alloc::vec::Vec;

/// The slots that a pool begins with, and free slots below which it grows.
const POOL_SLOTS_MIN: u16 = 8;
const FREE_SLOTS_MIN: u16 = POOL_SLOTS_MIN / 2;

/// The first slot of the pools is a multiple of this, so that it does not count the rows of a new game.
const FIRST_SLOT_STEP: usize = 64;

/// The free slots of one table with hidden rows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HiddenSlots {
    secret: Secret,
    /// The number of the table within its world.
    table: u8,
    /// The slots below it were taken before the first tick.
    pub(crate) first: u16,
    /// One pool per audience: nobody, then the seats.
    pub(crate) pools: Vec<Pool>,
}

impl Clone for HiddenSlots {
    /// Not derived, so that a page has it once.
    #[inline(never)]
    fn clone(&self) -> Self {
        Self::from_parts(&self.secret, self.table, self.first, self.pools.clone())
    }

    #[inline(never)]
    fn clone_from(&mut self, other: &Self) {
        self.secret.clone_from(&other.secret);
        (self.table, self.first) = (other.table, other.first);
        self.pools.clone_from(&other.pools);
    }
}

/// The free slots of one audience.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pool {
    /// Slots that were made for the pool.
    pub(crate) grown: u16,
    /// Slots that were drawn from it, modulo 2³².
    pub(crate) draws: u32,
    /// The free slots, in order.
    pub(crate) free: Vec<u16>,
}

impl Clone for Pool {
    fn clone(&self) -> Self {
        Self { grown: self.grown, draws: self.draws, free: self.free.clone() }
    }

    /// Not derived, because that would not reuse the memory.
    fn clone_from(&mut self, other: &Self) {
        (self.grown, self.draws) = (other.grown, other.draws);
        self.free.clone_from(&other.free);
    }
}

impl Pool {
    fn put(&mut self, slot: u16) {
        let place = self.free.partition_point(|free| *free < slot);
        self.free.insert(place, slot);
    }
}

impl HiddenSlots {
    /// The slots of a table that begins with `taken` slots, with this many pools.
    pub(crate) fn new(secret: &Secret, table: u8, taken: usize, pools: u16) -> Self {
        let first = u16::try_from((taken + 1).next_multiple_of(FIRST_SLOT_STEP)).unwrap_or(ROWS_MAX).min(ROWS_MAX);
        Self::from_parts(secret, table, first, alloc::vec![Pool::default(); usize::from(pools)])
    }

    /// The slots with these pools, of which there is at least one.
    pub(crate) fn from_parts(secret: &Secret, table: u8, first: u16, pools: Vec<Pool>) -> Self {
        Self { secret: secret.clone(), table, first, pools }
    }

    /// Slots that were drawn so far, modulo 2³².
    pub(crate) fn draws(&self) -> u32 {
        self.pools.iter().fold(0, |draws, pool| draws.wrapping_add(pool.draws))
    }

    /// The slots that a pool can grow to.
    pub(crate) fn pool_slots_max(first: u16, pools: usize) -> u16 {
        let slots = usize::from(ROWS_MAX) + 1 - usize::from(first.min(ROWS_MAX));
        u16::try_from(slots / pools.max(1)).unwrap_or(u16::MAX)
    }

    /// The id of a new row that `audience` sees; `None` when its pool is exhausted.
    pub(super) fn next_id(&mut self, audience: u8, generations: &mut Vec<u16>) -> Option<RowId> {
        let number = self.pool_of(audience);
        self.grow(number, generations);
        let (stream, drawn_of_all) = (self.stream(number), self.draws());
        let pool = &mut self.pools[number];
        let count = u32::try_from(pool.free.len()).ok().filter(|count| *count > 0)?;
        let place = if is_planted(Leak::CommonDraws) { drawn_of_all } else { pool.draws };
        let drawn = self.secret.rng(Purpose::Slot, stream, place).below(count);
        pool.draws = pool.draws.wrapping_add(1);
        let slot = pool.free.remove(drawn as usize);
        Some(RowId { slot, generation: generations[usize::from(slot)] })
    }

    /// Gives the slot of a row that `audience` saw last to the pool of that audience.
    pub(super) fn release(&mut self, audience: u8, slot: u16) {
        if slot >= self.first {
            let number = self.pool_of(audience);
            self.pools[number].put(slot);
        }
    }

    fn pool_of(&self, audience: u8) -> usize {
        Some(usize::from(audience)).filter(|number| *number < self.pools.len()).unwrap_or(0)
    }

    fn stream(&self, number: usize) -> u32 {
        u32::from(self.table) << 16 | u32::try_from(number).unwrap_or(0)
    }

    /// Makes slots for a pool of which less than half is free. The slots of the pools alternate, so that a pool grows
    /// independently of the others.
    fn grow(&mut self, number: usize, generations: &mut Vec<u16>) {
        let (pools, first) = (self.pools.len(), usize::from(self.first));
        let made: u16 = self.pools.iter().map(|pool| pool.grown).fold(0, u16::wrapping_add);
        let pool = &mut self.pools[number];
        if pool.free.len() >= usize::from(FREE_SLOTS_MIN.max(pool.grown / 2)) {
            return;
        }
        let wanted = pool.grown.saturating_mul(2).max(POOL_SLOTS_MIN).min(Self::pool_slots_max(self.first, pools));
        for place in pool.grown..wanted {
            let slot = first + usize::from(place) * pools + number;
            generations.resize(generations.len().max(slot + 1), 0);
            let slot = slot as u16;
            let start =
                if is_planted(Leak::CountedGenerations) { made } else { start_of(&self.secret, self.table, slot) };
            generations[usize::from(slot)] = start;
            pool.put(slot);
        }
        pool.grown = pool.grown.max(wanted);
    }
}

/// The generation that a slot begins with.
fn start_of(secret: &Secret, table: u8, slot: u16) -> u16 {
    secret.rng(Purpose::Generation, u32::from(table), u32::from(slot)).next_u32() as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Audience, Table};

    type Card = (u8, u32);

    /// A table of cards with an owner each, for so many seats, and with rows from before the first tick.
    fn table(seed: u64, seats: u16, before: u32) -> Table<Card> {
        let mut table = Table::default();
        (0..before).for_each(|face| assert!(table.insert((0, face)).slot < 64));
        let audience = Audience { leaf: 0, read: |card: &Card, _| card.0 };
        table.hide(audience, |taken| HiddenSlots::new(&Secret::from(seed), 1, taken, seats + 1));
        table
    }

    /// The ids that seat 1 gets in a fixed script, while the other seats make rows, the more the larger `others` is.
    fn ids(table: &mut Table<Card>, others: u32) -> Vec<RowId> {
        let (mut ids, mut dice) = (Vec::new(), crate::rng::Rng::new(3));
        for round in 0..200 {
            for face in 0..others * (round % 3) {
                table.insert((2 + (face % 2) as u8, face));
            }
            let low = dice.below(5);
            table.retain(|id, card| card.0 == 1 || u32::from(id.slot) % 5 != low);
            ids.push(table.insert((1, round)));
            if dice.one_in(2) {
                let mine = table.iter().filter(|(_, card)| card.0 == 1).map(|(id, _)| id);
                let oldest = mine.min_by_key(|id| table.get(*id)).expect("one was just inserted");
                table.remove(oldest);
            }
        }
        ids
    }

    #[test]
    fn the_ids_of_a_seat_do_not_depend_on_the_rows_of_others() {
        for seed in 0..20 {
            let alone = ids(&mut table(seed, 3, 0), 0);
            assert_eq!(ids(&mut table(seed, 3, 0), 3), alone);
            assert_eq!(ids(&mut table(seed, 3, 50), 7), alone, "nor on rows that a new game has");
        }
        assert_ne!(ids(&mut table(1, 3, 0), 0), ids(&mut table(2, 3, 0), 0), "each room draws others");
    }

    #[test]
    fn an_id_is_given_once_and_rows_stay_in_order() {
        let mut table = table(5, 3, 10);
        let mut ids: Vec<RowId> = ids(&mut table, 4);
        assert!(table.iter().map(|(id, _)| id.slot).is_sorted_by(|one, other| one < other));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 200);
    }

    #[test]
    fn slots_and_generations_are_drawn_and_at_least_half_of_a_pool_is_free() {
        let mut table = table(6, 1, 0);
        let ids: Vec<RowId> = (0..64).map(|face| table.insert((1, face))).collect();
        assert!(!ids.is_sorted(), "in no order");
        assert!(ids.iter().filter(|id| id.generation > 1_000).count() > 48, "from anywhere on");
        let pool = &table.hidden_slots().expect("the table is hidden").pools[1];
        assert!(pool.free.len() >= 63, "{} free beside 64 taken", pool.free.len());
    }

    #[test]
    fn a_slot_goes_to_the_audience_that_knows_it_to_be_free() {
        let mut table = table(7, 2, 0);
        let given = table.insert((1, 0));
        table.get_mut(given).expect("it is there").0 = 2;
        table.remove(given);
        let again = (0..2_000).map(|face| table.insert((1, face))).find(|id| id.slot == given.slot);
        assert_eq!(again, None, "the giver must not learn that the row is gone");
        assert!((0..2_000).any(|face| table.insert((2, face)).slot == given.slot));
    }

    #[test]
    fn a_pool_that_is_full_fills_no_other() {
        let mut table = table(8, 3, 0);
        let full = RowId { slot: u16::MAX, generation: u16::MAX };
        let mut count = 0_usize;
        while table.insert((1, 0)) != full {
            count += 1;
        }
        assert_eq!(count, usize::from(HiddenSlots::pool_slots_max(64, 4)));
        assert!(count * 4 >= usize::from(ROWS_MAX) - 64 - 4);
        assert!(table.iter().all(|(id, _)| id.slot <= ROWS_MAX));
        assert_ne!(table.insert((2, 0)), full);
    }
}
