//! Motion: the place of an undisturbed row a tick later, as both ends of a delta compute it.
//!
//! A delta holds the differences from this expectation, so motion that follows its rule costs next to nothing. Values
//! that stay on the wire's grid can be computed in integers: both ends get the same number on any machine.

use super::{Leaf, LeafKind};
use core::ops::Range;

/// Computes one field a tick later. The first argument holds the struct's wire integers as they were; the second holds
/// those of the present, as far as they are known; the third receives the field's own.
pub type Advance = fn(&[u32], &[u32], &mut [u32]);

/// Bits behind the binary point of a [`Slide`]'s factors.
const FRACTION_BITS: u32 = 16;

/// The way in which a leaf moves from one tick to the next while nothing happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Motion {
    /// The leaf stays.
    #[default]
    Hold,
    /// The leaf moves by the value of another leaf.
    By(Slide),
    /// A function moves the leaf: the group of [`TableSchema::groups`](super::TableSchema::groups) with this number.
    With(usize),
}

/// Motion by another leaf: its value is the distance per tick, such as a velocity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slide {
    /// The index of the leaf that drives the motion.
    pub by: usize,
    /// Steps of the moving leaf per step of the driving leaf, in 1/65,536.
    per_step: i64,
    /// Steps of the moving leaf per tick while the driving leaf is 0, in 1/65,536.
    at_zero: i64,
}

impl Slide {
    /// The motion of `leaf` by the leaf `from`, which has the index `by`.
    pub(super) fn between(by: usize, from: &Leaf, leaf: &Leaf) -> Self {
        let scale = f64::from(1_u32 << FRACTION_BITS) / f64::from(leaf.unit);
        // A cast saturates: a rule that makes no sense predicts badly, and both ends agree on how badly.
        let fixed = |value: f64| libm::round(value * scale) as i64;
        Self { by, per_step: fixed(f64::from(from.unit)), at_zero: fixed(from.min) }
    }

    /// Steps per tick, rounded in the way of a world that is rounded after each tick.
    #[inline]
    const fn way(&self, speed: u32) -> i64 {
        let exact = self.at_zero.wrapping_add(self.per_step.wrapping_mul(speed as i64));
        let half = 1 << (FRACTION_BITS - 1);
        exact.wrapping_add(half) >> FRACTION_BITS
    }

    /// Not zero when a leaf is not at `now` after `ticks` ticks, the ends of its range left out of account. Only the
    /// bits of `wraps` count. It is cheaper than [`Slide::moved`], and for most rows the only question.
    #[inline]
    #[must_use]
    pub const fn off(&self, wraps: u64, was: u32, speed: u32, ticks: u32, now: u32) -> u64 {
        // The sum has as many bits as in `moved`: a way of 2^32 steps is not a way of none.
        let place = (was as i64).wrapping_add(self.way(speed).wrapping_mul(ticks as i64));
        place.wrapping_sub(now as i64) as u64 & wraps
    }

    /// The place, `ticks` ticks later, of a leaf of this kind within `0..=max` that was at `was`, while the driving
    /// leaf is at `speed` throughout.
    #[inline]
    #[must_use]
    pub fn moved(&self, max: u32, kind: LeafKind, was: u32, speed: u32, ticks: u32) -> u32 {
        let now = i64::from(was).wrapping_add(self.way(speed).wrapping_mul(i64::from(ticks)));
        let max = i64::from(max);
        match kind {
            // The number of directions of a circle is a power of two.
            LeafKind::Turn => (now & max) as u32,
            LeafKind::Number | LeafKind::Choice => now.clamp(0, max) as u32,
        }
    }
}

/// The leaves of one field that a function moves.
#[derive(Debug, Clone)]
pub struct Group {
    /// The function that moves the field.
    pub advance: Advance,
    /// The leaves of the struct that holds the field.
    pub row: Range<usize>,
    /// The leaves of the field.
    pub field: Range<usize>,
}

impl Group {
    /// Moves the field on by `ticks` ticks. `was` is the row as it was, and `now` holds the part of the present row
    /// that is known; `out` receives the field's leaves. `before` is memory that is used again. All of them are as wide
    /// as the row.
    pub fn moved(&self, was: &[u32], now: &[u32], ticks: u32, before: &mut [u32], out: &mut [u32]) {
        let field = self.field.clone();
        before[self.row.clone()].copy_from_slice(&was[self.row.clone()]);
        out[field.clone()].copy_from_slice(&was[field.clone()]);
        for _ in 0..ticks {
            (self.advance)(&before[self.row.clone()], &now[self.row.clone()], &mut out[field.clone()]);
            before[field.clone()].copy_from_slice(&out[field.clone()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Marks;
    use alloc::string::String;

    fn leaf(min: f64, max: u32, kind: LeafKind, unit: f32) -> Leaf {
        let (path, bits) = (String::new(), u32::BITS - max.leading_zeros());
        Leaf {
            path,
            min,
            max,
            bits,
            kind,
            unit,
            is_float: false,
            marks: Marks::NONE,
            owner: None,
            motion: Motion::Hold,
        }
    }

    #[test]
    fn a_slide_moves_as_the_rounded_world_does() {
        // The velocity has a finer grid than the place, and its range is not centred.
        let (place, speed) =
            (leaf(-40.0, 6_400, LeafKind::Number, 0.0625), leaf(-8.0, 1_024, LeafKind::Number, 0.015_625));
        let slide = Slide::between(1, &speed, &place);
        for level in 0..=1_024 {
            let velocity = -8.0 + f64::from(level) * 0.015_625;
            let at = 100.0 + velocity;
            let rounded = libm::floor((at + 40.0) / 0.0625 + 0.5) as u32;
            assert_eq!(slide.moved(place.max, place.kind, 2_240, level, 1), rounded, "{velocity}");
        }
        assert_eq!(slide.moved(place.max, place.kind, 2, 0, 3), 0, "kept in range");
        assert_eq!(slide.moved(place.max, place.kind, 6_399, 1_024, 3), 6_400);
    }

    #[test]
    fn a_turn_goes_around() {
        let (angle, spin) = (leaf(0.0, 1_023, LeafKind::Turn, 1.0), leaf(-16.0, 32, LeafKind::Number, 1.0));
        let slide = Slide::between(1, &spin, &angle);
        assert_eq!(slide.moved(angle.max, angle.kind, 1_020, 24, 1), 4);
        assert_eq!(slide.moved(angle.max, angle.kind, 4, 8, 2), 1_012);
    }
}
