//! The recent worlds of a checkpoint, newest first: each as its differences from the foretold one.
//!
//! Most leaves go on as before. So a leaf is foretold from the two worlds after it: it stays as it is, or it changes by
//! as much as it did there. Per leaf, the coder goes by whichever of the two was nearer lately. A bit per row says that
//! all of it is as foretold; else there is one per leaf, and the distance.
//!
//! ```text
//! per world, per table after the root:
//!   per row of the world after it   1 bit: it was not there yet
//!   rows that went                  number, see below; per row 15 bits of slot, ascending, and 16 bits of generation
//! per world, per table, per row:
//!   that is also in the world after it   1 bit: something is not as foretold; then per leaf 1 bit, side and distance
//!   that went                            every leaf in its bits
//! distance                          1 bit: it is longer than those of the leaf lately, and then a number; else as many bits
//! number                            5 bits of length, and as many bits below the highest one; a number above zero
//! ```
//!
//! Plain bits rather than a range coder: the bytes are kept for seconds, and the thread that makes them has little time.
//! One routine serves both directions, so they cannot differ.

use crate::bug::Bug;
use crate::id::RowId;
use crate::limits::ROWS_MAX;
use crate::state::{Leaf, Schema, TableSchema};
use crate::tick::Tick;
use crate::wire::{BitReader, BitWriter, DecodeError, Reader};
use crate::world::history::{History, Recalled};
use crate::world::snapshot::{Rows, Snapshot};
use alloc::vec::Vec;

/// Bits of a slot of an ordinary row.
const SLOT_BITS: u32 = u16::BITS - ROWS_MAX.leading_zeros();

/// Bits of the length of a number.
const LENGTH_BITS: u32 = 5;

/// The most by which a leaf leans towards one of the two ways to foretell it.
const LEAN_MAX: i8 = 8;

/// Appends the number of older worlds, and the worlds.
pub(super) fn put(schema: &Schema, history: &History, out: &mut Vec<u8>) {
    let (count, is_ready) = if Bug::RecentWorldsNotKept.is_planted() { (0, false) } else { history.older() };
    out.push(u8::try_from(2 * count + usize::from(is_ready)).unwrap_or(u8::MAX));
    let (mut coder, mut older, mut recalled) = (BitWriter::new(out), Older::new(schema, history), Recalled::default());
    for _ in 0..count {
        let tick = older.newer.tick - 1;
        let given = history.at(schema, tick, &mut recalled).expect("the worlds of a history are of successive ticks");
        let coded = older.world(&mut coder, schema, Some(given));
        debug_assert!(coded == Ok(given), "what is written is what is read");
    }
    coder.finish();
}

/// Reads what [`put`] wrote, to the end of the bytes, and puts it before the one world that `history` has.
pub(super) fn take(schema: &Schema, history: &mut History, mut reader: Reader<'_>) -> Result<(), DecodeError> {
    let form = reader.u8()?;
    let (count, mut is_ready) = (u32::from(form / 2), form % 2 == 1);
    let newest = history.newest().tick;
    let too_many = |max: u64| DecodeError::OutOfRange { value: u64::from(form), max };
    if count > newest.0 || is_ready && count == 0 {
        return Err(too_many(u64::from(newest.0)));
    }
    let mut coder = BitReader::new(reader.slice(reader.remaining())?);
    let mut older = Older::new(schema, history);
    for number in 0..count {
        let snapshot = older.world(&mut coder, schema, None)?;
        if !history.prepend(schema, snapshot, !is_ready) {
            return Err(too_many(u64::from(number)));
        }
        is_ready = false;
    }
    coder.finish()
}

/// A coder of bits. A coder that reads is given anything, and says what it has read.
trait Bits {
    fn bit(&mut self, given: bool) -> Result<bool, DecodeError>;

    /// A value of this many bits.
    fn bits(&mut self, bits: u32, given: u32) -> Result<u32, DecodeError>;

