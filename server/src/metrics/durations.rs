//! Durations by bucket: plain integers on the thread that counts, atomics where they are shown.
//!
//! The exporter's own histogram keeps every value until the values are summed up for a reader, which allocates.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the buckets in nanoseconds, ten to a decade; longer durations are counted in one more.
const BOUNDS_NS: [u64; 38] = [
    10_000, 12_500, 16_000, 20_000, 25_000, 31_500, 40_000, 50_000, 63_000, 80_000, 100_000, 125_000, 160_000, 200_000,
    250_000, 315_000, 400_000, 500_000, 630_000, 800_000, 1_000_000, 1_250_000, 1_600_000, 2_000_000, 2_500_000,
    3_150_000, 4_000_000, 5_000_000, 6_300_000, 8_000_000, 10_000_000, 12_500_000, 16_000_000, 20_000_000, 25_000_000,
    31_500_000, 40_000_000, 50_000_000,
];

const SECOND_NS: f64 = 1e9;

/// Durations of one shard since they were last handed over, or in some time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Durations {
    counts: [u64; BOUNDS_NS.len() + 1],
    sum_ns: u64,
    max_ns: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self { counts: [0; BOUNDS_NS.len() + 1], sum_ns: 0, max_ns: 0 }
    }
}

impl Durations {
    pub(super) fn add(&mut self, ns: u64) {
        self.counts[BOUNDS_NS.partition_point(|bound_ns| *bound_ns < ns)] += 1;
        self.sum_ns = self.sum_ns.saturating_add(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The longest.
    pub(super) const fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// The durations since an earlier time.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.counts;
        for (count, before) in counts.iter_mut().zip(earlier.counts) {
            *count -= before;
        }
        Self { counts, sum_ns: self.sum_ns.wrapping_sub(earlier.sum_ns), max_ns: self.max_ns }
    }

    /// Adds the counts of another time.
    pub(crate) fn join(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }

    /// Microseconds that this many percent of the durations stay within: the upper end of their bucket; 0 for none.
    pub(crate) fn percentile_us(&self, percent: u64) -> u64 {
        let rank = (self.count() * percent).div_ceil(100);
        let mut so_far = 0;
        for (count, bound_ns) in self.counts.iter().zip(BOUNDS_NS.iter().chain([&BOUNDS_NS[BOUNDS_NS.len() - 1]])) {
            so_far += count;
            if so_far >= rank && rank > 0 {
                return bound_ns / 1_000;
            }
        }
        0
    }

    /// The counts up to each of these bounds, without those up to the bound before, and one more for longer ones.
    pub(crate) fn counts_by(&self, bounds_us: &[u64]) -> Vec<u64> {
        let mut counts = vec![0; bounds_us.len() + 1];
        for (count, bound_ns) in self.counts.iter().zip(BOUNDS_NS.iter().chain([&u64::MAX])) {
            counts[bounds_us.partition_point(|bound_us| bound_us * 1_000 < *bound_ns)] += count;
        }
        counts
    }
}

/// All durations so far, of all shards.
#[derive(Debug)]
pub(super) struct DurationsMetric {
    name: &'static str,
    words: &'static str,
    counts: [AtomicU64; BOUNDS_NS.len() + 1],
    sum_ns: AtomicU64,
}

impl DurationsMetric {
    pub(super) fn new(name: &'static str, words: &'static str) -> Self {
        Self { name, words, counts: [const { AtomicU64::new(0) }; BOUNDS_NS.len() + 1], sum_ns: AtomicU64::new(0) }
    }

    pub(super) fn add(&self, durations: &Durations) {
        for (counter, count) in self.counts.iter().zip(durations.counts).filter(|(_, count)| *count > 0) {
            counter.fetch_add(count, Ordering::Relaxed);
        }
        self.sum_ns.fetch_add(durations.sum_ns, Ordering::Relaxed);
    }

    /// All durations so far, without the longest.
    pub(super) fn read(&self) -> Durations {
        let read = |total: &AtomicU64| total.load(Ordering::Relaxed);
        let mut durations = Durations { sum_ns: read(&self.sum_ns), ..Durations::default() };
        for (count, counter) in durations.counts.iter_mut().zip(&self.counts) {
            *count = read(counter);
        }
        durations
    }

    /// Appends the histogram in the text format of Prometheus.
    pub(super) fn render(&self, out: &mut String) {
        let (name, mut so_far) = (self.name, 0);
        let bounds = BOUNDS_NS.iter().map(|bound_ns| (*bound_ns as f64 / SECOND_NS).to_string());
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} histogram", self.words);
        for (bound, count) in bounds.chain(["+Inf".into()]).zip(&self.counts) {
            // The buckets of a Prometheus histogram are cumulative: each one includes all durations up to its bound.
            so_far += count.load(Ordering::Relaxed);
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {so_far}");
        }
        let sum = self.sum_ns.load(Ordering::Relaxed) as f64 / SECOND_NS;
        let _ = writeln!(out, "{name}_sum {sum}\n{name}_count {so_far}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_columns_are_those_of_the_buckets() {
        let mut durations = Durations::default();
        assert_eq!(durations.percentile_us(99), 0);
        (0..98).for_each(|_| durations.add(40_001));
        durations.add(900_000);
        durations.add(200_000_000);
        assert_eq!((durations.percentile_us(50), durations.percentile_us(99)), (50, 1_000));
        assert_eq!((durations.percentile_us(100), durations.max_ns()), (50_000, 200_000_000));
        assert_eq!(durations.counts_by(&[50, 1_000, 31_500]), [98, 1, 0, 1]);
    }

    #[test]
    fn a_bucket_counts_the_shorter_durations_too() {
        let (metric, mut durations) = (DurationsMetric::new("t", "Words."), Durations::default());
        for ns in [0, 50_000, 50_001, 20_000_000, 90_000_000] {
            durations.add(ns);
        }
        assert_eq!(durations.count(), 5);
        metric.add(&durations);
        let mut out = String::new();
        metric.render(&mut out);
        for line in [
            "# HELP t Words.",
            "t_bucket{le=\"0.00005\"} 2",
            "t_bucket{le=\"0.0001\"} 3",
            "t_bucket{le=\"0.02\"} 4",
            "t_bucket{le=\"0.05\"} 4",
            "t_bucket{le=\"+Inf\"} 5",
            "t_sum 0.110100001",
            "t_count 5",
        ] {
            assert!(out.lines().any(|found| found == line), "{line} is missing in\n{out}");
        }
    }
}
