//! The codecs of values whose number changes: a bounded `Vec`, a map by small keys.

use super::shape::TypeShape;
use super::{Codec, Fields, LeafKind, State};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Values in a list or a map at the most.
const VALUES_MAX: usize = 64;

/// Describes the leaf that holds the number of values, and the leaves that it governs.
fn counted(fields: &mut Fields<'_>, max: usize, values: impl FnOnce(&mut Fields<'_>)) {
    let max = u32::try_from(max).unwrap_or(u32::MAX);
    fields.governing(|fields| fields.named("len", |fields| fields.leaf(max, LeafKind::Choice, 1.0)), values);
}

/// The number of values, from the leaf that holds it.
fn count(leaf: u32, max: usize) -> usize {
    usize::try_from(leaf).unwrap_or(max).min(max)
}

/// The codec of a `Vec` of at most `MAX` values; further values are cut off.
#[derive(Debug, Clone, Copy)]
pub struct List<const MAX: usize, C> {
    inner: C,
}

impl<const MAX: usize, C> List<MAX, C> {
    /// A codec of lists whose values travel by the codec `inner`.
    #[must_use]
    pub const fn new(inner: C) -> Self {
        assert!(MAX >= 1 && MAX <= VALUES_MAX, "a list has a `max` of 1 to 64; more belong into a `Table`");
        Self { inner }
    }
}

impl<T: Default, C: Codec<T>, const MAX: usize> Codec<Vec<T>> for List<MAX, C> {
    const WIDTH: usize = {
        assert!(C::TABLES == 0, "a `Vec` cannot hold a `Table`: it is a field of structs that are always there");
        1 + MAX * C::WIDTH
    };
    fn describe(&self, fields: &mut Fields<'_>) {
        counted(fields, MAX, |fields| {
            for index in 0..MAX {
                fields.indexed(index, |fields| self.inner.describe(fields));
            }
        });
    }
    fn shape(&self) -> TypeShape {
        TypeShape::List(Box::new(self.inner.shape()), MAX)
    }
    fn gather(&self, value: &Vec<T>, wire: &mut [u32]) {
        let (len, items) = wire.split_at_mut(1);
        len[0] = u32::try_from(value.len().min(MAX)).unwrap_or(u32::MAX);
        items.fill(0);
        for (index, value) in value.iter().take(MAX).enumerate() {
            self.inner.gather(value, &mut items[index * C::WIDTH..(index + 1) * C::WIDTH]);
        }
    }
    fn scatter(&self, value: &mut Vec<T>, wire: &[u32]) {
        let (len, items) = wire.split_at(1);
        value.resize_with(count(len[0], MAX), T::default);
        for (index, value) in value.iter_mut().enumerate() {
            self.inner.scatter(value, &items[index * C::WIDTH..(index + 1) * C::WIDTH]);
        }
    }
    fn not_a_number(&self, value: &Vec<T>) -> Option<usize> {
        let mut values = value.iter().take(MAX).enumerate();
        values.find_map(|(index, value)| Some(1 + index * C::WIDTH + self.inner.not_a_number(value)?))
    }
}

/// The codec of a map of at most `MAX` values, by keys that are one wire integer each. It travels in the order of its
/// keys. Of more than `MAX` values, those with the largest keys are cut off.
#[derive(Debug, Clone, Copy)]
pub struct Map<const MAX: usize, C> {
    inner: C,
}

impl<const MAX: usize, C> Map<MAX, C> {
    /// A codec of maps whose values travel by the codec `inner`.
    #[must_use]
    pub const fn new(inner: C) -> Self {
        assert!(MAX >= 1 && MAX <= VALUES_MAX, "a map has a `max` of 1 to 64; more belong into a `Table`");
        Self { inner }
    }
}

fn key<K: State + Default>(wire: &[u32]) -> K {
    let mut key = K::default();
    State::scatter(&mut key, &wire[..1]);
    key
}

