//! Wire integers as values in the game's own unit, and back: for a reader that knows a game by its schema alone.
//!
//! A leaf's value is `min + unit * wire`. Rotations are four leaves that mean something only together: outside they are
//! the unit quaternion x, y, z, w. Every integer and every number of a range comes back as it was; numbers outside of
//! the range saturate, and NaN counts as 0. A float is computed as the game's own codec computes it, but for
//! one case: the largest value of a grid whose step is no binary fraction may be off by the last bit.

use super::rotation::{ROTATION_WIDTH, Rotation};
use super::{Leaf, LeafKind, TableSchema};
use crate::math::TURN;
use glam::Quat;

/// The range of the integers that 32 bits with a sign hold, as whole numbers.
const SIGNED: (f64, f64) = (i32::MIN as f64, i32::MAX as f64);

impl Leaf {
    /// Whether the game holds the value as a float, angles in radians included. Of the four leaves of a rotation the
    /// first does not: it counts.
    #[must_use]
    pub fn holds_float(&self) -> bool {
        // An angle that counts directions has the unit 1, which no circle of radians has.
        self.is_float || (self.kind == LeafKind::Turn && self.unit < TURN && self.unit != 1.0)
    }

    /// Whether a value that is no float fits into 32 bits with a sign. If it does not, its lowest 32 bits are to be read
    /// without one.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.min >= SIGNED.0 && self.min + f64::from(self.max) <= SIGNED.1
    }

    /// The float that `wire` stands for, as the game computes it.
    #[inline]
    #[must_use]
    pub fn float(&self, wire: u32) -> f32 {
        self.min as f32 + wire as f32 * self.unit
    }

    /// The value that `wire` stands for in 32 bits: those of the float, or the lowest ones of the whole number.
    #[inline]
    #[must_use]
    pub fn bits_of(&self, wire: u32) -> u32 {
        // Adding in 32 bits gives the lowest 32 bits of the sum.
        if self.holds_float() { self.float(wire).to_bits() } else { (self.min as i64 as u32).wrapping_add(wire) }
    }

    /// The value that `wire` stands for, in the game's own unit.
    #[must_use]
    pub fn value(&self, wire: u32) -> f64 {
        if self.holds_float() { self.float(wire).into() } else { self.min + f64::from(wire) }
    }

    /// The wire integer that is nearest to a value in the game's own unit. A turn goes around, any other value outside
    /// of the range saturates, and NaN counts as 0.
    #[must_use]
    pub fn wire(&self, value: f64) -> u32 {
        let steps = if value.is_nan() { -self.min } else { value - self.min } / f64::from(self.unit);
        // A float-to-integer cast saturates, and takes NaN to zero.
        match self.kind {
            LeafKind::Turn => {
                // Only the fraction of a turn counts; that of infinity is NaN. A circle has at most 2^20 directions.
                let circle = f64::from(self.max) + 1.0;
                let turns = steps / circle;
                ((turns - libm::floor(turns)) * circle + 0.5) as u32 & self.max
            }
            LeafKind::Number | LeafKind::Choice => ((steps + 0.5) as u32).min(self.max),
        }
    }
}

impl TableSchema {
    /// The rotation whose first leaf is `first`, as the unit quaternion x, y, z, w. `row` is the whole row.
    #[must_use]
    pub fn quaternion(&self, first: usize, row: &[u32]) -> [f32; ROTATION_WIDTH] {
        self.rotation_at(first).dequantize(&row[first..first + ROTATION_WIDTH]).to_array()
    }

    /// The wire integers that are nearest to a rotation whose first leaf is `first`. A quaternion of any length will do;
    /// if it is no rotation (NaN, infinity, all zeros), it counts as the identity.
    #[must_use]
    pub fn quaternion_wire(&self, first: usize, quaternion: [f32; ROTATION_WIDTH]) -> [u32; ROTATION_WIDTH] {
        self.rotation_at(first).quantize(Quat::from_array(quaternion))
    }

    fn rotation_at(&self, first: usize) -> Rotation {
        Rotation::of_max(self.leaves[first + 1].max)
    }

    /// Fills `values` with the values of a row in the game's own unit, one per leaf; the four of a rotation are its
    /// quaternion. Both slices are as wide as the row.
    pub fn values(&self, row: &[u32], values: &mut [f64]) {
        for ((leaf, wire), value) in self.leaves.iter().zip(row).zip(&mut *values) {
            *value = leaf.value(*wire);
        }
        for first in &self.rotations {
            let quaternion = self.quaternion(*first, row);
            values[*first..].iter_mut().zip(quaternion).for_each(|(value, part)| *value = part.into());
        }
    }

