//! A table of rows by generational id, whose order and free list are part of the state.
//!
//! `slotmap` changes the next key on a serde round trip, so it cannot hold what two machines must agree on.
//! Here rows are sorted by slot, a new row takes the lowest free slot, and iteration is in slot order.

use crate::limits::ROWS_MAX;
use crate::{RowId, Tick};
use alloc::vec::Vec;

/// Rows of one kind: ships, shots, units.
#[derive(Debug, Clone)]
pub struct Table<T> {
    /// Sorted by slot.
    rows: Vec<(RowId, T)>,
    /// Free slots below `generations.len()`, the lowest last.
    free: Vec<u16>,
    /// The generation that the next row in each slot gets.
    generations: Vec<u16>,
    /// A client's table, which knows no free list: new rows get slots above [`ROWS_MAX`], by the tick that is made.
    provisional: Option<Tick>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), free: Vec::new(), generations: Vec::new(), provisional: None }
    }
}

impl<T> Table<T> {
    /// Rows in the table.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row and gives its id; when the table is full ([`ROWS_MAX`] rows) the row is dropped and the
    /// id names nothing.
    pub fn insert(&mut self, row: T) -> RowId {
        let id = self.next_id();
        if let (false, Err(place)) = (id.slot == u16::MAX, self.place(id)) {
            self.rows.insert(place, (id, row));
        }
        id
    }

    fn next_id(&mut self) -> RowId {
        let nothing = RowId { slot: u16::MAX, generation: u16::MAX };
        if let Some(tick) = self.provisional {
            let mut ids = (0..).map_while(|order| RowId::provisional(tick, order));
            return ids.find(|id| self.place(*id).is_err()).unwrap_or(nothing);
        }
        if let Some(slot) = self.free.pop() {
            return RowId { slot, generation: self.generations[usize::from(slot)] };
        }
        match u16::try_from(self.generations.len()) {
            Ok(slot) if slot <= ROWS_MAX => {
                self.generations.push(0);
                RowId { slot, generation: 0 }
            }
            _ => nothing,
        }
    }

    /// Removes a row and gives it back; `None` when the id names no row.
    pub fn remove(&mut self, id: RowId) -> Option<T> {
        let place = self.place(id).ok()?;
        let (_, row) = self.rows.remove(place);
        self.release(id.slot);
        Some(row)
    }

    fn release(&mut self, slot: u16) {
        let Some(generation) = self.generations.get_mut(usize::from(slot)) else { return };
        *generation = generation.wrapping_add(1);
        let place = self.free.partition_point(|free| *free > slot);
        self.free.insert(place, slot);
    }

    /// Keeps the rows for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(RowId, &mut T) -> bool) {
        let mut rows = core::mem::take(&mut self.rows);
        rows.retain_mut(|(id, row)| {
            let kept = keep(*id, row);
            if !kept {
                self.release(id.slot);
            }
            kept
        });
        self.rows = rows;
    }

    /// The row with this id.
    #[must_use]
    pub fn get(&self, id: RowId) -> Option<&T> {
        self.place(id).ok().map(|place| &self.rows[place].1)
    }

    /// The row with this id, to be changed.
    pub fn get_mut(&mut self, id: RowId) -> Option<&mut T> {
        self.place(id).ok().map(|place| &mut self.rows[place].1)
    }

    /// All rows, in slot order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (RowId, &T)> + ExactSizeIterator {
        self.rows.iter().map(|(id, row)| (*id, row))
    }

    /// All rows, in slot order, to be changed.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (RowId, &mut T)> + ExactSizeIterator {
        self.rows.iter_mut().map(|(id, row)| (*id, row))
    }

    /// The rows without their ids.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.rows.iter().map(|(_, row)| row)
    }

    /// The rows without their ids, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> + ExactSizeIterator {
        self.rows.iter_mut().map(|(_, row)| row)
    }

    /// Where the row is, or where it would have to be inserted.
    fn place(&self, id: RowId) -> Result<usize, usize> {
        let place = self.rows.partition_point(|(row, _)| row.slot < id.slot);
        match self.rows.get(place) {
            Some((row, _)) if *row == id => Ok(place),
            _ => Err(place),
        }
    }

    /// New rows are predictions from now on, of the tick that is made next.
    pub(crate) const fn predict(&mut self, tick: Tick) {
        self.provisional = Some(tick);
    }

    /// The generation that the next row in each slot gets, or that of the row which is there: with the rows, all
    /// there is to know. What is free follows from it.
    pub(crate) fn slots(&self) -> &[u16] {
        &self.generations
    }

    /// After [`Table::restore`], makes the table one that knows its free slots again.
    pub(crate) fn restore_slots(&mut self, generations: &[u16]) {
        self.provisional = None;
        self.generations.clear();
        self.generations.extend_from_slice(generations);
        self.free.clear();
        let mut taken = self.rows.iter().rev().map(|(id, _)| id.slot).peekable();
        let slots = u16::try_from(generations.len()).unwrap_or(u16::MAX);
        self.free.extend((0..slots).rev().filter(|slot| taken.next_if_eq(slot).is_none()));
    }

    /// Makes the rows exactly `ids`, which are in the order of slots, and fills them. Those that were there keep their
    /// values and memory until then; a new row begins as any value. New rows afterwards get provisional ids.
    pub(crate) fn restore(&mut self, ids: &[RowId], mut fill: impl FnMut(usize, &mut T))
    where
        T: Default,
    {
        self.provisional.get_or_insert_default();
        // Mostly the same rows as last time.
        if !self.rows.iter().map(|(id, _)| id).eq(ids) {
            self.merge(ids);
        }
        for (index, (_, value)) in self.rows.iter_mut().enumerate() {
            fill(index, value);
        }
    }

    /// Brings the rows that stay to their places; new ones take over the memory of those that go.
    fn merge(&mut self, ids: &[RowId])
    where
        T: Default,
    {
        let (mut kept, mut wanted) = (0, ids.iter().peekable());
        for place in 0..self.rows.len() {
            let id = self.rows[place].0;
            while wanted.next_if(|next| next.slot < id.slot).is_some() {}
            if wanted.next_if_eq(&&id).is_some() {
                self.swap(kept, place);
                kept += 1;
            }
        }
        self.rows.resize_with(ids.len(), Default::default);
        // From the end on: whatever is moved out of the way is of a row that goes, or new.
        for (place, id) in ids.iter().enumerate().rev() {
            if kept > 0 && self.rows[kept - 1].0 == *id {
                kept -= 1;
                self.swap(kept, place);
            } else {
                self.rows[place].0 = *id;
            }
        }
    }

    /// A page holds it once for each kind of row.
    #[inline(never)]
    fn swap(&mut self, one: usize, other: usize) {
        self.rows.swap(one, other);
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
    fn rows_predicted_by_a_client_get_ids_apart() {
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
    fn rows_that_stay_keep_their_memory_whatever_comes_and_goes_around_them() {
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
