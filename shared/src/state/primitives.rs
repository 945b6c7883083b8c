//! Wire forms of the types that Rust and this crate bring: integers, `bool`, seats, row ids.

use super::shape::TypeShape;
use super::{Angle, Codec, Fields, Integer, LeafKind, Number, State};
use crate::id::{RowId, Seat};
use crate::limits::SEATS_MAX;

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl State for $int {
            const WIDTH: usize = 1;
            fn describe(fields: &mut Fields<'_>) {
                Integer::new::<Self>(Self::MIN as i128, Self::MAX as i128).describe(fields);
            }
            fn shape() -> TypeShape {
                TypeShape::Integer { min: Self::MIN as i128, max: Self::MAX as i128 }
            }
            #[inline]
            fn gather(&self, wire: &mut [u32]) {
                wire[0] = self.abs_diff(Self::MIN).into();
            }
            #[inline]
            fn scatter(&mut self, wire: &[u32]) {
                *self = Self::MIN.wrapping_add(wire[0] as Self);
            }
        }
    )*};
}
integers!(u8, u16, u32, i8, i16, i32);

macro_rules! ranges {
    ($($int:ty),*) => {$(
        impl Number for $int {
            const MIN: i128 = Self::MIN as i128;
            const MAX: i128 = Self::MAX as i128;
        }

        // The constructor has checked that the type holds the whole range: no cast here loses anything.
        impl Codec<$int> for Integer {
            const WIDTH: usize = 1;
            fn describe(&self, fields: &mut Fields<'_>) {
                Self::describe(*self, fields);
            }
            fn shape(&self) -> TypeShape {
                TypeShape::Integer { min: self.min, max: self.max }
            }
            #[inline]
            fn gather(&self, value: &$int, wire: &mut [u32]) {
                let (min, max) = (self.min as $int, self.max as $int);
                wire[0] = (*value).max(min).min(max).abs_diff(min) as u32;
            }
            #[inline]
            fn scatter(&self, value: &mut $int, wire: &[u32]) {
                *value = (self.min as $int).wrapping_add(wire[0] as $int);
            }
        }
    )*};
}
ranges!(u8, u16, u32, u64, i8, i16, i32, i64);

impl Number for f32 {
    const MIN: i128 = -(1 << Self::MANTISSA_DIGITS);
    const MAX: i128 = 1 << Self::MANTISSA_DIGITS;
}

macro_rules! directions {
    ($($int:ty),*) => {$(
        impl Codec<$int> for Angle {
            const WIDTH: usize = 1;
            fn describe(&self, fields: &mut Fields<'_>) {
                fields.leaf(self.directions() - 1, LeafKind::Turn, 1.0);
            }
            fn shape(&self) -> TypeShape {
                TypeShape::Angle { directions: self.directions(), is_radians: false }
            }
            #[inline]
            fn gather(&self, value: &$int, wire: &mut [u32]) {
                wire[0] = u32::from(*value) & (self.directions() - 1);
            }
            #[inline]
            fn scatter(&self, value: &mut $int, wire: &[u32]) {
                // The constructor has checked that the type holds all directions.
                *value = wire[0] as $int;
            }
        }
    )*};
}
directions!(u8, u16, u32);

macro_rules! wide_integers {
    ($($int:ty),*) => {$(
        impl State for $int {
            const WIDTH: usize = 2;
            fn describe(fields: &mut Fields<'_>) {
                for half in ["low", "high"] {
                    fields.named(half, |fields| fields.leaf(u32::MAX, LeafKind::Choice, 1.0));
                }
            }
            fn shape() -> TypeShape {
                TypeShape::Wide { is_signed: Self::MIN != 0 }
            }
            #[inline]
            fn gather(&self, wire: &mut [u32]) {
                let [a, b, c, d, e, f, g, h] = self.to_le_bytes();
                wire[0] = u32::from_le_bytes([a, b, c, d]);
                wire[1] = u32::from_le_bytes([e, f, g, h]);
            }
            #[inline]
            fn scatter(&mut self, wire: &[u32]) {
                let [a, b, c, d] = wire[0].to_le_bytes();
                let [e, f, g, h] = wire[1].to_le_bytes();
                *self = <$int>::from_le_bytes([a, b, c, d, e, f, g, h]);
            }
        }
    )*};
}
wide_integers!(u64, i64);

impl State for bool {
    const WIDTH: usize = 1;
    fn describe(fields: &mut Fields<'_>) {
        fields.leaf(1, LeafKind::Choice, 1.0);
    }
    fn shape() -> TypeShape {
        TypeShape::Bool
    }
    #[inline]
    fn gather(&self, wire: &mut [u32]) {
        wire[0] = u32::from(*self);
    }
    #[inline]
    fn scatter(&mut self, wire: &[u32]) {
        *self = wire[0] != 0;
    }
}

impl State for () {
    const WIDTH: usize = 0;
    fn describe(_: &mut Fields<'_>) {}
    fn shape() -> TypeShape {
        TypeShape::of_struct("", "", [])
    }
    fn gather(&self, _: &mut [u32]) {}
    fn scatter(&mut self, _: &[u32]) {}
}

impl State for Seat {
    const WIDTH: usize = 1;
    fn describe(fields: &mut Fields<'_>) {
        fields.leaf(u32::from(SEATS_MAX - 1), LeafKind::Choice, 1.0);
    }
    fn shape() -> TypeShape {
        TypeShape::Seat
    }
    #[inline]
    fn gather(&self, wire: &mut [u32]) {
        wire[0] = u32::from(self.number());
    }
    #[inline]
    fn scatter(&mut self, wire: &[u32]) {
        *self = u8::try_from(wire[0]).ok().and_then(Self::new).unwrap_or_default();
    }
}

impl State for RowId {
    const WIDTH: usize = 1;
    fn describe(fields: &mut Fields<'_>) {
        fields.leaf(u32::MAX, LeafKind::Choice, 1.0);
    }
    fn shape() -> TypeShape {
        TypeShape::RowId
    }
    #[inline]
    fn gather(&self, wire: &mut [u32]) {
        wire[0] = self.packed();
    }
    #[inline]
    fn scatter(&mut self, wire: &[u32]) {
        let [a, b, c, d] = wire[0].to_le_bytes();
        *self = Self { slot: u16::from_le_bytes([a, b]), generation: u16::from_le_bytes([c, d]) };
    }
}
