//! The estimate of a wait, from what groups waited that were matched lately.
//!
//! There is one average for each band of ratings, since people at the edges wait longer, and one for the whole queue
//! that stands in where a band has none. The oldest waits fade away, and an average that nothing has renewed for a while
//! is forgotten: what was true in the evening is not true at night.

use super::{ESTIMATE_AGE_MS_MAX, ESTIMATE_BAND};
use std::collections::BTreeMap;

/// The share of the newest wait in the average is one in this many.
const SHARE: u64 = 8;

/// Estimates are rounded up to this many milliseconds: a finer one would change all the time and tell nothing more.
const GRAIN_MS: u64 = 1_000;

#[derive(Debug, Clone, Copy)]
struct Average {
    wait_ms: u64,
    renewed_ms: u64,
}

impl Average {
    fn add(average: Option<Self>, wait_ms: u64, now_ms: u64) -> Self {
        let recent = average.filter(|average| average.is_recent(now_ms));
        let wait_ms = recent.map_or(wait_ms, |average| (average.wait_ms * (SHARE - 1) + wait_ms) / SHARE);
        Self { wait_ms, renewed_ms: now_ms }
    }

    fn is_recent(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.renewed_ms) <= ESTIMATE_AGE_MS_MAX
    }
}

/// The averages of one queue.
#[derive(Debug, Default)]
pub(super) struct Estimates {
    whole: Option<Average>,
    bands: BTreeMap<u16, Average>,
}

impl Estimates {
    /// A group of this rating was matched after this wait.
    pub(super) fn add(&mut self, rating: u16, wait_ms: u64, now_ms: u64) {
        self.whole = Some(Average::add(self.whole, wait_ms, now_ms));
        let band = rating / ESTIMATE_BAND;
        let average = Average::add(self.bands.get(&band).copied(), wait_ms, now_ms);
        self.bands.insert(band, average);
    }

    /// Milliseconds that a group of this rating will have waited in all. `None` while nothing is known, and for a group
    /// that has waited longer than the estimate: it has proven the estimate wrong.
    pub(super) fn estimate_ms(&self, rating: u16, waited_ms: u64, now_ms: u64) -> Option<u64> {
        let band = self.bands.get(&(rating / ESTIMATE_BAND)).copied();
        let recent = |average: &Average| average.is_recent(now_ms);
        let average = band.filter(recent).or_else(|| self.whole.filter(recent))?;
        let estimate_ms = average.wait_ms.max(1).next_multiple_of(GRAIN_MS);
        (waited_ms <= estimate_ms).then_some(estimate_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_follows_the_waits_of_its_band_and_is_forgotten() {
        let mut estimates = Estimates::default();
        assert_eq!(estimates.estimate_ms(1_500, 0, 0), None);
        estimates.add(1_500, 4_100, 0);
        assert_eq!(estimates.estimate_ms(1_500, 0, 0), Some(5_000));
        assert_eq!(estimates.estimate_ms(2_700, 0, 0), Some(5_000), "the whole queue stands in");
        assert_eq!(estimates.estimate_ms(1_500, 5_001, 0), None, "the wait has proven it wrong");
        for _ in 0..50 {
            estimates.add(2_700, 60_000, 1_000);
        }
        assert_eq!(estimates.estimate_ms(1_500, 0, 1_000), Some(5_000));
        assert_eq!(estimates.estimate_ms(2_700, 0, 1_000), Some(60_000));
        assert_eq!(estimates.estimate_ms(1_500, 0, ESTIMATE_AGE_MS_MAX + 1), Some(60_000), "its own band is too old");
        assert_eq!(estimates.estimate_ms(2_700, 0, ESTIMATE_AGE_MS_MAX + 1_001), None);
    }
}