    /// Fills `row` with the wire integers that are nearest to values in the game's own unit, as [`TableSchema::values`]
    /// gives them. Each is within its range, for any values.
    pub fn wires(&self, values: &[f64], row: &mut [u32]) {
        for ((leaf, value), wire) in self.leaves.iter().zip(values).zip(&mut *row) {
            *wire = leaf.wire(*value);
        }
        for first in &self.rotations {
            let [x, y, z, w] = core::array::from_fn(|part| values[first + part] as f32);
            row[*first..first + ROTATION_WIDTH].copy_from_slice(&self.quaternion_wire(*first, [x, y, z, w]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::state::{Schema, State};

    #[derive(State, Clone, Debug, PartialEq, Default)]
    struct Everything {
        #[state(range = -40.0..=40.0, step = 0.125)]
        x: f32,
        #[state(range = 0.1..=0.7, step = 0.1)]
        third: f32,
        #[state(angle, bits = 12)]
        heading: f32,
        #[state(angle, bits = 5)]
        compass: u8,
        #[state(range = -7..=12)]
        small: i8,
        big: u32,
        deep: i32,
        #[state(range = 5_000_000_000..=5_000_000_100)]
        far: u64,
        #[state(rotation, bits = 9)]
        turned: Quat,
        flag: bool,
        maybe: Option<u8>,
        wide: i64,
    }

    fn schema() -> TableSchema {
        Schema::of::<Everything>().tables.swap_remove(0)
    }

    fn leaf(name: &str) -> Leaf {
        schema().leaves.into_iter().find(|leaf| leaf.path == name).expect("there is such a leaf")
    }

    #[test]
    fn values_of_any_row_give_the_row_again() {
        let (schema, mut dice) = (schema(), Rng::new(3));
        let (mut values, mut back) = (alloc::vec![0.0; schema.leaves.len()], alloc::vec![0; schema.leaves.len()]);
        for round in 0..2_000 {
            let row: alloc::vec::Vec<u32> = schema
                .leaves
                .iter()
                .map(|leaf| match round % 4 {
                    0 => 0,
                    1 => leaf.max,
                    _ => ((u64::from(dice.next_u32()) * (u64::from(leaf.max) + 1)) >> 32) as u32,
                })
                .collect();
            schema.values(&row, &mut values);
            schema.wires(&values, &mut back);
            assert_eq!(row, back, "{values:?}");
        }
    }

    #[test]
    fn a_value_is_that_of_the_game() {
        let (schema, turned) = (schema(), Quat::from_rotation_y(1.0));
        let mut game = Everything {
            x: -3.3,
            third: 0.3,
            heading: 4.0,
            compass: 31,
            small: -7,
            big: u32::MAX,
            deep: i32::MIN,
            far: 5_000_000_007,
            turned,
            flag: true,
            maybe: Some(9),
            wide: -2,
        };
        let (mut row, mut values) = ([0; Everything::WIDTH], [0.0; Everything::WIDTH]);
        game.gather(&mut row);
        game.scatter(&row);
        schema.values(&row, &mut values);
        let rotation = game.turned.to_array().map(f64::from);
        let halves = [f64::from(u32::MAX - 1), f64::from(u32::MAX)];
        let head =
            [game.x.into(), game.third.into(), game.heading.into(), 31.0, -7.0, 4_294_967_295.0, -2_147_483_648.0];
        let all = [&head[..], &[5_000_000_007.0], &rotation, &[1.0, 1.0, 9.0], &halves].concat();
        assert_eq!(values[..], all[..]);
    }

    #[test]
    fn values_outside_of_the_range_saturate_turns_go_around_and_nan_is_zero() {
        let x = leaf("x");
        for (value, wire) in [(1e300, 640), (f64::INFINITY, 640), (-41.0, 0), (f64::NEG_INFINITY, 0), (f64::NAN, 320)] {
            assert_eq!(x.wire(value), wire, "{value}");
        }
        assert_eq!((x.wire(0.06), x.wire(0.07)), (320, 321), "to the nearest");
        let compass = leaf("compass");
        for (value, wire) in [(33.0, 1), (-1.0, 31), (31.6, 0), (f64::NAN, 0), (f64::INFINITY, 0), (1e300, 0)] {
            assert_eq!(compass.wire(value), wire, "{value}");
        }
        let heading = leaf("heading");
        let turn = f64::from(TURN);
        assert_eq!((heading.wire(turn / 4.0), heading.wire(-turn / 4.0), heading.wire(9.0 * turn)), (1_024, 3_072, 0));
        assert_eq!((leaf("third").wire(f64::NAN), leaf("small").wire(f64::NAN)), (0, 7));
    }

    #[test]
    fn it_is_known_which_numbers_have_a_sign_and_which_a_fraction() {
        let names = |of: fn(&Leaf) -> bool| {
            let leaves = schema().leaves.into_iter().filter(of);
            leaves.map(|leaf| leaf.path).collect::<alloc::vec::Vec<_>>().join(" ")
        };
        assert_eq!(names(Leaf::holds_float), "x third heading turned.a turned.b turned.c");
        let unsigned = |leaf: &Leaf| !leaf.holds_float() && !leaf.is_signed();
        assert_eq!(names(unsigned), "big far wide.low wide.high");
    }
}
