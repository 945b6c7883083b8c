//! A packed world, which is kept and rarely read: each wire integer takes as many bytes as its leaf needs.
//!
//! Most leaves have far fewer than 32 bits, and a room keeps many worlds: packed, they take a third of the memory.
//! A leaf takes whole bytes rather than bits, so that a loop packs it by copying alone.

use crate::id::RowId;
use crate::state::{Schema, TableSchema};
use crate::tick::Tick;
use crate::world::snapshot::{Rows, Snapshot, make_room};
use alloc::vec::Vec;

/// A world in its packed form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) tick: Tick,
    /// The number of rows of each table.
    counts: Vec<u16>,
    /// The ids of all rows, table by table.
    ids: Vec<RowId>,
    /// The leaves, table by table. In a table they stand leaf by leaf: first one leaf of all rows, and then the next
    /// one, so that a loop over the rows has one width and does nothing but copy.
    bytes: Vec<u8>,
}

impl Packed {
    /// Takes over a snapshot's content. The former content goes, and its memory is used again.
    pub(super) fn pack(&mut self, schema: &Schema, snapshot: &Snapshot) {
        self.tick = snapshot.tick;
        self.counts.clear();
        self.ids.clear();
        let tables = || schema.tables.iter().zip(&snapshot.tables);
        make_room(&mut self.counts, schema.tables.len());
        make_room(&mut self.ids, snapshot.tables.iter().map(|rows| rows.ids.len()).sum());
        let length = tables().map(|(table, rows)| rows.ids.len() * row_bytes(table)).sum();
        make_room(&mut self.bytes, length);
        // The bytes of the former content need not be zeroed: all of them are overwritten below.
        self.bytes.resize(length, 0);
        let mut bytes = &mut self.bytes[..];
        for (table, rows) in tables() {
            self.counts.push(u16::try_from(rows.ids.len()).expect("slots have 16 bits"));
            self.ids.extend_from_slice(&rows.ids);
            if rows.ids.is_empty() {
                continue;
            }
            for (place, leaf) in table.leaves.iter().enumerate() {
                let leaf_bytes = leaf_bytes(leaf.bits);
                let own;
                (own, bytes) = bytes.split_at_mut(rows.ids.len() * leaf_bytes);
                match leaf_bytes {
                    1 => pack::<1>(rows, place, own),
                    2 => pack::<2>(rows, place, own),
                    3 => pack::<3>(rows, place, own),
                    4 => pack::<4>(rows, place, own),
                    // A leaf that has a single value takes no bytes: its wire integer is zero.
                    _ => {}
                }
            }
        }
    }

    /// Unpacks some tables into `out`: those whose bits are set in `wanted`, the root row's being the lowest.
    pub(super) fn unpack(&self, schema: &Schema, wanted: u32, out: &mut Snapshot) {
        out.tick = self.tick;
        out.tables.resize_with(schema.tables.len(), Rows::default);
        let (mut ids, mut bytes) = (&self.ids[..], &self.bytes[..]);
        for (number, (table, count)) in schema.tables.iter().zip(&self.counts).enumerate() {
            let count = usize::from(*count);
            let (own_ids, own_bytes);
            (own_ids, ids) = ids.split_at(count);
            (own_bytes, bytes) = bytes.split_at(count * row_bytes(table));
            if wanted & (1 << number) != 0 {
                unpack_table(table, own_ids, own_bytes, &mut out.tables[number]);
            }
        }
    }
}

fn unpack_table(table: &TableSchema, ids: &[RowId], mut bytes: &[u8], rows: &mut Rows) {
    rows.clear();
    rows.width = table.leaves.len();
    make_room(&mut rows.ids, ids.len());
    make_room(&mut rows.wire, ids.len() * rows.width);
    rows.ids.extend_from_slice(ids);
    rows.wire.resize(ids.len() * rows.width, 0);
    if ids.is_empty() {
        return;
    }
    for (place, leaf) in table.leaves.iter().enumerate() {
        let leaf_bytes = leaf_bytes(leaf.bits);
        let own;
        (own, bytes) = bytes.split_at(ids.len() * leaf_bytes);
        match leaf_bytes {
            1 => unpack::<1>(own, rows, place),
            2 => unpack::<2>(own, rows, place),
            3 => unpack::<3>(own, rows, place),
            4 => unpack::<4>(own, rows, place),
            _ => {}
        }
    }
}

