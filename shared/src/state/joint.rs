//! Leaves that mean something only together: the axes of a vector, the four leaves of a rotation, and the leaves that a
//! tag, a flag or a length governs.
//!
//! Between two ticks a leaf may move only while it stays part of the same thing. An option that appears, a variant that
//! changes or a list that grows has no values in between.

use super::rotation::{ROTATION_WIDTH, Rotation};
use super::{Leaf, TableSchema};
use core::ops::Range;

/// A leaf that decides the meaning of others.
#[derive(Debug, Clone)]
pub struct Governed {
    /// The leaf that governs: a tag, flag, key or length.
    pub by: usize,
    /// The leaves that it governs.
    pub leaves: Range<usize>,
}

impl Leaf {
    /// The path of the field that this leaf is a part of: the path without the axis, for one axis of a vector.
    #[must_use]
    #[inline(never)]
    pub fn field(&self) -> &str {
        let axes = [".x", ".y", ".z"];
        axes.into_iter().find_map(|axis| self.path.strip_suffix(axis)).unwrap_or(&self.path)
    }
}

impl TableSchema {
    /// The leaves of the field that a leaf is a part of: all axes of a vector, and all components of a rotation.
    #[must_use]
    #[inline]
    pub fn leaves_of_field(&self, leaf: usize) -> Range<usize> {
        let rotation = self.rotations.iter().map(|first| *first..first + ROTATION_WIDTH);
        if let Some(rotation) = rotation.into_iter().find(|rotation| rotation.contains(&leaf)) {
            return rotation;
        }
        let is_same = |other: usize| self.leaves[other].field() == self.leaves[leaf].field();
        let (mut start, mut end) = (leaf, leaf + 1);
        while start > 0 && is_same(start - 1) {
            start -= 1;
        }
        while end < self.leaves.len() && is_same(end) {
            end += 1;
        }
        start..end
    }

    /// Whether a leaf is part of different things in two rows, so that nothing lies between its two values.
    #[must_use]
    pub fn is_replaced(&self, leaf: usize, one: &[u32], other: &[u32]) -> bool {
        let differs = |governed: &Governed| governed.leaves.contains(&leaf) && one[governed.by] != other[governed.by];
        let turned = |first: &usize| {
            let components = first + 1..first + ROTATION_WIDTH;
            components.contains(&leaf) && one[*first] != other[*first]
        };
        self.governed.iter().any(differs) || self.rotations.iter().any(turned)
    }

    /// Completes `out`, which was blended leaf by leaf at `part` (0 to 1) of the way between two rows. Rotations turn
    /// as a whole, and a leaf that is not part of the same thing in both rows stays as it was.
    pub fn blend_joint(&self, from: &[u32], to: &[u32], part: f32, out: &mut [u32]) {
        for first in self.smooth_rotations() {
            let turned = self.rotation_between(first, from, to, part);
            out[first..first + ROTATION_WIDTH].copy_from_slice(&turned);
        }
        for governed in self.governed.iter().filter(|governed| from[governed.by] != to[governed.by]) {
            out[governed.leaves.clone()].copy_from_slice(&from[governed.leaves.clone()]);
        }
    }

    /// Whether a leaf is part of a rotation: alone it has no meaning.
    #[must_use]
    pub fn is_of_rotation(&self, leaf: usize) -> bool {
        self.rotations.iter().any(|first| (*first..first + ROTATION_WIDTH).contains(&leaf))
    }

    /// The first leaves of the rotations that are interpolated between two ticks.
    pub fn smooth_rotations(&self) -> impl Iterator<Item = usize> + '_ {
        self.rotations.iter().copied().filter(|first| self.leaves[first + 1].marks.smooth)
    }

    /// The rotation whose first leaf is `first`, at `part` (0 to 1) of the way between two rows.
    #[must_use]
    pub fn rotation_between(&self, first: usize, from: &[u32], to: &[u32], part: f32) -> [u32; ROTATION_WIDTH] {
        let leaves = first..first + ROTATION_WIDTH;
        Rotation::of_max(self.leaves[first + 1].max).between(&from[leaves.clone()], &to[leaves], part)
    }
}
