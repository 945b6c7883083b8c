//! First ids: the ids under which predicted rows were shown first, for a screen that keeps a thing of its own per row.
//!
//! A row that the client predicts to be new is shown before the server has given it an id, and has another id when the
//! server confirms it; see [`spawns`](crate::client::prediction::spawns). The world goes on under the server's id,
//! because the game must know the row by the id that the server knows. A screen that makes a thing per id would make
//! it twice, so this list keeps the id under which the row was there first. It changes nothing in any world.
//!
//! Predicted ids come again, so two rules keep one id from naming two rows that live at once. No two entries have the
//! same first id. An entry ends when a row of the predicted world has the entry's first id as an id of its own: the
//! entry's row then goes on under its own id.

use crate::id::RowId;
use crate::tick::Tick;
use crate::world::snapshot::Snapshot;
use alloc::vec::Vec;

/// Entries at a time at the most. A row beyond them goes on under the server's id when it is confirmed.
const FIRST_IDS_MAX: usize = 1_024;

/// Ticks for which an entry outlives its row, because others are shown as they were a moment ago, and because a row
/// that was predicted to be gone may come back.
const OUTLIVES_TICKS_MAX: i64 = 128;

/// A row that was shown under another id before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstId {
    /// Index of its table in the schema.
    pub table: usize,
    /// The id that it has in the world now, by which the world's fields name it.
    pub id: RowId,
    /// The id under which it was shown first; no other row of the shown world has it.
    pub first: RowId,
    /// The tick of the newest snapshot that had the row, or from which the row was predicted.
    pub seen: Tick,
}

/// The rows of a world to be shown, and the ids under which some of them were shown first.
#[derive(Debug, Clone, Copy)]
pub struct ShownRows<'a> {
    /// The rows.
    pub world: &'a Snapshot,
    /// Sorted by table and id. An entry may name a row that is not in the world.
    pub first_ids: &'a [FirstId],
}

impl<'a> ShownRows<'a> {
    /// A world in which every row was always shown under its own id.
    #[must_use]
    pub const fn of(world: &'a Snapshot) -> Self {
        Self { world, first_ids: &[] }
    }
}

/// The first ids of the rows that a client has predicted.
#[derive(Debug, Clone, Default)]
pub(crate) struct FirstIds {
    /// Sorted by table and id.
    entries: Vec<FirstId>,
}

impl FirstIds {
    /// All entries, sorted by table and id.
    pub(crate) fn entries(&self) -> &[FirstId] {
        &self.entries
    }

    /// The row `from` of a table goes on as the row `to`, as a snapshot of the tick `seen` shows.
    pub(crate) fn rename(&mut self, table: usize, (from, to): (RowId, RowId), seen: Tick) {
        let first = self.place(table, from).map_or(from, |place| self.entries.remove(place).first);
        if let Ok(place) = self.place(table, to) {
            // The prediction had this row before, and lost it meanwhile.
            self.entries.remove(place);
        }
        if let Err(place) = self.place(table, to)
            && to != first
            && self.entries.len() < FIRST_IDS_MAX
        {
            self.entries.insert(place, FirstId { table, id: to, first, seen });
        }
    }

    fn place(&self, table: usize, id: RowId) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| (entry.table, entry.id).cmp(&(table, id)))
    }

    /// Ends the entries of rows that are in none of the two worlds any more: the server's world `base`, and the world
    /// that was predicted from it.
    pub(crate) fn keep(&mut self, base: &Snapshot, predicted: &Snapshot) {
        self.entries.retain_mut(|entry| {
            if [base, predicted].iter().any(|world| world.tables[entry.table].find(entry.id).is_some()) {
                entry.seen = base.tick;
            }
            base.tick.since(entry.seen).abs() <= OUTLIVES_TICKS_MAX
        });
        self.release(predicted);
    }

    /// Ends the entries whose first id is the id of another row in the world that is predicted now.
    pub(crate) fn release(&mut self, predicted: &Snapshot) {
        self.entries.retain(|entry| predicted.tables[entry.table].find(entry.first).is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::snapshot::Rows;

    const fn id(slot: u16) -> RowId {
        RowId { slot, generation: 0 }
    }

    /// A world with one table of these rows.
    fn world(tick: u32, rows: &[u16]) -> Snapshot {
        let mut table = Rows::new(0);
        rows.iter().for_each(|slot| table.push(id(*slot)).copy_from_slice(&[]));
        Snapshot { tick: Tick(tick), tables: alloc::vec![Rows::new(0), table] }
    }

    /// The rows that have a first id, and that id.
    fn pairs(ids: &FirstIds) -> Vec<(u16, u16)> {
        ids.entries().iter().map(|entry| (entry.id.slot, entry.first.slot)).collect()
    }

    fn renamed(renames: &[(u16, u16)]) -> FirstIds {
        let mut ids = FirstIds::default();
        renames.iter().for_each(|(from, to)| ids.rename(1, (id(*from), id(*to)), Tick(10)));
        ids
    }

    #[test]
    fn a_row_keeps_its_first_id_through_every_other_id() {
        assert_eq!(pairs(&renamed(&[(90, 91), (80, 3), (91, 2)])), [(2, 90), (3, 80)]);
        assert_eq!(pairs(&renamed(&[(90, 91), (91, 90)])), [], "its own id again");
        assert_eq!(pairs(&renamed(&[(90, 91), (92, 91), (91, 2)])), [(2, 92)], "the row that is shown counts");
    }

    #[test]
    fn an_entry_ends_some_time_after_its_row() {
        let mut ids = renamed(&[(90, 2), (80, 3)]);
        ids.keep(&world(200, &[2]), &world(203, &[3]));
        ids.keep(&world(320, &[2]), &world(323, &[]));
        assert_eq!(pairs(&ids), [(2, 90), (3, 80)], "the second may come back");
        ids.keep(&world(329, &[2]), &world(332, &[]));
        assert_eq!(pairs(&ids), [(2, 90)]);
        ids.keep(&world(5, &[]), &world(5, &[]));
        assert_eq!(pairs(&ids), [], "the room has begun again");
    }

    #[test]
    fn a_first_id_that_comes_again_names_the_new_row() {
        let mut ids = renamed(&[(90, 2), (80, 3)]);
        ids.keep(&world(11, &[2, 3]), &world(14, &[2, 3, 90]));
        assert_eq!(pairs(&ids), [(3, 80)]);
        ids.release(&world(15, &[2, 3, 80, 90]));
        assert_eq!(pairs(&ids), []);
    }

    #[test]
    fn the_list_is_bounded() {
        let mut ids = FirstIds::default();
        (0..2_000).for_each(|slot| ids.rename(1, (id(40_000 + slot), id(slot)), Tick(1)));
        assert_eq!(ids.entries().len(), FIRST_IDS_MAX);
        assert!(ids.entries().is_sorted_by_key(|entry| entry.id));
    }
}
