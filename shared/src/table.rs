//! A table of rows by generational id. The order of its rows and its free list are part of the state.
//!
//! `slotmap` changes the next key on a serde round trip, so it cannot hold state on which two machines must agree. Here
//! rows are sorted by slot, a new row takes the lowest free slot, and iteration is in slot order.
//!
//! In snapshot mode, a room draws the slots of tables whose rows are hidden from some players.

pub(crate) mod hidden;

use crate::id::RowId;
use crate::limits::ROWS_MAX;
use crate::tick::Tick;
use alloc::vec::Vec;
use hidden::HiddenSlots;

/// A table of rows of one kind: ships, shots, units.
///
/// Where all fields of a row are hidden from some players (`only = owner` or `only = server` on each, or on the table),
/// a room in snapshot mode draws the ids by its secret: ids tell nothing of rows that their reader does not see. For
/// that, insert a row with its owner already set, replace a row that changes hands by a new one, and empty the table
/// with [`Table::retain`] instead of putting a new table in its place. Such a table has room for the same number of rows
/// per seat, [`ROWS_MAX`] in all.
#[derive(Debug, Clone)]
pub struct Table<T> {
    slots: Slots,
    /// One row per id, in the order of `Slots::ids`.
    rows: Vec<T>,
    /// Tells the audience of a row in a table with hidden slots; not part of the state.
    audience: Option<Audience<T>>,
}

/// How a table with hidden slots finds the audience of a row.
#[derive(Debug)]
pub(crate) struct Audience<T> {
    /// The leaf that names the owner of a row.
    pub(crate) leaf: usize,
    /// Reads the leaf: 0 for nobody, else one more than the seat.
    pub(crate) read: fn(&T, usize) -> u8,
}

impl<T> Clone for Audience<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Audience<T> {}

/// The functions that take slots from pools and give them back. Only a room names them, so a page need not contain them.
#[derive(Debug, Clone, Copy)]
struct PoolUse {
    next_id: fn(&mut HiddenSlots, u8, &mut Vec<u16>) -> Option<RowId>,
    release: fn(&mut HiddenSlots, u8, u16),
}

impl PoolUse {
    /// Those of [`HiddenSlots`].
    const ROOM: Self = Self { next_id: HiddenSlots::next_id, release: HiddenSlots::release };
}

/// All of a table except for the values: one copy of the code serves every kind of row, of which a page holds many.
#[derive(Debug, Default)]
struct Slots {
    /// The ids of the rows, sorted by slot.
    ids: Vec<RowId>,
    /// Free slots below `generations.len()`, the lowest last; unused in a table with hidden slots.
    free: Vec<u16>,
    /// The free slots of a table with hidden rows.
    hidden: Option<HiddenSlots>,
    /// The use to make of them; not part of the state.
    pools: Option<PoolUse>,
    /// The generation that the next row in each slot gets.
    generations: Vec<u16>,
    /// `Some` in the table of a client, which knows no free list: new rows get slots above [`ROWS_MAX`], derived from
    /// the tick that is being made.
    provisional: Option<Tick>,
    /// The number of the table within its world, from 1, or 0 while it has not been set; not part of the state.
    number: u8,
    /// Pairs of rows that change places in a merge, one pair after another; memory that is used again.
    swaps: Vec<(usize, usize)>,
}

impl Clone for Slots {
    /// Not derived, so that it is there once and not within the clone of every table.
    #[inline(never)]
    fn clone(&self) -> Self {
        let Self { ids, free, hidden, pools, generations, provisional, number, swaps } = self;
        Self {
            ids: ids.clone(),
            free: free.clone(),
            hidden: hidden.clone(),
            pools: *pools,
            generations: generations.clone(),
            provisional: *provisional,
            number: *number,
            swaps: swaps.clone(),
        }
    }
}

/// An id that names no row.
const NOTHING: RowId = RowId { slot: u16::MAX, generation: u16::MAX };

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { slots: Slots::default(), rows: Vec::new(), audience: None }
    }
}

