//! A snapshot: the world of one tick as rows of wire integers.
//!
//! On the server it holds everything; [`Topic`] says which rows and leaves a section of it may show. On a client it
//! holds the rows and leaves that were received; hidden leaves are zero.

use crate::hash;
use crate::id::{RowId, Seat};
use crate::leak::{Leak, is_planted};
use crate::state::{ALL_TABLES, Schema, State, TableSchema, TableVisitor};
use crate::table::Table;
use crate::tick::Tick;
use alloc::vec::Vec;

/// The rows of one table, sorted by slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Wire integers per row.
    pub width: usize,
    /// One id per row.
    pub ids: Vec<RowId>,
    /// `width` integers per row, one row after another.
    pub wire: Vec<u32>,
}

impl Rows {
    /// No rows, of this width.
    #[must_use]
    pub const fn new(width: usize) -> Self {
        Self { width, ids: Vec::new(), wire: Vec::new() }
    }

    /// The integers of the row at `index`.
    #[must_use]
    pub fn row(&self, index: usize) -> &[u32] {
        &self.wire[index * self.width..(index + 1) * self.width]
    }

    /// The integers of the row at `index`, to be changed.
    pub(crate) fn row_mut(&mut self, index: usize) -> &mut [u32] {
        &mut self.wire[index * self.width..(index + 1) * self.width]
    }

    /// The integers of the row with this id, which is probably at `guess`: most rows stay where they are.
    pub(crate) fn find_near(&self, guess: usize, id: RowId) -> Option<&[u32]> {
        if self.ids.get(guess) == Some(&id) { Some(self.row(guess)) } else { self.find(id) }
    }

    /// The integers of the row with this id.
    #[must_use]
    #[inline(never)]
    pub fn find(&self, id: RowId) -> Option<&[u32]> {
        let index = self.ids.partition_point(|row| row.slot < id.slot);
        (self.ids.get(index) == Some(&id)).then(|| self.row(index))
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.wire.clear();
    }

    /// Appends a row of zeros and gives it to be filled. Ids are pushed in slot order.
    pub fn push(&mut self, id: RowId) -> &mut [u32] {
        debug_assert!(self.ids.last().is_none_or(|last| last.slot < id.slot), "rows are pushed in slot order");
        self.ids.push(id);
        let start = self.wire.len();
        self.wire.resize(start + self.width, 0);
        &mut self.wire[start..]
    }

    /// Indices of the rows whose slots are in a section.
    #[must_use]
    pub fn in_section(&self, table: &TableSchema, section: u32) -> core::ops::Range<usize> {
        let per = u32::from(table.slots_per_section);
        if section == 0 && self.ids.last().is_none_or(|last| u32::from(last.slot) < per) {
            return 0..self.ids.len();
        }
        let (first, end) = (section * per, (section + 1) * per);
        let start = self.ids.partition_point(|id| u32::from(id.slot) < first);
        start..self.ids.partition_point(|id| u32::from(id.slot) < end)
    }

    /// The sum of the rows' hashes, every leaf included.
    #[must_use]
    pub fn hash(&self, table: &TableSchema) -> u64 {
        let hash =
            |index: usize| hash::row(self.ids[index], table.keys.iter().copied().zip(self.row(index).iter().copied()));
        (0..self.ids.len()).map(hash).fold(0, u64::wrapping_add)
    }

    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.width = other.width;
        self.ids.clone_from(&other.ids);
        self.wire.clone_from(&other.wire);
    }
}

/// The world of one tick as wire integers: the root row, then each table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The tick after which the world was like this.
    pub tick: Tick,
    /// Table 0 is the root: exactly one row with the default id.
    pub tables: Vec<Rows>,
}

impl Snapshot {
    /// The empty world of this shape: a root row of zeros and no other row.
    #[must_use]
    pub fn empty(schema: &Schema) -> Self {
        let mut tables: Vec<Rows> = schema.tables.iter().map(|table| Rows::new(table.leaves.len())).collect();
        tables[0].push(RowId::default());
        Self { tick: Tick::default(), tables }
    }

    /// Forgets all rows and keeps the memory: the root's row is zeros again.
    pub(crate) fn clear(&mut self) {
        self.tables.iter_mut().for_each(Rows::clear);
        if let Some(root) = self.tables.first_mut() {
            root.push(RowId::default());
        }
    }

    /// Takes over another snapshot's content, reusing this one's memory.
    pub fn copy_from(&mut self, other: &Self) {
        self.tick = other.tick;
        self.tables.resize_with(other.tables.len(), Rows::default);
        for (mine, theirs) in self.tables.iter_mut().zip(&other.tables) {
            mine.copy_from(theirs);
        }
    }

