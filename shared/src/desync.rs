//! Desync: how two machines that disagree find out where, and how the client is corrected without starting over.
//!
//! ```text
//! client  Dispute     its hashes since both last agreed; with snapshots, the baseline that a delta did not fit
//! server  RowHashes   the first tick that differs, with a hash per row
//! client  RowDump     its rows that differ
//! server  Correction  the leaves that differ, as they are on the server; or a keyframe when there are too many
//! ```
//!
//! The client goes on from the corrected world with the ticks that it has received since; nobody else notices. Its
//! messages are evidence for people, and are trusted for nothing: the server never changes its world.

use crate::determinism::behaviour::BUILD;
use crate::hash;
use crate::id::{RowId, Seat};
use crate::leak::{Leak, is_planted};
use crate::message::evidence::{ROW_DUMP_ROWS_MAX, RowClaim, RowDump};
use crate::state::{Schema, TableSchema};
use crate::world::hidden_rows::is_hidden;
use crate::world::snapshot::{Rows, Snapshot, Topic};
use alloc::vec::Vec;

/// Bytes of the rows of a row dump at the most, counted as five a leaf.
const ROW_DUMP_BYTES_MAX: usize = 1_600;

/// The hash of the row in each slot, per table; 0 for a slot without a row.
#[must_use]
pub fn row_hashes(schema: &Schema, world: &Snapshot) -> Vec<Vec<u32>> {
    let of_table = |(table, rows): (&TableSchema, &Rows)| {
        let slots = rows.ids.last().map_or(0, |id| usize::from(id.slot) + 1);
        let mut hashes = alloc::vec![0; slots];
        for (index, id) in rows.ids.iter().enumerate() {
            hashes[usize::from(id.slot)] = row_hash(table, *id, rows.row(index));
        }
        hashes
    };
    schema.tables.iter().zip(&world.tables).map(of_table).collect()
}

fn row_hash(table: &TableSchema, id: RowId, row: &[u32]) -> u32 {
    // The lowest bit keeps it from being 0, which stands for no row.
    hash::narrow(hash::row(id, table.keys.iter().copied().zip(row.iter().copied()))) | 1
}

/// The rows in the slots in which a world differs from the row hashes, as sent by a build with this
/// [`behaviour_hash`](crate::determinism::behaviour::behaviour_hash).
#[must_use]
pub fn dump_rows(schema: &Schema, world: &Snapshot, expected: &[Vec<u32>], behaviour_hash: u64) -> RowDump {
    let found = row_hashes(schema, world);
    let (mut rows, mut more, mut bytes) = (Vec::new(), false, 0);
    for (table, (found, expected)) in (0_u8..).zip(found.iter().zip(expected)) {
        let at = |hashes: &[u32], slot| hashes.get(slot).copied().unwrap_or(0);
        for slot in (0..found.len().max(expected.len())).filter(|slot| at(found, *slot) != at(expected, *slot)) {
            let Ok(slot) = u16::try_from(slot) else { continue };
            let row = find(&world.tables[usize::from(table)], slot);
            bytes += 5 * row.map_or(0, |(_, row)| row.len() + 2);
            more |= rows.len() >= ROW_DUMP_ROWS_MAX || bytes > ROW_DUMP_BYTES_MAX;
            if !more {
                let row = row.map(|(id, row)| (id.generation, row.to_vec()));
                rows.push(RowClaim { table, slot, row });
            }
        }
    }
    RowDump { tick: world.tick, build: BUILD.into(), behaviour_hash, rows, more }
}

/// The row in a slot; `None` for an empty one.
#[must_use]
pub fn find(rows: &Rows, slot: u16) -> Option<(RowId, &[u32])> {
    let index = rows.ids.binary_search_by_key(&slot, |id| id.slot).ok()?;
    Some((rows.ids[index], rows.row(index)))
}

/// The world that a row dump claims: the server's, with the client's rows in place of its own.
///
/// `None` when no world can have the row dump: there is no such table, rows have another width, or values are out of
/// range.
#[must_use]
pub fn world_of_dump(schema: &Schema, world: &Snapshot, row_dump: &RowDump) -> Option<Snapshot> {
    let mut claimed = world.clone();
    for RowClaim { table, slot, row } in &row_dump.rows {
        let shape = schema.tables.get(usize::from(*table))?;
        let rows = &mut claimed.tables[usize::from(*table)];
        let at = rows.ids.partition_point(|id| id.slot < *slot);
        if rows.ids.get(at).is_some_and(|id| id.slot == *slot) {
            rows.ids.remove(at);
            rows.wire.drain(at * rows.width..(at + 1) * rows.width);
        }
        let Some((generation, values)) = row else { continue };
        let in_range = values.iter().zip(&shape.leaves).all(|(value, leaf)| *value <= leaf.max);
        if values.len() != shape.leaves.len() || !in_range || (*table == 0 && *slot > 0) {
            return None;
        }
        rows.ids.insert(at, RowId { slot: *slot, generation: *generation });
        let start = at * rows.width;
        rows.wire.splice(start..start, values.iter().copied());
    }
    // The root's row is always there.
    (claimed.tables[0].ids.len() == 1).then_some(claimed)
}

/// The part of a world that a client in snapshot mode holds: the rows and leaves for everyone, and those for its seat.
#[must_use]
pub fn visible(schema: &Schema, world: &Snapshot, seat: Option<Seat>) -> Snapshot {
    let mut visible = Snapshot::empty(schema);
    visible.tick = world.tick;
    for (number, table) in schema.tables.iter().enumerate() {
        let (rows, seen) = (&world.tables[number], &mut visible.tables[number]);
        seen.clear();
        for (index, id) in rows.ids.iter().enumerate() {
            let row = rows.row(index);
            let own = seat.map(Topic::Seat).filter(|own| own.has_row(table, row));
            if number > 0 && is_hidden(table) && own.is_none() && !is_planted(Leak::DisputedRowsOfOthers) {
                continue;
            }
            let out = seen.push(*id);
            table.public.iter().for_each(|leaf| out[*leaf] = row[*leaf]);
            if let Some(own) = own {
                table.private.iter().for_each(|leaf| out[*leaf] = own.value(table, row, *leaf));
            }
        }
    }
    visible
}