impl<T> Table<T> {
    /// The number of rows in the table.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the table has no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row and gives its id. When the table is full ([`ROWS_MAX`] + 1 rows), the row is dropped and the id names
    /// no row.
    pub fn insert(&mut self, row: T) -> RowId {
        let Some((place, id)) = self.slots.insert(audience_of(self.audience, &row)) else { return NOTHING };
        self.rows.insert(place, row);
        id
    }

    /// Removes a row and gives it back; `None` when the id names no row.
    pub fn remove(&mut self, id: RowId) -> Option<T> {
        let place = self.slots.place(id).ok()?;
        let row = self.rows.remove(place);
        self.slots.release(place, audience_of(self.audience, &row));
        self.slots.ids.remove(place);
        Some(row)
    }

    /// Keeps the rows for which `keep` gives true, and removes the others. It is called in slot order.
    pub fn retain(&mut self, mut keep: impl FnMut(RowId, &mut T) -> bool) {
        let Self { slots, rows, audience } = self;
        let mut place = 0;
        rows.retain_mut(|row| {
            let kept = keep(slots.ids[place], row);
            if !kept {
                slots.release(place, audience_of(*audience, row));
            }
            place += 1;
            kept
        });
        slots.forget_released();
    }

    /// The row with this id; `None` when the id names no row.
    #[must_use]
    pub fn get(&self, id: RowId) -> Option<&T> {
        self.slots.place(id).ok().map(|place| &self.rows[place])
    }

    /// The row with this id, to be changed; `None` when the id names no row.
    pub fn get_mut(&mut self, id: RowId) -> Option<&mut T> {
        self.slots.place(id).ok().map(|place| &mut self.rows[place])
    }

    /// All rows with their ids, in slot order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (RowId, &T)> + ExactSizeIterator {
        self.slots.ids.iter().copied().zip(&self.rows)
    }

    /// All rows with their ids, in slot order, to be changed.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (RowId, &mut T)> + ExactSizeIterator {
        self.slots.ids.iter().copied().zip(&mut self.rows)
    }

    /// The rows without their ids, in slot order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.rows.iter()
    }

    /// The rows without their ids, in slot order, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> + ExactSizeIterator {
        self.rows.iter_mut()
    }

    /// The ids, in slot order.
    pub(crate) fn ids(&self) -> &[RowId] {
        &self.slots.ids
    }

    /// Gives the table its number within its world: the index in the schema.
    pub(crate) const fn set_number(&mut self, number: u8) {
        self.slots.number = number;
    }

    /// The number of the table within its world; `None` before it was set.
    pub(crate) const fn number(&self) -> Option<u8> {
        if self.slots.number == 0 { None } else { Some(self.slots.number) }
    }

    /// From now on new rows are predictions, made in the tick `tick`, which is made next.
    pub(crate) const fn predict(&mut self, tick: Tick) {
        self.slots.provisional = Some(tick);
    }

    /// From now on the free slots of the table are those that `make` gives for the number of slots that were taken
    /// before, unless they are hidden already. `audience` tells who sees a row.
    pub(crate) fn hide(&mut self, audience: Audience<T>, make: impl FnOnce(usize) -> HiddenSlots) {
        self.audience = Some(audience);
        let slots = &mut self.slots;
        slots.pools = Some(PoolUse::ROOM);
        slots.hidden.get_or_insert_with(|| make(slots.generations.len()));
    }

    /// Per slot the generation that its next row gets, or that of the row which is there. Together with the rows this
    /// is all there is to know of a table without hidden slots: the free slots follow from it.
    pub(crate) fn slots(&self) -> &[u16] {
        &self.slots.generations
    }

    /// The free slots of a table with hidden rows.
    pub(crate) const fn hidden_slots(&self) -> Option<&HiddenSlots> {
        self.slots.hidden.as_ref()
    }

    /// After [`Table::restore`], gives the table its free slots back, so that new rows get ordinary ids again.
    pub(crate) fn restore_slots(&mut self, generations: &[u16], hidden: Option<&HiddenSlots>) {
        self.slots.restore(generations, hidden);
    }

    /// Makes the rows exactly those of `ids`, which are in slot order, and fills them. Rows that were there before keep
    /// their values and their memory until they are filled; a new row begins as any value. Rows that are inserted
    /// afterwards get provisional ids.
    pub(crate) fn restore(&mut self, ids: &[RowId], mut fill: impl FnMut(usize, &mut T))
    where
        T: Default,
    {
        self.slots.provisional.get_or_insert_default();
        // In most ticks the rows are those of the last time.
        if self.slots.ids != ids {
            self.slots.merge(ids);
            self.rows.resize_with(self.rows.len().max(ids.len()), T::default);
            for (one, other) in &self.slots.swaps {
                self.rows.swap(*one, *other);
            }
            self.rows.truncate(ids.len());
        }
        for (index, row) in self.rows.iter_mut().enumerate() {
            fill(index, row);
        }
    }
}

