//! An index by size and rating, which finds the nearest ratings of one size first.
//!
//! It serves groups (the size is that of the party) and running matches (the size is that of the gap). A search costs
//! two look-ups and one step for each entry that it gives out or skips.

use std::collections::BTreeMap;
use std::iter;

/// Entries of one size: by rating, and those of one rating by age.
type Ratings<T> = BTreeMap<u16, BTreeMap<u64, T>>;

/// An entry that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Near<T> {
    /// The difference from the rating that was searched for.
    pub(super) distance: u16,
    /// The age: a smaller number is older.
    pub(super) seq: u64,
    /// The size of the entry.
    pub(super) size: u8,
    /// The entry.
    pub(super) entry: T,
}

impl<T> Near<T> {
    /// The order of choice: the nearest first, and the older of two that are equally near.
    pub(super) fn order(&self) -> (u16, u64) {
        (self.distance, self.seq)
    }
}

/// The index.
#[derive(Debug)]
pub(super) struct RatingIndex<T> {
    by_size: BTreeMap<u8, Ratings<T>>,
}

impl<T: Copy> RatingIndex<T> {
    pub(super) fn new() -> Self {
        Self { by_size: BTreeMap::new() }
    }

    pub(super) fn insert(&mut self, size: u8, rating: u16, seq: u64, entry: T) {
        self.by_size.entry(size).or_default().entry(rating).or_default().insert(seq, entry);
    }

    pub(super) fn remove(&mut self, size: u8, rating: u16, seq: u64) {
        let Some(ratings) = self.by_size.get_mut(&size) else { return };
        let Some(same) = ratings.get_mut(&rating) else { return };
        same.remove(&seq);
        // Empty maps would make later searches walk over them.
        if same.is_empty() {
            ratings.remove(&rating);
        }
        if ratings.is_empty() {
            self.by_size.remove(&size);
        }
    }

    /// The sizes in this range of which there are entries, the smallest first.
    pub(super) fn sizes(&self, least: u8, most: u8) -> impl Iterator<Item = u8> + '_ {
        let range = (least <= most).then(|| self.by_size.range(least..=most));
        range.into_iter().flatten().map(|(size, _)| *size)
    }

    /// The entries of one size in the order of choice, up to a distance; `None` for any distance.
    pub(super) fn nearest(
        &self,
        size: u8,
        rating: u16,
        distance_max: Option<u16>,
    ) -> impl Iterator<Item = Near<T>> + '_ {
        let reach = distance_max.unwrap_or(u16::MAX);
        let ratings = self.by_size.get(&size);
        let spread = move |(at, same)| spread_of(size, rating, at, same);
        let mut below = ratings
            .into_iter()
            .flat_map(move |ratings| ratings.range(rating.saturating_sub(reach)..rating).rev())
            .flat_map(spread)
            .peekable();
        let mut above = ratings
            .into_iter()
            .flat_map(move |ratings| ratings.range(rating..=rating.saturating_add(reach)))
            .flat_map(spread)
            .peekable();
        iter::from_fn(move || match (below.peek(), above.peek()) {
            (Some(low), Some(high)) if low.order() < high.order() => below.next(),
            (_, Some(_)) => above.next(),
            (_, None) => below.next(),
        })
    }
}

/// The entries of one rating, the oldest first.
fn spread_of<'a, T: Copy>(
    size: u8,
    rating: u16,
    at: &'a u16,
    same: &'a BTreeMap<u64, T>,
) -> impl Iterator<Item = Near<T>> + 'a {
    let distance = at.abs_diff(rating);
    same.iter().map(move |(seq, entry)| Near { distance, seq: *seq, size, entry: *entry })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first_and_the_older_of_two_that_are_equally_near() {
        let mut index = RatingIndex::new();
        for (seq, rating) in [1_510, 1_490, 1_490, 1_400, 1_600, 1_500, 1_700].into_iter().enumerate() {
            index.insert(1, rating, seq as u64, rating);
        }
        index.insert(2, 1_500, 7, 1_500);
        let found: Vec<_> = index.nearest(1, 1_500, Some(100)).map(|near| (near.entry, near.seq)).collect();
        assert_eq!(found, [(1_500, 5), (1_510, 0), (1_490, 1), (1_490, 2), (1_400, 3), (1_600, 4)]);
        assert_eq!(index.nearest(1, 1_500, None).count(), 7);
        index.remove(1, 1_490, 1);
        assert_eq!(index.nearest(1, 1_500, Some(10)).count(), 3);
        assert_eq!(index.sizes(2, 9).collect::<Vec<_>>(), [2]);
        assert_eq!(index.sizes(3, 2).count(), 0);
    }
}
