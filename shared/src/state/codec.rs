//! The codecs: how plain values, ranges, angles and owners become wire integers, alone, in options and in arrays.

use super::{Codec, Fields, LeafKind, State, TableVisitor};
use crate::{Seat, Table};
use glam::{Vec2, Vec3};

/// Types that carry their own wire form: integers, `bool`, [`Seat`], derived states, tables.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl<T: State> Codec<T> for Plain {
    const WIDTH: usize = T::WIDTH;
    fn describe(&self, fields: &mut Fields<'_>) {
        T::describe(fields);
    }
    #[inline]
    fn gather(&self, value: &T, wire: &mut [u32]) {
        value.gather(wire);
    }
    #[inline]
    fn scatter(&self, value: &mut T, wire: &[u32]) {
        value.scatter(wire);
    }
    fn not_a_number(&self, value: &T) -> Option<usize> {
        value.not_a_number()
    }
    fn tables<V: TableVisitor>(&self, value: &mut T, visitor: &mut V) {
        value.tables(visitor);
    }
}

impl<T: State + Default> Codec<Table<T>> for Plain {
    const WIDTH: usize = 0;
    fn describe(&self, fields: &mut Fields<'_>) {
        fields.table::<T>();
    }
    fn gather(&self, _: &Table<T>, _: &mut [u32]) {}
    fn scatter(&self, _: &mut Table<T>, _: &[u32]) {}
    fn tables<V: TableVisitor>(&self, value: &mut Table<T>, visitor: &mut V) {
        visitor.table(value);
    }
}

/// A float within `min..=max`, rounded to a multiple of `step` above `min`.
///
/// Values outside saturate; NaN becomes zero, or the end of the range that is nearest to zero.
#[derive(Debug, Clone, Copy)]
pub struct Fixed {
    min: f32,
    step: f32,
    per_unit: f32,
    levels: u32,
    /// What NaN becomes: the point that is nearest to zero.
    zero: u32,
}

impl Fixed {
    /// A grid from `min` to `max` with `step` between neighbours.
    ///
    /// # Panics
    /// At compile time, for an empty range or a grid too fine for a float to tell its points apart.
    #[must_use]
    pub const fn new(min: f32, max: f32, step: f32) -> Self {
        assert!(min < max, "`range` must go from a smaller to a larger number");
        assert!(step > 0.0 && step <= max - min, "`step` must be above zero and within the range");
        let levels = ((max - min) / step + 0.5) as u32;
        // 2^22 points leave two bits of a float's mantissa: rounding returns to the same point.
        assert!(levels <= 1 << 22, "`range` / `step` must be at most 4,194,304 points");
        let reach = if max > -min { max } else { -min };
        assert!(reach / step <= 4_194_304.0, "`step` is too fine for numbers this far from zero");
        let per_unit = 1.0 / step;
        let zero = (per_unit * -min + 0.5) as u32;
        Self { min, step, per_unit, levels, zero: if zero < levels { zero } else { levels } }
    }

    #[inline]
    fn quantize(&self, value: f32) -> u32 {
        if value.is_nan() {
            return self.zero;
        }
        // A float-to-integer cast saturates.
        let level = ((value - self.min) * self.per_unit + 0.5) as u32;
        if level < self.levels { level } else { self.levels }
    }

    #[inline]
    fn dequantize(&self, level: u32) -> f32 {
        self.min + level as f32 * self.step
    }
}

impl Codec<f32> for Fixed {
    const WIDTH: usize = 1;
    fn describe(&self, fields: &mut Fields<'_>) {
        fields.leaf_from(f64::from(self.min), self.levels, LeafKind::Number, self.step);
    }
    #[inline]
    fn gather(&self, value: &f32, wire: &mut [u32]) {
        wire[0] = self.quantize(*value);
    }
    #[inline]
    fn scatter(&self, value: &mut f32, wire: &[u32]) {
        *value = self.dequantize(wire[0]);
    }
    fn not_a_number(&self, value: &f32) -> Option<usize> {
        value.is_nan().then_some(0)
    }
}

macro_rules! vectors {
    ($($vector:ident: $($axis:ident $at:literal),*;)*) => {$(
        impl Codec<$vector> for Fixed {
            const WIDTH: usize = [$($at),*].len();
            fn describe(&self, fields: &mut Fields<'_>) {
                $(fields.named(stringify!($axis), |fields| Codec::<f32>::describe(self, fields));)*
            }
            #[inline]
            fn gather(&self, value: &$vector, wire: &mut [u32]) {
                $(wire[$at] = self.quantize(value.$axis);)*
            }
            #[inline]
            fn scatter(&self, value: &mut $vector, wire: &[u32]) {
                $(value.$axis = self.dequantize(wire[$at]);)*
            }
            fn not_a_number(&self, value: &$vector) -> Option<usize> {
                None$(.or_else(|| value.$axis.is_nan().then_some($at)))*
            }
        }
    )*};
}
vectors! {
    Vec2: x 0, y 1;
    Vec3: x 0, y 1, z 2;
}