/// The audience of a row; 0 in a table without hidden slots.
fn audience_of<T>(audience: Option<Audience<T>>, row: &T) -> u8 {
    audience.map_or(0, |Audience { leaf, read }| read(row, leaf))
}

impl Slots {
    /// The place and the id of a new row; `None` when the table is full.
    #[inline(never)]
    fn insert(&mut self, audience: u8) -> Option<(usize, RowId)> {
        let id = self.next_id(audience)?;
        let place = self.place(id).err()?;
        self.ids.insert(place, id);
        Some((place, id))
    }

    fn next_id(&mut self, audience: u8) -> Option<RowId> {
        if let Some(tick) = self.provisional {
            let mut ids = (0..).map_while(|order| RowId::provisional(tick, order));
            return ids.find(|id| self.place(*id).is_err());
        }
        if let (Some(pools), Some(hidden)) = (self.pools, &mut self.hidden) {
            return (pools.next_id)(hidden, audience, &mut self.generations);
        }
        if let Some(slot) = self.free.pop() {
            return Some(RowId { slot, generation: self.generations[usize::from(slot)] });
        }
        let slot = u16::try_from(self.generations.len()).ok().filter(|slot| *slot <= ROWS_MAX)?;
        self.generations.push(0);
        Some(RowId { slot, generation: 0 })
    }

    /// Frees the slot of the row at `place`, which then has no id; `audience` saw the row last.
    #[inline(never)]
    fn release(&mut self, place: usize, audience: u8) {
        let RowId { slot, .. } = core::mem::replace(&mut self.ids[place], NOTHING);
        let Some(generation) = self.generations.get_mut(usize::from(slot)) else { return };
        *generation = generation.wrapping_add(1);
        if let (Some(pools), Some(hidden)) = (self.pools, &mut self.hidden) {
            return (pools.release)(hidden, audience, slot);
        }
        let place = self.free.partition_point(|free| *free > slot);
        self.free.insert(place, slot);
    }

    fn forget_released(&mut self) {
        self.ids.retain(|id| *id != NOTHING);
    }

    /// The place of the row, or the place at which it would have to be inserted.
    fn place(&self, id: RowId) -> Result<usize, usize> {
        let place = self.ids.partition_point(|row| row.slot < id.slot);
        match self.ids.get(place) {
            Some(row) if *row == id => Ok(place),
            _ => Err(place),
        }
    }

    #[inline(never)]
    fn restore(&mut self, generations: &[u16], hidden: Option<&HiddenSlots>) {
        self.provisional = None;
        self.hidden = hidden.cloned();
        self.generations.clear();
        self.generations.extend_from_slice(generations);
        self.free.clear();
        let mut taken = self.ids.iter().rev().map(|id| id.slot).peekable();
        let slots = u16::try_from(generations.len()).unwrap_or(u16::MAX);
        self.free.extend((0..slots).rev().filter(|slot| taken.next_if_eq(slot).is_none()));
    }

