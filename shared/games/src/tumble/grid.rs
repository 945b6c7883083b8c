//! The search for small boxes near a place: a uniform grid of columns, rebuilt in each step that needs it.

use super::FIELD_HALF;
use alloc::vec::Vec;
use tickwire::math::{self, Vec3};

/// Cells per axis, each about a metre wide; a place outside belongs to the outermost ones.
const CELLS: usize = 2 * FIELD_HALF as usize;

/// Indices of solids, sorted by the cell of their centres.
#[derive(Debug, Clone, Default)]
pub(super) struct Grid {
    /// The index at which each cell's part of `members` ends; the one in front is the index at which the first part
    /// begins.
    ends: Vec<u16>,
    members: Vec<u16>,
}

impl Grid {
    /// Sorts `places` into cells.
    pub(super) fn fill(&mut self, places: impl Iterator<Item = (u16, Vec3)> + Clone) {
        self.ends.clear();
        self.ends.resize(CELLS * CELLS + 1, 0);
        for (_, at) in places.clone() {
            self.ends[cell(at) + 1] += 1;
        }
        let mut sum = 0;
        for end in &mut self.ends {
            // Each entry holds the beginning of its cell until all members of the cell are in place.
            (*end, sum) = (sum, sum + *end);
        }
        self.members.clear();
        self.members.resize(usize::from(sum), 0);
        for (index, at) in places {
            let end = &mut self.ends[cell(at) + 1];
            self.members[usize::from(*end)] = index;
            *end += 1;
        }
    }

    /// The solids whose centres may be within `reach` of a place, per axis.
    pub(super) fn near(&self, at: Vec3, reach: f32) -> impl Iterator<Item = u16> {
        let (left, right) = (column(at.x - reach), column(at.x + reach));
        (column(at.z - reach)..=column(at.z + reach)).flat_map(move |row| {
            let start = usize::from(self.ends[row * CELLS + left]);
            let end = usize::from(self.ends[row * CELLS + right + 1]);
            self.members[start..end].iter().copied()
        })
    }
}

fn cell(at: Vec3) -> usize {
    column(at.z) * CELLS + column(at.x)
}

fn column(x: f32) -> usize {
    // The cast saturates below zero.
    (math::floor(x + FIELD_HALF) as usize).min(CELLS - 1)
}
