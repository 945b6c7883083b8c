//! The codecs of single values: how plain values, ranges, angles and owners become wire integers, alone, in options and
//! in arrays.

use super::shape::{Grid, TypeShape};
use super::{Codec, Fields, LeafKind, State, TableVisitor};
use crate::id::Seat;
use crate::table::Table;
use alloc::boxed::Box;
use glam::{Vec2, Vec3};

/// The codec of types that carry their own wire form: integers, `bool`, [`Seat`], derived states, tables.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl<T: State> Codec<T> for Plain {
    const WIDTH: usize = T::WIDTH;
    const TABLES: usize = T::TABLES;
    fn describe(&self, fields: &mut Fields<'_>) {
        T::describe(fields);
    }
    fn shape(&self) -> TypeShape {
        T::shape()
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
    const WIDTH: usize = {
        assert!(T::TABLES == 0, "the rows of a `Table` cannot hold another");
        0
    };
    const TABLES: usize = 1;
    fn describe(&self, fields: &mut Fields<'_>) {
        fields.table::<T>();
    }
    fn shape(&self) -> TypeShape {
        TypeShape::Table(Box::new(T::shape()))
    }
    fn gather(&self, _: &Table<T>, _: &mut [u32]) {}
    fn scatter(&self, _: &mut Table<T>, _: &[u32]) {}
    fn tables<V: TableVisitor>(&self, value: &mut Table<T>, visitor: &mut V) {
        visitor.table(value);
    }
}

/// The codec of a float within `min..=max`, rounded to a whole number of `step`s above `min`. Both ends are among its
/// values.
///
/// Values outside of the range saturate; NaN becomes zero, or the end of the range that is nearest to zero.
#[derive(Debug, Clone, Copy)]
pub struct Fixed {
    min: f32,
    max: f32,
    step: f32,
    per_unit: f32,
    levels: u32,
    /// The level above this one is `max`, which the arithmetic of the other levels misses. Where the arithmetic does
    /// not miss it, no level is above this one.
    computed: u32,
    /// The level that stands for NaN: the point that is nearest to zero.
    zero: u32,
}

/// Steps of a grid at the most. 2^21 of them leave three bits of a float's mantissa, so that rounding a point of the
/// grid gives the same point.
const STEPS_MAX: u32 = 1 << 21;

impl Fixed {
    /// The codec of a grid from `min` to `max` with `step` between neighbours.
    ///
    /// # Panics
    /// At compile time, for an empty range, one that is no whole number of steps, or a grid too fine for a float to
    /// tell its points apart.
    #[must_use]
    pub const fn new(min: f32, max: f32, step: f32) -> Self {
        assert!(min < max, "`range` must go from a smaller to a larger number");
        let steps = (max as f64 - min as f64) / step as f64;
        let reach = if max > -min { max } else { -min } as f64 / step as f64;
        // 0.1 is no binary fraction: each of the three numbers is off by 2^-24 of itself at the most.
        let rounding = reach / (1 << 22) as f64;
        assert!(step > 0.0 && steps >= 1.0 - rounding, "`step` must be above zero and within the range");
        let levels = (steps + 0.5) as u32;
        assert!(levels <= STEPS_MAX, "`range` must be at most 2,097,152 `step`s");
        assert!(reach <= STEPS_MAX as f64, "`step` is too fine for numbers this far from zero");
        assert!((steps - levels as f64).abs() <= rounding, "`range` must be a whole number of `step`s");
        let computed = if min + levels as f32 * step == max { u32::MAX } else { levels - 1 };
        let per_unit = 1.0 / step;
        let zero = (per_unit * -min + 0.5) as u32;
        let zero = if zero < levels { zero } else { levels };
        // An end of -0 becomes 0 by the sum.
        Self { min, max: max + 0.0, step, per_unit, levels, computed, zero }
    }

    const fn grid(&self) -> Grid {
        Grid { min: self.min, max: self.max, step: self.step }
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
        if level <= self.computed { self.min + level as f32 * self.step } else { self.max }
    }
}

