//! Decoding: a section's rows, from the baseline and what the section tells.

use super::coder::{Reader, Scratch, take_count};
use super::narrow;
use super::plan::TablePlan;
use crate::RowId;
use crate::hash;
use crate::limits::ROWS_MAX;
use crate::snapshot::Rows;
use crate::state::TableSchema;
use crate::wire::DecodeError;

/// The part of one table that a section covers.
pub(super) struct Span<'a> {
    pub(super) plan: &'a TablePlan,
    pub(super) table: &'a TableSchema,
    pub(super) index: u32,
    pub(super) ticks: u32,
}

/// Memory that is used again.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    /// The rows of one table, as the section tells them.
    pub(super) rows: Rows,
    pub(super) fresh: Rows,
    pub(super) scratch: Scratch,
}

impl Span<'_> {
    /// Whether the section says anything of the table: the root's row belongs to section 0.
    pub(super) const fn is_empty(&self) -> bool {
        self.plan.number == 0 && self.index > 0
    }

    /// Reads the rows into `memory`, in slot order, and gives their hash.
    pub(super) fn take(
        &self,
        base: Option<&Rows>,
        reader: &mut Reader<'_, '_>,
        memory: &mut Memory,
    ) -> Result<u32, DecodeError> {
        let width = self.table.leaves.len();
        for rows in [&mut memory.rows, &mut memory.fresh] {
            rows.width = width;
            rows.clear();
        }
        if self.is_empty() {
            return Ok(0);
        }
        if self.plan.number == 0 {
            self.take_root(base, reader, memory)?;
        } else {
            if let Some(base) = base {
                self.take_kept(base, reader, memory)?;
            }
            self.take_fresh(reader, memory)?;
        }
        Ok(self.hash(&memory.rows))
    }

    /// What is hidden is zero on this side, and adds nothing.
    fn hash(&self, rows: &Rows) -> u32 {
        let leaves = || self.plan.leaves.iter().map(|plan| plan.leaf);
        let hash = |index: usize| {
            let row = rows.row(index);
            narrow(hash::row(rows.ids[index], &self.table.keys, leaves().map(|leaf| (leaf, row[leaf]))))
        };
        (0..rows.ids.len()).map(hash).fold(0, u32::wrapping_add)
    }

    fn take_root(
        &self,
        base: Option<&Rows>,
        reader: &mut Reader<'_, '_>,
        memory: &mut Memory,
    ) -> Result<(), DecodeError> {
        let row = memory.rows.push(RowId::default());
        match base {
            Some(base) => {
                row.copy_from_slice(base.row(0));
                let is_changed = reader.decide(self.plan.row_changed(self.owned(row), false));
                self.take_moved(is_changed, row, &mut memory.scratch, reader)
            }
            None => self.plan.take_fresh(row, reader),
        }
    }

    fn take_moved(
        &self,
        is_changed: bool,
        row: &mut [u32],
        scratch: &mut Scratch,
        reader: &mut Reader<'_, '_>,
    ) -> Result<(), DecodeError> {
        if is_changed {
            self.plan.take_row(self.ticks, row, scratch, reader)
        } else {
            self.plan.move_row(self.ticks, row, scratch);
            Ok(())
        }
    }

    fn owned(&self, was: &[u32]) -> bool {
        self.plan.owner.is_some_and(|owner| was[owner] != 0)
    }

    fn take_kept(&self, base: &Rows, reader: &mut Reader<'_, '_>, memory: &mut Memory) -> Result<(), DecodeError> {
        let mut last_changed = false;
        for index in base.in_section(self.table, self.index) {
            let was = base.row(index);
            let is_changed = reader.decide(self.plan.row_changed(self.owned(was), last_changed));
            last_changed = is_changed;
            if is_changed && reader.decide(self.plan.row_gone()) {
                continue;
            }
            let row = memory.rows.push(base.ids[index]);
            row.copy_from_slice(was);
            self.take_moved(is_changed, row, &mut memory.scratch, reader)?;
        }
        Ok(())
    }

    fn take_fresh(&self, reader: &mut Reader<'_, '_>, memory: &mut Memory) -> Result<(), DecodeError> {
        let [count, gap, generation] = self.plan.fresh_counts();
        let slots = u32::from(self.table.slots_per_section);
        let (first, end) = (self.index * slots, (self.index + 1) * slots);
        let end = end.min(u32::from(ROWS_MAX) + 1);
        let count = take_count(reader, count);
        check(count, slots)?;
        let mut next_slot = first;
        for number in 0..count as usize {
            let slot = next_slot.saturating_add(take_count(reader, gap));
            check(slot, end.saturating_sub(1))?;
            let generation = take_count(reader, generation);
            check(generation, u32::from(u16::MAX))?;
            let id = RowId { slot: slot as u16, generation: generation as u16 };
            let row = memory.fresh.push(id);
            if number > 0 {
                let (before, row) = memory.fresh.wire.split_at_mut(number * memory.fresh.width);
                row.copy_from_slice(&before[(number - 1) * memory.fresh.width..]);
                self.plan.take_fresh(row, reader)?;
            } else {
                self.plan.take_fresh(row, reader)?;
            }
            next_slot = slot + 1;
        }
        for number in 0..memory.fresh.ids.len() {
            insert(&mut memory.rows, memory.fresh.ids[number], memory.fresh.row(number))?;
        }
        Ok(())
    }
}

fn check(value: u32, max: u32) -> Result<(), DecodeError> {
    if value > max {
        return Err(DecodeError::OutOfRange { value: u64::from(value), max: u64::from(max) });
    }
    Ok(())
}

fn insert(rows: &mut Rows, id: RowId, row: &[u32]) -> Result<(), DecodeError> {
    let place = rows.ids.partition_point(|known| known.slot < id.slot);
    if rows.ids.get(place).is_some_and(|known| known.slot == id.slot) {
        return Err(DecodeError::BaselineMismatch);
    }
    rows.ids.insert(place, id);
    let at = place * rows.width;
    rows.wire.splice(at..at, row.iter().copied());
    Ok(())
}
