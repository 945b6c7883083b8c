//! Easing: what is left, on screen, of corrections that the simulation has made at once.

use crate::client::prediction::predictor::{Correction, FieldError};
use crate::id::RowId;
use crate::state::{LeafKind, Schema};
use crate::world::interpolation::{difference, is_teleport, moved};
use crate::world::snapshot::Snapshot;
use alloc::vec::Vec;

/// A correction is eased to a third in this time, in microseconds.
pub(crate) const EASE_US: f32 = 80_000.0;

/// Corrections that are eased at a time; of a world that is wrong all over, the rest is shown as it is.
const OFFSETS_MAX: usize = 2_048;

#[derive(Debug, Clone, Copy)]
struct Offset {
    /// Table, row, leaf.
    of: (usize, RowId, usize),
    /// Steps of the wire integer by which the shown value still differs.
    steps: f32,
}

/// By how much what is shown differs from what is, leaf by leaf.
#[derive(Debug, Clone, Default)]
pub(crate) struct Offsets {
    /// Sorted by what they are of.
    offsets: Vec<Offset>,
}

impl Offsets {
    /// A world was made anew: finds how far the old one was off, and eases the difference from now on.
    pub(crate) fn correct(&mut self, schema: &Schema, old: &Snapshot, new: &Snapshot) -> Correction {
        let mut correction = Correction { wrong: old != new, ..Correction::default() };
        for (number, table) in schema.tables.iter().enumerate() {
            let (old, new) = (&old.tables[number], &new.tables[number]);
            for (index, id) in new.ids.iter().enumerate() {
                let row = new.row(index);
                let Some(was) = old.find(*id).filter(|was| *was != row) else { continue };
                let mut error = FieldError::default();
                for (at, leaf) in table.leaves.iter().enumerate() {
                    let steps = difference(leaf, row[at], was[at]);
                    let moves = steps != 0 && leaf.marks.smooth && leaf.kind != LeafKind::Choice;
                    let stays = is_teleport(leaf, steps) || table.is_replaced(at, was, row) || table.is_of_rotation(at);
                    if moves && !stays {
                        self.add((number, *id, at), steps as f32);
                        error.add(leaf, steps as f32);
                    }
                }
                correction.units = crate::math::max(correction.units, error.worst());
            }
        }
        correction
    }

    fn add(&mut self, of: (usize, RowId, usize), steps: f32) {
        match self.offsets.binary_search_by(|offset| offset.of.cmp(&of)) {
            Ok(place) => self.offsets[place].steps += steps,
            Err(place) if self.offsets.len() < OFFSETS_MAX => self.offsets.insert(place, Offset { of, steps }),
            Err(_) => {}
        }
    }

    /// Time passes: what is left becomes less.
    pub(crate) fn fade(&mut self, elapsed_us: u64) {
        let kept = libm::expf(-(elapsed_us as f32) / EASE_US);
        self.offsets.retain_mut(|offset| {
            offset.steps *= kept;
            libm::fabsf(offset.steps) > 0.5
        });
    }

    /// Moves what is shown by what is left.
    pub(crate) fn apply(&self, schema: &Schema, shown: &mut Snapshot) {
        for Offset { of: (number, id, at), steps } in &self.offsets {
            let rows = &mut shown.tables[*number];
            if let Ok(index) = rows.ids.binary_search(id) {
                let value = &mut rows.wire[index * rows.width + at];
                *value = moved(&schema.tables[*number].leaves[*at], *value, *steps);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.offsets.clear();
    }
}