    /// A number above zero: the place of its highest bit, and the bits below.
    fn number(&mut self, given: u32) -> Result<u32, DecodeError> {
        let length = self.bits(LENGTH_BITS, given.max(1).ilog2())?;
        let low = (1_u32 << length) - 1;
        Ok((1 << length) | self.bits(length, given & low)?)
    }

    /// A distance, which is above zero: in `width` bits if it has no more, else as a number. The width follows the
    /// distances: at once to a longer one, bit by bit to shorter ones.
    fn distance(&mut self, given: u32, width: &mut u32) -> Result<u32, DecodeError> {
        let is_longer = self.bit(given.checked_shr(*width).unwrap_or(0) > 0)?;
        let distance = if is_longer { self.number(given)? } else { self.bits(*width, given)? };
        let bits = u32::BITS - distance.leading_zeros();
        *width = if bits > *width { bits } else { *width - u32::from(bits < *width) };
        Ok(distance)
    }
}

impl Bits for BitWriter<'_> {
    #[inline]
    fn bit(&mut self, given: bool) -> Result<bool, DecodeError> {
        self.put_bit(given);
        Ok(given)
    }

    #[inline]
    fn bits(&mut self, bits: u32, given: u32) -> Result<u32, DecodeError> {
        self.put(given, bits);
        Ok(given)
    }
}

impl Bits for BitReader<'_> {
    #[inline]
    fn bit(&mut self, _: bool) -> Result<bool, DecodeError> {
        Self::bit(self)
    }

    #[inline]
    fn bits(&mut self, bits: u32, _: u32) -> Result<u32, DecodeError> {
        self.take(bits)
    }
}

/// The knowledge of the rows of one table.
struct TableModel {
    /// Per leaf, above zero when it has lately been nearer to going on as it went than to staying as it was.
    leans: Vec<i8>,
    /// Per leaf, about the bits that its distances have had lately.
    widths: Vec<u32>,
    /// The leaves of a row as they would be if they went on as they went.
    moved: Vec<u32>,
}

impl TableModel {
    fn new(table: &TableSchema) -> Self {
        let count = table.leaves.len();
        Self { leans: alloc::vec![0; count], widths: alloc::vec![0; count], moved: alloc::vec![0; count] }
    }

    /// The ids of a world in which `newer` came next.
    fn code_ids(
        coder: &mut impl Bits,
        newer: &Rows,
        given: Option<&Rows>,
        out: &mut Vec<RowId>,
    ) -> Result<(), DecodeError> {
        out.clear();
        for (index, id) in newer.ids.iter().enumerate() {
            let is_new = given.is_some_and(|given| given.find_near(index, *id).is_none());
            if !coder.bit(is_new)? {
                out.push(*id);
            }
        }
        let gone = given.map_or(&[][..], |given| &given.ids).iter();
        let mut gone = gone.enumerate().filter(|(index, id)| newer.find_near(*index, **id).is_none());
        let count = coder.number(u32::try_from(gone.clone().count()).unwrap_or(u32::MAX).saturating_add(1))? - 1;
        let mut place = 0;
        let mut lowest = 0;
        for _ in 0..count {
            let RowId { slot, generation } = gone.next().map_or_else(RowId::default, |(_, id)| *id);
            let slot = coder.bits(SLOT_BITS, u32::from(slot))? as u16;
            let generation = coder.bits(u16::BITS, u32::from(generation))? as u16;
            place += out[place..].partition_point(|id| id.slot < slot);
            // Nothing is read from a count alone: its rows are in ascending slots, of which there are few.
            if u32::from(slot) < lowest || out.get(place).is_some_and(|id| id.slot == slot) {
                return Err(DecodeError::BaselineMismatch);
            }
            lowest = u32::from(slot) + 1;
            out.insert(place, RowId { slot, generation });
        }
        Ok(())
    }

