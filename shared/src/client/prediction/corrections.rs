//! Corrections: the simulation makes them at once, and the screen eases them in a fraction of a second.
//!
//! A replay that comes out otherwise than predicted puts things where they belong. On screen that would be a jump, so
//! each smooth leaf is shown off its place by the distance that it was off, and that offset decays exponentially: most
//! of it is gone while the eye still follows the movement. A leaf that was put elsewhere on purpose (a teleport, a
//! respawn) has no offset: easing would draw it through walls.
//!
//! The offset is added to the value that is shown and never to the value that is predicted. The next tick starts from
//! the corrected world, as the server's next tick does; if the offset went into it, every correction would cause the
//! next one. Right after a correction the offset is the whole error, so the first picture is the same as the one before
//! it. Exponential decay needs no memory of when a correction was made: the offsets of corrections that follow each
//! other are summed, and the sum decays like each of them. An offset of half a step of the wire integer or less is
//! dropped, because it would be rounded away.

use crate::id::RowId;
use crate::math;
use crate::state::{Leaf, LeafKind, Schema, TableSchema};
use crate::world::interpolation::{difference, moved};
use crate::world::snapshot::Snapshot;
use alloc::vec::Vec;

/// Time constant of the decay, in microseconds: in this time an offset shrinks to about a third.
const EASE_US: f32 = 80_000.0;

/// Offsets at a time at the most. In a world that is wrong all over, all further leaves are shown as they are.
const OFFSETS_MAX: usize = 2_048;

/// The result of a replay: how far the prediction was off.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Correction {
    /// Ticks replayed.
    pub(crate) ticks: u32,
    /// Whether anything of the player's own came out otherwise than predicted.
    pub(crate) wrong: bool,
    /// How far the worst own smooth field was off, in the game's units; teleports do not count.
    pub(crate) units: f32,
}

/// A row that came out otherwise than predicted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CorrectedRow<'a> {
    /// Index of its table.
    pub(crate) number: usize,
    pub(crate) id: RowId,
    pub(crate) was: &'a [u32],
    pub(crate) is: &'a [u32],
}

/// A leaf of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct LeafPlace {
    table: usize,
    row: RowId,
    leaf: usize,
}

#[derive(Debug, Clone, Copy)]
struct Offset {
    of: LeafPlace,
    /// Steps of the wire integer by which the shown value still differs.
    steps: f32,
}

/// The offsets by which leaves are shown off their place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Corrections {
    /// Sorted by the leaves that they belong to.
    offsets: Vec<Offset>,
}

impl Corrections {
    /// Takes in a row that came out otherwise, to be eased from now on, and adds it to `found`. `counts` says of a leaf
    /// whether it was predicted. `is_elsewhere` says whether a leaf was put elsewhere, by its index and by the steps
    /// that it was off.
    pub(crate) fn add_row(
        &mut self,
        table: &TableSchema,
        row: CorrectedRow<'_>,
        found: &mut Correction,
        counts: impl Fn(&Leaf) -> bool,
        is_elsewhere: impl Fn(usize, i64) -> bool,
    ) {
        let CorrectedRow { number, id, was, is } = row;
        let mut error = FieldError::default();
        for (at, leaf) in table.leaves.iter().enumerate() {
            if was[at] == is[at] || !counts(leaf) {
                continue;
            }
            found.wrong = true;
            let steps = difference(leaf, is[at], was[at]);
            let is_eased = leaf.marks.smooth && leaf.kind != LeafKind::Choice;
            if is_eased && !is_elsewhere(at, steps) && !table.is_replaced(at, was, is) {
                self.add(LeafPlace { table: number, row: id, leaf: at }, steps as f32);
                error.add(leaf, steps as f32);
            }
        }
        found.units = math::max(found.units, error.worst());
    }

    fn add(&mut self, of: LeafPlace, steps: f32) {
        match self.place(of) {
            Ok(place) => self.offsets[place].steps += steps,
            Err(place) if self.offsets.len() < OFFSETS_MAX => self.offsets.insert(place, Offset { of, steps }),
            Err(_) => {}
        }
    }

    fn place(&self, of: LeafPlace) -> Result<usize, usize> {
        self.offsets.binary_search_by(|offset| offset.of.cmp(&of))
    }

    /// A predicted row has become another row, which inherits the rest of its offsets.
    pub(crate) fn rename(&mut self, table: usize, from: RowId, to: RowId) {
        // The offsets are taken out and inserted again: a sort would be the only one in a page, and 6 KB of it.
        let is_its = |offset: &mut Offset| offset.of.row == from && offset.of.table == table;
        let renamed: Vec<Offset> = self.offsets.extract_if(.., is_its).collect();
        renamed.into_iter().for_each(|Offset { of, steps }| self.add(LeafPlace { row: to, ..of }, steps));
    }

    /// Steps of the wire integer by which a leaf is shown off its place.
    pub(crate) fn offset(&self, table: usize, row: RowId, leaf: usize) -> f32 {
        self.place(LeafPlace { table, row, leaf }).map_or(0.0, |place| self.offsets[place].steps)
    }

    /// Whether every leaf is shown at its place.
    pub(crate) const fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Lets the offsets decay for the time that has passed.
    pub(crate) fn fade(&mut self, elapsed_us: u64) {
        let kept = libm::expf(-(elapsed_us as f32) / EASE_US);
        self.offsets.retain_mut(|offset| {
            offset.steps *= kept;
            libm::fabsf(offset.steps) > 0.5
        });
    }

    /// Moves the shown leaves by their offsets.
    pub(crate) fn apply(&self, schema: &Schema, shown: &mut Snapshot) {
        for Offset { of: LeafPlace { table, row, leaf }, steps } in &self.offsets {
            let rows = &mut shown.tables[*table];
            if let Ok(index) = rows.ids.binary_search(row) {
                let value = &mut rows.wire[index * rows.width + leaf];
                *value = moved(&schema.tables[*table].leaves[*leaf], *value, *steps);
            }
        }
    }

    /// Shows every leaf at its place from now on.
    pub(crate) fn clear(&mut self) {
        self.offsets.clear();
    }
}

/// How far off the fields of one row were: the axes of a position together, other fields by themselves.
#[derive(Debug, Default)]
struct FieldError<'a> {
    field: &'a str,
    squares: f32,
    worst: f32,
}

impl<'a> FieldError<'a> {
    fn add(&mut self, leaf: &'a Leaf, steps: f32) {
        if leaf.kind != LeafKind::Number {
            return;
        }
        let field = leaf.field();
        if field != self.field {
            (self.worst, self.field, self.squares) = (self.worst(), field, 0.0);
        }
        self.squares += (steps * leaf.unit) * (steps * leaf.unit);
    }

    fn worst(&self) -> f32 {
        math::max(self.worst, libm::sqrtf(self.squares))
    }
}