    /// Rounds `world` to wire precision and takes its integers: from here on the world and the snapshot say the same.
    ///
    /// The world is rounded and not only read, because it must hold no more than the wire does: so the next step of a
    /// room starts from the same values as that of a client, which has the integers alone.
    pub fn capture<S: State>(&mut self, world: &mut S, tick: Tick) {
        self.tick = tick;
        let root = &mut self.tables[0];
        root.clear();
        let row = root.push(RowId::default());
        world.gather(row);
        world.scatter(row);
        let mut capture = Capture { tables: self.tables[1..].iter_mut() };
        world.tables(&mut capture);
        assert!(capture.tables.next().is_none(), "a world shows all tables that it describes");
    }

    /// Makes `world` the one that this snapshot describes, reusing the world's memory.
    pub fn restore<S: State>(&self, world: &mut S) {
        self.restore_some(world, ALL_TABLES);
    }

    /// The same as [`Snapshot::restore`] for some tables only: those whose bits are set, the root row's being the
    /// lowest.
    pub(crate) fn restore_some<S: State>(&self, world: &mut S, wanted: u32) {
        if wanted & 1 != 0 {
            world.scatter(self.tables[0].row(0));
        }
        world.tables(&mut Restore { tables: self.tables[1..].iter(), wanted: wanted >> 1 });
    }

    /// The hash of everything in it, hidden fields included: the sum of the rows' hashes.
    #[must_use]
    pub fn hash(&self, schema: &Schema) -> u64 {
        let rows = schema.tables.iter().zip(&self.tables);
        rows.map(|(table, rows)| rows.hash(table)).fold(0, u64::wrapping_add)
    }
}

/// A part of the world, by the clients that may see it. A client receives the room's topic, and that of its seat; each
/// topic is encoded once for all clients that see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The part that everyone in the room sees.
    Room,
    /// The part that one seat alone sees: the private fields of the things that it owns.
    Seat(Seat),
}

impl Topic {
    /// The leaves of a table's rows that this topic may show.
    #[must_use]
    pub fn leaves(self, table: &TableSchema) -> &[usize] {
        match self {
            Self::Room => &table.public,
            Self::Seat(_) => &table.private,
        }
    }

    /// Whether a row is in the topic.
    #[must_use]
    pub fn has_row(self, table: &TableSchema, row: &[u32]) -> bool {
        match self {
            Self::Room => true,
            Self::Seat(_) if is_planted(Leak::RowsOfOthers) => true,
            Self::Seat(_) => table.name.is_empty() || table.private.iter().any(|leaf| self.shows(table, row, *leaf)),
        }
    }

    /// A leaf as this topic shows it: 0 for a leaf that is another seat's.
    #[must_use]
    pub fn value(self, table: &TableSchema, row: &[u32], leaf: usize) -> u32 {
        if self.shows(table, row, leaf) { row[leaf] } else { 0 }
    }

    fn shows(self, table: &TableSchema, row: &[u32], leaf: usize) -> bool {
        match self {
            Self::Room => true,
            Self::Seat(_) if is_planted(Leak::LeavesOfOthers) => true,
            Self::Seat(seat) => {
                table.leaves[leaf].owner.is_some_and(|owner| row[owner] == u32::from(seat.number()) + 1)
            }
        }
    }
}

struct Capture<'a> {
    tables: core::slice::IterMut<'a, Rows>,
}

impl TableVisitor for Capture<'_> {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        let rows = self.tables.next().expect("a world shows the tables it described");
        rows.ids.clear();
        make_room(&mut rows.ids, table.len());
        make_room(&mut rows.wire, table.len() * T::WIDTH);
        rows.ids.extend_from_slice(table.ids());
        // The former integers need not be zeroed, because a value writes all of its own. A row without leaves has
        // nothing to write.
        rows.wire.resize(table.len() * T::WIDTH, 0);
        for (value, row) in table.values_mut().zip(rows.wire.chunks_exact_mut(T::WIDTH.max(1))) {
            value.gather(row);
            value.scatter(row);
        }
    }
}

/// Reserves memory for so many entries in all, and an eighth more. A `Vec` doubles by itself, and each snapshot of a
/// history would then double for one new row.
pub(crate) fn make_room<T>(list: &mut Vec<T>, wanted: usize) {
    if wanted > list.capacity() {
        list.reserve_exact(wanted + wanted / 8 - list.len());
    }
}
const _: () = assert!(crate::limits::TABLES_MAX <= u32::BITS as usize, "there is a bit per table");

struct Restore<'a> {
    tables: core::slice::Iter<'a, Rows>,
    /// A bit per table that is still to come, the next one's being the lowest; set for a table that is restored.
    wanted: u32,
}

impl TableVisitor for Restore<'_> {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        let rows = self.tables.next().expect("a world shows the tables it described");
        let is_wanted = self.wanted & 1 != 0;
        self.wanted >>= 1;
        if !is_wanted {
            return;
        }
        table.restore(&rows.ids, |index, value| value.scatter(rows.row(index)));
    }
}