impl<K: State + Default + Ord, T: Default, C: Codec<T>, const MAX: usize> Codec<BTreeMap<K, T>> for Map<MAX, C> {
    const WIDTH: usize = {
        assert!(K::WIDTH == 1, "the key of a map is a small number: an integer, an enum without data, a seat");
        assert!(C::TABLES == 0, "a `BTreeMap` cannot hold a `Table`: it is a field of structs that are always there");
        1 + MAX * (1 + C::WIDTH)
    };
    fn describe(&self, fields: &mut Fields<'_>) {
        counted(fields, MAX, |fields| {
            for index in 0..MAX {
                fields.indexed(index, |fields| {
                    fields.governing(
                        |fields| fields.named("key", K::describe),
                        |fields| fields.named("value", |fields| self.inner.describe(fields)),
                    );
                });
            }
        });
    }
    fn shape(&self) -> TypeShape {
        TypeShape::Map { key: Box::new(K::shape()), value: Box::new(self.inner.shape()), max: MAX }
    }
    fn gather(&self, value: &BTreeMap<K, T>, wire: &mut [u32]) {
        let (len, items) = wire.split_at_mut(1);
        len[0] = u32::try_from(value.len().min(MAX)).unwrap_or(u32::MAX);
        items.fill(0);
        for (item, (key, value)) in items.chunks_exact_mut(1 + C::WIDTH).zip(value) {
            let (key_wire, value_wire) = item.split_at_mut(1);
            State::gather(key, key_wire);
            self.inner.gather(value, value_wire);
        }
    }
    fn scatter(&self, value: &mut BTreeMap<K, T>, wire: &[u32]) {
        let (len, items) = wire.split_at(1);
        let count = count(len[0], MAX);
        let items = || items.chunks_exact(1 + C::WIDTH).take(count);
        // In most ticks the keys are those of the last time: their values keep their memory.
        if value.len() != count || !value.keys().zip(items()).all(|(known, item)| *known == key::<K>(item)) {
            value.retain(|known, _| items().any(|item| *known == key::<K>(item)));
            for item in items() {
                value.entry(key(item)).or_default();
            }
        }
        for item in items() {
            if let Some(value) = value.get_mut(&key::<K>(item)) {
                self.inner.scatter(value, &item[1..]);
            }
        }
    }
    fn not_a_number(&self, value: &BTreeMap<K, T>) -> Option<usize> {
        let mut values = value.values().take(MAX).enumerate();
        values.find_map(|(index, value)| Some(2 + index * (1 + C::WIDTH) + self.inner.not_a_number(value)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Integer, Plain};
    use core::fmt::Debug;

    fn round_trip<T: Clone + Debug, C: Codec<T>>(codec: &C, value: &T, before: &T, wire: &mut [u32]) -> T {
        let mut found = before.clone();
        codec.gather(value, wire);
        codec.scatter(&mut found, wire);
        found
    }

    #[test]
    fn a_list_keeps_its_bounds() {
        let codec = List::<2, _>::new(Integer::new::<i8>(-5, 5));
        let mut wire = [9; 3];
        let none = Vec::<i8>::new();
        assert_eq!(round_trip(&codec, &alloc::vec![1_i8, 100, 3], &none, &mut wire), [1, 5]);
        assert_eq!(round_trip(&codec, &none, &alloc::vec![4], &mut wire), none);
        assert_eq!(wire, [0, 0, 0]);
    }

    #[test]
    fn a_map_comes_back_in_the_order_of_its_keys_over_any_other_map() {
        let codec = Map::<3, _>::new(Integer::new::<u8>(0, 9));
        let map = |pairs: &[(i8, u8)]| pairs.iter().copied().collect::<BTreeMap<i8, u8>>();
        let maps = [map(&[]), map(&[(-3, 1)]), map(&[(5, 2), (-3, 4), (0, 9)]), map(&[(5, 3), (6, 4), (7, 5)])];
        let mut wire = [9; 7];
        for value in &maps {
            for before in &maps {
                assert_eq!(round_trip(&codec, value, before, &mut wire), *value);
            }
        }
        let long = map(&[(4, 4), (1, 99), (3, 3), (2, 2)]);
        assert_eq!(round_trip(&codec, &long, &maps[1], &mut wire), map(&[(1, 9), (2, 2), (3, 3)]));
        assert_eq!(wire, [3, 129, 9, 130, 2, 131, 3]);
    }

    #[test]
    fn a_map_on_the_wire_that_names_a_key_twice_is_a_map() {
        let mut map = BTreeMap::from([(9_u8, 9_u8)]);
        Map::<3, _>::new(Plain).scatter(&mut map, &[3, 4, 1, 4, 2, 0, 0]);
        assert_eq!(map, BTreeMap::from([(0, 0), (4, 2)]));
    }
}