/// An angle as one of 2^bits directions: a float in radians is rounded and comes back within `0..2π`, an integer
/// in steps goes around.
#[derive(Debug, Clone, Copy)]
pub struct Angle {
    bits: u32,
}

impl Angle {
    /// 2^`bits` directions around the circle.
    ///
    /// # Panics
    /// At compile time, unless `bits` is within 1 to 20.
    #[must_use]
    pub const fn new(bits: u32) -> Self {
        assert!(bits >= 1 && bits <= 20, "an angle has 1 to 20 `bits`");
        Self { bits }
    }

    /// As [`Angle::new`], for an integer of so many bits.
    ///
    /// # Panics
    /// At compile time, when that integer cannot hold all directions.
    #[must_use]
    pub const fn whole(bits: u32, held_bits: u32) -> Self {
        assert!(bits <= held_bits, "an angle has at most the `bits` of its integer");
        Self::new(bits)
    }

    pub(super) const fn directions(self) -> u32 {
        1 << self.bits
    }
}

impl Codec<f32> for Angle {
    const WIDTH: usize = 1;
    fn describe(&self, fields: &mut Fields<'_>) {
        let step = crate::math::TURN / self.directions() as f32;
        fields.leaf(self.directions() - 1, LeafKind::Turn, step);
    }
    #[inline]
    fn gather(&self, value: &f32, wire: &mut [u32]) {
        let turns = *value * (1.0 / crate::math::TURN);
        // Only the fraction of a turn counts; the cast takes NaN and infinity's NaN fraction to zero.
        let fraction = turns - crate::math::floor(turns);
        wire[0] = (fraction * self.directions() as f32 + 0.5) as u32 & (self.directions() - 1);
    }
    #[inline]
    fn scatter(&self, value: &mut f32, wire: &[u32]) {
        *value = wire[0] as f32 * (crate::math::TURN / self.directions() as f32);
    }
    fn not_a_number(&self, value: &f32) -> Option<usize> {
        (!value.is_finite()).then_some(0)
    }
}

/// An integer within `min..=max`. Values outside saturate.
#[derive(Debug, Clone, Copy)]
pub struct Whole {
    min: i64,
    max: i64,
}

impl Whole {
    /// Integers from `min` to `max`, both included.
    ///
    /// # Panics
    /// At compile time, for an empty range or one of more than 2³² numbers.
    #[must_use]
    pub const fn new(min: i64, max: i64) -> Self {
        assert!(min <= max, "`range` must go from a smaller to a larger number");
        assert!(max.abs_diff(min) <= u32::MAX as u64, "`range` holds at most 2^32 numbers");
        Self { min, max }
    }

    /// Integers of `n` bits, from 0.
    ///
    /// # Panics
    /// At compile time, unless `n` is within 1 to 32.
    #[must_use]
    pub const fn bits(n: u32) -> Self {
        assert!(n >= 1 && n <= 32, "an integer has 1 to 32 `bits`");
        Self::new(0, (1 << n) - 1)
    }

    pub(super) fn describe(self, fields: &mut Fields<'_>) {
        // At most 2^32 numbers, by the constructor.
        let span = u32::try_from(self.max.abs_diff(self.min)).unwrap_or(u32::MAX);
        fields.leaf_from(self.min as f64, span, LeafKind::Number, 1.0);
    }

    #[inline]
    pub(super) fn level(self, value: i64) -> u32 {
        let kept = value.clamp(self.min, self.max);
        u32::try_from(kept.abs_diff(self.min)).unwrap_or(u32::MAX)
    }

    #[inline]
    pub(super) const fn value(self, level: u32) -> i64 {
        self.min + level as i64
    }
}

/// The [`Option<Seat>`] that says whose row or struct this is. One leaf: 0 for nobody, else the seat plus 1.
#[derive(Debug, Clone, Copy)]
pub struct Owner;

impl Codec<Option<Seat>> for Owner {
    const WIDTH: usize = 1;
    fn describe(&self, fields: &mut Fields<'_>) {
        fields.leaf(u32::from(crate::limits::SEATS_MAX), LeafKind::Choice, 1.0);
    }
    #[inline]
    fn gather(&self, value: &Option<Seat>, wire: &mut [u32]) {
        wire[0] = value.map_or(0, |seat| u32::from(seat.number()) + 1);
    }
    #[inline]
    fn scatter(&self, value: &mut Option<Seat>, wire: &[u32]) {
        *value = wire[0].checked_sub(1).and_then(|number| Seat::new(u8::try_from(number).ok()?));
    }
}

