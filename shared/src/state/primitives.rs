//! Wire forms of the types that Rust and this crate bring: integers, `bool`, seats, row ids.

use super::{Angle, Codec, Fields, LeafKind, State, Whole};
use crate::limits::SEATS_MAX;
use crate::{RowId, Seat};

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl State for $int {
            const WIDTH: usize = 1;
            fn describe(fields: &mut Fields<'_>) {
                Whole::new(<$int>::MIN as i64, <$int>::MAX as i64).describe(fields);
            }
            #[inline]
            fn gather(&self, wire: &mut [u32]) {
                wire[0] = const { Whole::new(<$int>::MIN as i64, <$int>::MAX as i64) }.level(i64::from(*self));
            }
            #[inline]
            fn scatter(&mut self, wire: &[u32]) {
                Codec::scatter(&const { Whole::new(<$int>::MIN as i64, <$int>::MAX as i64) }, self, wire);
            }
        }
    )*};
}
integers!(u8, u16, u32, i8, i16, i32);

macro_rules! ranges {
    ($($int:ty),*) => {$(
        impl Codec<$int> for Whole {
            const WIDTH: usize = 1;
            fn describe(&self, fields: &mut Fields<'_>) {
                Self::describe(*self, fields);
            }
            #[inline]
            fn gather(&self, value: &$int, wire: &mut [u32]) {
                // Only a `u64` may be too large: it saturates, as what is out of range does.
                wire[0] = self.level(i64::try_from(*value).unwrap_or(i64::MAX));
            }
            #[inline]
            fn scatter(&self, value: &mut $int, wire: &[u32]) {
                // A range wider than its type leaves the value that is there.
                *value = <$int>::try_from(self.value(wire[0])).unwrap_or(*value);
            }
        }
    )*};
}
ranges!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! directions {
    ($($int:ty),*) => {$(
        impl Codec<$int> for Angle {
            const WIDTH: usize = 1;
            fn describe(&self, fields: &mut Fields<'_>) {
                fields.leaf(self.directions() - 1, LeafKind::Turn, 1.0);
            }
            #[inline]
            fn gather(&self, value: &$int, wire: &mut [u32]) {
                wire[0] = u32::from(*value) & (self.directions() - 1);
            }
            #[inline]
            fn scatter(&self, value: &mut $int, wire: &[u32]) {
                // The constructor asks whether the type holds all directions.
                *value = <$int>::try_from(wire[0]).unwrap_or(*value);
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
    fn gather(&self, _: &mut [u32]) {}
    fn scatter(&mut self, _: &[u32]) {}
}

impl State for Seat {
    const WIDTH: usize = 1;
    fn describe(fields: &mut Fields<'_>) {
        fields.leaf(u32::from(SEATS_MAX - 1), LeafKind::Choice, 1.0);
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