    /// A row of which the two worlds after it tell something.
    fn code_row(
        &mut self,
        coder: &mut impl Bits,
        table: &TableSchema,
        (newer, newest): (&[u32], Option<&[u32]>),
        given: &[u32],
        out: &mut [u32],
    ) -> Result<(), DecodeError> {
        let (leaves, moved) = (&table.leaves[..], &mut self.moved[..]);
        let (leans, widths) = (&mut self.leans[..], &mut self.widths[..]);
        let newest = newest.unwrap_or(newer);
        for (place, leaf) in leaves.iter().enumerate() {
            moved[place] = moved_on(leaf, newer[place], newest[place]);
            out[place] = if leans[place] > 0 { moved[place] } else { newer[place] };
        }
        if !coder.bit(given != out)? {
            return Ok(());
        }
        for (place, leaf) in leaves.iter().enumerate() {
            let (foretold, given) = (out[place], given.get(place).copied().unwrap_or(0));
            if leaf.max > 0 && coder.bit(given != foretold)? {
                let is_below = coder.bit(given < foretold)?;
                let distance = u64::from(coder.distance(given.abs_diff(foretold), &mut widths[place])?);
                let foretold = u64::from(foretold);
                // Below zero it wraps to a number that no leaf can have.
                let value = if is_below { foretold.wrapping_sub(distance) } else { foretold + distance };
                out[place] = within(leaf, value)?;
            }
            let [stayed, moved] = [newer[place], moved[place]].map(|foretold| foretold.abs_diff(out[place]));
            let lean = leans[place] + i8::from(moved < stayed) - i8::from(stayed < moved);
            leans[place] = lean.clamp(-LEAN_MAX, LEAN_MAX);
        }
        Ok(())
    }
}

/// The value before `newer`, if it changed by as much as it did from there to `newest`, and stays within the leaf's range.
#[inline]
fn moved_on(leaf: &Leaf, newer: u32, newest: u32) -> u32 {
    let moved = newer.wrapping_mul(2).wrapping_sub(newest);
    if moved <= leaf.max { moved } else { newer }
}

fn within(leaf: &Leaf, value: u64) -> Result<u32, DecodeError> {
    let out_of_range = DecodeError::OutOfRange { value, max: u64::from(leaf.max) };
    u32::try_from(value).ok().filter(|value| *value <= leaf.max).ok_or(out_of_range)
}

/// The worlds of a history from the newest on, one after another, with the knowledge that was gained of them.
struct Older {
    models: Vec<TableModel>,
    /// The world that was coded last, and the one after it.
    newer: Snapshot,
    newest: Option<Snapshot>,
}

impl Older {
    fn new(schema: &Schema, history: &History) -> Self {
        let models = schema.tables.iter().map(TableModel::new).collect();
        Self { models, newer: history.newest().clone(), newest: None }
    }

    /// The world before the last one: the given one, or else the one that is read.
    fn world(
        &mut self,
        coder: &mut impl Bits,
        schema: &Schema,
        given: Option<&Snapshot>,
    ) -> Result<&Snapshot, DecodeError> {
        let mut out = Snapshot { tick: Tick(self.newer.tick.0.saturating_sub(1)), tables: Vec::new() };
        let mut ids = Vec::from([RowId::default()]);
        for (number, (table, model)) in schema.tables.iter().zip(&mut self.models).enumerate() {
            let given = given.map(|given| &given.tables[number]);
            let (newer, newest) =
                (&self.newer.tables[number], self.newest.as_ref().map(|newest| &newest.tables[number]));
            if number > 0 {
                TableModel::code_ids(coder, newer, given, &mut ids)?;
            }
            let mut rows = Rows::new(newer.width);
            for (index, id) in ids.iter().enumerate() {
                let given = given.map_or(&[][..], |given| given.row(index));
                let row = rows.push(*id);
                match newer.find_near(index, *id) {
                    Some(newer) => {
                        let newest = newest.and_then(|newest| newest.find_near(index, *id));
                        model.code_row(coder, table, (newer, newest), given, row)?;
                    }
                    None => {
                        for (place, leaf) in table.leaves.iter().enumerate() {
                            let value = coder.bits(leaf.bits, given.get(place).copied().unwrap_or(0))?;
                            row[place] = within(leaf, u64::from(value))?;
                        }
                    }
                }
            }
            out.tables.push(rows);
        }
        self.newest = Some(core::mem::replace(&mut self.newer, out));
        Ok(&self.newer)
    }
}