impl Codec<f32> for Fixed {
    const WIDTH: usize = 1;
    fn describe(&self, fields: &mut Fields<'_>) {
        fields.leaf_from(f64::from(self.min), self.levels, LeafKind::Number, self.step, true);
    }
    fn shape(&self) -> TypeShape {
        TypeShape::Float(self.grid())
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
            fn shape(&self) -> TypeShape {
                TypeShape::Vector { axes: &[$(stringify!($axis)),*], grid: self.grid() }
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

/// A type of numbers. Its range bounds the values that the attributes of a field may ask for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number",
    label = "`range`, `bits` and `angle` are for numbers"
)]
pub trait Number {
    /// The smallest whole number from which on all whole numbers up to 0 are in the type.
    const MIN: i128;
    /// The largest whole number up to which all whole numbers from 0 on are in the type.
    const MAX: i128;
}

/// The codec of an angle as one of 2^bits directions. A float in radians is rounded and comes back within `0..2π`; an
/// integer counts the directions and goes around.
#[derive(Debug, Clone, Copy)]
pub struct Angle {
    bits: u32,
}

impl Angle {
    /// A codec of 2^`bits` directions around the circle, for a field of type `T`.
    ///
    /// # Panics
    /// At compile time, unless `bits` is within 1 to 20 and `T` can hold all directions.
    #[must_use]
    pub const fn new<T: Number>(bits: u32) -> Self {
        assert!(bits >= 1 && bits <= 20, "an angle has 1 to 20 `bits`");
        assert!((1 << bits) - 1 <= T::MAX, "an angle has at most the `bits` of its integer");
        Self { bits }
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
    fn shape(&self) -> TypeShape {
        TypeShape::Angle { directions: self.directions(), is_radians: true }
    }
    #[inline]
    fn gather(&self, value: &f32, wire: &mut [u32]) {
        let turns = *value * (1.0 / crate::math::TURN);
        // Only the fraction of a turn counts. The cast takes NaN to zero, and so the fraction of infinity, which is
        // NaN.
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

/// The codec of an integer within `min..=max`. Values outside of the range saturate.
#[derive(Debug, Clone, Copy)]
pub struct Integer {
    pub(super) min: i128,
    pub(super) max: i128,
}

impl Integer {
    /// A codec of the integers from `min` to `max`, both included, for a field of type `T`.
    ///
    /// # Panics
    /// At compile time, for an empty range, a range of more than 2³² numbers or one that is wider than `T`.
    #[must_use]
    pub const fn new<T: Number>(min: i128, max: i128) -> Self {
        assert!(min <= max, "`range` must go from a smaller to a larger number");
        assert!(min >= T::MIN && max <= T::MAX, "`range` is wider than its integer");
        assert!(max - min <= u32::MAX as i128, "`range` holds at most 2^32 numbers");
        Self { min, max }
    }

    /// A codec of the integers of `n` bits, from 0 on, for a field of type `T`.
    ///
    /// # Panics
    /// At compile time, unless `n` is within 1 to 32 and `T` can hold all of them.
    #[must_use]
    pub const fn bits<T: Number>(n: u32) -> Self {
        assert!(n >= 1 && n <= 32, "an integer has 1 to 32 `bits`");
        assert!((1 << n) - 1 <= T::MAX, "`bits` is wider than its integer");
        Self::new::<T>(0, (1 << n) - 1)
    }

    pub(super) fn describe(self, fields: &mut Fields<'_>) {
        // The constructor allows at most 2^32 numbers.
        let span = u32::try_from(self.max - self.min).unwrap_or(u32::MAX);
        fields.leaf_from(self.min as f64, span, LeafKind::Number, 1.0, false);
    }
}

/// The codec of the [`Option<Seat>`] that names the owner of a row or struct. One leaf: 0 for nobody, else the seat
/// plus 1.
#[derive(Debug, Clone, Copy)]
pub struct Owner;

impl Codec<Option<Seat>> for Owner {
    const WIDTH: usize = 1;
    fn describe(&self, fields: &mut Fields<'_>) {
        fields.leaf(u32::from(crate::limits::SEATS_MAX), LeafKind::Choice, 1.0);
    }
    fn shape(&self) -> TypeShape {
        TypeShape::Owner
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
    const WIDTH: usize = {
        assert!(C::TABLES == 0, "an `Option` cannot hold a `Table`: it is a field of structs that are always there");
        1 + C::WIDTH
    };
    fn describe(&self, fields: &mut Fields<'_>) {
        fields.governing(
            |fields| fields.named("some", |fields| fields.leaf(1, LeafKind::Choice, 1.0)),
            |fields| C::describe(self, fields),
        );
    }
    fn shape(&self) -> TypeShape {
        TypeShape::Option(Box::new(C::shape(self)))
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
    const TABLES: usize = N * C::TABLES;
    fn describe(&self, fields: &mut Fields<'_>) {
        for index in 0..N {
            fields.indexed(index, |fields| C::describe(self, fields));
        }
    }
    fn shape(&self) -> TypeShape {
        TypeShape::Array(Box::new(C::shape(self)), N)
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
    use core::fmt::Debug;

    fn round_trip<T, C: Codec<T>>(codec: &C, value: T, wire: &mut [u32]) -> T {
        let mut value = value;
        codec.gather(&value, wire);
        codec.scatter(&mut value, wire);
        value
    }

    #[test]
    fn quantizing_a_dequantized_float_is_the_identity_and_stays_in_range() {
        for codec in [
            Fixed::new(0.0, 180.0, 0.0625),
            Fixed::new(-1000.0, 1000.0, 0.1),
            Fixed::new(-0.3, 0.7, 0.001),
            Fixed::new(4000.0, 4001.0, 0.01),
            Fixed::new(0.0, 1.0, 0.1),
            Fixed::new(0.0, 0.9, 0.3),
            Fixed::new(-0.9, -0.0, 0.3),
            Fixed::new(-2.1, -0.7, 0.7),
            // A single step, which the difference of the rounded ends is smaller than.
            Fixed::new(-55.0, -53.9, 1.1),
            // These have as many steps as a grid may have.
            Fixed::new(0.0, 209_715.2, 0.1),
            Fixed::new(-8_207_728.5, 8_207_728.5, 7.827_5),
        ] {
            let mut below = f32::NEG_INFINITY;
            for level in 0..=codec.levels {
                let value = codec.dequantize(level);
                assert_eq!(codec.quantize(value), level, "{codec:?}");
                assert!(value > below && value >= codec.min && value <= codec.max, "{value} of {codec:?}");
                assert!(value != 0.0 || value.is_sign_positive(), "{codec:?} knows a negative zero");
                below = value;
            }
            assert_eq!([codec.dequantize(0), below], [codec.min, codec.max], "both ends are points");
        }
        for bits in [1, 8, 12, 16] {
            let codec = Angle::new::<f32>(bits);
            for direction in 0..codec.directions() {
                let (mut angle, mut wire) = (0.0, [direction]);
                codec.scatter(&mut angle, &wire);
                codec.gather(&angle, &mut wire);
                assert_eq!(wire, [direction]);
            }
        }
    }

    fn assert_ends<T: Copy + Debug + PartialEq + Number + TryFrom<i128>>(min: i128, max: i128)
    where
        Integer: Codec<T>,
    {
        let (codec, mut wire) = (Integer::new::<T>(min, max), [0]);
        let of = |value: i128| T::try_from(value.clamp(T::MIN, T::MAX)).ok();
        for (value, kept) in [(min - 1, min), (min, min), (max - 1, max - 1), (max, max), (max + 1, max)] {
            let (Some(value), Some(kept)) = (of(value), of(kept)) else { panic!("{value} is no value") };
            assert_eq!(round_trip(&codec, value, &mut wire), kept, "{min} to {max}");
        }
        let ends = [(T::MIN, 0), (T::MAX, u32::try_from(max - min).expect("a wire integer"))];
        for (end, level) in ends {
            codec.gather(&of(end).expect("an end of the type"), &mut wire);
            assert_eq!(wire, [level], "an end of the type in {min} to {max}");
        }
    }

    #[test]
    fn ranges_reach_to_the_ends_of_their_integers() {
        const SPAN: i128 = u32::MAX as i128;
        let (top, huge, bottom) = (i128::from(i64::MAX), i128::from(u64::MAX), i128::from(i64::MIN));
        for (min, max) in [(0, SPAN), (top - 3, top), (top - 3, top + 3), (top + 1, top + 9), (huge - SPAN, huge)] {
            assert_ends::<u64>(min, max);
        }
        for (min, max) in [(bottom, bottom + SPAN), (bottom, bottom + 1), (-7, 12), (top - SPAN, top)] {
            assert_ends::<i64>(min, max);
        }
        assert_ends::<i8>(-128, 127);
        assert_ends::<i32>(-2_147_483_648, 2_147_483_647);
        assert_ends::<i32>(-1_999, -3);
        assert_ends::<u32>(3, SPAN);
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
        let angle = Angle::new::<f32>(8);
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
