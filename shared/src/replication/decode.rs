//! Decoding: the rows of a section, from the baseline and the decisions of the section.

use super::coder::{Reader, Scratch, take_count};
use super::plan::TablePlan;
use crate::id::RowId;
use crate::limits::ROWS_MAX;
use crate::state::TableSchema;
use crate::wire::DecodeError;
use crate::world::snapshot::Rows;
use alloc::vec::Vec;

/// The part of one table that a section covers.
pub(super) struct Span<'a> {
    pub(super) plan: &'a TablePlan,
    pub(super) table: &'a TableSchema,
    pub(super) index: u32,
    pub(super) ticks: u32,
}

/// Memory that is used again from section to section.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    fresh: Rows,
    /// The places of rows that are gone.
    gone: Vec<usize>,
    scratch: Scratch,
}

impl Memory {
    pub(super) fn new(scratch: Scratch) -> Self {
        Self { fresh: Rows::default(), gone: Vec::new(), scratch }
    }
}

impl Span<'_> {
    /// Reads the rows and appends them to `out`, which holds the rows of the sections before. Gives the sum of their
    /// hashes.
    pub(super) fn take(
        &self,
        base: Option<&Rows>,
        reader: &mut Reader<'_, '_>,
        memory: &mut Memory,
        out: &mut Rows,
    ) -> Result<u32, DecodeError> {
        match (self.plan.number, base) {
            // The root's row belongs to section 0.
            (0, _) if self.index > 0 => Ok(0),
            (0, base) => {
                self.take_root(base, reader, memory, out)?;
                Ok(self.plan.hash(out.ids[0], out.row(0)))
            }
            (_, base) => {
                let first = out.ids.len();
                let kept = base.map_or(Ok(0), |base| self.take_kept(base, reader, memory, out))?;
                Ok(kept.wrapping_add(self.take_fresh(first, reader, memory, out)?))
            }
        }
    }

    fn take_root(
        &self,
        base: Option<&Rows>,
        reader: &mut Reader<'_, '_>,
        memory: &mut Memory,
        out: &mut Rows,
    ) -> Result<(), DecodeError> {
        // The row is there already, with all leaves zero.
        let row = &mut out.wire[..];
        let Some(base) = base else { return self.plan.take_fresh(row, reader) };
        row.copy_from_slice(base.row(0));
        if !reader.decide(self.plan.row_changed(self.owned(row), false)) {
            self.plan.move_row(self.ticks, row, &mut memory.scratch);
        } else if !self.plan.take_row(self.ticks, row, &mut memory.scratch, reader)? {
            // The world's own row is never gone.
            return Err(DecodeError::BaselineMismatch);
        }
        Ok(())
    }

    fn owned(&self, was: &[u32]) -> bool {
        self.plan.owner.is_some_and(|owner| was[owner] != 0)
    }

    /// Appends the rows of the baseline that are still there, and gives the sum of their hashes.
    fn take_kept(
        &self,
        base: &Rows,
        reader: &mut Reader<'_, '_>,
        memory: &mut Memory,
        out: &mut Rows,
    ) -> Result<u32, DecodeError> {
        let (first, width) = (out.ids.len(), out.width);
        let span = base.in_section(self.table, self.index);
        // All rows are copied at once, and those that are gone are removed afterwards: most rows stay.
        out.ids.extend_from_slice(&base.ids[span.clone()]);
        out.wire.extend_from_slice(&base.wire[span.start * width..span.end * width]);
        memory.gone.clear();
        let (mut hash, mut last_changed) = (0_u32, false);
        let rows = out.wire[first * width..].chunks_exact_mut(width);
        for ((place, id), row) in (first..).zip(&out.ids[first..]).zip(rows) {
            last_changed = reader.decide(self.plan.row_changed(self.owned(row), last_changed));
            if !last_changed {
                self.plan.move_row(self.ticks, row, &mut memory.scratch);
            } else if !self.plan.take_row(self.ticks, row, &mut memory.scratch, reader)? {
                memory.gone.push(place);
                continue;
            }
            // A hidden leaf is zero on this side, and adds nothing.
            hash = hash.wrapping_add(self.plan.hash(*id, row));
        }
        remove(out, &memory.gone);
        Ok(hash)
    }

    /// Reads the new rows, and puts each in its place among those from `first` on. Gives the sum of their hashes.
    fn take_fresh(
        &self,
        first: usize,
        reader: &mut Reader<'_, '_>,
        memory: &mut Memory,
        out: &mut Rows,
    ) -> Result<u32, DecodeError> {
        let [count, gap, generation] = self.plan.fresh_counts();
        let slots = u32::from(self.table.slots_per_section);
        let mut next_slot = self.index * slots;
        let last_slot = (next_slot + slots - 1).min(u32::from(ROWS_MAX));
        let count = take_count(reader, count);
        check(count, slots)?;
        let fresh = &mut memory.fresh;
        fresh.width = out.width;
        fresh.clear();
        for _ in 0..count {
            let slot = next_slot.saturating_add(take_count(reader, gap));
            check(slot, last_slot)?;
            let generation = take_count(reader, generation);
            check(generation, u32::from(u16::MAX))?;
            // A new row is coded against the new one before it: rows that appear together, such as the shots of one
            // volley, are alike.
            let start = fresh.wire.len();
            if start == 0 {
                fresh.wire.resize(fresh.width, 0);
            } else {
                fresh.wire.extend_from_within(start - fresh.width..);
            }
            fresh.ids.push(RowId { slot: slot as u16, generation: generation as u16 });
            self.plan.take_fresh(&mut fresh.wire[start..], reader)?;
            next_slot = slot + 1;
        }
        (0..fresh.ids.len()).try_fold(0_u32, |hash, number| {
            let (id, row) = (fresh.ids[number], fresh.row(number));
            insert(out, first, id, row)?;
            Ok(hash.wrapping_add(self.plan.hash(id, row)))
        })
    }
}

fn check(value: u32, max: u32) -> Result<(), DecodeError> {
    if value > max {
        return Err(DecodeError::OutOfRange { value: u64::from(value), max: u64::from(max) });
    }
    Ok(())
}

/// Takes out the rows at these places, which come in ascending order.
fn remove(rows: &mut Rows, gone: &[usize]) {
    let Some(first) = gone.first().copied() else { return };
    let (width, mut to) = (rows.width, first);
    let mut gone = gone.iter().copied().peekable();
    for from in first..rows.ids.len() {
        if gone.next_if_eq(&from).is_some() {
            continue;
        }
        rows.ids[to] = rows.ids[from];
        rows.wire.copy_within(from * width..(from + 1) * width, to * width);
        to += 1;
    }
    rows.ids.truncate(to);
    rows.wire.truncate(to * width);
}

fn insert(rows: &mut Rows, first: usize, id: RowId, row: &[u32]) -> Result<(), DecodeError> {
    let place = first + rows.ids[first..].partition_point(|known| known.slot < id.slot);
    if rows.ids.get(place).is_some_and(|known| known.slot == id.slot) {
        return Err(DecodeError::BaselineMismatch);
    }
    rows.ids.insert(place, id);
    let at = place * rows.width;
    rows.wire.splice(at..at, row.iter().copied());
    Ok(())
}