impl<T: Default, C: Codec<T>> Codec<Option<T>> for C {
    const WIDTH: usize = 1 + C::WIDTH;
    fn describe(&self, fields: &mut Fields<'_>) {
        fields.governing(
            |fields| fields.named("some", |fields| fields.leaf(1, LeafKind::Choice, 1.0)),
            |fields| C::describe(self, fields),
        );
    }
    #[inline]
    fn gather(&self, value: &Option<T>, wire: &mut [u32]) {
        let (present, inner) = wire.split_at_mut(1);
        present[0] = u32::from(value.is_some());
        match value {
            Some(value) => C::gather(self, value, inner),
            None => inner.fill(0),
        }
    }
    #[inline]
    fn scatter(&self, value: &mut Option<T>, wire: &[u32]) {
        if wire[0] == 0 {
            *value = None;
        } else {
            C::scatter(self, value.get_or_insert_default(), &wire[1..]);
        }
    }
    fn not_a_number(&self, value: &Option<T>) -> Option<usize> {
        C::not_a_number(self, value.as_ref()?).map(|leaf| 1 + leaf)
    }
}

impl<T, C: Codec<T>, const N: usize> Codec<[T; N]> for C {
    const WIDTH: usize = N * C::WIDTH;
    fn describe(&self, fields: &mut Fields<'_>) {
        for index in 0..N {
            fields.indexed(index, |fields| C::describe(self, fields));
        }
    }
    #[inline]
    fn gather(&self, value: &[T; N], wire: &mut [u32]) {
        for (index, value) in value.iter().enumerate() {
            C::gather(self, value, &mut wire[index * C::WIDTH..(index + 1) * C::WIDTH]);
        }
    }
    #[inline]
    fn scatter(&self, value: &mut [T; N], wire: &[u32]) {
        for (index, value) in value.iter_mut().enumerate() {
            C::scatter(self, value, &wire[index * C::WIDTH..(index + 1) * C::WIDTH]);
        }
    }
    fn not_a_number(&self, value: &[T; N]) -> Option<usize> {
        let mut values = value.iter().enumerate();
        values.find_map(|(index, value)| Some(index * C::WIDTH + C::not_a_number(self, value)?))
    }
    fn tables<V: TableVisitor>(&self, value: &mut [T; N], visitor: &mut V) {
        for value in value {
            C::tables(self, value, visitor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T, C: Codec<T>>(codec: &C, value: T, wire: &mut [u32]) -> T {
        let mut value = value;
        codec.gather(&value, wire);
        codec.scatter(&mut value, wire);
        value
    }

    #[test]
    fn quantizing_a_dequantized_float_is_the_identity() {
        for codec in [
            Fixed::new(0.0, 180.0, 0.0625),
            Fixed::new(-1000.0, 1000.0, 0.1),
            Fixed::new(-0.3, 0.7, 0.001),
            Fixed::new(4000.0, 4001.0, 0.01),
        ] {
            for level in 0..=codec.levels {
                assert_eq!(codec.quantize(codec.dequantize(level)), level, "{codec:?}");
            }
        }
        for bits in [1, 8, 12, 16] {
            let codec = Angle::new(bits);
            for direction in 0..codec.directions() {
                let (mut angle, mut wire) = (0.0, [direction]);
                codec.scatter(&mut angle, &wire);
                codec.gather(&angle, &mut wire);
                assert_eq!(wire, [direction]);
            }
        }
    }

    #[test]
    fn floats_outside_saturate_and_nan_is_harmless() {
        let codec = Fixed::new(-2.0, 2.0, 0.5);
        let mut wire = [0];
        for (value, expected) in [
            (9.0, 2.0),
            (f32::INFINITY, 2.0),
            (-9.0, -2.0),
            (f32::NEG_INFINITY, -2.0),
            (f32::NAN, 0.0),
            (-0.0, 0.0),
            (0.3, 0.5),
        ] {
            let found = round_trip(&codec, value, &mut wire);
            assert_eq!(found.to_bits(), f32::to_bits(expected), "{value}");
        }
        for (low, high, expected) in [(0.0, 9.0, 0.0), (1.0, 9.0, 1.0), (-9.0, -1.0, -1.0)] {
            let found = round_trip(&Fixed::new(low, high, 0.5), f32::NAN, &mut wire);
            assert_eq!(found.to_bits(), f32::to_bits(expected), "within {low} to {high}");
        }
        let angle = Angle::new(8);
        for value in [f32::NAN, f32::INFINITY, -1.0, 1e30] {
            let found = round_trip(&angle, value, &mut wire);
            assert!((0.0..crate::math::TURN).contains(&found), "{value} gave {found}");
        }
    }

    #[test]
    fn an_absent_value_is_all_zeros() {
        let mut wire = [9; 2];
        Codec::<Option<u8>>::gather(&Plain, &None, &mut wire);
        assert_eq!(wire, [0, 0]);
        assert_eq!(round_trip(&Plain, Some(7_u8), &mut wire), Some(7));
        assert_eq!(wire, [1, 7]);
    }
}