const fn leaf_bytes(bits: u32) -> usize {
    bits.div_ceil(u8::BITS) as usize
}

fn row_bytes(table: &TableSchema) -> usize {
    table.leaves.iter().map(|leaf| leaf_bytes(leaf.bits)).sum()
}

fn pack<const N: usize>(rows: &Rows, place: usize, bytes: &mut [u8]) {
    for (bytes, row) in bytes.as_chunks_mut::<N>().0.iter_mut().zip(rows.wire.chunks_exact(rows.width)) {
        let full_state = row[place].to_le_bytes();
        let (low, high) = full_state.split_at(N);
        debug_assert!(high.iter().all(|byte| *byte == 0), "a captured value is within its leaf's bits");
        bytes.copy_from_slice(low);
    }
}

fn unpack<const N: usize>(bytes: &[u8], rows: &mut Rows, place: usize) {
    for (bytes, row) in bytes.as_chunks::<N>().0.iter().zip(rows.wire.chunks_exact_mut(rows.width)) {
        let mut full_state = [0; 4];
        full_state[..N].copy_from_slice(bytes);
        row[place] = u32::from_le_bytes(full_state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::state::ALL_TABLES;
    use crate::table::Table;

    /// A world with leaves of every number of bytes, and with rows that have no leaf.
    #[derive(Clone, Default, crate::state::State)]
    struct World {
        flag: bool,
        full_state: u32,
        things: Table<Thing>,
        marks: Table<Mark>,
        #[state(range = 0..=1_000_000)]
        more: u32,
        others: Table<Thing>,
    }

    #[derive(Clone, Default, crate::state::State)]
    struct Thing {
        byte: u8,
        #[state(range = 0..=300)]
        two: u16,
        #[state(range = 0..=70_000)]
        three: u32,
        only: Only,
        four: u32,
    }

    /// An enum of a single value, which takes no bits.
    #[derive(Clone, Copy, Default, crate::state::State)]
    enum Only {
        #[default]
        One,
    }

    #[derive(Clone, Default, crate::state::State)]
    struct Mark {}

    fn thing(dice: &mut Rng) -> Thing {
        let extreme = dice.one_in(4);
        let pick = |value: u32, max: u32| if extreme { max } else { value % (max + 1) };
        let [one, two, three, four] = [dice.next_u32(), dice.next_u32(), dice.next_u32(), dice.next_u32()];
        let (byte, two) = (pick(one, 255) as u8, pick(two, 300) as u16);
        Thing { byte, two, three: pick(three, 70_000), only: Only::One, four }
    }

    #[test]
    fn a_packed_world_comes_back_complete_and_table_by_table() {
        let (schema, mut dice) = (Schema::of::<World>(), Rng::new(3));
        let (mut packed, mut world, mut again) = (Packed::default(), World::default(), Snapshot::default());
        for tick in 1..200 {
            (world.flag, world.full_state, world.more) = (dice.one_in(2), dice.next_u32(), dice.below(1_000_001));
            for _ in 0..dice.below(4) {
                world.things.insert(thing(&mut dice));
                world.others.insert(thing(&mut dice));
                world.marks.insert(Mark {});
            }
            world.things.retain(|_, _| !dice.one_in(20));
            world.marks.retain(|_, _| !dice.one_in(20));
            let mut snapshot = Snapshot::empty(&schema);
            snapshot.capture(&mut world, Tick(tick));
            packed.pack(&schema, &snapshot);
            packed.unpack(&schema, ALL_TABLES, &mut again);
            assert_eq!(again, snapshot);
            let mut some = Snapshot::empty(&schema);
            packed.unpack(&schema, 0b1010, &mut some);
            let numbers = (0..).zip(&snapshot.tables);
            for (number, rows) in numbers {
                assert_eq!(
                    some.tables[number] == *rows,
                    number % 2 == 1 || *rows == Snapshot::empty(&schema).tables[number]
                );
            }
        }
    }
}