    /// Takes over `ids` and records the swaps that bring the rows which stay to their places. New rows get the places
    /// of rows that go, and with them their memory.
    ///
    /// The swaps run in two passes. The first moves the rows that stay together at the front, in their old order, and
    /// so the rows that go behind them. The second spreads them over their new places from the end on. Swaps keep every
    /// value in the table, so that a `Vec` within a row that goes serves a row that comes.
    fn merge(&mut self, ids: &[RowId]) {
        self.swaps.clear();
        let (mut kept, mut wanted) = (0, ids.iter().peekable());
        for place in 0..self.ids.len() {
            let id = self.ids[place];
            while wanted.next_if(|next| next.slot < id.slot).is_some() {}
            if wanted.next_if_eq(&&id).is_some() {
                self.ids[kept] = id;
                self.swap(kept, place);
                kept += 1;
            }
        }
        // The pass runs from the end on: a row that is moved out of the way is one that goes, or a new one.
        for (place, id) in ids.iter().enumerate().rev() {
            if kept > 0 && self.ids[kept - 1] == *id {
                kept -= 1;
                self.swap(kept, place);
            }
        }
        self.ids.clear();
        self.ids.extend_from_slice(ids);
    }

    fn swap(&mut self, one: usize, other: usize) {
        if one != other {
            self.swaps.push((one, other));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_row_takes_the_lowest_free_slot_and_a_new_generation() {
        let mut table = Table::default();
        let ids: Vec<RowId> = (0..4).map(|n| table.insert(n)).collect();
        assert_eq!(table.remove(ids[2]), Some(2));
        assert_eq!(table.remove(ids[0]), Some(0));
        assert_eq!(table.remove(ids[0]), None);
        let again = table.insert(10);
        assert_eq!(again, RowId { slot: 0, generation: 1 });
        assert_eq!(table.insert(12), RowId { slot: 2, generation: 1 });
        assert_eq!(table.insert(14).slot, 4);
        assert_eq!(table.get(ids[0]), None);
        assert_eq!(table.values().copied().collect::<Vec<_>>(), [10, 1, 12, 3, 14]);
    }

    #[test]
    fn retain_frees_slots_as_remove_does() {
        let mut table = Table::default();
        for n in 0..6 {
            table.insert(n);
        }
        table.retain(|_, n| *n % 2 == 1);
        assert_eq!(table.insert(9).slot, 0);
        assert_eq!(table.insert(9).slot, 2);
        assert_eq!(table.len(), 5);
    }

    #[test]
    fn rows_that_a_client_predicts_get_ids_apart() {
        let mut table: Table<u8> = Table::default();
        let ids = [RowId { slot: 3, generation: 1 }];
        table.restore(&ids, |_, value| *value = 5);
        table.predict(Tick(70));
        let shot = table.insert(7);
        assert!(shot.slot > ROWS_MAX);
        assert_ne!(table.insert(8), shot);
        table.predict(Tick(71));
        let later = table.insert(9);
        assert!(later.slot > shot.slot);
        table.restore(&ids, |_, value| *value = 6);
        assert_eq!(table.iter().collect::<Vec<_>>(), [(ids[0], &6)]);
        table.predict(Tick(70));
        assert_eq!(table.insert(7), shot, "the same spawn has the same id in every replay");
    }

    #[test]
    fn rows_that_stay_keep_their_memory_while_others_come_and_go() {
        let ids = |slots: u32| {
            let slots = (0..8).filter(move |slot| slots >> slot & 1 != 0);
            slots.map(|slot| RowId { slot, generation: slot % 3 }).collect::<Vec<_>>()
        };
        for (before, after) in (0..=255).flat_map(|before| (0..=255).map(move |after| (before, after))) {
            let mut table: Table<Vec<u16>> = Table::default();
            table.restore(&ids(before), |index, value| value.push(ids(before)[index].slot));
            let memory: Vec<_> = table.iter().map(|(id, value)| (id, value.as_ptr())).collect();
            let mut filled = Vec::new();
            table.restore(&ids(after), |index, value| filled.push((ids(after)[index], value.as_ptr())));
            assert!(table.iter().map(|(id, _)| id).eq(ids(after)), "{before:b} to {after:b}");
            for row in memory.iter().filter(|(id, _)| ids(after).contains(id)) {
                assert!(filled.contains(row), "{before:b} to {after:b}");
            }
        }
    }

    #[test]
    fn a_full_table_drops_the_row() {
        let mut table = Table::default();
        for _ in 0..=ROWS_MAX {
            table.insert(());
        }
        let dropped = table.insert(());
        assert_eq!(table.get(dropped), None);
        assert_eq!(table.len(), usize::from(ROWS_MAX) + 1);
    }
}
